/** Results for people: a table by SIG, and what failed. */
import type { SpecResult } from './junit.ts';

const NAME_WIDTH = 22;
const NUMBER_WIDTH = 9;

/** `[sig-node] Pods should …` belongs to `sig-node`. */
function sigOf(name: string): string {
  return /^\[(sig-[\w-]+)\]/.exec(name)?.[1] ?? 'other';
}

/** A row for each SIG and one for all. `names`: specs that exist, whether they ran or not. */
export function renderTable(names: readonly string[], results: readonly SpecResult[]): string {
  const all = [...new Set([...names, ...results.map(({ name }) => name)])];
  const outcome = new Map(results.map(({ name, result }) => [name, result]));
  const row = (title: string, group: readonly string[]): string => {
    const count = (wanted: SpecResult['result'] | undefined): number =>
      group.filter((name) => outcome.get(name) === wanted).length;
    return cells([
      title,
      group.length,
      count('pass'),
      count('fail'),
      count('skip'),
      count(undefined),
    ]);
  };
  const sigs = [...new Set(all.map(sigOf))].sort();
  return [
    cells(['', 'specs', 'passed', 'failed', 'skipped', 'not run']),
    ...sigs.map((sig) =>
      row(
        sig,
        all.filter((name) => sigOf(name) === sig),
      ),
    ),
    row('total', all),
  ].join('\n');
}

function cells([first = '', ...others]: readonly (string | number)[]): string {
  const numbers = others.map((cell) => String(cell).padStart(NUMBER_WIDTH));
  return String(first).padEnd(NAME_WIDTH) + numbers.join('');
}

/** Name and reason of each that did so. */
export function renderAll(
  results: readonly SpecResult[],
  wanted: SpecResult['result'],
  title: string,
): string[] {
  return results
    .filter(({ result }) => result === wanted)
    .map(({ name, message }) => `${title} ${name}\n     ${message}`);
}
