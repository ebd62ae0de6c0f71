/**
 * What comes of decisions: bindings, refusals, evictions, and what the API and the queue are told.
 *
 * Upstream: pkg/scheduler/schedule_one.go (bindingCycle, handleSchedulingFailure), v1.36.
 */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { type Binder, isSettled } from './binder.ts';
import type { Refusal } from './cycle.ts';
import { fitErrorMessage, rejectors } from './diagnosis.ts';
import type { PodInfo } from './framework.ts';
import type { Place } from './group-cycle.ts';
import type { LastAttempts } from './last-attempts.ts';
import type { Room } from './make-room.ts';
import type { AttemptResult, SchedulerMetrics } from './metrics.ts';
import type { Writer } from './pod-writes.ts';
import type { Candidate, PreemptionResult } from './preemption.ts';
import { ATTEMPT_FAILED, type SchedulingQueue } from './queue.ts';
import type { RunningProfile } from './running-profile.ts';
import type { Snapshot } from './snapshot.ts';

export interface OutcomesOptions extends Writer {
  readonly informers: InformerFactory;
  readonly snapshot: Snapshot;
  readonly queue: SchedulingQueue;
  readonly binder: Binder;
  readonly metrics: SchedulerMetrics;
  readonly attempts: LastAttempts;
  /** The profile of a pod that is ours. */
  profileOf(pod: PodInfo): RunningProfile;
  /** The pod does not get the node after all. */
  freed(pod: Pod, node: string): void;
}

export class Outcomes {
  readonly #options: OutcomesOptions;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /** Resolves when the pod is bound; rejects when it is not, after all that is to be said of that. */
  async bind(info: PodInfo, { node, reservations }: Place): Promise<void> {
    this.#options.queue.decided(info);
    try {
      const timeoutMs = this.#options.profileOf(info).profile.bindTimeoutMs;
      await this.#options.binder.bind({ info, node, reservations, timeoutMs });
    } catch (error) {
      this.#options.snapshot.forget(info);
      this.#options.freed(info.pod, node);
      if (isSettled(error)) this.#options.queue.done(info);
      else if (this.#options.queue.has(info)) await this.failed(info, error);
      throw error;
    }
    this.#options.attempts.forget(info.key);
    this.#attempted(info, 'scheduled');
    this.#options.queue.done(info);
    this.#options.profileOf(info).reports.scheduled(info.pod, node);
  }

  /** The pod has no place: room is made for it if that helps, and it is told why. */
  async refuse(info: PodInfo, refusal: Refusal, { result: room, giveBack }: Room): Promise<void> {
    const diagnosis = { ...refusal.diagnosis, after: 'message' in room ? room.message : '' };
    const atMs = this.#options.environment.clock.now();
    this.#options.attempts.remember(info.key, { diagnosis, atMs });
    const nominatedNodeName = this.#nominate(info, room);
    this.#attempted(info, 'unschedulable');
    this.#options.queue.failed(info, rejectors(diagnosis));
    if ('victims' in room) this.#options.metrics.victimsChosen(room.victims.length);
    const evicted = 'victims' in room ? this.#evict(info, room) : undefined;
    const given = giveBack?.act?.(this.#options).catch((error: unknown) => {
      this.#warn('cannot give devices back', info, error);
    });
    const reason = 'Unschedulable';
    const message = fitErrorMessage(diagnosis);
    await Promise.all([
      evicted,
      given,
      this.#options.profileOf(info).reports.refused(this.#latest(info), {
        reason,
        message,
        nominatedNodeName,
      }),
    ]);
  }

  /** The pod would have had a place, but its group has not. */
  wait(pod: PodInfo, { message, node }: { message: string; node: string }): Promise<void> {
    const { queue } = this.#options;
    queue.nominator.set(pod, node);
    this.#attempted(pod, 'unschedulable');
    queue.failed(pod, ATTEMPT_FAILED);
    const report = { reason: 'Unschedulable', message, nominatedNodeName: node } as const;
    return this.#options.profileOf(pod).reports.refused(this.#latest(pod), report);
  }

  /** The attempt itself failed. */
  async failed(info: PodInfo, error: unknown): Promise<void> {
    // What happened to the pod while it had a place was not told to the queue.
    const pod = this.#latest(info);
    if (pod !== info.pod) this.#options.queue.set(pod);
    this.#options.queue.nominator.remove(info.key);
    this.#attempted(info, 'error');
    this.#options.queue.failed(info, ATTEMPT_FAILED);
    const message = error instanceof Error ? error.message : String(error);
    try {
      await this.#options.profileOf(info).reports.refused(this.#latest(info), {
        reason: 'SchedulerError',
        message,
        nominatedNodeName: '',
      });
    } catch (again) {
      this.#warn('cannot report a failed attempt', info, again);
    }
  }

  /** Answers what the API is to be told of the nomination; undefined: it stands. */
  #nominate(info: PodInfo, room: PreemptionResult): string | undefined {
    if ('message' in room && room.keep) return undefined;
    const node = 'victims' in room ? room.node : '';
    this.#options.queue.nominator.set(info, node);
    return node;
  }

  async #evict(pod: PodInfo, chosen: Candidate): Promise<void> {
    const displaced = this.#options.queue.nominator
      .on(chosen.node)
      .filter(({ priority }) => priority < pod.priority);
    try {
      await this.#options.profileOf(pod).preemptor.preempt(pod, chosen, displaced);
    } catch (error) {
      this.#options.queue.activate(pod);
      throw error;
    }
  }

  #attempted(info: PodInfo, result: AttemptResult): void {
    const profile = this.#options.profileOf(info).profile.schedulerName;
    this.#options.metrics.attempted(this.#options.queue.attemptsOf(info), { result, profile });
  }

  /** The pod as the API shows it now, if it is still the same one. */
  #latest({ pod, key, uid }: PodInfo): Pod {
    const latest = this.#options.informers.for(POD).get(key);
    return latest?.metadata?.uid === uid && !latest.spec?.nodeName ? latest : pod;
  }

  #warn(message: string, { key }: PodInfo, error: unknown): void {
    this.#options.environment.log.warn(message, { pod: key, error: String(error) });
  }
}
