/**
 * Decisions: for one pod a node, or why there is none and what would make room. Nothing is written;
 * what a pod takes on its node is held.
 *
 * Upstream: pkg/scheduler/schedule_one.go (schedulingCycle), v1.36.
 */
import type { Environment } from '#base/env.ts';
import { type CycleOptions, type CycleResult, type Refusal, scheduleOne } from './cycle.ts';
import { DryRuns } from './dry-runs.ts';
import type { Extenders } from './extended-cycle.ts';
import type { FilterRun } from './filter-run.ts';
import type { PodInfo, Verdict } from './framework.ts';
import type {
  CycleMeter,
  FrameworkMetrics,
  MeteredPoint,
  PointStatus,
} from './framework-metrics.ts';
import type { Place } from './group-cycle.ts';
import { makeRoom, makeRoomWith, type Room, type RoomOptions } from './make-room.ts';
import type { SchedulerMetrics } from './metrics.ts';
import type { SchedulingQueue } from './queue.ts';
import type { RunningProfile } from './running-profile.ts';
import type { Snapshot } from './snapshot.ts';

/** A decision, and for a pod that fits nowhere what came of the attempt to make room. */
export interface Outcome {
  readonly result: CycleResult;
  readonly room?: Room;
}

export interface DeciderOptions {
  readonly environment: Environment;
  readonly snapshot: Snapshot;
  readonly queue: SchedulingQueue;
  readonly extenders: Extenders;
  readonly metrics: SchedulerMetrics;
  readonly frameworkMetrics: FrameworkMetrics;
  /** The profile of a pod that is ours. */
  profileOf(pod: PodInfo): RunningProfile;
}

export class Decider {
  readonly #options: DeciderOptions;
  readonly #dryRuns = new DryRuns();
  /** Where the search for nodes begins: after those that the last pod looked at. */
  #startNode = 0;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /** At once: where no extender has a say. */
  decide(pod: PodInfo): Outcome {
    const meter = this.#meter(pod);
    const startMs = meter.now();
    const result = scheduleOne(this.#cycleOptions(pod, meter));
    this.#lookedAt(result.looked);
    const room = 'diagnosis' in result ? this.#makeRoom(pod, result) : undefined;
    meter.decided(startMs);
    return room === undefined ? { result } : { result, room };
  }

  /** With extenders; undefined when the pod is gone, or has a place, by the time they answer. */
  async decideWith(pod: PodInfo): Promise<Outcome | undefined> {
    const { extenders, queue } = this.#options;
    const meter = this.#meter(pod);
    const startMs = meter.now();
    const result = await extenders.schedule(this.#cycleOptions(pod, meter));
    this.#lookedAt(result.looked);
    const room = 'diagnosis' in result ? await this.#makeRoomWith(pod, result) : undefined;
    meter.decided(startMs);
    if (!queue.has(pod)) return undefined;
    return room === undefined ? { result } : { result, room };
  }

  /** The node alone, with or without extenders, for one pod of many. */
  async place(pod: PodInfo): Promise<CycleResult> {
    const meter = this.#meter(pod);
    const startMs = meter.now();
    const options = this.#cycleOptions(pod, meter);
    const result = this.#options.extenders.decideOn(pod)
      ? await this.#options.extenders.schedule(options)
      : scheduleOne(options);
    this.#lookedAt(result.looked);
    meter.decided(startMs);
    return result;
  }

  /** With or without extenders, for one pod of many. */
  room(pod: PodInfo, refusal: Refusal): Room | Promise<Room> {
    return this.#options.extenders.decideOn(pod)
      ? this.#makeRoomWith(pod, refusal)
      : this.#makeRoom(pod, refusal);
  }

  /** Counts the pod on the node, and holds what it takes there. */
  take(pod: PodInfo, name: string, run: FilterRun | undefined): Place {
    const node = this.#options.snapshot.node(name);
    const startMs = this.#options.frameworkMetrics.now();
    const reservations =
      node === undefined ? [] : (run?.filters.flatMap((each) => each.reserve?.(node) ?? []) ?? []);
    this.#timed(pod, 'Reserve', { status: 'Success', startMs });
    const nominated = this.#options.queue.nominator.nodeOf(pod.key) ?? '';
    this.#options.snapshot.assume(pod, name);
    this.#options.queue.nominator.remove(pod.key);
    return { node: name, reservations, nominated };
  }

  /** Undoes `take`. */
  giveBack(pod: PodInfo, { reservations, nominated }: Place): void {
    const { snapshot, queue } = this.#options;
    const startMs = this.#options.frameworkMetrics.now();
    for (const reservation of reservations) reservation.release();
    this.#timed(pod, 'Unreserve', { status: 'Success', startMs });
    snapshot.forget(pod);
    if (queue.has(pod)) queue.nominator.set(pod, nominated);
  }

  /** What the pod, which has a place, waits for. */
  permit(pod: PodInfo): Verdict | undefined {
    const startMs = this.#options.frameworkMetrics.now();
    let waits: Verdict | undefined;
    for (const plugin of this.#options.profileOf(pod).plugins) {
      waits = plugin.permit?.(pod, this.#options.snapshot);
      if (waits !== undefined) break;
    }
    this.#timed(pod, 'Permit', { status: waits === undefined ? 'Success' : 'Wait', startMs });
    return waits;
  }

  #meter(pod: PodInfo): CycleMeter {
    const { schedulerName } = this.#options.profileOf(pod).profile;
    return this.#options.frameworkMetrics.meter(schedulerName);
  }

  #timed(
    pod: PodInfo,
    point: MeteredPoint,
    { status, startMs }: { status: PointStatus; startMs: number },
  ): void {
    const profile = this.#options.profileOf(pod).profile.schedulerName;
    this.#options.frameworkMetrics.point([point, status, profile], startMs);
  }

  #cycleOptions(pod: PodInfo, meter: CycleMeter): CycleOptions {
    const { plugins, profile, oneIsEnough } = this.#options.profileOf(pod);
    return {
      pod,
      meter,
      cluster: this.#options.snapshot,
      plugins,
      nominations: this.#options.queue.nominator,
      start: this.#startNode,
      percentageOfNodesToScore: profile.percentageOfNodesToScore,
      oneIsEnough,
      random: () => this.#options.environment.random.next(),
    };
  }

