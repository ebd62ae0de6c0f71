/**
 * What of the node is given to which pod, and the resizes that wait for room.
 *
 *   new pod ─▶ admit ──┐
 *   new spec ─▶ consider ─▶ one at a time: does it fit beside what the others hold?
 *   room came, 3 minutes ─▶ retry ──┘        yes: allocated, written down, acted on by its worker
 *                                            no: it waits, and its status says so (Deferred)
 *
 * A spec that the node cannot hold at all was refused by the API server (admission plug-in
 * PodResize), so nothing is infeasible here: that is for swap and for static CPU and memory
 * managers, which this node has not. Source: KEP-1287. Upstream:
 * pkg/kubelet/allocation/allocation_manager.go, v1.36.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import { podRequests } from '#api/core/resources.ts';
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { PodAdmission } from '../admission/pod-admission.ts';
import type { Rejection } from '../admission/rejection.ts';
import type { PodEvents } from '../events.ts';
import type { ResourceCheckpoint } from './checkpoint.ts';
import { resizeMessage } from './messages.ts';
import { type PodResources, resourcesOf, sameResources, withResources } from './pod-resources.ts';
import { allocationFromStatus } from './rebuild.ts';
import type { ResizeConditions } from './resize-conditions.ts';
import { compareResizes, type WaitingResize } from './resize-order.ts';

const RETRY_MS = 3 * 60_000;

/** A pod that has a worker. */
export interface HeldPod {
  /** As the API has it. */
  readonly pod: Pod;
  readonly events: PodEvents;
  /** Looks again, soon. */
  wake(): void;
}

export interface AllocationsOptions {
  readonly environment: Environment;
  readonly admission: PodAdmission;
  /** Gives a pod that is new to the node its devices; undefined: it has what it asks for. */
  readonly allocateDevices: (pod: Pod) => Promise<Rejection | undefined>;
  readonly allocated: ResourceCheckpoint;
  readonly conditions: ResizeConditions;
  readonly find: (uid: string) => HeldPod | undefined;
  /** Resolves when all pods of the node are known: before, what they hold would be given away. */
  readonly ready: () => Promise<void>;
  /** Told after another amount was allocated to a pod. */
  readonly onAllocated: () => void;
}

