/**
 * Ends the pods of the node in order before the machine shuts down.
 *
 *   the machine shuts down ─▶ node not ready, no new pods ─▶ pods of the lowest priority end
 *                          ─▶ they have ended, or their time is over ─▶ those of the next ─▶ ...
 *
 * Source: KEP-2000, KEP-2712. Upstream: pkg/kubelet/nodeshutdown, v1.36 (reasons, messages, order).
 * Who tells that the machine shuts down is not said here: upstream holds a lock of logind's, here
 * the process is told by a signal.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Rejection } from '../admission/rejection.ts';
import type { ShutdownGracePeriodByPodPriority } from '../config/types.ts';
import type { KubeletEvents } from '../events.ts';
import type { LivePods } from '../pod/live-pods.ts';
import type { PhaseOverride } from '../pod/status.ts';
import { type ShutdownGroup, shutdownGroups } from './shutdown-groups.ts';
import type { ShutdownRecord } from './shutdown-record.ts';

const DEFAULT_GRACE_SECONDS = 30;

export const SHUTDOWN_REJECTION: Rejection = {
  reason: 'NodeShutdown',
  message: 'Pod was rejected as the node is shutting down.',
};

const MESSAGE = 'Pod was terminated in response to imminent node shutdown.';

/** What becomes of a pod that the shutdown ended. */
const ENDED: PhaseOverride = {
  phase: 'Failed',
  reason: 'Terminated',
  message: MESSAGE,
  condition: {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet',
    message: MESSAGE,
  },
};

export interface ShutdownManagerOptions {
  readonly environment: Environment;
  readonly events: KubeletEvents;
  readonly nodeName: string;
  /** As of `shutdownPeriods`; empty: pods are not waited for. */
  readonly periods: readonly ShutdownGracePeriodByPodPriority[];
  readonly pods: LivePods;
  readonly record: Pick<ShutdownRecord, 'started' | 'ended'>;
  /** Told once, when the node begins to be shut down: its status says so from then on. */
  readonly onShutdown: () => void;
}

export class ShutdownManager {
  readonly #options: ShutdownManagerOptions;
  #running: Promise<void> | undefined;

  constructor(options: ShutdownManagerOptions) {
    this.#options = options;
  }

  /** From the first word of a shutdown on. */
  get isShuttingDown(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Resolves when all pods have ended or had their time: at once where the configuration gives them
   * none. A second call waits for the first. Never rejects.
   */
  shutDown(): Promise<void> {
    if (this.#options.periods.length === 0) return Promise.resolve();
    this.#running ??= this.#endPods();
    return this.#running;
  }

  async #endPods(): Promise<void> {
    const { environment, events, nodeName, periods, pods, record, onShutdown } = this.#options;
    // The caller has to see first that the node shuts down.
    await Promise.resolve();
    const reference = { kind: 'Node', name: nodeName, uid: nodeName };
    const message = 'Shutdown manager detected shutdown event';
    events.event({ about: { reference }, type: 'Normal', reason: 'NodeShutdown', message });
    onShutdown();
    const warn = (error: unknown): void =>
      environment.log.warn('cannot write when the node shut down', { error: messageOf(error) });
    await record.started(environment.clock.now()).catch(warn);
    for (const group of shutdownGroups(periods, pods.list())) await this.#endGroup(group);
    await record.ended(environment.clock.now()).catch(warn);
  }

  async #endGroup({ gracePeriodSeconds, pods }: ShutdownGroup): Promise<void> {
    const { environment } = this.#options;
    const ended = Promise.all(
      pods.map((pod) => this.#options.pods.end(pod, ENDED, graceOf(pod, gracePeriodSeconds))),
    );
    const over = new AbortController();
    const isLate = sleep(environment, gracePeriodSeconds * 1000, over.signal).then(() => true);
    if (await Promise.race([ended.then(() => false), isLate]))
      environment.log.warn('pods had no more time', { gracePeriodSeconds, pods: pods.length });
    over.abort();
  }
}

/** The pod's own, where that is less than the group has. */
function graceOf({ spec }: Pod, groupSeconds: number): number {
  return Math.min(spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS, groupSeconds);
}
