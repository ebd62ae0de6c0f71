/**
 * `/metrics/probes`: how often probes were made, and how long they took.
 *
 * Upstream: pkg/kubelet/prober/{prober_manager,worker}.go, v1.36. What is counted of a pod is
 * forgotten with it; a probe that could not be made counts for nothing, as there.
 */
import { alpha, beta, type Counter, type Histogram, MetricRegistry } from '#base/metrics.ts';
import { DEFAULT_BUCKETS } from './default-buckets.ts';

const OF_PROBE = ['probe_type', 'container', 'pod', 'namespace'];
const TOTAL = beta(
  'prober_probe_total',
  'Probes that were made, by what came of them.',
  'probe_type',
  'result',
  'container',
  'pod',
  'namespace',
  'pod_uid',
);
const SECONDS = alpha(
  'prober_probe_duration_seconds',
  'How long it took until a probe was answered well.',
  ...OF_PROBE,
);

export interface ProbedContainer {
  readonly type: 'Startup' | 'Liveness' | 'Readiness';
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly podUid: string;
}

export class ProberMetrics {
  readonly registry = new MetricRegistry();
  readonly #total: Counter = this.registry.counter(TOTAL);
  readonly #seconds: Histogram = this.registry.histogram(SECONDS, DEFAULT_BUCKETS);
  /** By uid of the pod: how to forget it. */
  readonly #pods = new Map<string, Map<string, () => void>>();

  probed(what: ProbedContainer, success: boolean, seconds: number): void {
    const { type, container, pod, namespace, podUid } = what;
    const result = success ? 'successful' : 'failed';
    const total = [type, result, container, pod, namespace, podUid];
    const ofProbe = [type, container, pod, namespace];
    this.#total.add(total);
    if (success) this.#seconds.observe(ofProbe, seconds);
    const series = this.#pods.get(podUid) ?? new Map<string, () => void>();
    this.#pods.set(podUid, series);
    series.set(total.join(' '), () => {
      this.#total.remove(total);
      this.#seconds.remove(ofProbe);
    });
  }

  forget(podUid: string): void {
    for (const remove of this.#pods.get(podUid)?.values() ?? []) remove();
    this.#pods.delete(podUid);
  }
}
