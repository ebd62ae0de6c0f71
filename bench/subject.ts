/**
 * What is measured: a control plane, alone or with a node that runs real containers. Coxswain's and
 * upstream's stand behind this one interface, so that each measurement is written once.
 */
import type { RestClient } from '#client/rest.ts';
import type { Scope } from './scope.ts';

export interface StartOptions {
  readonly scope: Scope;
  /** Empty, or that of a start before. */
  readonly directory: string;
  /** Nodes within the control plane's own process, where the subject has such. */
  readonly simulatedNodes?: number;
  /** Without what an earlier start has compiled, where the subject keeps such. */
  readonly isCodeCold?: boolean;
}

export interface Running {
  readonly directory: string;
  /** May do everything. */
  readonly client: RestClient;
  /** Of the control plane. */
  readonly pids: readonly number[];
  /** Rejects when one of its processes ends by itself. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

export interface Started extends Running {
  /**
   * From the start of the first process until `/readyz` says ok and the default service account is
   * there. Certificates and settings were made before, as installers do.
   */
  readonly readyMs: number;
}

export interface Subject {
  readonly name: string;
  /** Resolves when it is ready. */
  start(options: StartOptions): Promise<Started>;
  /** The same with one real node, once that node is Ready. Needs root and Linux. */
  startWithNode(options: StartOptions): Promise<Running>;
}

/** Does `work` while the subject runs, and stops it. Fails when a process of its ends meanwhile. */
export async function during<R extends Running, T>(
  running: R,
  work: (running: R) => Promise<T>,
): Promise<T> {
  try {
    return await Promise.race([work(running), running.failed]);
  } finally {
    await running.stop();
  }
}

/**
 * The subject, started and stopped once before anything is measured: that fills the disk cache with
 * its files, and ours with compiled code.
 */
export function warmed(subject: Subject): Subject {
  let warm: Promise<void> | undefined;
  const warmUp = async (scope: Scope): Promise<void> => {
    const running = await subject.start({ scope, directory: scope.temporaryDirectory() });
    await running.stop();
  };
  return {
    name: subject.name,
    async start(options) {
      warm ??= warmUp(options.scope);
      await warm;
      return subject.start(options);
    },
    async startWithNode(options) {
      warm ??= warmUp(options.scope);
      await warm;
      return subject.startWithNode(options);
    },
  };
}
