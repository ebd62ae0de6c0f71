/**
 * How long pods take until they run.
 *
 *   seen (watch) ──▶ worker starts ──▶ images pulled ──▶ status says Running ──▶ seen to run (watch)
 *
 * Source: Kubernetes' pod startup latency SLI (sig-scalability/slos/pod_startup_latency.md).
 * Upstream: pkg/kubelet/util/pod_startup_latency_tracker.go, pkg/kubelet/kubelet.go, v1.36. Of init
 * containers that were run more than once, the last run is taken out of the SLI.
 */
import { isSidecar } from '#api/core/pod-helpers.ts';
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import type { Clock } from '#base/env.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { DEFAULT_BUCKETS } from './default-buckets.ts';

const MS_PER_SECOND = 1000;
/** Seconds. */
const START_BUCKETS = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800,
  2700, 3600,
];

interface PodStart {
  readonly seenMs: number;
  /** It was on its way already when it was seen: what it took is not known. */
  readonly isOld: boolean;
  isWorking: boolean;
  /** Its status has said that it runs. */
  isRunning: boolean;
  isRecorded: boolean;
  /** Images that are being pulled for it, and since when any is. */
  pulls: number;
  pullingSinceMs: number;
  pulledMs: number;
}

export class PodStartMetrics {
  readonly #clock: Clock;
  readonly #pods = new Map<string, PodStart>();
  readonly #seconds: Histogram;
  readonly #sliSeconds: Histogram;
  readonly #totalSeconds: Histogram;
  readonly #workerSeconds: Histogram;
  readonly #containers: Histogram;
  readonly #firstNetworkPod: Counter;
  #isFirstSeen = false;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    const histogram = (name: string, help: string, buckets: readonly number[]) =>
      registry.histogram(alpha(`kubelet_${name}`, help), buckets);
    this.#seconds = histogram(
      'pod_start_duration_seconds',
      'From the kubelet seeing a pod until it runs.',
      START_BUCKETS,
    );
    this.#sliSeconds = histogram(
      'pod_start_sli_duration_seconds',
      'From the making of a pod without state until it is seen to run, without pulls of images and init containers.',
      START_BUCKETS,
    );
    this.#totalSeconds = histogram(
      'pod_start_total_duration_seconds',
      'From the making of a pod until it is seen to run.',
      START_BUCKETS,
    );
    this.#workerSeconds = histogram(
      'pod_worker_start_duration_seconds',
      'From the kubelet seeing a pod until it begins with it.',
      DEFAULT_BUCKETS,
    );
    this.#containers = histogram(
      'containers_per_pod_count',
      'Containers of a pod.',
      [1, 2, 4, 8, 16],
    );
    this.#firstNetworkPod = registry.gauge(
      alpha(
        'kubelet_first_network_pod_start_sli_duration_seconds',
        'What the first pod with a network of its own took, as the SLI counts.',
      ),
    );
  }

  /** The API shows the pod so. */
  watched(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const known = this.#pods.get(uid);
    if (known === undefined) {
      this.#containers.observe([], pod.spec?.containers.length ?? 0);
      this.#pods.set(uid, {
        seenMs: this.#clock.monotonicMs(),
        isOld: pod.status?.startTime !== undefined,
        isWorking: false,
        isRunning: false,
        isRecorded: false,
        pulls: 0,
        pullingSinceMs: 0,
        pulledMs: 0,
      });
      return;
    }
    if (known.isOld || known.isRecorded || !known.isRunning) return;
    if (!hasStarted(pod.status)) return;
    known.isRecorded = true;
    this.#record(pod, known);
  }

  /** The worker begins. */
  working(podUid: string): void {
    const start = this.#pods.get(podUid);
    if (start === undefined || start.isWorking) return;
    start.isWorking = true;
    this.#workerSeconds.observe([], this.#since(start.seenMs));
  }

  /** An image for the pod begins to be pulled, or that is over. Those at one time count once. */
  pulling(podUid: string, isOver: boolean): void {
    const start = this.#pods.get(podUid);
    if (start === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (!isOver && start.pulls === 0) start.pullingSinceMs = nowMs;
    start.pulls += isOver ? -1 : 1;
    if (isOver && start.pulls === 0) start.pulledMs += nowMs - start.pullingSinceMs;
  }

  /** The status is to be written: what it was, and what it is. */
  reported(podUid: string, before: PodStatus, after: PodStatus): void {
    const start = this.#pods.get(podUid);
    if (start === undefined) return;
    if (before.phase === 'Pending' && after.phase === 'Running')
      this.#seconds.observe([], this.#since(start.seenMs));
    if (hasStarted(after)) start.isRunning = true;
  }

  forget(podUid: string): void {
    this.#pods.delete(podUid);
  }

  #since(monotonicMs: number): number {
    return (this.#clock.monotonicMs() - monotonicMs) / MS_PER_SECOND;
  }

  #record(pod: Pod, { pulledMs }: PodStart): void {
    const createdMs = Date.parse(pod.metadata?.creationTimestamp ?? '');
    const tookMs = this.#clock.now() - createdMs;
    if (!Number.isFinite(tookMs)) return;
    this.#totalSeconds.observe([], tookMs / MS_PER_SECOND);
    if (hasState(pod)) return;
    const sliSeconds = (tookMs - pulledMs - initMs(pod)) / MS_PER_SECOND;
    this.#sliSeconds.observe([], sliSeconds);
    if (pod.spec?.hostNetwork === true || this.#isFirstSeen) return;
    this.#isFirstSeen = true;
    this.#firstNetworkPod.set([], sliSeconds);
  }
}

function hasStarted(status: PodStatus | undefined): boolean {
  const { containerStatuses = [] } = status ?? {};
  return (
    containerStatuses.length > 0 &&
    containerStatuses.every(({ state }) => state?.running?.startedAt !== undefined)
  );
}

/** It has a volume of another kind than those that come and go with it. */
function hasState(pod: Pod): boolean {
  return (pod.spec?.volumes ?? []).some(({ secret, configMap, downwardAPI, emptyDir, projected }) =>
    [secret, configMap, downwardAPI, emptyDir, projected].every((one) => one === undefined),
  );
}

function initMs({ spec, status }: Pod): number {
  const ending = (spec?.initContainers ?? []).filter((container) => !isSidecar(container));
  const runs = (status?.initContainerStatuses ?? []).map(({ name, state }) => {
    const { startedAt = '', finishedAt = '' } = state?.terminated ?? {};
    const tookMs = Date.parse(finishedAt) - Date.parse(startedAt);
    return ending.some((container) => container.name === name) && tookMs > 0 ? tookMs : 0;
  });
  return runs.reduce((sum, tookMs) => sum + tookMs, 0);
}
