/** Nodes for the workloads bench, in a process of their own (`fleet-process.ts`). */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Scope } from '../scope.ts';
import { type Patience, within } from '../wait.ts';

export interface FleetOptions {
  /** The data directory of the cluster that they join. */
  readonly directory: string;
  readonly nodes: number;
  /** Whether pods reach Running, end, and go; false leaves them as they are. */
  readonly runsPods: boolean;
}

export type ToFleet =
  | { readonly type: 'renew all' }
  | { readonly type: 'renews'; readonly renews: boolean };

export type FromFleet =
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly message: string };

export interface Fleet {
  readonly pid: number;
  /** Whether each node renews its Lease every ten seconds; at first they do. */
  setRenewing(renews: boolean): void;
  /** Each node's Lease, now. */
  renewAll(): Promise<void>;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(import.meta.resolve('./fleet-process.ts'));
const TIMEOUT_MS = 300_000;

export function nodeName(index: number): string {
  return `bench-${index}`;
}

/** Resolves when all nodes have joined. */
export async function startFleet(scope: Scope, options: FleetOptions): Promise<Fleet> {
  scope.throwIfClosing();
  const child = fork(PROGRAM, [JSON.stringify(options)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const done = (what: string): Promise<void> => {
    const patience: Patience = { timeoutMs: TIMEOUT_MS, what };
    const answered = new Promise<void>((resolve, reject) => {
      child.once('message', (message: FromFleet) => {
        if (message.type === 'done') resolve();
        else reject(new Error(message.message));
      });
      child.once('exit', () => reject(new Error('The process of the nodes ended')));
    });
    return within(answered, patience);
  };
  const tell = (message: ToFleet): void => {
    child.send(message);
  };
  const stop = scope.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await done(`${options.nodes} nodes to join`);
  return {
    pid: child.pid ?? 0,
    setRenewing: (renews) => tell({ type: 'renews', renews }),
    renewAll() {
      tell({ type: 'renew all' });
      return done('all leases');
    },
    stop,
  };
}
