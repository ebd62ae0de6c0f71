/** dnsperf, Debian's package of this name: the client of the measurements. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { quantile } from '../measure.ts';

const run = promisify(execFile);

export function hasDnsperf(): boolean {
  return spawnSync('dnsperf', ['-h'], { stdio: 'ignore' }).error === undefined;
}

export interface Questions {
  readonly port: number;
  /** The data file. */
  readonly path: string;
  readonly seconds: number;
  /** How many percent of them are for names that there are. */
  readonly namedPercent: number;
}

/** Answered questions a second, with 100 on the way. Fails when more than one in a thousand is lost, or answered wrong. */
export async function throughput(questions: Questions): Promise<number> {
  const { port, path, seconds, namedPercent } = questions;
  const { stdout } = await run('dnsperf', [...server(port, path), '-l', String(seconds)]);
  const lost = Number(/Queries lost:\s+\d+ \(([\d.]+)%\)/.exec(stdout)?.[1]);
  if (!(lost < 0.1)) throw new Error(`dnsperf: ${lost} % of the questions were lost`);
  const named = Number(/Response codes:\s+NOERROR \d+ \(([\d.]+)%\)/.exec(stdout)?.[1]);
  if (!(Math.abs(named - namedPercent) < 2))
    throw new Error(`dnsperf: ${named} % of the names are known, not ${namedPercent} %`);
  return Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** Milliseconds at the 99th percentile while `perSecond` are asked; `log` is a file to be written. */
export async function latency(
  { port, path, seconds }: Questions,
  perSecond: number,
  log: string,
): Promise<number> {
  const target = openSync(log, 'w', 0o600);
  const args = [...server(port, path), '-l', String(seconds), '-Q', String(perSecond), '-v'];
  const child = spawn('dnsperf', args, { stdio: ['ignore', target, 'ignore'] });
  closeSync(target);
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => resolve());
  });
  const times: number[] = [];
  for await (const line of createInterface({ input: createReadStream(log) })) {
    const time = /^> \S+ \S+ \S+ ([\d.]+)$/.exec(line)?.[1];
    if (time !== undefined) times.push(Number(time) * 1000);
  }
  return quantile(times, 0.99);
}

function server(port: number, path: string): string[] {
  return ['-s', '127.0.0.1', '-p', String(port), '-d', path];
}