export class Allocations {
  readonly #options: AllocationsOptions;
  /** Uids of the pods whose resize waits. */
  readonly #waiting = new Set<string>();
  /** Of each pod, the wish that was decided on last. */
  readonly #considered = new Map<string, PodResources>();
  #turn: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(options: AllocationsOptions) {
    this.#options = options;
  }

  /** Once, before any pod. */
  load(): Promise<void> {
    return this.#options.allocated.load();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** The pod with the resources that the node has allocated to it, instead of those it asks for. */
  apply(pod: Pod): Pod {
    const allocated = this.#options.allocated.get(uidOf(pod));
    return allocated === undefined ? pod : withResources(pod, allocated);
  }

  has(uid: string): boolean {
    return this.#options.allocated.get(uid) !== undefined;
  }

  /** A pod that is new to the node: undefined when the node takes it. */
  admit(pod: Pod): Promise<Rejection | undefined> {
    return this.#alone(async () => {
      const asked = this.apply(pod);
      const { admission, allocateDevices } = this.#options;
      const rejection = (await allocateDevices(asked)) ?? (await admission.rejectionOf(asked));
      if (rejection === undefined) this.#record(asked, resourcesOf(asked));
      return rejection;
    });
  }

  /** A pod that an earlier kubelet has taken. */
  adopt(pod: Pod): void {
    this.#options.conditions.adopt(pod);
    if (!this.has(uidOf(pod))) this.#record(pod, allocationFromStatus(pod));
  }

  /** Resolves when it is decided whether the pod gets what its spec asks for now. */
  async consider(pod: Pod): Promise<void> {
    const uid = uidOf(pod);
    const wish = resourcesOf(pod);
    const before = this.#considered.get(uid);
    if (before !== undefined && sameResources(before, wish)) return;
    this.#considered.set(uid, wish);
    if (this.apply(pod) !== pod) {
      this.#waiting.add(uid);
      return this.retry();
    }
    this.#waiting.delete(uid);
    this.#options.conditions.clear(uid, 'PodResizePending');
  }

  /** The pod, which held this, has another status now. */
  reported(held: Pod, status: PodStatus): void {
    if (this.#waiting.size > 0 && givesBack(held, status)) this.roomCame();
  }

  /** Something was given back: whoever waits may have it. */
  roomCame(): void {
    if (this.#waiting.size === 0) return;
    this.retry().catch((error: unknown) => {
      const text = messageOf(error);
      this.#options.environment.log.error('cannot try resizes again', { error: text });
    });
  }

  /** Tries all that wait, the most important first. */
  async retry(): Promise<void> {
    await this.#options.ready();
    await this.#alone(async () => {
      for (const { pod } of this.#inOrder()) await this.#decide(pod);
    });
    this.#timer?.cancel();
    if (this.#waiting.size === 0) return;
    this.#timer = this.#options.environment.timers.after(RETRY_MS, () => this.roomCame());
  }

  forget(uid: string): void {
    this.#waiting.delete(uid);
    this.#considered.delete(uid);
    this.#options.conditions.forget(uid);
    this.#options.allocated.remove(uid).catch(this.#warn);
    this.roomCame();
  }

  /** Forgets pods that are not there any more, of which an earlier kubelet wrote. */
  retain(isKnown: (uid: string) => boolean): void {
    this.#options.allocated.retain(isKnown).catch(this.#warn);
  }

  #inOrder(): WaitingResize[] {
    const { conditions, find } = this.#options;
    const waiting = [...this.#waiting].flatMap((uid): WaitingResize[] => {
      const pod = find(uid)?.pod;
      if (pod === undefined) return [];
      const waitsSince = conditions.get(uid).pending?.lastTransitionTime;
      const allocated = this.apply(pod);
      return [{ pod, allocated, ...(waitsSince === undefined ? {} : { waitsSince }) }];
    });
    return waiting.toSorted(compareResizes);
  }

  async #decide(pod: Pod): Promise<void> {
    const { admission, conditions } = this.#options;
    const uid = uidOf(pod);
    if (this.apply(pod) === pod) {
      this.#waiting.delete(uid);
      conditions.clear(uid, 'PodResizePending');
      return;
    }
    // Its status says what it holds; asked is only for what it wants.
    const { status: _, ...asked } = pod;
    const rejection = await admission.rejectionOf(asked);
    if (rejection === undefined) await this.#allocate(pod);
    else this.#defer(pod, rejection);
  }

  async #allocate(pod: Pod): Promise<void> {
    const { allocated, conditions, find, onAllocated } = this.#options;
    const uid = uidOf(pod);
    const before = allocated.get(uid);
    try {
      await allocated.set(uid, resourcesOf(pod));
    } catch (error) {
      // Nothing may be acted on that a restart would not know: it waits for the next try.
      if (before !== undefined) allocated.set(uid, before).catch(() => {});
      this.#warn(error);
      return;
    }
    this.#waiting.delete(uid);
    conditions.clear(uid, 'PodResizePending');
    const { generation } = pod.metadata ?? {};
    conditions.begin(uid, generation);
    const held = find(uid);
    const message = resizeMessage('Pod resize started', pod, generation ?? 0);
    held?.events.pod('Normal', 'ResizeStarted', message);
    held?.wake();
    onAllocated();
  }

  #defer(pod: Pod, { reason, message }: Rejection): void {
    const { conditions, find } = this.#options;
    const uid = uidOf(pod);
    const { generation } = pod.metadata ?? {};
    const verdict = { reason: 'Deferred', message, generation };
    const before = conditions.get(uid).pending;
    const isNews = conditions.setPending(uid, verdict);
    const held = find(uid);
    if (isNews) {
      const text = resizeMessage(`Pod resize ${reason}`, pod, generation ?? 0, message);
      held?.events.pod('Warning', 'ResizeDeferred', text);
    }
    if (conditions.get(uid).pending !== before) held?.wake();
  }

  /** Of a pod that is as it asks to be: should the disk fail, its status says the same. */
  #record(pod: Pod, resources: PodResources): void {
    this.#options.allocated.set(uidOf(pod), resources).catch(this.#warn);
  }

  /** One decision at a time: two that look at the same room would both take it. */
  #alone<T>(decide: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(decide);
    this.#turn = result.catch(() => {});
    return result;
  }

  readonly #warn = (error: unknown): void => {
    const text = messageOf(error);
    this.#options.environment.log.warn('cannot write what is allocated', { error: text });
  };
}

/** Whether the pod holds less with the new status: a container has become smaller. */
function givesBack(held: Pod, status: PodStatus): boolean {
  const before = podRequests(held, { useStatus: true });
  const after = podRequests({ ...held, status }, { useStatus: true });
  return ['cpu', 'memory'].some(
    (name) => compareQuantity(after[name] ?? '0', before[name] ?? '0') < 0,
  );
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? '';
}
