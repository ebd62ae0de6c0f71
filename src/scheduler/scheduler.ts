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
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { Binder, isSettled } from './binder.ts';
import { type CycleResult, type Refusal, scheduleOne } from './cycle.ts';
import { type Diagnosis, fitErrorMessage, rejectors } from './diagnosis.ts';
import { Feed } from './feed.ts';
import type { Plugin, PodInfo, Reservation } from './framework.ts';
import { InformedObjects } from './informed-objects.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { makeRoom } from './make-room.ts';
import { PLUGINS } from './plugins/order.ts';
import { PodReports } from './pod-reports.ts';
import type { Candidate, PreemptionResult } from './preemption.ts';
import { Preemptor } from './preemptor.ts';
import { ATTEMPT_FAILED, SchedulingQueue } from './queue.ts';
import { Snapshot } from './snapshot.ts';

export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
/** Bindings that are under way at a time. */
const BINDING_MAX = 64;
/** One turn of the loop decides for at most this long, then lets others run. */
const SLICE_MS = 8;
/** Pods whose verdicts are kept for the question "why is it pending?". */
const DIAGNOSES_MAX = 1_000;

export interface SchedulerOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly schedulerName?: string;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #objects: InformedObjects;
  readonly #snapshot: Snapshot;
  readonly #queue: SchedulingQueue;
  readonly #feed: Feed;
  readonly #binder: Binder;
  readonly #reports: PodReports;
  readonly #preemptor: Preemptor;
  readonly #plugins: readonly Plugin[];
  readonly #diagnoses = new Map<string, Diagnosis>();
  #pumping = false;
  #binding = 0;
  #started = false;
  /** Where the search for nodes begins: after those that the last pod looked at. */
  #startNode = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#objects = new InformedObjects(options.informers);
    this.#snapshot = new Snapshot(this.#objects);
    const { environment, client, events } = options;
    this.#reports = new PodReports({ environment, client, events });
    this.#binder = new Binder({
      environment,
      client,
      onSlots: (change) => {
        this.#binding += change;
        if (change < 0) this.#pump();
      },
    });
    this.#preemptor = new Preemptor({
      environment,
      client,
      events,
      schedulerName: this.#name,
      isGoing: (victim) => this.#isGoing(victim),
    });
    this.#plugins = [...PLUGINS, defaultPreemption((pod) => this.#preemptor.isPreempting(pod))];
    this.#queue = new SchedulingQueue({
      environment,
      plugins: this.#plugins,
      wake: () => this.#pump(),
    });
    this.#feed = new Feed({
      objects: this.#objects,
      snapshot: this.#snapshot,
      queue: this.#queue,
      isOurs: (pod) => (pod.spec?.schedulerName ?? DEFAULT_SCHEDULER_NAME) === this.#name,
      onPlaced: (key) => this.#diagnoses.delete(key),
      onGone: (key) => {
        this.#diagnoses.delete(key);
        this.#binder.cancel(key);
      },
      onObject: () => this.#binder.check(),
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

  /** Why the pod was refused in the last attempt; undefined when it is not known. */
  diagnosisFor(podKeyText: string): Diagnosis | undefined {
    return this.#diagnoses.get(podKeyText);
  }

  /** Nothing waits to be decided or bound. */
  get idle(): boolean {
    return this.#binding === 0 && !this.#pumping;
  }

  get #name(): string {
    return this.#options.schedulerName ?? DEFAULT_SCHEDULER_NAME;
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
    this.#binding += 1;
    this.#attempt(pod)
      .catch((error: unknown) => this.#warn('scheduling failed', pod, error))
      .finally(() => {
        this.#binding -= 1;
        this.#pump();
      });
    return true;
  }

  /** Decides before it first waits: the next decision sees what came of this one. */
  async #attempt(pod: PodInfo): Promise<void> {
    let result: CycleResult;
    try {
      result = this.#decide(pod);
    } catch (error) {
      await this.#attemptFailed(pod, error);
      throw error;
    }
    await this.#act(pod, result);
  }

  #decide(pod: PodInfo): CycleResult {
    const result = scheduleOne({
      pod,
      cluster: this.#snapshot,
      plugins: this.#plugins,
      nominations: this.#queue.nominator,
      start: this.#startNode,
      random: () => this.#options.environment.random.next(),
    });
    this.#startNode = (this.#startNode + result.looked) % Math.max(1, this.#snapshot.nodes.length);
    return result;
  }

  #act(pod: PodInfo, result: CycleResult): Promise<void> {
    if ('diagnosis' in result) return this.#refuse(pod, result);
    const node = this.#snapshot.node(result.node);
    const reservations =
      node === undefined ? [] : result.run.filters.flatMap((each) => each.reserve?.(node) ?? []);
    this.#snapshot.assume(pod, result.node);
    this.#queue.nominator.remove(pod.key);
    return this.#bind(pod, result.node, reservations);
  }

  async #bind(info: PodInfo, node: string, reservations: readonly Reservation[]): Promise<void> {
    const { key } = info;
    try {
      await this.#binder.bind(info, node, reservations);
    } catch (error) {
      this.#snapshot.forget(key);
      this.#feed.freed(info.pod, node);
      if (isSettled(error)) this.#queue.done(key);
      else if (this.#queue.has(key)) await this.#attemptFailed(info, error);
      throw error;
    }
    this.#diagnoses.delete(key);
    this.#queue.done(key);
    this.#reports.scheduled(info.pod, node);
  }

  /** The pod has no place: makes room for it if that helps, and says why. */
  async #refuse(info: PodInfo, refusal: Refusal): Promise<void> {
    const room = this.#makeRoom(info, refusal);
    const diagnosis = { ...refusal.diagnosis, after: 'message' in room ? room.message : '' };
    this.#remember(info.key, diagnosis);
    const nominatedNodeName = this.#nominate(info, room);
    this.#queue.failed(info.key, rejectors(diagnosis));
    const evicted = 'victims' in room ? this.#evict(info, room) : undefined;
    const reason = 'Unschedulable';
    const message = fitErrorMessage(diagnosis);
    await Promise.all([
      evicted,
      this.#reports.refused(this.#latest(info), { reason, message, nominatedNodeName }),
    ]);
  }

  #makeRoom(pod: PodInfo, { diagnosis, run }: Refusal): PreemptionResult {
    if (diagnosis.nodeCount === 0) return { message: '', keep: false };
    const { clock, random } = this.#options.environment;
    return makeRoom({
      pod,
      run,
      diagnosis,
      cluster: this.#snapshot,
      nominations: this.#queue.nominator,
      nowMs: clock.now(),
      random: () => random.next(),
    });
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
      await this.#preemptor.preempt(pod, chosen, displaced);
    } catch (error) {
      this.#queue.activate(pod.key);
      throw error;
    }
  }

  #remember(key: string, diagnosis: Diagnosis): void {
    this.#diagnoses.delete(key);
    const oldest = this.#diagnoses.keys().next().value;
    if (this.#diagnoses.size >= DIAGNOSES_MAX && oldest !== undefined)
      this.#diagnoses.delete(oldest);
    this.#diagnoses.set(key, diagnosis);
  }

  async #attemptFailed(info: PodInfo, error: unknown): Promise<void> {
    // What happened to the pod while it had a place was not told to the queue.
    const pod = this.#latest(info);
    if (pod !== info.pod) this.#queue.set(pod);
    this.#queue.nominator.remove(info.key);
    this.#queue.failed(info.key, ATTEMPT_FAILED);
    const message = error instanceof Error ? error.message : String(error);
    try {
      await this.#reports.refused(this.#latest(info), {
        reason: 'SchedulerError',
        message,
        nominatedNodeName: '',
      });
    } catch (again) {
      this.#warn('cannot report a failed attempt', info, again);
    }
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