  #lookedAt(nodes: number): void {
    this.#startNode = (this.#startNode + nodes) % Math.max(1, this.#options.snapshot.nodes.length);
  }

  #makeRoom(pod: PodInfo, refusal: Refusal): Room {
    const options = this.#roomOptions(pod, refusal);
    if ('result' in options) return options;
    const startMs = this.#options.frameworkMetrics.now();
    return this.#tried(pod, makeRoom(options), startMs);
  }

  async #makeRoomWith(pod: PodInfo, refusal: Refusal): Promise<Room> {
    const options = this.#roomOptions(pod, refusal);
    if ('result' in options) return options;
    const startMs = this.#options.frameworkMetrics.now();
    const room = await makeRoomWith(options, (candidates) =>
      this.#options.extenders.preempt(pod, candidates, this.#options.snapshot),
    );
    return this.#tried(pod, room, startMs);
  }

  #tried(pod: PodInfo, room: Room, startMs: number): Room {
    const { preemption, givesBack } = this.#options.profileOf(pod).profile;
    const status = 'victims' in room.result ? 'Success' : 'Unschedulable';
    if (preemption !== undefined || givesBack) this.#timed(pod, 'PostFilter', { status, startMs });
    return room;
  }

  /** What preemption works on, or the result where there is none. */
  #roomOptions(pod: PodInfo, { diagnosis, run }: Refusal): RoomOptions | Room {
    if (diagnosis.nodeCount === 0) return { result: { message: '', keep: false } };
    const { preemption, givesBack } = this.#options.profileOf(pod).profile;
    if (preemption !== undefined) this.#options.metrics.preempts();
    const { clock, random } = this.#options.environment;
    return {
      pod,
      run,
      diagnosis,
      cluster: this.#options.snapshot,
      nominations: this.#options.queue.nominator,
      nowMs: clock.now(),
      args: preemption ?? {},
      preempts: preemption !== undefined,
      givesBack,
      dryRuns: this.#dryRuns,
      random: () => random.next(),
    };
  }
}
