/**
 * Two controller managers and two schedulers as processes, with leader election, against one API
 * server; of each pair the leader is ended by SIGKILL, and the other goes on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { LEASE } from '../../src/api/coordination/lease.ts';
import { REPLICA_SET } from '../../src/api/apps/replica-set.ts';
import { NODE } from '../../src/api/core/node.ts';
import { POD } from '../../src/api/core/pod.ts';
import type { KubeObject } from '../../src/api/meta/object.ts';
import { type TestServer, testServer } from '../../src/cli/component/test-server.ts';
import type { KeyPair } from '../../src/cli/pki.ts';
import type { ResourceType } from '../../src/client/client.ts';

const COMMAND = join(import.meta.dirname, '../../bin/cox.ts');
const WAIT_MS = 60_000;
const CONTAINERS = [{ name: 'main', image: 'example/web' }];

/** Milliseconds since the SIGKILL. */
export interface Failover {
  /** `kube-scheduler`: its Lease, and its user. */
  readonly component: string;
  /** Until the Lease names the other. */
  readonly leadsMs: number;
  /** Until what was asked for right after the SIGKILL is done. */
  readonly worksMs: number;
}

interface Component {
  readonly name: string;
  /** Of `cox`. */
  readonly command: string;
  readonly flags: readonly string[];
  readonly identity: (server: TestServer) => KeyPair;
  /** Asks for work that only this component does; resolves when it is done. */
  readonly work: (server: TestServer, name: string) => Promise<void>;
}

const COMPONENTS: readonly Component[] = [
  {
    name: 'kube-controller-manager',
    command: 'controller-manager',
    flags: ['--use-service-account-credentials=true'],
    identity: ({ pki }) => pki.controllerManager,
    work: async (server, name) => {
      const labels = { app: name };
      const template = { metadata: { labels }, spec: { containers: CONTAINERS } };
      await server.client.create(REPLICA_SET, {
        metadata: { name, namespace: 'default' },
        spec: { replicas: 1, selector: { matchLabels: labels }, template },
      });
      await until(server, POD, 'default', ({ metadata }) => metadata?.labels?.['app'] === name);
    },
  },
  {
    name: 'kube-scheduler',
    command: 'scheduler',
    flags: [],
    identity: ({ pki }) => pki.scheduler,
    work: async (server, name) => {
      const metadata = { name, namespace: 'default' };
      await server.client.create(POD, { metadata, spec: { containers: CONTAINERS } });
      await until(server, POD, 'default', (pod) => {
        return pod.metadata?.name === name && pod.spec?.nodeName !== undefined;
      });
    },
  },
];

/** `flags` go to all four of them: none, or a shorter election. Cleaned up at the end of `t`. */
export async function failovers(
  t: Parameters<typeof testServer>[0],
  flags: readonly string[] = [],
): Promise<Failover[]> {
  const server = await testServer(t);
  await addNode(server);
  const pairs = COMPONENTS.map((component) => new Pair(component, server, flags));
  t.after(() => Promise.all(pairs.map((pair) => pair.end())));
  for (const pair of pairs) await pair.start();
  const found: Failover[] = [];
  for (const pair of pairs) found.push(await pair.failOver());
  return found;
}

class Pair {
  readonly #component: Component;
  readonly #server: TestServer;
  readonly #flags: readonly string[];
  readonly #processes: ChildProcess[] = [];

  constructor(component: Component, server: TestServer, flags: readonly string[]) {
    this.#component = component;
    this.#server = server;
    this.#flags = flags;
  }

  /** Two of them, of which the first leads. */
  async start(): Promise<void> {
    this.#spawn();
    await this.#leader();
    this.#spawn();
    await this.#component.work(this.#server, `${this.#component.command}-first`);
  }

  async failOver(): Promise<Failover> {
    const { name, command, work } = this.#component;
    const before = await this.#leader();
    const [first] = this.#processes;
    if (first === undefined) throw new Error(`${name} does not run`);
    const gone = once(first, 'exit');
    const killedMs = performance.now();
    first.kill('SIGKILL');
    await gone;
    const [leadsMs, worksMs] = await Promise.all([
      this.#leader(before).then(() => performance.now() - killedMs),
      work(this.#server, `${command}-second`).then(() => performance.now() - killedMs),
    ]);
    return { component: name, leadsMs, worksMs };
  }

  /** SIGKILL; resolves when all are gone. */
  async end(): Promise<void> {
    for (const each of this.#processes) {
      if (each.exitCode !== null || each.signalCode !== null) continue;
      const gone = once(each, 'exit');
      each.kill('SIGKILL');
      await gone;
    }
  }

  #spawn(): void {
    const { name, command, flags: own, identity } = this.#component;
    const kubeconfig = this.#server.kubeconfig(name, identity(this.#server));
    const flags = [`--kubeconfig=${kubeconfig}`, '--secure-port=0', ...own, ...this.#flags];
    this.#processes.push(
      spawn(process.execPath, [COMMAND, command, ...flags], {
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
  }

  /** Who holds the Lease, once that is another than `before`. */
  async #leader(before?: string): Promise<string> {
    const { name } = this.#component;
    const lease = await until(this.#server, LEASE, 'kube-system', ({ metadata, spec }) => {
      const { holderIdentity = '' } = spec ?? {};
      return metadata?.name === name && holderIdentity !== '' && holderIdentity !== before;
    });
    return lease.spec?.holderIdentity ?? '';
  }
}

/** A node that takes pods. */
async function addNode({ client }: TestServer): Promise<void> {
  const { metadata = {} } = await client.create(NODE, { metadata: { name: 'node-1' } });
  const status = { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } };
  await client.update(NODE, { metadata, status }, 'status');
  const node = await client.get(NODE, 'node-1');
  await client.update(NODE, { ...node, spec: { ...node.spec, taints: [] } });
}

/** The first object, of those there and those to come, that is so. */
async function until<T extends KubeObject>(
  { client }: TestServer,
  type: ResourceType<T>,
  namespace: string,
  isSo: (object: T) => boolean,
): Promise<T> {
  const stop = AbortSignal.timeout(WAIT_MS);
  const found = Promise.withResolvers<T>();
  const ending = new AbortController();
  const signal = AbortSignal.any([stop, ending.signal]);
  const selection = { namespace, sendInitialEvents: true, allowBookmarks: true, signal };
  stop.addEventListener('abort', () =>
    found.reject(new Error(`No ${type.plural} became so in ${WAIT_MS / 1000} s`)),
  );
  const watching = client.watch(type, selection, ({ object }) => {
    if (isSo(object)) found.resolve(object);
  });
  watching.catch((error: unknown) => found.reject(error));
  try {
    return await found.promise;
  } finally {
    ending.abort();
  }
}

export function describeFailovers(found: readonly Failover[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return found
    .map(
      ({ component, leadsMs, worksMs }) =>
        `${component}: the second leads ${seconds(leadsMs)} after the first one's SIGKILL, and has done its first work after ${seconds(worksMs)}`,
    )
    .join('\n');
}
