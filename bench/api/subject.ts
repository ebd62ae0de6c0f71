/** What the API bench measures: an API server and its store, with nothing beside them. */
import { NAMESPACE as NAMESPACE_KIND } from '#api/core/namespace.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { RestClient } from '#client/rest.ts';
import type { Cluster } from '../cluster.ts';
import type { Scope } from '../scope.ts';
import type { Target } from './connection.ts';
import { NAMESPACE } from './pod.ts';

export interface ApiStartOptions {
  readonly scope: Scope;
  /** Empty, or that of a start before. */
  readonly directory: string;
  /** So much longer does each fsync and fdatasync of the store take. */
  readonly syncDelayMs?: number;
}

/** How long others had to wait for a turn of the event loop. */
export interface LoopDelay {
  readonly maxMs: number;
}

export interface RunningApi {
  readonly directory: string;
  readonly client: RestClient;
  readonly target: Target;
  /** API server and store. Empty for a server that somebody else has started. */
  readonly pids: readonly number[];
  /** From the start of the first process until `/readyz` says ok. */
  readonly readyMs: number;
  readonly failed: Promise<never>;
  /** Since the last call; undefined: it has no such loop. */
  loopDelay(): Promise<LoopDelay | undefined>;
  stop(): Promise<void>;
}

export interface ApiSubject {
  readonly name: string;
  /** False: it runs already, and can neither be restarted nor looked into. */
  readonly isOwn: boolean;
  start(options: ApiStartOptions): Promise<RunningApi>;
}

export function targetOf({ config, pki }: Cluster): Target {
  return {
    host: config.listenHost,
    port: config.listenPort,
    ca: pki.authority.certificate,
    cert: pki.admin.certificate,
    key: pki.admin.key,
  };
}

/** The namespace of the bench's pods, with the service account that a pod needs. */
export async function makeNamespace(client: RestClient): Promise<void> {
  const make = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: unknown) => {
      // A start before has made it.
      if ((error as { reason?: string }).reason !== 'AlreadyExists') throw error;
    });
  };
  await make(client.create(NAMESPACE_KIND, { metadata: { name: NAMESPACE } }));
  await make(
    client.create(SERVICE_ACCOUNT, { metadata: { name: 'default', namespace: NAMESPACE } }),
  );
}

/** The command line under which a program's syncs take longer; itself when they do not. */
export function delayedSyncs(
  command: string,
  args: readonly string[],
  delayMs: number | undefined,
): { readonly command: string; readonly args: readonly string[] } {
  if (delayMs === undefined || delayMs === 0) return { command, args };
  const inject = `inject=fsync,fdatasync:delay_exit=${delayMs * 1000}`;
  // The tracer stands aside (-D): the process that is started is the program itself.
  const strace = ['-D', '-f', '-qqq', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync', '-e', inject];
  return { command: 'strace', args: [...strace, '-o', '/dev/null', command, ...args] };
}
