/**
 * The two conditions of a pod that say how its resize goes: waiting for room, or under way.
 *
 * Kept here between two looks, and read back from the status after a restart. Source: KEP-1287;
 * API reference v1.36, PodCondition. Upstream: pkg/kubelet/status/status_manager.go.
 */
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import type { Clock } from '#base/env.ts';

type Type = 'PodResizePending' | 'PodResizeInProgress';

export interface ResizeVerdict {
  /** `Deferred`, `Error`; empty: it simply is under way. */
  readonly reason: string;
  readonly message: string;
  /** Of the spec that it is about. */
  readonly generation: number | undefined;
}

export class ResizeConditions {
  readonly #clock: Clock;
  readonly #byPod = new Map<string, Map<Type, PodCondition>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As an earlier kubelet left them; once for each pod. */
  adopt(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    for (const type of ['PodResizePending', 'PodResizeInProgress'] as const) {
      const found = pod.status?.conditions?.find((condition) => condition.type === type);
      if (found !== undefined) this.#of(uid).set(type, found);
    }
  }

  /** Those that hold, in upstream's order. */
  list(uid: string): readonly PodCondition[] {
    const { pending, inProgress } = this.get(uid);
    return [pending, inProgress].filter((condition) => condition !== undefined);
  }

  get(uid: string): {
    readonly pending: PodCondition | undefined;
    readonly inProgress: PodCondition | undefined;
  } {
    const conditions = this.#byPod.get(uid);
    return {
      pending: conditions?.get('PodResizePending'),
      inProgress: conditions?.get('PodResizeInProgress'),
    };
  }

  /** Whether that is news: another reason, or about another spec. */
  setPending(uid: string, verdict: ResizeVerdict): boolean {
    const before = this.get(uid).pending;
    this.#set(uid, 'PodResizePending', verdict);
    return before?.reason !== verdict.reason || before.observedGeneration !== verdict.generation;
  }

  /** A resize that was allocated begins: nothing of an earlier one stays. */
  begin(uid: string, generation: number | undefined): void {
    this.clear(uid, 'PodResizeInProgress');
    this.#set(uid, 'PodResizeInProgress', { reason: '', message: '', generation });
  }

  /** Goes on; an error that was said before stays. */
  goOn(uid: string, generation: number | undefined): void {
    if (this.get(uid).inProgress === undefined) this.begin(uid, generation);
  }

  /** Gives the generation that the resize is about, and whether that is news. */
  fail(
    uid: string,
    verdict: Omit<ResizeVerdict, 'reason'>,
  ): { readonly generation: number | undefined; readonly isNews: boolean } {
    const before = this.get(uid).inProgress;
    const generation = before === undefined ? verdict.generation : before.observedGeneration;
    const { message } = verdict;
    const isNews = before?.reason !== 'Error' || before.message !== message;
    this.#set(uid, 'PodResizeInProgress', { reason: 'Error', message, generation });
    return { generation, isNews };
  }

  /** Gives the condition that held. */
  clear(uid: string, type: Type): PodCondition | undefined {
    const before = this.#byPod.get(uid)?.get(type);
    this.#byPod.get(uid)?.delete(type);
    return before;
  }

  forget(uid: string): void {
    this.#byPod.delete(uid);
  }

  #set(uid: string, type: Type, { reason, message, generation }: ResizeVerdict): void {
    const before = this.#of(uid).get(type);
    const isSame =
      before !== undefined &&
      (before.reason ?? '') === reason &&
      (before.message ?? '') === message &&
      before.observedGeneration === generation;
    if (isSame) return;
    const now = timeText(this.#clock.now());
    const since = before !== undefined && (before.reason ?? '') === reason;
    const lastTransitionTime = since ? before.lastTransitionTime : now;
    this.#of(uid).set(type, {
      type,
      status: 'True',
      lastProbeTime: now,
      ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }),
      ...(reason === '' ? {} : { reason }),
      ...(message === '' ? {} : { message }),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    });
  }

  #of(uid: string): Map<Type, PodCondition> {
    const conditions = this.#byPod.get(uid) ?? new Map<Type, PodCondition>();
    this.#byPod.set(uid, conditions);
    return conditions;
  }
}
