/**
 * Pods that wait for a place: active (to be tried now), backing off, unschedulable.
 *
 *   new ─▶ active ─▶ running ─▶ done
 *            ▲          │ refused
 *   backing off ◀── unschedulable      (an event that may help, or five minutes)
 *
 * A pod that was refused waits until something changes that may help it (`hints.ts`), and then for
 * the rest of its back-off; when nothing else is to be done it is tried at once. A pod with a gate
 * waits among the unschedulable ones. Source: upstream pkg/scheduler/backend/queue, v1.36.
 */
import type { Environment } from '#base/env.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Cluster } from './cluster.ts';
import { ANY_EVENT, type ClusterEvent, eventLabel, podEvents } from './cluster-events.ts';
import type { Plugin, PodInfo, QueuedPod } from './framework.ts';
import type { FrameworkMetrics } from './framework-metrics.ts';
import { Heap } from './heap.ts';
import { Hints, type Requeue } from './hints.ts';
import { Nominator } from './nominator.ts';
import { groupKeyOf } from './pod-groups.ts';
import { nextPodInfo, podKey } from './pod-info.ts';
import { BackingOff } from './queue/backing-off.ts';
import { Meanwhile } from './queue/meanwhile.ts';
import { type Refusals, Refused } from './queue/refused.ts';
import { newWaiting, type Waiting } from './queue/waiting.ts';

const BACKOFF_INITIAL_MS = 1_000;
const BACKOFF_MAX_MS = 10_000;
/** A pod that nothing seems to help is tried again after this time all the same. */
const UNSCHEDULABLE_MAX_MS = 5 * 60_000;
/** Why a pod moves that was tried in vain. */
const ATTEMPT_FAILURE = 'ScheduleAttemptFailure';

/** What plug-ins say of pods that wait. */
interface Rules {
  readonly hints: Hints;
  readonly gates: readonly Plugin[];
}

function rulesOf(
  plugins: readonly Plugin[],
  { cluster, metrics }: Pick<QueueOptions, 'cluster' | 'metrics'>,
): Rules {
  return {
    hints: new Hints(plugins, cluster, metrics),
    gates: plugins.filter((plugin) => plugin.preEnqueue !== undefined),
  };
}

export interface QueueOptions {
  readonly environment: Environment;
  /** What gates and hints may look at. */
  readonly cluster: Cluster;
  /** Of pods whose scheduler is not in `profiles`, too. */
  readonly plugins: readonly Plugin[];
  /** The plug-ins of each scheduler name, where there are several; all sort the queue alike. */
  readonly profiles?: ReadonlyMap<string, readonly Plugin[]>;
  /** Pods of a group are tried together: what helps one of them need not help the group. */
  readonly hasGroups?: boolean;
  readonly backoffInitialMs?: number;
  readonly backoffMaxMs?: number;
  /** Who is told how long hints take. */
  readonly metrics?: FrameworkMetrics;
  /** Called when there is something to try. */
  wake(): void;
  /** A pod is in another part of the queue now, for a reason in upstream's words. */
  onMove?(to: QueuePart, why: string): void;
}

export type QueuePart = 'active' | 'backoff' | 'unschedulable';

/** Where pods wait; `gated`: they were not tried, and will not be before a gate opens. */
export type QueueCounts = Readonly<Record<QueuePart | 'gated', number>>;

/** How a pod has fared so far. */
export interface Attempts {
  readonly count: number;
  /** Monotonic times from which it could be tried, and at which the last one began. */
  readonly firstMs: number;
  readonly beganMs: number;
}

/** Which pod is meant: another one may have its name by now. */
export type PodRef = Pick<PodInfo, 'key' | 'uid'>;

/** Why an attempt came to nothing. */
export interface Failure {
  /** Plug-ins that refused; empty: the attempt itself failed. */
  readonly unschedulable: ReadonlySet<string>;
  readonly pending: ReadonlySet<string>;
}

