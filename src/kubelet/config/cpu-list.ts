/**
 * Lists of processors, as the kernel writes them: `0-3,8`.
 *
 * Source: cpuset(7), "List format"; k8s.io/utils/cpuset for the messages.
 */

/** More processors than any machine has: a list is no longer than this. */
const CPUS_MAX = 65_536;

/** Throws an Error that says what is wrong. An empty text is an empty set. */
export function parseCpuList(text: string): ReadonlySet<number> {
  const cpus = new Set<number>();
  if (text === '') return cpus;
  for (const range of text.split(',')) {
    const dash = range.indexOf('-');
    const start = numberOf(dash < 0 ? range : range.slice(0, dash));
    const end = dash < 0 ? start : numberOf(range.slice(dash + 1));
    if (start > end) throw new Error(`invalid range ${JSON.stringify(range)} (${start} > ${end})`);
    for (let cpu = start; cpu <= end; cpu++) cpus.add(cpu);
  }
  return cpus;
}

function numberOf(text: string): number {
  const parsing = `strconv.Atoi: parsing ${JSON.stringify(text)}`;
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`${parsing}: invalid syntax`);
  const value = Number(text);
  if (value <= CPUS_MAX) return value;
  throw new Error(`${parsing}: value out of range`);
}
