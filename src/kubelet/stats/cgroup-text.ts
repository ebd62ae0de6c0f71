/**
 * The text of cgroup files as values. Pure.
 *
 * Source: kernel documentation "Control Group v2" (flat keyed, nested keyed files), "cgroup-v1" and
 * "PSI".
 */

/** The files of one cgroup by name; what could not be read is not in it. */
export type CgroupTexts = ReadonlyMap<string, string>;

/** So much or more is how the kernel writes "no limit" in version 1 (it rounds to pages). */
const UNLIMITED = 2 ** 62;

/** The first number of a file; undefined where it has none, infinite where nothing is limited. */
export function numberIn(texts: CgroupTexts, file: string): number | undefined {
  const [word = ''] = (texts.get(file) ?? '').trim().split(/\s+/);
  if (word === 'max') return Number.POSITIVE_INFINITY;
  if (!/^-?[0-9]+$/.test(word)) return undefined;
  const value = Number(word);
  return value >= UNLIMITED ? Number.POSITIVE_INFINITY : value;
}

/** Of a file with lines of `key value`. */
export function keyedNumbers(text = ''): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [key = '', value = ''] = line.split(' ');
    if (/^[0-9]+$/.test(value)) found.set(key, Number(value));
  }
  return found;
}

export interface PressureShare {
  /** Nanoseconds. */
  readonly total: number;
  /** Percent of the last so many seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
}

export interface Pressure {
  readonly full: PressureShare;
  readonly some: PressureShare;
}

const NO_PRESSURE: PressureShare = { total: 0, avg10: 0, avg60: 0, avg300: 0 };
const NANOS_PER_MICRO = 1000;

/** Of `cpu.pressure` and its like; undefined where the kernel keeps none. */
export function pressureOf(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  const shares = new Map<string, PressureShare>();
  for (const line of text.split('\n')) {
    const [who = '', ...pairs] = line.split(' ');
    const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
    const value = (name: string): number => Number(values.get(name) ?? 0);
    shares.set(who, {
      total: value('total') * NANOS_PER_MICRO,
      avg10: value('avg10'),
      avg60: value('avg60'),
      avg300: value('avg300'),
    });
  }
  const some = shares.get('some');
  return some === undefined ? undefined : { full: shares.get('full') ?? NO_PRESSURE, some };
}

/** What was read from and written to one block device, since the cgroup was made. */
export interface DeviceIo {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** Of version 2's `io.stat`: `8:0 rbytes=1 wbytes=2 rios=3 wios=4`. */
export function ioOfV2(text = ''): DeviceIo[] {
  return text.split('\n').flatMap((line) => {
    const device = deviceNumbers(line);
    if (device === undefined) return [];
    const value = (name: string): number =>
      Number(new RegExp(` ${name}=([0-9]+)`).exec(line)?.[1] ?? 0);
    return {
      ...device,
      readBytes: value('rbytes'),
      writeBytes: value('wbytes'),
      reads: value('rios'),
      writes: value('wios'),
    };
  });
}

/** Of version 1's `blkio.throttle.…_recursive`, with lines of `8:0 Read 1`: bytes, and operations. */
export function ioOfV1(bytes = '', operations = ''): DeviceIo[] {
  const lines = bytes.split('\n').filter((line) => / Read [0-9]+$/.test(line));
  return lines.flatMap((line) => {
    const device = deviceNumbers(line);
    if (device === undefined) return [];
    const start = `${device.major}:${device.minor}`;
    const value = (text: string, what: string): number =>
      Number(new RegExp(`^${start} ${what} ([0-9]+)$`, 'm').exec(text)?.[1] ?? 0);
    return {
      ...device,
      readBytes: value(bytes, 'Read'),
      writeBytes: value(bytes, 'Write'),
      reads: value(operations, 'Read'),
      writes: value(operations, 'Write'),
    };
  });
}

function deviceNumbers(line: string): Pick<DeviceIo, 'major' | 'minor'> | undefined {
  const match = /^([0-9]+):([0-9]+) /.exec(line);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}
