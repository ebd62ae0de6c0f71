/**
 * Gives a pod the node that was chosen for it: first what must be written before, then the binding.
 *
 * Source: upstream pkg/scheduler/schedule_one.go (bindingCycle), v1.36.
 */
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { BindWaits } from './bind-waits.ts';
import type { Notice, PodInfo, Reservation } from './framework.ts';
import type { FrameworkMetrics, MeteredPoint } from './framework-metrics.ts';
import { schedulerNameOf } from './running-profile.ts';
import { bindPod, patchPodStatus, writeBefore, type Writer } from './pod-writes.ts';

export interface BinderOptions extends Writer {
  readonly metrics?: FrameworkMetrics;
  /** While a pod waits it makes no writes: its slot is free (-1), then not (+1). */
  onSlots(change: 1 | -1): void;
  /** People are to know why the pod waits. */
  onWait(pod: PodInfo, notice: Notice): void;
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
      await this.#timed(info, 'PreBind', async () => {
        for (const reservation of reservations) await this.#prepare(plan, reservation);
      });
      if (!(await this.#options.bindElsewhere(info, node)))
        await this.#timed(info, 'Bind', () => this.#write(info, node));
    } catch (error) {
      await this.#timed(info, 'Unreserve', async () => {
        for (const reservation of reservations) reservation.release();
      });
      for (const reservation of reservations) await reservation.undo?.(this.#options);
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

  /** Notes how long a point took, and how it ended. */
  async #timed({ pod }: PodInfo, point: MeteredPoint, action: () => Promise<void>): Promise<void> {
    const { metrics } = this.#options;
    const startMs = metrics?.now() ?? 0;
    const profile = schedulerNameOf(pod);
    try {
      await action();
    } catch (error) {
      metrics?.point([point, 'Error', profile], startMs);
      throw error;
    }
    metrics?.point([point, 'Success', profile], startMs);
  }

  async #write({ pod }: PodInfo, node: string): Promise<void> {
    try {
      await bindPod(this.#options, pod, node);
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) throw new BindingRefused(String(error));
      throw new Error(`running Bind plugin "DefaultBinder": ${messageOf(error)}`, { cause: error });
    }
  }

  /** Others may want to know where the pod will be while that takes its time. */
  async #tellNode({ pod, key }: PodInfo, node: string): Promise<void> {
    try {
      await patchPodStatus(this.#options, pod, { nominatedNodeName: node });
    } catch (error) {
      const { log } = this.#options.environment;
      log.warn('cannot tell the node that is kept for a pod', { pod: key, error: String(error) });
    }
  }

  async #prepare({ info, node, timeoutMs }: BindingPlan, reservation: Reservation): Promise<void> {
    await this.#tellNode(info, node);
    const { plugin } = reservation;
    const written = await within(plugin, async () => {
      const made = await writeBefore(this.#options, reservation.writes);
      await reservation.act?.(this.#options);
      return made;
    });
    const notice = reservation.notice?.();
    if (notice !== undefined) this.#options.onWait(info, notice);
    this.#options.onSlots(-1);
    const waitMs = reservation.timeoutMs ?? timeoutMs;
    try {
      await within(
        plugin,
        () => this.#waits.wait(info.key, waitMs, () => reservation.isReady(written)),
        (message) => reservation.describe(message),
      );
    } finally {
      this.#options.onSlots(1);
    }
  }
}

/** Errors say which plug-in had them. */
async function within<R>(
  plugin: string,
  action: () => Promise<R>,
  describe: (message: string) => string = (message) => message,
): Promise<R> {
  try {
    return await action();
  } catch (error) {
    const why = describe(messageOf(error));
    throw new Error(`running PreBind plugin ${JSON.stringify(plugin)}: ${why}`, { cause: error });
  }
}
