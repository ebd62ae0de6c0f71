/**
 * One pod's life on the node: a state machine with one hand.
 *
 *   syncing ──deleted, ended, deadline──▶ terminating ──all stopped──▶ terminated ──▶ removed
 *
 * Whatever happens (the API's object, the runtime, a probe, a timer) only says "look again";
 * looks never overlap. Nothing is remembered that a restart would need: the same look at spec,
 * runtime and disk gives the same next step. Upstream: pkg/kubelet/pod_workers.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { StatusError } from '#api/meta/status.ts';
import { sleep, type Timer } from '#base/env.ts';
import { messageOf, stackOf } from '#base/error.ts';
import { podLogDirectory } from '../container/container-config.ts';
import { PodEvents } from '../events.ts';
import { resizeMessage } from '../resize/messages.ts';
import { isSettled } from '../resize/plan-resize.ts';
import type { GivenToPod } from '../resize/whole-resources.ts';
import { POD } from '../resources.ts';
import { objectReferences } from '../volumes/sources.ts';
import { pruneContainers, removeFromRuntime } from './cleanup.ts';
import { ContainerKiller } from './container-killer.ts';
import { podDescription } from './description.ts';
import { canMountRecursiveReadOnly, downwardFacts, type NodeContext } from './node-context.ts';
import { isAnythingAlive, type ObservedPod, observedIps, wasStarted } from './observed.ts';
import { PodSync, type SyncResult } from './pod-sync.ts';
import { stopPod } from './pod-stopper.ts';
import { isRestartingAll } from './restart-all.ts';
import { isTerminalPhase, type PhaseOverride, podStatus } from './status.ts';

type Phase = 'syncing' | 'terminating' | 'terminated' | 'removed';

const STOP_RETRY_MS = 1000;
const REMOVE_RETRY_MS = 1000;
const GRACE_DEFAULT_SECONDS = 30;

export class PodWorker {
  readonly uid: string;
  readonly #node: NodeContext;
  readonly #sync: PodSync;
  readonly #killer: ContainerKiller;
  readonly events: PodEvents;
  readonly #onRemoved: () => void;
  #pod: Pod;
  /** The newest of which is decided whether it gets what its spec asks for. */
  #decided: Pod | undefined;
  #phase: Phase = 'syncing';
  /** The API no longer has the pod. */
  #gone = false;
  #override: PhaseOverride | undefined;
  #evictionGraceSeconds = Number.POSITIVE_INFINITY;
  /** What its cgroup held it to at the last look. */
  #given: GivenToPod | undefined;
  #isTornDown = false;
  /** Nothing of it runs, and its devices were given back. */
  #isReleased = false;
  readonly #tornDown = Promise.withResolvers<void>();
  /** The node has said whether it takes the pod. */
  #isAssessed = false;
  /** Something was asked of the runtime since it was looked at: what is known may be of before. */
  #mustLook = false;
  #isRejected = false;
  #dirty = false;
  #running: Promise<void> | undefined;
  #stopped = false;
  #timer: Timer | undefined;
  /** Ends waiting for images and hooks, once the pod shall end. */
  readonly #syncing = new AbortController();
  /** Ends a stop that has a longer grace period than is left. */
  #stopping: { readonly abort: AbortController; readonly graceSeconds: number } | undefined;

  constructor(node: NodeContext, pod: Pod, onRemoved: () => void) {
    this.#node = node;
    this.#pod = pod;
    this.uid = pod.metadata?.uid ?? '';
    this.#onRemoved = onRemoved;
    this.#killer = new ContainerKiller(node);
    this.#sync = new PodSync(node, this.#killer);
    this.events = new PodEvents(node.events, () => this.#pod);
    node.objects.use(this.uid, objectReferences(pod));
    node.podCertificates.track(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The node has taken the pod, and what it asked for is not free yet. */
  get isTaken(): boolean {
    const observed = this.#node.cache.get(this.uid);
    if (!this.isActive) return false;
    return this.#isAssessed || wasStarted(observed) || this.#node.allocations.has(this.uid);
  }

  /** It may hold something of the node, or get it now: it is neither over nor refused. */
  get isActive(): boolean {
    if (this.#isRejected || this.#isReleased || this.#phase === 'removed') return false;
    const isOver = isTerminalPhase(this.#pod.status?.phase);
    return !isOver || isAnythingAlive(this.#node.cache.get(this.uid));
  }

  /** The pod with what it holds of the node, and its newest status. */
  get held(): Pod {
    const status = this.#node.statuses.previous(this.#pod);
    return { ...this.#node.allocations.apply(this.#pod), status };
  }

  /** The API's object has changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata?.deletionTimestamp !== undefined) this.#endSyncing();
    this.wake();
  }

  /** The API no longer has the object: what runs of it must end. */
  forgotten(pod: Pod): void {
    this.#pod = pod;
    this.#gone = true;
    this.#node.podCertificates.forget(this.uid);
    this.#endSyncing();
    this.wake();
  }

  /** The node cannot keep the pod: it ends, and fails. `gracePeriodSeconds` instead of its own. */
  evict(override: PhaseOverride, gracePeriodSeconds: number): void {
    this.#override ??= override;
    this.#evictionGraceSeconds = gracePeriodSeconds;
    this.#endSyncing();
    this.wake();
  }

  /** Nothing of it runs or starts any more, and its volumes are gone. */
  get isCleanedUp(): boolean {
    return this.#isTornDown;
  }

  /** Resolves when that is so. */
  get cleanedUp(): Promise<void> {
    return this.#tornDown.promise;
  }

  /** Looks again, soon. */
  wake(): void {
    this.#dirty = true;
    if (this.#running !== undefined || this.#stopped || this.#phase === 'removed') return;
    this.#running = this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#dirty) this.wake();
    });
  }

  /** No more looks; containers go on running. Resolves when the present look is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#syncing.abort();
    this.#stopping?.abort.abort();
    await this.#running;
  }

  #endSyncing(): void {
    if (this.#phase === 'syncing') this.#syncing.abort();
    const graceSeconds = this.#graceSeconds();
    if (this.#stopping !== undefined && graceSeconds < this.#stopping.graceSeconds) {
      this.#stopping.abort.abort();
    }
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#stopped && this.#phase !== 'removed') {
      this.#dirty = false;
      try {
        await this.#look();
      } catch (error) {
        this.#node.environment.log.error('pod worker failed', {
          pod: this.#pod.metadata?.name,
          error: stackOf(error),
        });
        this.#wakeAfter(STOP_RETRY_MS);
      }
    }
  }

  async #look(): Promise<void> {
    const { metrics } = this.#node;
    if (this.#phase === 'syncing') {
      const operation = !this.#isAssessed
        ? 'create'
        : this.#decided === this.#pod
          ? 'sync'
          : 'update';
      await metrics.worked(operation, () => this.#lookSyncing());
    }
    if (this.#phase === 'terminating') await metrics.worked('kill', () => this.#lookTerminating());
    if (this.#phase === 'terminated')
      await metrics.worked('terminated', () => this.#lookTerminated());
  }

  async #lookSyncing(): Promise<void> {
    this.#node.metrics.starts.working(this.uid);
    if (!this.#isAssessed) await this.#assess();
    await this.#decide();
    const observed = await this.#observe();
    this.#checkDeadline();
    this.#noteResize(observed);
    await this.#lookAtCgroup(observed);
    // Before the report: a container that was ready when this kubelet started stays so.
    this.#node.probes.sync(this.#pod, observed, this.events);
    const phase = this.#report(observed, false);
    const deleted = this.#pod.metadata?.deletionTimestamp !== undefined;
    if (deleted || this.#gone || isTerminalPhase(phase)) {
      this.#phase = 'terminating';
      return;
    }
    // Of what is asked for now nobody may know what became of it: the runtime can die meanwhile.
    this.#mustLook = true;
    const result = await this.#sync.pass({
      pod: this.#granted,
      observed,
      events: this.events,
      signal: this.#syncing.signal,
      isRestartingAll: isRestartingAll(this.#node.statuses.previous(this.#pod)),
    });
    if (result.acted) {
      await pruneContainers(this.#node, await this.#observeWhat(result));
      this.#dirty = true;
      return;
    }
    this.#mustLook = result.retryAtMs !== undefined;
    // Why it waits is known only now.
    this.#report(this.#node.cache.get(this.uid), false);
    await this.#refreshVolumes(observed);
    this.#scheduleNext(result.retryAtMs);
  }

  /** As last seen. Rejects when it has to be looked at anew, and the runtime does not answer. */
  async #observe(): Promise<ObservedPod> {
    const { cache } = this.#node;
    if (!this.#mustLook) return cache.get(this.uid);
    const observed = await cache.refresh(this.uid);
    this.#mustLook = false;
    return observed;
  }

  /** After a pass that acted. */
  async #observeWhat({ started }: SyncResult): Promise<ObservedPod> {
    if (started === undefined) return this.#observe();
    const { cache } = this.#node;
    for (const one of started) await cache.started(this.#pod, one);
    this.#mustLook = false;
    return cache.get(this.uid);
  }

  /** Once, before anything of the pod is made. What was started before a restart had been taken. */
  async #assess(): Promise<void> {
    const { allocations, cache } = this.#node;
    const { metadata, status } = this.#pod;
    const isOver = metadata?.deletionTimestamp !== undefined || isTerminalPhase(status?.phase);
    const wasTaken = wasStarted(cache.get(this.uid));
    const isNew = !isOver && !this.#gone && !wasTaken;
    if (!isOver && !this.#gone && wasTaken) allocations.adopt(this.#pod);
    const rejection = isNew ? await allocations.admit(this.#pod) : undefined;
    this.#isAssessed = true;
    if (rejection === undefined) return;
    const { reason, message } = rejection;
    this.#isRejected = true;
    this.events.pod('Warning', reason, message);
    this.#override = { phase: 'Failed', reason, message: `Pod was rejected: ${message}` };
  }

  /** The spec that was decided on, with the resources that the node has allocated. */
  get #granted(): Pod {
    return this.#node.allocations.apply(this.#decided ?? this.#pod);
  }

  /** No status may speak of a spec before it is decided whether it is granted. */
  async #decide(): Promise<void> {
    while (this.#decided !== this.#pod) {
      const pod = this.#pod;
      if (!this.#isRejected && !this.#gone) await this.#node.allocations.consider(pod);
      this.#decided = pod;
    }
  }

  /** The status says it of nothing that has not begun. */
  async #lookAtCgroup({ containers }: ObservedPod): Promise<void> {
    const { cgroups, settings } = this.#node;
    const limits = containers.length > 0 ? await cgroups?.limitsOf(this.#pod) : undefined;
    this.#given = limits === undefined ? undefined : { limits, quotas: settings.limits.quotas };
  }

  /** Says that a resize goes on, or that it is done. */
  #noteResize(observed: ObservedPod): void {
    const { resizeConditions, resizer } = this.#node;
    const pod = this.#granted;
    if (!isSettled(resizer.plan(pod, observed))) {
      resizeConditions.goOn(this.uid, pod.metadata?.generation);
      return;
    }
    const done = resizeConditions.clear(this.uid, 'PodResizeInProgress');
    if (done === undefined) return;
    const message = resizeMessage('Pod resize completed', pod, done.observedGeneration ?? 0);
    this.events.pod('Normal', 'ResizeCompleted', message);
  }

  /** Writes what the volumes shall hold now. A failure is reported, and tried again later. */
  async #refreshVolumes(observed: ObservedPod): Promise<void> {
    if (!observed.containers.some(({ state }) => state === 'running')) return;
    const facts = downwardFacts(this.#node, observedIps(observed));
    await this.#node.volumes.mount(this.#granted, facts, this.events).catch(() => {
      this.#wakeAfter(REMOVE_RETRY_MS * 10);
    });
  }

  /** Deadlines and renewals come without anybody telling; nor is every change told. */
  #scheduleNext(retryAtMs: number | undefined): void {
    const deadline = this.#deadlineMs();
    const nowMs = this.#node.environment.clock.now();
    const times = [
      retryAtMs,
      deadline,
      this.#node.tokens.nextRenewalMs(this.uid),
      nowMs + this.#node.settings.syncFrequencyMs,
    ];
    const known = times.filter((time): time is number => time !== undefined);
    this.#wakeAfter(Math.max(0, Math.min(...known) - nowMs));
  }

  #wakeAfter(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#node.environment.timers.after(delayMs, () => this.wake());
  }

  #deadlineMs(): number | undefined {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    const { startTime } = this.#node.statuses.previous(this.#pod);
    if (seconds === undefined || startTime === undefined) return undefined;
    return Date.parse(startTime) + seconds * 1000;
  }

  #checkDeadline(): void {
    const deadlineMs = this.#deadlineMs();
    if (deadlineMs === undefined || deadlineMs > this.#node.environment.clock.now()) return;
    if (this.#override !== undefined) return;
    const message = 'Pod was active on the node longer than the specified deadline';
    this.events.pod('Normal', 'DeadlineExceeded', message);
    this.#override = { phase: 'Failed', reason: 'DeadlineExceeded', message };
  }

  /** Gives the phase that was reported. */
  #report(observed: ObservedPod, terminal: boolean) {
    const { allocations, statuses, probes, environment, metrics, resizeConditions } = this.#node;
    const before = this.held;
    const previous = statuses.previous(this.#pod);
    const made = podStatus({
      pod: this.#phase === 'syncing' ? this.#granted : allocations.apply(this.#pod),
      observed,
      previous,
      resize: resizeConditions.list(this.uid),
      failures: this.#sync.failures,
      probes,
      terminal,
      hostIps: this.#node.hostIps(),
      canRecursiveReadOnly: canMountRecursiveReadOnly(this.#node, this.#pod),
      nowMs: environment.clock.now(),
      ...(this.#override === undefined ? {} : { override: this.#override }),
      ...(this.#given === undefined ? {} : { given: this.#given }),
    });
    const status = this.#node.devices.withHealth(this.#pod, made);
    if (!this.#gone) statuses.set(this.#pod, status);
    metrics.starts.reported(this.uid, previous, status);
    allocations.reported(before, status);
    return status.phase;
  }

  #graceSeconds(): number {
    const { metadata, spec } = this.#pod;
    const own = spec?.terminationGracePeriodSeconds ?? GRACE_DEFAULT_SECONDS;
    const evicted = this.#evictionGraceSeconds;
    const granted = Number.isFinite(evicted) ? evicted : own;
    return Math.min(metadata?.deletionGracePeriodSeconds ?? granted, evicted);
  }

  async #lookTerminating(): Promise<void> {
    const observed = await this.#node.cache.refresh(this.uid);
    this.#node.probes.sync(this.#pod, observed, this.events);
    this.#report(observed, false);
    if (!isAnythingAlive(observed)) {
      this.#phase = 'terminated';
      return;
    }
    const stopping = { abort: new AbortController(), graceSeconds: this.#graceSeconds() };
    this.#stopping = stopping;
    try {
      await stopPod(this.#node, this.#killer, {
        pod: this.#pod,
        observed,
        events: this.events,
        gracePeriodSeconds: stopping.graceSeconds,
        signal: stopping.abort.signal,
      });
      this.#dirty = true;
    } catch (error) {
      const text = messageOf(error);
      this.events.pod('Warning', 'FailedKillPod', `error killing pod: ${text}`);
      this.#wakeAfter(STOP_RETRY_MS);
    } finally {
      this.#stopping = undefined;
    }
  }

  /** Nothing runs any more: the last status, then all that the pod had on the node. */
  async #lookTerminated(): Promise<void> {
    const { allocations, cache, cgroups, probes, statuses, volumes } = this.#node;
    if (!(await this.#giveBackDevices())) return;
    this.#report(cache.get(this.uid), true);
    allocations.roomCame();
    probes.forget(this.uid);
    this.#node.objects.use(this.uid, []);
    await Promise.all([
      this.#gone ? undefined : statuses.flushed(this.uid),
      volumes.tearDown(this.uid),
      cgroups?.removeForPod(this.#pod),
    ]);
    this.#node.userNamespaces.release(this.uid);
    this.#isTornDown = true;
    this.#tornDown.resolve();
    const deleted = this.#pod.metadata?.deletionTimestamp !== undefined;
    if (!deleted && !this.#gone) return;
    if (!this.#gone) await this.#deleteFromApi();
    await this.#remove();
  }

  /** Before the last status, after which others may have them. False: it has to be tried again. */
  async #giveBackDevices(): Promise<boolean> {
    const { devices, environment } = this.#node;
    try {
      if (!this.#isReleased) await devices.unprepare(this.#pod);
      this.#isReleased = true;
      return true;
    } catch (error) {
      const values = { pod: podDescription(this.#pod), error: messageOf(error) };
      environment.log.warn('devices not given back', values);
      this.#wakeAfter(STOP_RETRY_MS);
      return false;
    }
  }

  /** The API server keeps the object until the kubelet says that nothing is left. */
  async #deleteFromApi(): Promise<void> {
    const { name = '', namespace = '', uid = '' } = this.#pod.metadata ?? {};
    for (;;) {
      try {
        const options = { gracePeriodSeconds: 0, preconditions: { uid } };
        await this.#node.client.delete(POD, { name, namespace }, options);
        return;
      } catch (error) {
        if (error instanceof StatusError && (error.code === 404 || error.code === 409)) return;
        if (this.#stopped || this.#gone) return;
        await sleep(this.#node.environment, REMOVE_RETRY_MS);
      }
    }
  }

  async #remove(): Promise<void> {
    const { allocations, backoff, cache, fileSystem, images, resizer, settings, statuses } =
      this.#node;
    await removeFromRuntime(this.#node, cache.get(this.uid));
    await fileSystem.remove(podLogDirectory(settings.logRoot, this.#pod));
    statuses.forget(this.uid);
    images.forget(this.uid);
    backoff.forget(this.uid);
    await cache.refresh(this.uid);
    this.#timer?.cancel();
    this.#phase = 'removed';
    this.#onRemoved();
    resizer.forget(this.uid);
    allocations.forget(this.uid);
  }
}
