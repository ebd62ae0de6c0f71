/**
 * Gives a pod the node that was chosen for it: first what must be written before, then the binding.
 *
 * Source: upstream pkg/scheduler/schedule_one.go (bindingCycle), v1.36.
 */
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { BindWaits } from './bind-waits.ts';
import type { PodInfo, Reservation } from './framework.ts';
import { bindPod, patchPodStatus, writeBefore, type Writer } from './pod-writes.ts';

export interface BinderOptions extends Writer {
  /** While a pod waits for its volumes it makes no writes: its slot is free (-1), then not (+1). */
  onSlots(change: 1 | -1): void;
  /** Asks extenders to bind the pod: false leaves it to the binder. */
  bindElsewhere(pod: PodInfo, node: string): Promise<boolean>;
}

/** A pod and the node that it gets. */
export interface BindingPlan {
  readonly info: PodInfo;
  readonly node: string;
  readonly reservations: readonly Reservation[];
  /** How long the volumes of the pod may take to be bound. */
  readonly timeoutMs: number;
}

/** The API refused the binding: the pod is gone, or somebody else has bound it. */
class BindingRefused extends Error {}

export function isSettled(error: unknown): boolean {
  return error instanceof BindingRefused;
}

export class Binder {
  readonly #options: BinderOptions;
  readonly #waits: BindWaits;

  constructor(options: BinderOptions) {
    this.#options = options;
    this.#waits = new BindWaits(options.environment);
  }

  /** Rejects when the pod does not get the node; what was reserved is then given back. */
  async bind(plan: BindingPlan): Promise<void> {
    const { info, node, reservations } = plan;
    try {
      for (const reservation of reservations) await this.#prepare(plan, reservation);
      if (!(await this.#options.bindElsewhere(info, node))) await this.#write(info, node);
    } catch (error) {
      for (const reservation of reservations) reservation.release();
      throw error;
    }
  }

  /** An object that a pod may wait for has changed. */
  check(): void {
    this.#waits.check();
  }

  /** The pod is gone. */
  cancel(key: string): void {
    this.#waits.cancel(key);
  }

  async #write({ pod }: PodInfo, node: string): Promise<void> {
    try {
      await bindPod(this.#options, pod, node);
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) throw new BindingRefused(String(error));
      throw error;
    }
  }

  async #prepare(
    { info: { pod, key }, node, timeoutMs }: BindingPlan,
    reservation: Reservation,
  ): Promise<void> {
    // Others may want to know where the pod will be while that takes its time.
    await patchPodStatus(this.#options, pod, { nominatedNodeName: node });
    const written = await writeBefore(this.#options, reservation.writes);
    this.#options.onSlots(-1);
    try {
      await this.#waits.wait(key, timeoutMs, () => reservation.isReady(written));
    } finally {
      this.#options.onSlots(1);
    }
  }
}
