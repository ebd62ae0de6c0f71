/**
 * Tells the victims of a preemption to go, while the scheduler goes on with other pods.
 *
 * All but the last are told at once, the last one when they have been: as long as that is under
 * way the pod is not tried. Source: upstream v1.36 pkg/scheduler/framework/preemption/executor.go,
 * KEP-4832; the condition is KEP-3329.
 */
import { POD } from '#api/core/pod.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { EventRecorder } from '#client/events.ts';
import type { PodInfo } from './framework.ts';
import { patchPodStatus, targetOf, withType, type Writer } from './pod-writes.ts';
import type { Candidate } from './preemption.ts';

export interface PreemptorOptions extends Writer {
  readonly events: EventRecorder;
  readonly schedulerName: string;
  /** Whether a victim has been told to go, as far as the scheduler can see. */
  isGoing(victim: PodInfo): boolean;
}

export class Preemptor {
  readonly #options: PreemptorOptions;
  /** By uid of the pod that makes room; with the last victim, once only that one is left. */
  readonly #underWay = new Map<string, PodInfo | undefined>();

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  isPreempting({ uid }: PodInfo): boolean {
    if (!this.#underWay.has(uid)) return false;
    const last = this.#underWay.get(uid);
    return last === undefined || !this.#options.isGoing(last);
  }

  /**
   * Tells the victims; `displaced` are pods that were to have the node and are less important.
   * Rejects when a victim could not be told: the pod must then be tried again.
   */
  async preempt(pod: PodInfo, chosen: Candidate, displaced: readonly PodInfo[]): Promise<void> {
    const victims = chosen.victims.filter(
      (victim) => victim.pod.metadata?.deletionTimestamp === undefined,
    );
    const last = victims.at(-1);
    if (last === undefined) return;
    this.#underWay.set(pod.uid, undefined);
    try {
      await this.#displace(displaced);
      await Promise.all(victims.slice(0, -1).map((victim) => this.#evict(victim, pod, chosen)));
      this.#underWay.set(pod.uid, last);
      await this.#evict(last, pod, chosen);
    } finally {
      this.#underWay.delete(pod.uid);
    }
  }

  async #displace(pods: readonly PodInfo[]): Promise<void> {
    await Promise.all(
      pods.map(async ({ pod, key }) => {
        try {
          await patchPodStatus(this.#options, pod, { nominatedNodeName: '' });
        } catch (error) {
          const { log } = this.#options.environment;
          log.warn('cannot take a nomination back', { pod: key, error: String(error) });
        }
      }),
    );
  }

  async #evict(
    { pod: victim }: PodInfo,
    { pod, uid }: PodInfo,
    { node }: Candidate,
  ): Promise<void> {
    const { client, events, schedulerName } = this.#options;
    const message = `${schedulerName}: preempting to accommodate a higher priority pod`;
    await patchPodStatus(this.#options, victim, {
      condition: {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message,
      },
    });
    const victimUid = victim.metadata?.uid;
    try {
      const preconditions = victimUid === undefined ? {} : { preconditions: { uid: victimUid } };
      await client.delete(POD, targetOf(victim), preconditions);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return;
    }
    events.event({
      about: withType(victim),
      type: 'Normal',
      related: withType(pod),
      reason: 'Preempted',
      action: 'Preempting',
      message: `Preempted by pod ${pod.metadata?.uid ?? uid} on node ${node}`,
    });
  }
}
