/**
 * The scheduler: gives each pod without a node a node, and writes the binding.
 *
 *   pods, nodes ─▶ snapshot (deltas) ─▶ queue ─▶ cycle (pure) ─▶ assume ─▶ bind (asynchronous)
 *                                          ▲                                  │ refused
 *                                          └──────────── back-off ◀───────────┘
 *
 * Upstream: pkg/scheduler/scheduler.go, schedule_one.go, eventhandlers.go, v1.36.
 */
import type { Environment } from '#base/env.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { Binder, isSettled } from './binder.ts';
import { type CycleOptions, type CycleResult, type Refusal, scheduleOne } from './cycle.ts';
import { fitErrorMessage, rejectors } from './diagnosis.ts';
import { defaultSchedulerConfig, type SchedulerGates } from './config/defaults.ts';
import { DryRuns } from './dry-runs.ts';
import { Extenders } from './extended-cycle.ts';
import type { Extender } from './extender.ts';
import { Feed } from './feed.ts';
import type { PodInfo, Verdict } from './framework.ts';
import type { FilterRun } from './filter-run.ts';
import type { Place } from './group-cycle.ts';
import { GroupScheduling } from './group-scheduling.ts';
import { InformedObjects } from './informed-objects.ts';
import { type Attempt, LastAttempts } from './last-attempts.ts';
import { type AttemptResult, observeScheduler, SchedulerMetrics } from './metrics.ts';
import { makeRoom, makeRoomWith, NO_ROOM, type Room, type RoomOptions } from './make-room.ts';
import type { Candidate, PreemptionResult } from './preemption.ts';
import { type Profile, profilesOf } from './profile.ts';
import { groupKeyOf } from './pod-groups.ts';
import { ATTEMPT_FAILED, SchedulingQueue } from './queue.ts';
import { RunningProfile, schedulerNameOf } from './running-profile.ts';
import { Snapshot } from './snapshot.ts';

/** Bindings that are under way at a time. */
const BINDING_MAX = 64;
/** One turn of the loop decides for at most this long, then lets others run. */
const SLICE_MS = 8;

export interface SchedulerOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly informers: InformerFactory;
  /** The recorder of events about the pods of a scheduler name. */
  eventsOf(schedulerName: string): EventRecorder;
  readonly gates?: SchedulerGates;
  /** At least one; upstream's default profile unless given. */
  readonly profiles?: readonly Profile[];
  readonly extenders?: readonly Extender[];
  readonly podInitialBackoffMs?: number;
  readonly podMaxBackoffMs?: number;
  /** Where the scheduler tells of itself. */
  readonly metrics?: MetricRegistry;
}

