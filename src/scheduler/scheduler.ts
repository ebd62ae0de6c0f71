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
import type { Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { Binder } from './binder.ts';
import { Decider, type Outcome } from './decider.ts';
import { defaultSchedulerConfig, type SchedulerGates } from './config/defaults.ts';
import { Extenders } from './extended-cycle.ts';
import type { Extender } from './extender.ts';
import { Feed } from './feed.ts';
import type { Plugin, PodInfo } from './framework.ts';
import { FrameworkMetrics } from './framework-metrics.ts';
import { GroupScheduling } from './group-scheduling.ts';
import { InformedObjects } from './informed-objects.ts';
import { type Attempt, LastAttempts } from './last-attempts.ts';
import { observeScheduler, SchedulerMetrics } from './metrics.ts';
import { NO_ROOM } from './make-room.ts';
import { Outcomes } from './outcomes.ts';
import { type Profile, profilesOf } from './profile.ts';
import { groupKeyOf } from './pod-groups.ts';
import { SchedulingQueue } from './queue.ts';
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
  readonly #frameworkMetrics: FrameworkMetrics;
  readonly #decider: Decider;
  readonly #outcomes: Outcomes;
  /** Undefined: pods are tried one by one, whatever group they have. */
  readonly #groups: GroupScheduling | undefined;
  readonly #attempts = new LastAttempts();
  #pumping = false;
  #binding = 0;
  /** A decision waits for extenders: no other one is begun. */
  #isDeciding = false;
  #started = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { gates = {} } = options;
    const hasGroups = gates.genericWorkload === true;
    this.#objects = new InformedObjects(options.informers, hasGroups);
    const { environment, client, extenders = [] } = options;
    this.#snapshot = new Snapshot(this.#objects, environment);
    const registry = options.metrics ?? new MetricRegistry();
    this.#metrics = new SchedulerMetrics(registry, environment.clock);
    this.#frameworkMetrics = new FrameworkMetrics(registry, environment.clock);
    this.#extenders = new Extenders(extenders, environment);
    this.#binder = new Binder({
      environment,
      client,
      metrics: this.#frameworkMetrics,
      onSlots: (change) => {
        this.#binding += change;
        if (change < 0) this.#pump();
      },
      onWait: (pod, notice) => this.#profileOf(pod).reports.waits(pod.pod, notice),
      bindElsewhere: (pod, node) => this.#extenders.bind(pod, node),
    });
    const profiles = this.#createProfiles();
    const [first] = profiles;
    if (first === undefined) throw new TypeError('Cannot schedule without a profile');
    this.#first = first;
    this.#profiles = new Map(profiles.map((each) => [each.profile.schedulerName, each]));
    this.#queue = this.#createQueue();
    observeScheduler(registry, {
      queue: this.#queue,
      snapshot: this.#snapshot,
      bindings: () => this.#binding,
    });
    const shared = {
      ...options,
      snapshot: this.#snapshot,
      queue: this.#queue,
      extenders: this.#extenders,
      binder: this.#binder,
      metrics: this.#metrics,
      frameworkMetrics: this.#frameworkMetrics,
      attempts: this.#attempts,
      profileOf: (pod: PodInfo) => this.#profileOf(pod),
    };
    this.#decider = new Decider(shared);
    this.#outcomes = new Outcomes({
      ...shared,
      freed: (pod, node) => this.#feed.freed(pod, node),
    });
    this.#groups = hasGroups ? this.#createGroups() : undefined;
    this.#feed = new Feed({
      objects: this.#objects,
      snapshot: this.#snapshot,
      queue: this.#queue,
      hasGroups,
      metrics: this.#frameworkMetrics,
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

  /** With which plug-ins the pod is tried; undefined: it is another scheduler's. */
  pluginsFor(pod: Pod): readonly Plugin[] | undefined {
    return this.#profiles.get(schedulerNameOf(pod))?.profile.plugins;
  }

  /** Nothing waits to be decided or bound. */
  get idle(): boolean {
    return this.#binding === 0 && !this.#pumping;
  }

  #createProfiles(): RunningProfile[] {
    const { environment, client, extenders = [], gates = {}, profiles } = this.#options;
    return (profiles ?? profilesOf(defaultSchedulerConfig(gates))).map(
      (profile) =>
        new RunningProfile(profile, {
          environment,
          client,
          events: this.#options.eventsOf(profile.schedulerName),
          isGoing: (victim) => this.#isGoing(victim),
          hasExtenders: extenders.length > 0,
        }),
    );
  }

  #createQueue(): SchedulingQueue {
    const { environment, gates = {}, podInitialBackoffMs, podMaxBackoffMs } = this.#options;
    const profiles = [...this.#profiles].map(([name, { plugins }]) => [name, plugins] as const);
    return new SchedulingQueue({
      environment,
      cluster: this.#snapshot,
      plugins: this.#first.plugins,
      hasGroups: gates.genericWorkload === true,
      ...(profiles.length > 1 ? { profiles: new Map(profiles) } : {}),
      ...(podInitialBackoffMs === undefined ? {} : { backoffInitialMs: podInitialBackoffMs }),
      ...(podMaxBackoffMs === undefined ? {} : { backoffMaxMs: podMaxBackoffMs }),
      wake: () => this.#pump(),
      metrics: this.#frameworkMetrics,
      onMove: (to, why) => this.#metrics.moved(to, why),
    });
  }

  #createGroups(): GroupScheduling {
    const { environment, client } = this.#options;
    const decider = this.#decider;
    const outcomes = this.#outcomes;
    return new GroupScheduling({
      environment,
      client,
      queue: this.#queue,
      groups: this.#snapshot.podGroups,
      decide: (pod) => decider.place(pod),
      makeRoom: (pod, refusal) => decider.room(pod, refusal),
      take: (pod, node, run) => decider.take(pod, node, run),
      giveBack: (pod, place) => decider.giveBack(pod, place),
      permit: (pod) => decider.permit(pod),
      onDecided: () => {
        this.#isDeciding = false;
        this.#pump();
      },
      bind: (pod, place) => outcomes.bind(pod, place),
      refuse: (pod, { refusal, room }) => outcomes.refuse(pod, refusal, room),
      wait: (pod, report) => outcomes.wait(pod, report),
      fail: (pod, error) => outcomes.failed(pod, error),
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
    const taken = isGrouped ? this.#groups.membersWith(pod) : [pod];
    const members = taken.filter((each) => !this.#skips(each));
    if (members.length === 0) return true;
    this.#binding += members.length;
    this.#isDeciding = isGrouped;
    if (isGrouped) for (const member of members) this.#queue.watch(member);
    (isGrouped ? this.#groups.attempt(members) : this.#attempt(pod))
      .catch((error: unknown) => this.#warn('scheduling failed', pod, error))
      .finally(() => {
        this.#binding -= members.length;
        this.#pump();
      });
    return true;
  }

  /** A pod that is being deleted is not tried: it is said so, and it leaves the queue. */
  #skips(pod: PodInfo): boolean {
    if (pod.pod.metadata?.deletionTimestamp === undefined) return false;
    this.#profileOf(pod).reports.skipped(pod.pod);
    this.#queue.dropped(pod);
    return true;
  }

  /** Decides before it first waits, but for extenders: the next one sees what came of it. */
  async #attempt(pod: PodInfo): Promise<void> {
    let outcome: Outcome | undefined;
    try {
      outcome = this.#extenders.decideOn(pod)
        ? await this.#decideWith(pod)
        : this.#decider.decide(pod);
    } catch (error) {
      await this.#outcomes.failed(pod, error);
      throw error;
    }
    if (outcome !== undefined) await this.#act(pod, outcome);
  }

  async #decideWith(pod: PodInfo): Promise<Outcome | undefined> {
    this.#isDeciding = true;
    this.#queue.watch(pod);
    try {
      return await this.#decider.decideWith(pod);
    } finally {
      this.#isDeciding = false;
      this.#pump();
    }
  }

  #act(pod: PodInfo, { result, room }: Outcome): Promise<void> {
    if ('diagnosis' in result) return this.#outcomes.refuse(pod, result, room ?? NO_ROOM);
    const place = this.#decider.take(pod, result.node, result.run);
    return this.#outcomes.bind(pod, place);
  }

  #warn(message: string, { key }: PodInfo, error: unknown): void {
    this.#options.environment.log.warn(message, { pod: key, error: String(error) });
  }
}
