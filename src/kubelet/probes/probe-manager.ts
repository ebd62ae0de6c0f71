/**
 * Probes the containers of the pods of this node, each at its own rhythm, and keeps the verdicts.
 *
 * A probe belongs to one container id: a restarted container starts from nothing. Upstream:
 * pkg/kubelet/prober/{prober_manager,worker}.go, v1.36. Where upstream looks at each tick whether
 * it may probe, ours sets the timer for when it may.
 */
import type { Container, Pod, Probe } from '#api/gen/core-v1.ts';
import type { Timer } from '#base/env.ts';
import type { PodEvents } from '../events.ts';
import { containerIdText, type ProbeStates } from '../pod/container-status.ts';
import { latestContainer, type ObservedPod, observedIps } from '../pod/observed.ts';
import type { ProbeVerdicts } from '../pod/plan.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { messageOf } from '#base/error.ts';
import type { ProberMetrics } from '../stats/prober-metrics.ts';
import { type ProbeDoors, runProbe } from './run-probe.ts';
import { FIRST_STATE, nextState, type ProbeState, type ProbeType } from './verdict.ts';

/** A probe that could not be made is tried again at once so often. */
const TRIES_MAX = 3;
const MS_PER_SECOND = 1000;

interface Worker {
  readonly podUid: string;
  readonly podName: string;
  readonly namespace: string;
  readonly containerId: string;
  readonly container: Container;
  readonly type: ProbeType;
  readonly spec: Probe;
  readonly startedMs: number;
  readonly events: PodEvents;
  readonly stop: AbortController;
  podIp: string;
  state: ProbeState;
  timer?: Timer;
}

const TITLES = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

export class ProbeManager implements ProbeVerdicts, ProbeStates {
  readonly #doors: ProbeDoors;
  readonly #onVerdict: (podUid: string) => void;
  readonly #metrics: ProberMetrics;
  readonly #workers = new Map<string, Worker>();
  readonly #startedMs: number;

  /** `onVerdict` is told after a verdict on a container of the pod has changed. */
  constructor(
    doors: ProbeDoors & { readonly metrics: ProberMetrics },
    onVerdict: (podUid: string) => void,
  ) {
    this.#doors = doors;
    this.#metrics = doors.metrics;
    this.#onVerdict = onVerdict;
    this.#startedMs = doors.environment.clock.now();
  }

  liveness(containerId: string): boolean | undefined {
    return this.#verdict(containerId, 'liveness');
  }

  startup(containerId: string): boolean | undefined {
    return this.#verdict(containerId, 'startup');
  }

  isStarted(containerId: string, container: Container): boolean {
    return container.startupProbe === undefined || this.startup(containerId) === true;
  }

  isReady(containerId: string, container: Container): boolean {
    const verdict = this.#verdict(containerId, 'readiness');
    return container.readinessProbe === undefined || verdict === true;
  }

