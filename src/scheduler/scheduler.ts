/**
 * The scheduler: gives each pod without a node a node, and writes the binding.
 *
 *   pods, nodes ─▶ snapshot (deltas) ─▶ queue ─▶ cycle (pure) ─▶ assume ─▶ bind (asynchronous)
 *                                          ▲                                  │ refused
 *                                          └──────────── back-off ◀───────────┘
 *
 * Upstream: pkg/scheduler/scheduler.go, schedule_one.go, v1.36.
 */
import type { Environment } from '#base/env.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Node, Pod, PodCondition } from '#api/gen/core-v1.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { type CycleResult, scheduleOne } from './cycle.ts';
import type { Verdict } from './framework.ts';
import { PLUGINS } from './plugins/order.ts';
import { SchedulingQueue } from './queue.ts';
import { podInfo, podKey, Snapshot } from './snapshot.ts';

export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
/** Bindings that are under way at a time. */
const BINDING_MAX = 64;
/** One turn of the loop decides for at most this long, then lets others run. */
const SLICE_MS = 8;
/** Pods whose verdicts are kept for the question "why is it pending?". */
const VERDICTS_MAX = 1_000;

export interface SchedulerOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly schedulerName?: string;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #snapshot = new Snapshot();
  readonly #queue: SchedulingQueue;
  readonly #verdicts = new Map<string, ReadonlyMap<string, Verdict>>();
  #pumping = false;
  #binding = 0;
  #started = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#queue = new SchedulingQueue(options.environment, () => this.#pump());
  }

  /** Resolves when pods and nodes have been read; goes on until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const nodes = this.#options.informers.for(NODE);
    const pods = this.#options.informers.for(POD);
    nodes.onChange(({ type, object }) => this.#onNode(type, object));
    pods.onChange(({ type, object }) => this.#onPod(type, object));
    nodes.start(signal);
    pods.start(signal);
    await Promise.all([nodes.synced(), pods.synced()]);
    if (signal.aborted) return;
    this.#started = true;
    signal.addEventListener('abort', () => {
      this.#started = false;
      this.#queue.clear();
    });
    this.#pump();
  }

  /** Why each node was refused in the last attempt, by name; undefined when it is not known. */
  verdictsFor(podKeyText: string): ReadonlyMap<string, Verdict> | undefined {
    return this.#verdicts.get(podKeyText);
  }

  /** Nothing waits to be decided or bound. */
  get idle(): boolean {
    return this.#binding === 0 && !this.#pumping;
  }

  #onNode(type: string, node: Node): void {
    if (type === 'deleted') this.#snapshot.removeNode(node.metadata?.name ?? '');
    else if (this.#changesPlacement(node)) this.#queue.moveAll();
  }

  /** Takes the node over; answers whether a pod that did not fit might fit now. */
  #changesPlacement(node: Node): boolean {
    const before = this.#snapshot.nodes.get(node.metadata?.name ?? '')?.node;
    this.#snapshot.setNode(node);
    return before === undefined || placementOf(before) !== placementOf(node);
  }

  #onPod(type: string, pod: Pod): void {
    const key = podKey(pod);
    if (type === 'deleted') {
      this.#queue.remove(key);
      this.#verdicts.delete(key);
      this.#snapshot.removePod(key);
      this.#queue.moveAll();
      return;
    }
    const assigned = (pod.spec?.nodeName ?? '') !== '';
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    this.#snapshot.setPod(pod);
    if (assigned || finished) {
      this.#queue.remove(key);
      this.#verdicts.delete(key);
      if (finished) this.#queue.moveAll();
      return;
    }
    if (this.#isOurs(pod) && !this.#snapshot.isAssumed(key)) this.#queue.set(pod);
    else if (!this.#snapshot.isAssumed(key)) this.#queue.remove(key);
  }

  #isOurs(pod: Pod): boolean {
    return (
      (pod.spec?.schedulerName ?? DEFAULT_SCHEDULER_NAME) ===
        (this.#options.schedulerName ?? DEFAULT_SCHEDULER_NAME) &&
      (pod.spec?.schedulingGates ?? []).length === 0 &&
      pod.metadata?.deletionTimestamp === undefined
    );
  }

  /** Decides for what is active, in slices, while there is room for more bindings. */
  #pump(): void {
    if (this.#pumping || !this.#started) return;
    this.#pumping = true;
    this.#options.environment.timers.after(0, () => {
      const { clock } = this.#options.environment;
      const until = clock.monotonicMs() + SLICE_MS;
      let more = true;
      while (more && this.#started && this.#binding < BINDING_MAX && clock.monotonicMs() <= until)
        more = this.#next();
      this.#pumping = false;
      if (more && this.#binding < BINDING_MAX) this.#pump();
    });
  }

  /** False when nothing was active. */
  #next(): boolean {
    const pod = this.#queue.pop();
    if (pod === undefined) return false;
    const info = podInfo(pod);
    const result = scheduleOne({
      pod: info,
      nodes: this.#snapshot.nodes,
      plugins: PLUGINS,
      random: () => this.#options.environment.random.next(),
    });
    this.#binding += 1;
    const act = 'node' in result ? this.#bind(pod, result.node) : this.#refuse(pod, result);
    if ('node' in result) this.#snapshot.assume(info, result.node);
    act
      .catch((error: unknown) =>
        this.#options.environment.log.warn('scheduling failed', {
          pod: info.key,
          error: String(error),
        }),
      )
      .finally(() => {
        this.#binding -= 1;
        this.#pump();
      });
    return true;
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { client, events } = this.#options;
    const key = podKey(pod);
    const metadata = pod.metadata ?? {};
    const target = { name: metadata.name ?? '', namespace: metadata.namespace ?? '' };
    try {
      await client.createSubresource(POD, target, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { ...target, uid: metadata.uid },
        target: { kind: 'Node', name: node },
      });
    } catch (error) {
      this.#snapshot.forget(key);
      if (isNotFound(error) || isConflict(error)) this.#queue.done(key);
      else this.#queue.failed(key, { retry: true });
      throw error;
    }
    this.#verdicts.delete(key);
    this.#queue.done(key);
    events.event({
      about: pod,
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${target.namespace}/${target.name} to ${node}`,
    });
  }

  async #refuse(pod: Pod, result: Exclude<CycleResult, { node: string }>): Promise<void> {
    const key = podKey(pod);
    this.#remember(key, result.verdicts);
    this.#options.events.event({
      about: pod,
      type: 'Warning',
      reason: 'FailedScheduling',
      message: result.message,
    });
    this.#queue.failed(key, { retry: false });
    await this.#report(pod, result.message);
  }

  #remember(key: string, verdicts: ReadonlyMap<string, Verdict>): void {
    this.#verdicts.delete(key);
    const oldest = this.#verdicts.keys().next().value;
    if (this.#verdicts.size >= VERDICTS_MAX && oldest !== undefined) this.#verdicts.delete(oldest);
    this.#verdicts.set(key, verdicts);
  }

  /** The PodScheduled condition says why; written only when it says something new. */
  async #report(pod: Pod, message: string): Promise<void> {
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message)
      return;
    const now = timeText(this.#options.environment.clock.now());
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
      ...(pod.metadata?.generation === undefined
        ? {}
        : { observedGeneration: pod.metadata.generation }),
    };
    const target = { name: pod.metadata?.name ?? '', namespace: pod.metadata?.namespace ?? '' };
    try {
      await this.#options.client.patch(
        POD,
        target,
        'strategic',
        { status: { conditions: [condition] } },
        { subresource: 'status' },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** What of a node decides which pods fit. */
function placementOf(node: Node): string {
  return JSON.stringify([
    node.spec?.taints,
    node.spec?.unschedulable,
    node.metadata?.labels,
    node.status?.allocatable,
  ]);
}
