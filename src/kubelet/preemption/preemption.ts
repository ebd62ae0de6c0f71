/**
 * Ends pods, so that a critical one has room.
 *
 * Upstream: pkg/kubelet/preemption/preemption.go (HandleAdmissionFailure), v1.36: reasons, messages,
 * and how long a pod is waited for (pod_workers.go, killPodNow).
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Rejection } from '../admission/rejection.ts';
import type { KubeletEvents } from '../events.ts';
import type { LivePods } from '../pod/live-pods.ts';
import { type Lacks, victimsFor } from './victims.ts';

const REASON = 'Preempting';
const MESSAGE = 'Preempted in order to admit critical pod';
const GRACE_SECONDS = 30;
const WAIT_SECONDS_MIN = 10;

export interface PreemptionOptions {
  readonly environment: Environment;
  readonly events: KubeletEvents;
  readonly pods: Pick<LivePods, 'end'>;
}

export class Preemption {
  readonly #options: PreemptionOptions;

  constructor(options: PreemptionOptions) {
    this.#options = options;
  }

  /** Undefined: enough of `others` have ended, or had their time and half of it again. */
  async makeRoom(pod: Pod, others: readonly Pod[], lacks: Lacks): Promise<Rejection | undefined> {
    const victims = victimsFor(pod, others, lacks);
    if (victims === undefined) return notEnough(lacks);
    for (const victim of victims) await this.#end(victim);
    return undefined;
  }

  async #end(pod: Pod): Promise<void> {
    const { environment, events, pods } = this.#options;
    const about = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    events.event({ about, type: 'Warning', reason: REASON, message: MESSAGE });
    const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'TerminationByKubelet',
      message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    };
    const override = { phase: 'Failed', reason: REASON, message: MESSAGE, condition } as const;
    const waitSeconds = Math.max(WAIT_SECONDS_MIN, graceSeconds * 1.5);
    const over = new AbortController();
    await Promise.race([
      pods.end(pod, override, graceSeconds),
      sleep(environment, waitSeconds * 1000, over.signal),
    ]);
    over.abort();
  }
}

function notEnough(lacks: Lacks): Rejection {
  const list = [...lacks].map(([name, amount]) => `(res: ${name}, q: ${amount}), `).join('');
  return {
    reason: 'UnexpectedAdmissionError',
    message: `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${list}]`,
  };
}
