/**
 * Thousands of connections on which nothing is asked: the server answers others meanwhile, each costs
 * little memory, and all end by themselves. Half speak HTTP/2, half HTTP/1.1.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { usageOf } from '../../bench/measure.ts';
import { Scope } from '../../bench/scope.ts';
import { type Latency, latencyText, measure, startLoadCluster } from './load-cluster.ts';

export interface IdleFigures {
  readonly opened: number;
  readonly kilobytesEach: number;
  readonly during: Latency;
}

/** What is allowed. */
export const IDLE_GOAL = { p99Ms: 1_000, kilobytesEach: 200 };

const IDLE = fileURLToPath(import.meta.resolve('./idle-process.ts'));
const EVERY_MS = 50;

/**
 * Resolves when the server has ended all of `count` connections, which takes two minutes. Both
 * processes need as many open files (`ulimit -n`).
 */
export async function runIdleConnections(
  count: number,
  tell: (line: string) => void,
): Promise<IdleFigures> {
  const scope = new Scope();
  try {
    const load = await startLoadCluster(scope);
    const before = usageOf([load.pid]).megabytes;
    const stop = new AbortController();
    const bob = load.user('bob');
    const latency = measure('version', bob, {
      asked: () => ({ method: 'GET', url: '/version' }),
      signal: stop.signal,
      everyMs: EVERY_MS,
    });
    const child = spawn(process.execPath, [IDLE, load.cluster.data.path, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    scope.defer(() => void child.kill());
    const gone = once(child, 'exit');
    const [opened] = await once(child.stdout, 'data');
    const { megabytes } = usageOf([load.pid]);
    const kilobytesEach = Math.round(((megabytes - before) * 1024) / Number(opened));
    tell(`${Number(opened)} of ${count} connections are open: ${kilobytesEach} kB each`);
    const [code] = await gone;
    if (code !== 0) throw new Error(`Connections stayed open: the process ended with ${code}`);
    tell('the server has ended them all');
    stop.abort();
    const during = await latency;
    bob.http.close();
    tell(latencyText(during));
    return { opened: Number(opened), kilobytesEach, during };
  } finally {
    await scope.close();
  }
}