/** A decision, and for a pod that fits nowhere what came of the attempt to make room. */
interface Outcome {
  readonly result: CycleResult;
  readonly room?: Room;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #objects: InformedObjects;
  readonly #snapshot: Snapshot;
  readonly #queue: SchedulingQueue;
  readonly #feed: Feed;
  readonly #binder: Binder;
  readonly #extenders: Extenders;
  readonly #profiles: ReadonlyMap<string, RunningProfile>;
  readonly #first: RunningProfile;
  readonly #metrics: SchedulerMetrics;
  readonly #dryRuns = new DryRuns();
  /** Undefined: pods are tried one by one, whatever group they have. */
  readonly #groups: GroupScheduling | undefined;
  readonly #attempts = new LastAttempts();
  #pumping = false;
  #binding = 0;
  /** A decision waits for extenders: no other one is begun. */
  #isDeciding = false;
  #started = false;
  /** Where the search for nodes begins: after those that the last pod looked at. */
  #startNode = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { gates = {} } = options;
    const hasGroups = gates.genericWorkload === true;
    this.#objects = new InformedObjects(options.informers, hasGroups);
    const { environment, client, extenders = [] } = options;
    this.#snapshot = new Snapshot(this.#objects, environment);
    const registry = options.metrics ?? new MetricRegistry();
    this.#metrics = new SchedulerMetrics(registry, environment.clock);
    this.#extenders = new Extenders(extenders, environment);
    this.#binder = new Binder({
      environment,
      client,
      onSlots: (change) => {
        this.#binding += change;
        if (change < 0) this.#pump();
      },
      onWait: (pod, notice) => this.#profileOf(pod).reports.waits(pod.pod, notice),
      bindElsewhere: (pod, node) => this.#extenders.bind(pod, node),
    });
    const profiles = (options.profiles ?? profilesOf(defaultSchedulerConfig(gates))).map(
      (profile) =>
        new RunningProfile(profile, {
          environment,
          client,
          events: options.eventsOf(profile.schedulerName),
          isGoing: (victim) => this.#isGoing(victim),
          hasExtenders: extenders.length > 0,
        }),
    );
    const [first] = profiles;
    if (first === undefined) throw new TypeError('Cannot schedule without a profile');
    this.#first = first;
    this.#profiles = new Map(profiles.map((each) => [each.profile.schedulerName, each]));
    this.#queue = this.#createQueue();
    observeScheduler(registry, { queue: this.#queue, snapshot: this.#snapshot });
    this.#groups = hasGroups ? this.#createGroups() : undefined;
    this.#feed = new Feed({
      objects: this.#objects,
      snapshot: this.#snapshot,
      queue: this.#queue,
      hasGroups,
      isOurs: (pod) => this.#profiles.has(schedulerNameOf(pod)),
      onPlaced: (key) => this.#attempts.forget(key),
      onGone: (key) => {
        this.#attempts.forget(key);
        this.#binder.cancel(key);
      },
      onObject: (event) => {
        this.#snapshot.devices.changed(event);
        this.#binder.check();
      },
    });
  }

  /** Resolves when all that decisions need has been read; goes on until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#feed.start(this.#options.informers, signal);
    if (signal.aborted) return;
    this.#started = true;
    signal.addEventListener('abort', () => {
      this.#started = false;
      this.#queue.clear();
    });
    this.#pump();
  }

  /** Why the pod (`namespace/name`) was refused when it was last tried; undefined: not known. */
  lastAttempt(key: string): Attempt | undefined {
    return this.#attempts.of(key);
  }

  /** Nothing waits to be decided or bound. */
  get idle(): boolean {
    return this.#binding === 0 && !this.#pumping;
  }

  #createQueue(): SchedulingQueue {
    const { environment, podInitialBackoffMs, podMaxBackoffMs } = this.#options;
    const profiles = [...this.#profiles].map(([name, { plugins }]) => [name, plugins] as const);
    return new SchedulingQueue({
      environment,
      cluster: this.#snapshot,
      plugins: this.#first.plugins,
      ...(profiles.length > 1 ? { profiles: new Map(profiles) } : {}),
      ...(podInitialBackoffMs === undefined ? {} : { backoffInitialMs: podInitialBackoffMs }),
      ...(podMaxBackoffMs === undefined ? {} : { backoffMaxMs: podMaxBackoffMs }),
      wake: () => this.#pump(),
      onMove: (to, why) => this.#metrics.moved(to, why),
    });
  }

  #createGroups(): GroupScheduling {
    const { environment, client } = this.#options;
    return new GroupScheduling({
      environment,
      client,
      queue: this.#queue,
      groups: this.#snapshot.podGroups,
      decide: (pod) => this.#place(pod),
      makeRoom: (pod, refusal) =>
        this.#extenders.decideOn(pod)
          ? this.#makeRoomWith(pod, refusal)
          : this.#makeRoom(pod, refusal),
      take: (pod, node, run) => this.#take(pod, node, run),
      giveBack: (pod, { reservations, nominated }) => {
        for (const reservation of reservations) reservation.release();
        this.#snapshot.forget(pod.key);
        if (this.#queue.has(pod.key)) this.#queue.nominator.set(pod, nominated);
      },
      permit: (pod) => this.#permit(pod),
      onDecided: () => {
        this.#isDeciding = false;
        this.#pump();
      },
      bind: (pod, place) => this.#bind(pod, place),
      refuse: (pod, { refusal, room }) => this.#refuse(pod, refusal, room),
      wait: (pod, { message, node }) => {
        this.#queue.nominator.set(pod, node);
        this.#attempted(pod, 'unschedulable');
        this.#queue.failed(pod.key, ATTEMPT_FAILED);
        const report = { reason: 'Unschedulable', message, nominatedNodeName: node } as const;
        return this.#profileOf(pod).reports.refused(this.#latest(pod), report);
      },
      fail: (pod, error) => this.#attemptFailed(pod, error),
    });
  }

  /** The profile of a pod that is ours. */
  #profileOf({ pod }: PodInfo): RunningProfile {
    return this.#profiles.get(schedulerNameOf(pod)) ?? this.#first;
  }

  #isGoing(victim: PodInfo): boolean {
    const now = this.#snapshot.placedPod(victim.key);
    return now?.uid !== victim.uid || now.pod.metadata?.deletionTimestamp !== undefined;
  }

  /** Decides for what is active, in slices, while there is room for more bindings. */
  #pump(): void {
    if (this.#pumping || !this.#started) return;
    this.#pumping = true;
    this.#options.environment.timers.after(0, () => {
      const { clock } = this.#options.environment;
      const until = clock.monotonicMs() + SLICE_MS;
      let more = true;
      while (more && this.#mayDecide && clock.monotonicMs() <= until) more = this.#next();
      this.#pumping = false;
      if (more && this.#mayDecide) this.#pump();
    });
  }

  get #mayDecide(): boolean {
    return this.#started && !this.#isDeciding && this.#binding < BINDING_MAX;
  }

  /** False when nothing was active. */
  #next(): boolean {
    const pod = this.#queue.pop();
    if (pod === undefined) return false;
    const isGrouped = this.#groups !== undefined && groupKeyOf(pod.pod) !== undefined;
    const members = isGrouped ? this.#groups.membersWith(pod) : [pod];
    this.#binding += members.length;
    this.#isDeciding = isGrouped;
    (isGrouped ? this.#groups.attempt(members) : this.#attempt(pod))
      .catch((error: unknown) => this.#warn('scheduling failed', pod, error))
      .finally(() => {
        this.#binding -= members.length;
        this.#pump();
      });
    return true;
  }

  /** Decides before it first waits, but for extenders: the next one sees what came of it. */
  async #attempt(pod: PodInfo): Promise<void> {
    let outcome: Outcome | undefined;
    try {
      outcome = this.#extenders.decideOn(pod) ? await this.#decideWith(pod) : this.#decide(pod);
    } catch (error) {
      await this.#attemptFailed(pod, error);
      throw error;
    }
    if (outcome !== undefined) await this.#act(pod, outcome);
  }

  /** As `#decide`, with or without extenders, for one pod of many. */
  async #place(pod: PodInfo): Promise<CycleResult> {
    const options = this.#cycleOptions(pod);
    const result = this.#extenders.decideOn(pod)
      ? await this.#extenders.schedule(options)
      : scheduleOne(options);
    this.#lookedAt(result.looked);
    return result;
  }

  #decide(pod: PodInfo): Outcome {
    const result = scheduleOne(this.#cycleOptions(pod));
    this.#lookedAt(result.looked);
    return 'diagnosis' in result ? { result, room: this.#makeRoom(pod, result) } : { result };
  }

  /** With extenders; undefined when the pod is gone, or has a place, by the time they answer. */
  async #decideWith(pod: PodInfo): Promise<Outcome | undefined> {
    this.#isDeciding = true;
    try {
      const result = await this.#extenders.schedule(this.#cycleOptions(pod));
      this.#lookedAt(result.looked);
      const room = 'diagnosis' in result ? await this.#makeRoomWith(pod, result) : undefined;
      if (!this.#queue.has(pod.key)) return undefined;
      return room === undefined ? { result } : { result, room };
    } finally {
      this.#isDeciding = false;
      this.#pump();
    }
  }

  #cycleOptions(pod: PodInfo): CycleOptions {
    const { plugins, profile, oneIsEnough } = this.#profileOf(pod);
    return {
      pod,
      cluster: this.#snapshot,
      plugins,
      nominations: this.#queue.nominator,
      start: this.#startNode,
      percentageOfNodesToScore: profile.percentageOfNodesToScore,
      oneIsEnough,
      random: () => this.#options.environment.random.next(),
    };
  }

  #lookedAt(nodes: number): void {
    this.#startNode = (this.#startNode + nodes) % Math.max(1, this.#snapshot.nodes.length);
  }

  #act(pod: PodInfo, { result, room }: Outcome): Promise<void> {
    if ('diagnosis' in result) return this.#refuse(pod, result, room ?? NO_ROOM);
    return this.#bind(pod, this.#take(pod, result.node, result.run));
  }

  /** Counts the pod on the node, and holds what it takes there. */
  #take(pod: PodInfo, name: string, run: FilterRun | undefined): Place {
    const node = this.#snapshot.node(name);
    const reservations =
      node === undefined ? [] : (run?.filters.flatMap((each) => each.reserve?.(node) ?? []) ?? []);
    const nominated = this.#queue.nominator.nodeOf(pod.key) ?? '';
    this.#snapshot.assume(pod, name);
    this.#queue.nominator.remove(pod.key);
    return { node: name, reservations, nominated };
  }

  /** What the pod, which has a place, waits for. */
  #permit(pod: PodInfo): Verdict | undefined {
    for (const plugin of this.#profileOf(pod).plugins) {
      const waits = plugin.permit?.(pod, this.#snapshot);
      if (waits !== undefined) return waits;
    }
    return undefined;
  }

  async #bind(info: PodInfo, { node, reservations }: Place): Promise<void> {
    const { key } = info;
    try {
      const timeoutMs = this.#profileOf(info).profile.bindTimeoutMs;
      await this.#binder.bind({ info, node, reservations, timeoutMs });
    } catch (error) {
      this.#snapshot.forget(key);
      this.#feed.freed(info.pod, node);
      if (isSettled(error)) this.#queue.done(key);
      else if (this.#queue.has(key)) await this.#attemptFailed(info, error);
      throw error;
    }
    this.#attempts.forget(key);
    this.#attempted(info, 'scheduled');
    this.#queue.done(key);
    this.#profileOf(info).reports.scheduled(info.pod, node);
  }

  /** The pod has no place: room is made for it if that helps, and it is told why. */
  async #refuse(info: PodInfo, refusal: Refusal, { result: room, giveBack }: Room): Promise<void> {
    const diagnosis = { ...refusal.diagnosis, after: 'message' in room ? room.message : '' };
    const atMs = this.#options.environment.clock.now();
    this.#attempts.remember(info.key, { diagnosis, atMs });
    const nominatedNodeName = this.#nominate(info, room);
    this.#attempted(info, 'unschedulable');
    this.#queue.failed(info.key, rejectors(diagnosis));
    if ('victims' in room) this.#metrics.victimsChosen(room.victims.length);
    const evicted = 'victims' in room ? this.#evict(info, room) : undefined;
    const given = giveBack?.act?.(this.#options).catch((error: unknown) => {
      this.#warn('cannot give devices back', info, error);
    });
    const reason = 'Unschedulable';
    const message = fitErrorMessage(diagnosis);
    await Promise.all([
      evicted,
      given,
      this.#profileOf(info).reports.refused(this.#latest(info), {
        reason,
        message,
        nominatedNodeName,
      }),
    ]);
  }

  #makeRoom(pod: PodInfo, refusal: Refusal): Room {
    const options = this.#roomOptions(pod, refusal);
    return 'result' in options ? options : makeRoom(options);
  }

  async #makeRoomWith(pod: PodInfo, refusal: Refusal): Promise<Room> {
    const options = this.#roomOptions(pod, refusal);
    if ('result' in options) return options;
    return makeRoomWith(options, (candidates) =>
      this.#extenders.preempt(pod, candidates, this.#snapshot),
    );
  }

  /** What preemption works on, or the result where there is none. */
  #roomOptions(pod: PodInfo, { diagnosis, run }: Refusal): RoomOptions | Room {
    if (diagnosis.nodeCount === 0) return { result: { message: '', keep: false } };
    const { preemption, givesBack } = this.#profileOf(pod).profile;
    if (preemption !== undefined) this.#metrics.preempts();
    const { clock, random } = this.#options.environment;
    return {
      pod,
      run,
      diagnosis,
      cluster: this.#snapshot,
      nominations: this.#queue.nominator,
      nowMs: clock.now(),
      args: preemption ?? {},
      preempts: preemption !== undefined,
      givesBack,
      dryRuns: this.#dryRuns,
      random: () => random.next(),
    };
  }

  /** Answers what the API is to be told of the nomination; undefined: it stands. */
  #nominate(info: PodInfo, room: PreemptionResult): string | undefined {
    if ('message' in room && room.keep) return undefined;
    const node = 'victims' in room ? room.node : '';
    this.#queue.nominator.set(info, node);
    return node;
  }

  async #evict(pod: PodInfo, chosen: Candidate): Promise<void> {
    const displaced = this.#queue.nominator
      .on(chosen.node)
      .filter(({ priority }) => priority < pod.priority);
    try {
      await this.#profileOf(pod).preemptor.preempt(pod, chosen, displaced);
    } catch (error) {
      this.#queue.activate(pod.key);
      throw error;
    }
  }

  async #attemptFailed(info: PodInfo, error: unknown): Promise<void> {
    // What happened to the pod while it had a place was not told to the queue.
    const pod = this.#latest(info);
    if (pod !== info.pod) this.#queue.set(pod);
    this.#queue.nominator.remove(info.key);
    this.#attempted(info, 'error');
    this.#queue.failed(info.key, ATTEMPT_FAILED);
    const message = error instanceof Error ? error.message : String(error);
    try {
      await this.#profileOf(info).reports.refused(this.#latest(info), {
        reason: 'SchedulerError',
        message,
        nominatedNodeName: '',
      });
    } catch (again) {
      this.#warn('cannot report a failed attempt', info, again);
    }
  }

  #attempted(info: PodInfo, result: AttemptResult): void {
    const profile = this.#profileOf(info).profile.schedulerName;
    this.#metrics.attempted(this.#queue.attemptsOf(info.key), { result, profile });
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