  /** Starts and stops probes, so that they are those of the containers that run. */
  sync(pod: Pod, observed: ObservedPod, events: PodEvents): void {
    const podUid = pod.metadata?.uid ?? '';
    const deleting = pod.metadata?.deletionTimestamp !== undefined;
    const wanted = new Set<string>();
    const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
    for (const container of [...sidecars, ...(pod.spec?.containers ?? [])]) {
      const latest = latestContainer(observed, container.name);
      if (latest?.state !== 'running') continue;
      for (const type of ['startup', 'liveness', 'readiness'] as const) {
        const spec = container[`${type}Probe`];
        // A container that is being stopped must not be restarted for looking unwell.
        if (spec === undefined || (deleting && type !== 'readiness')) continue;
        const key = keyOf(latest.id, type);
        wanted.add(key);
        const known = this.#workers.get(key);
        if (known !== undefined) {
          known.podIp = observedIps(observed)[0] ?? pod.status?.hostIP ?? '';
          continue;
        }
        this.#start({
          podUid,
          podName: pod.metadata?.name ?? '',
          namespace: pod.metadata?.namespace ?? '',
          containerId: latest.id,
          container,
          type,
          spec,
          startedMs: latest.startedMs,
          events,
          stop: new AbortController(),
          podIp: observedIps(observed)[0] ?? pod.status?.hostIP ?? '',
          state: this.#firstState(pod, latest, type),
        });
      }
    }
    for (const [key, worker] of this.#workers) {
      if (worker.podUid === podUid && !wanted.has(key)) this.#stop(key, worker);
    }
  }

  forget(podUid: string): void {
    for (const [key, worker] of this.#workers) {
      if (worker.podUid === podUid) this.#stop(key, worker);
    }
    this.#metrics.forget(podUid);
  }

  stop(): void {
    for (const [key, worker] of this.#workers) this.#stop(key, worker);
  }

  #verdict(containerId: string, type: ProbeType): boolean | undefined {
    return this.#workers.get(keyOf(containerId, type))?.state.verdict;
  }

  /** A container that was ready before this kubelet started stays so until a probe fails. */
  #firstState(
    pod: Pod,
    latest: { readonly id: string; readonly name: string; readonly startedMs: number },
    type: ProbeType,
  ): ProbeState {
    if (latest.startedMs >= this.#startedMs || type === 'liveness') return FIRST_STATE;
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
    const before = [...containerStatuses, ...initContainerStatuses].find(
      ({ name, containerID }) => name === latest.name && containerID === containerIdText(latest.id),
    );
    if (type === 'startup' && before?.started === true) {
      return { verdict: true, run: 0, onHold: true };
    }
    return type === 'readiness' && before?.ready === true
      ? { ...FIRST_STATE, verdict: true }
      : FIRST_STATE;
  }

  #start(worker: Worker): void {
    this.#workers.set(keyOf(worker.containerId, worker.type), worker);
    const { clock } = this.#doors.environment;
    const readyMs = worker.startedMs + (worker.spec.initialDelaySeconds ?? 0) * 1000;
    this.#schedule(worker, Math.max(0, readyMs - clock.now()));
  }

  #stop(key: string, worker: Worker): void {
    worker.stop.abort();
    worker.timer?.cancel();
    this.#workers.delete(key);
  }

  #schedule(worker: Worker, delayMs: number): void {
    worker.timer?.cancel();
    worker.timer = this.#doors.environment.timers.after(delayMs, () => {
      this.#tick(worker).catch((error: unknown) => {
        this.#doors.environment.log.error('probe failed', { error: String(error) });
      });
    });
  }

  async #tick(worker: Worker): Promise<void> {
    if (worker.stop.signal.aborted || worker.state.onHold) return;
    const waits =
      worker.type !== 'startup' && !this.isStarted(worker.containerId, worker.container);
    const startedMs = this.#doors.environment.clock.monotonicMs();
    if (!waits) await this.#probe(worker);
    const tookMs = this.#doors.environment.clock.monotonicMs() - startedMs;
    if (worker.stop.signal.aborted || worker.state.onHold) return;
    const periodMs = (worker.spec.periodSeconds ?? 10) * 1000;
    this.#schedule(worker, Math.max(0, periodMs - tookMs));
  }

  async #probe(worker: Worker): Promise<void> {
    const startMs = this.#doors.environment.clock.monotonicMs();
    const success = await this.#result(worker);
    if (success === undefined || worker.stop.signal.aborted) return;
    this.#count(worker, success, startMs);
    const before = worker.state.verdict;
    worker.state = nextState(worker.state, success, worker.spec, worker.type);
    if (worker.state.verdict === before) return;
    if (worker.type === 'startup' && worker.state.verdict === true) this.#wake(worker);
    this.#onVerdict(worker.podUid);
  }

  #count(worker: Worker, success: boolean, startMs: number): void {
    const { podUid, podName: pod, namespace, container } = worker;
    const probe = { type: TITLES[worker.type], container: container.name, pod, namespace, podUid };
    const tookMs = this.#doors.environment.clock.monotonicMs() - startMs;
    this.#metrics.probed(probe, success, tookMs / MS_PER_SECOND);
  }

  /** The other probes of the container begin now. */
  #wake({ containerId }: Worker): void {
    for (const type of ['liveness', 'readiness'] as const) {
      const other = this.#workers.get(keyOf(containerId, type));
      if (other !== undefined) this.#schedule(other, 0);
    }
  }

  /** Undefined when nothing was learnt. */
  async #result(worker: Worker): Promise<boolean | undefined> {
    const title = TITLES[worker.type];
    const report = (message: string): void => {
      const event = { type: 'Warning', reason: 'Unhealthy', message } as const;
      worker.events.container(worker.container, event);
    };
    let failure: unknown;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      try {
        const result = await runProbe(worker.spec, worker, this.#doors, worker.stop.signal);
        const live = !worker.stop.signal.aborted;
        if (!result.success && live) report(`${title} probe failed: ${result.output}`);
        return result.success;
      } catch (error) {
        failure = error;
        if (worker.stop.signal.aborted) return undefined;
      }
    }
    const text = messageOf(failure);
    report(`${title} probe errored and resulted in unknown state: ${text}`);
    return undefined;
  }
}

function keyOf(containerId: string, type: ProbeType): string {
  return `${containerId}/${type}`;
}
