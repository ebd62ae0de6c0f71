/** A control plane in a process of its own for tests of load, and clients with certificates. */
import { coxswain } from '../../bench/coxswain.ts';
import { type Cluster, type Connection, connect, readCluster } from '../../bench/cluster.ts';
import { quantile } from '../../bench/measure.ts';
import type { Scope } from '../../bench/scope.ts';
import { readBody } from '../../src/base/http/message.ts';

export interface LoadCluster {
  readonly cluster: Cluster;
  readonly pid: number;
  readonly admin: Connection;
  /** A client with a certificate of this name, and no groups. */
  user(name: string): Connection;
}

/** Resolves when it answers. */
export async function startLoadCluster(scope: Scope): Promise<LoadCluster> {
  const directory = scope.temporaryDirectory();
  const running = await coxswain(scope).start({ scope, directory, simulatedNodes: 0 });
  const cluster = readCluster(directory);
  const [pid = 0] = running.pids;
  const user = (name: string): Connection => {
    const uses = ['client'] as const;
    return connect(cluster, cluster.pki.leaf({ file: name, subject: { commonName: name }, uses }));
  };
  return { cluster, pid, admin: connect(cluster), user };
}

/** How long requests of one kind took, in milliseconds, and how many were refused. */
export interface Latency {
  readonly name: string;
  readonly count: number;
  readonly refused: number;
  readonly p50: number;
  readonly p99: number;
}

/** One request to measure: its method, URL and body, made anew for each. */
export type Asked = (nth: number) => {
  readonly method: string;
  readonly url: string;
  readonly body?: object;
};

/** Asks again and again, one after the other, until `signal`. Refusals (429, 503) are counted. */
export async function measure(
  name: string,
  { http }: Connection,
  { asked, signal, everyMs }: { asked: Asked; signal: AbortSignal; everyMs: number },
): Promise<Latency> {
  const times: number[] = [];
  let refused = 0;
  for (let nth = 0; !signal.aborted; nth++) {
    const { method, url, body } = asked(nth);
    const beganMs = performance.now();
    const response = await http.handler({
      method,
      url,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    await readBody(response.body);
    const tookMs = performance.now() - beganMs;
    if (response.status === 429 || response.status === 503) refused++;
    else if (response.status >= 300) throw new Error(`${method} ${url}: ${response.status}`);
    else times.push(tookMs);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, everyMs - tookMs)));
  }
  const [p50, p99] = [0.5, 0.99].map((q) => Math.round(quantile(times, q))) as [number, number];
  return { name, count: times.length, refused, p50, p99 };
}

export function latencyText({ name, count, refused, p50, p99 }: Latency): string {
  return `${name}: ${count} answered, p50 ${p50} ms, p99 ${p99} ms; ${refused} refused`;
}