export const ATTEMPT_FAILED: Failure = { unschedulable: new Set(), pending: new Set() };

export class SchedulingQueue {
  readonly nominator = new Nominator();
  readonly #options: QueueOptions;
  readonly #rules: Rules;
  readonly #rulesByName: ReadonlyMap<string, Rules>;
  /** All pods that have no place: as many as the cluster has. */
  readonly #pods = new Map<string, Waiting>();
  readonly #refused: Refused;
  readonly #backingOff: BackingOff;
  readonly #meanwhile = new Meanwhile();
  /** Pods that were removed meanwhile stay until they come up, and are passed over. */
  readonly #active: Heap<Waiting>;
  #order = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#rules = rulesOf(options.plugins, options);
    this.#rulesByName = new Map(
      [...(options.profiles ?? [])].map(([name, plugins]) => [name, rulesOf(plugins, options)]),
    );
    const sort = options.plugins.find((plugin) => plugin.less !== undefined);
    const less = (left: QueuedPod, right: QueuedPod): boolean =>
      sort?.less?.(left, right) ?? left.order < right.order;
    this.#active = new Heap<Waiting>(less);
    const { environment } = options;
    this.#refused = new Refused(environment.timers, (pods) => this.#flush(pods));
    this.#backingOff = new BackingOff(environment, less, (waiting) =>
      this.#activate(waiting, 'BackoffComplete'),
    );
  }

  get size(): number {
    return this.#pods.size;
  }

  /** Whether any pod waits for an event: without one nobody needs to know what happened. */
  get wantsEvents(): boolean {
    return this.#refused.size > 0 || this.#meanwhile.size > 0;
  }

  /** Looks at every pod that waits: for people, not for decisions. */
  counts(): QueueCounts {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
    for (const { state, gatedBy } of this.#pods.values())
      if (state !== 'running' && state !== 'gone')
        counts[state === 'unschedulable' && gatedBy !== undefined ? 'gated' : state] += 1;
    return counts;
  }

  /** How many pods each plug-in has refused, by the scheduler name of the pods. */
  refusals(): Refusals[] {
    return this.#refused.counts();
  }

  attemptsOf(pod: PodRef): Attempts | undefined {
    const known = this.#known(pod);
    if (known === undefined) return undefined;
    const { attempts, beganMs, firstMs = beganMs } = known;
    return { count: attempts, firstMs, beganMs };
  }

  has(pod: PodRef): boolean {
    return this.#known(pod) !== undefined;
  }

  /** A pod without a node, as the API shows it. */
  set(pod: Pod): void {
    const key = podKey(pod);
    const known = this.#pods.get(key);
    if (known === undefined || known.info.uid !== (pod.metadata?.uid ?? '')) {
      this.remove(key);
      this.#add(pod);
      return;
    }
    const before = known.info;
    known.info = nextPodInfo(before, pod);
    this.nominator.update(before, known.info);
    if (known.state === 'running' && this.#meanwhile.size > 0)
      this.#meanwhile.changed(known, podEvents(before.pod, pod));
    if (known.state !== 'unschedulable') return;
    for (const event of podEvents(before.pod, pod)) {
      if (this.#requeue(known, this.#help(known, event), eventLabel(event))) break;
    }
  }

  remove(key: string): void {
    this.nominator.remove(key);
    const known = this.#pods.get(key);
    if (known !== undefined) this.#drop(known);
  }

  #drop(known: Waiting): void {
    this.#pods.delete(known.info.key);
    this.#refused.delete(known);
    this.#meanwhile.end(known);
    known.state = 'gone';
  }

  /** The next pod to try, or undefined. Say `done` or `failed` of it afterwards. */
  pop(): PodInfo | undefined {
    const next = this.#nextActive() ?? this.#nextBackingOff();
    return next === undefined ? undefined : this.#begin(next);
  }

  /** Takes a pod that waits as if it had come up; undefined: it is not there, or may not be tried. */
  take(key: string): PodInfo | undefined {
    const known = this.#pods.get(key);
    if (known === undefined || known.state === 'running') return undefined;
    if (known.state !== 'active' && !this.#requeue(known, 'now', 'ForceActivate')) return undefined;
    return this.#begin(known);
  }

  /** Others are asked about a pod that is tried: what happens until then counts for it, too. */
  watch(pod: PodRef): void {
    const known = this.#known(pod);
    if (known?.state === 'running') this.#meanwhile.begin(known);
  }

  /** It is to be bound: what happens from here on does not matter to it. */
  decided(pod: PodRef): void {
    const known = this.#known(pod);
    if (known !== undefined) this.#meanwhile.end(known);
  }

  /** It has a place. */
  done(pod: PodRef): void {
    if (this.has(pod)) this.remove(pod.key);
  }

  /** It is not to be tried as it is; the node that is kept for it stays so until it is gone. */
  dropped(pod: PodRef): void {
    const known = this.#known(pod);
    if (known !== undefined) this.#drop(known);
  }

  /** It was refused, or the attempt itself failed. */
  failed(pod: PodRef, failure: Failure): void {
    const known = this.#known(pod);
    if (known === undefined || known.state !== 'running') return;
    const meanwhile = this.#meanwhile.end(known);
    known.rejectors = new Set([...failure.unschedulable, ...failure.pending]);
    known.pending = failure.pending;
    const isError = known.rejectors.size === 0;
    known.errors = isError ? known.errors + 1 : 0;
    if (!isError) known.refusals += 1;
    known.sinceMs = this.#options.environment.clock.monotonicMs();
    known.backoffUntilMs = known.sinceMs + this.#backoffMs(isError ? known.errors : known.refusals);
    this.#refused.add(known);
    // Which event helps a whole group nobody says: it tries again and again.
    const how = isError || this.#isGrouped(known) ? 'backoff' : this.#helpOf(known, meanwhile);
    if (!this.#requeue(known, how, ATTEMPT_FAILURE)) this.#moved('unschedulable', ATTEMPT_FAILURE);
  }

  /** Tries a pod at once, whatever it waits for. */
  activate(pod: PodRef): void {
    const known = this.#known(pod);
    if (known?.state === 'unschedulable' || known?.state === 'backoff')
      this.#requeue(known, 'now', 'ForceActivate');
  }

  /** The cluster changed: pods that it may help get another try. `which` leaves some out. */
  moved(event: ClusterEvent, which: (pod: PodInfo) => boolean = () => true): void {
    if (!this.wantsEvents) return;
    this.#meanwhile.happened(event, which);
    for (const plugin of this.#pluginsAbout(event)) {
      for (const waiting of this.#refused.by(plugin))
        if (which(waiting.info))
          this.#requeue(waiting, this.#help(waiting, event), eventLabel(event));
    }
  }

  /** Forgets all pods: no timer is left. */
  clear(): void {
    this.#pods.clear();
    this.#refused.clear();
    this.#meanwhile.clear();
    this.#backingOff.clear();
    this.#active.clear();
    this.nominator.clear();
  }

  #known({ key, uid }: PodRef): Waiting | undefined {
    const known = this.#pods.get(key);
    return known?.info.uid === uid ? known : undefined;
  }

  #rulesFor({ info }: Waiting): Rules {
    if (this.#rulesByName.size === 0) return this.#rules;
    return this.#rulesByName.get(info.pod.spec?.schedulerName ?? '') ?? this.#rules;
  }

  #isGrouped({ info }: Waiting): boolean {
    return this.#options.hasGroups === true && groupKeyOf(info.pod) !== undefined;
  }

  #help(waiting: Waiting, event: ClusterEvent): Requeue {
    return this.#rulesFor(waiting).hints.requeue(waiting, event);
  }

  /** The most that any of the events does for the pod. */
  #helpOf(waiting: Waiting, events: readonly ClusterEvent[]): Requeue {
    const answers = new Set(events.map((event) => this.#help(waiting, event)));
    if (answers.has('now')) return 'now';
    return answers.has('backoff') ? 'backoff' : 'skip';
  }

  #pluginsAbout(event: ClusterEvent): ReadonlySet<string> {
    let plugins = this.#rules.hints.pluginsAbout(event);
    for (const { hints } of this.#rulesByName.values())
      plugins = plugins.union(hints.pluginsAbout(event));
    return plugins;
  }

  #add(pod: Pod): void {
    const info = nextPodInfo(undefined, pod);
    const nowMs = this.#options.environment.clock.monotonicMs();
    const fresh = newWaiting(info, this.#order++, nowMs);
    this.#pods.set(info.key, fresh);
    this.nominator.update(undefined, info);
    this.#refused.add(fresh);
    this.#requeue(fresh, 'now', 'UnschedulablePodAdd');
  }

  #begin(waiting: Waiting): PodInfo {
    waiting.state = 'running';
    waiting.beganMs = this.#options.environment.clock.monotonicMs();
    waiting.attempts += 1;
    return waiting.info;
  }

  #nextActive(): Waiting | undefined {
    for (let next = this.#active.pop(); next !== undefined; next = this.#active.pop())
      if (next.state === 'active') return next;
    return undefined;
  }

  #nextBackingOff(): Waiting | undefined {
    const next = this.#backingOff.takeFirst();
    if (next !== undefined) this.#moved('active', 'PopFromBackoffQ');
    return next;
  }

  /** Moves a pod on; false when it stays where it is. */
  #requeue(waiting: Waiting, how: Requeue, why: string): boolean {
    if (how === 'skip' || this.#isGated(waiting, why)) return false;
    this.#refused.delete(waiting);
    if (how === 'backoff' && this.#backingOff.mustWait(waiting)) {
      this.#backingOff.add(waiting, this.#isGrouped(waiting));
      this.#moved('backoff', why);
      this.#options.wake();
    } else {
      this.#activate(waiting, why);
    }
    return true;
  }

  #activate(waiting: Waiting, why: string): void {
    waiting.state = 'active';
    waiting.firstMs ??= this.#options.environment.clock.monotonicMs();
    this.#active.push(waiting);
    this.#moved('active', why);
    this.#options.wake();
  }

  #moved(to: QueuePart, why: string): void {
    this.#options.onMove?.(to, why);
  }

  /** Asks the plug-ins that keep pods from being tried. */
  #isGated(waiting: Waiting, why: string): boolean {
    for (const plugin of this.#rulesFor(waiting).gates) {
      if (plugin.preEnqueue?.(waiting.info, this.#options.cluster) === undefined) continue;
      if (waiting.attempts === 0 && waiting.gatedBy === undefined)
        this.#moved('unschedulable', why);
      waiting.gatedBy = plugin.name;
      waiting.rejectors.add(plugin.name);
      this.#refused.add(waiting);
      return true;
    }
    delete waiting.gatedBy;
    return false;
  }

  #backoffMs(count: number): number {
    const { backoffInitialMs = BACKOFF_INITIAL_MS, backoffMaxMs = BACKOFF_MAX_MS } = this.#options;
    return Math.min(backoffMaxMs, backoffInitialMs * 2 ** (count - 1));
  }

  /** What nothing seems to have helped for long. */
  #flush(pods: Iterable<Waiting>): void {
    const before = this.#options.environment.clock.monotonicMs() - UNSCHEDULABLE_MAX_MS;
    for (const waiting of pods)
      if (waiting.sinceMs < before && waiting.gatedBy === undefined)
        this.#requeue(waiting, this.#help(waiting, ANY_EVENT), 'UnschedulableTimeout');
  }
}
