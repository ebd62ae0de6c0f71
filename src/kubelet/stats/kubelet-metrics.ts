/**
 * `/metrics`: what the kubelet says of itself, under upstream's names.
 *
 * Source: the metrics reference of v1.36, kubelet_…; upstream pkg/kubelet/metrics/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  countsBy,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { ObservedPod } from '../pod/observed.ts';
import type { ContainerStart } from '../pod/plan.ts';
import { DEFAULT_BUCKETS } from './default-buckets.ts';
import { PodStartMetrics } from './pod-start-metrics.ts';
import { ProberMetrics } from './prober-metrics.ts';

const MS_PER_SECOND = 1000;

const CONTAINER_TYPES: Readonly<Record<ContainerStart['kind'], string>> = {
  init: 'init_container',
  regular: 'container',
  ephemeral: 'ephemeral_container',
};

export type WorkerOperation = 'create' | 'update' | 'sync' | 'kill' | 'terminated';

export class KubeletMetrics {
  readonly registry: MetricRegistry;
  readonly probes = new ProberMetrics();
  readonly starts: PodStartMetrics;
  readonly #clock: Clock;
  readonly #workers: Histogram;
  readonly #containers: Counter;
  readonly #containerErrors: Counter;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.registry = registry;
    this.#clock = clock;
    this.starts = new PodStartMetrics(registry, clock);
    this.#workers = registry.histogram(
      alpha(
        'kubelet_pod_worker_duration_seconds',
        'How long looks at pods took.',
        'operation_type',
      ),
      DEFAULT_BUCKETS,
    );
    this.#containers = registry.counter(
      alpha(
        'kubelet_started_containers_total',
        'Containers that were to be started.',
        'container_type',
      ),
    );
    this.#containerErrors = registry.counter(
      alpha(
        'kubelet_started_containers_errors_total',
        'Containers that could not be started, and why.',
        'container_type',
        'code',
      ),
    );
  }

  /** Does it, and counts how long it took, whatever comes of it. */
  async worked(operation: WorkerOperation, work: () => Promise<void>): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    try {
      await work();
    } finally {
      const seconds = (this.#clock.monotonicMs() - startMs) / MS_PER_SECOND;
      this.#workers.observe([operation], seconds);
    }
  }

  containerStarts({ kind }: ContainerStart): void {
    this.#containers.add([CONTAINER_TYPES[kind]]);
  }

  /** `reason`: of its waiting state. */
  containerFailed({ kind }: ContainerStart, reason: string): void {
    this.#containerErrors.add([CONTAINER_TYPES[kind], reason]);
  }
}

/** What is counted only when somebody looks. */
export function observeKubelet(
  registry: MetricRegistry,
  kubelet: {
    readonly nodeName: string;
    /** Milliseconds since 1970. */
    readonly startedMs: number;
    readonly cgroupVersion: number | undefined;
    readonly pods: () => readonly Pod[];
    readonly observed: () => readonly ObservedPod[];
  },
): void {
  const { nodeName, startedMs, cgroupVersion, pods, observed } = kubelet;
  registry.observed(alpha('kubelet_node_name', 'The name of the node; always 1.', 'node'), () => [
    [[nodeName], 1],
  ]);
  registry.observed(
    {
      name: 'process_start_time_seconds',
      help: 'When the process began, in seconds since 1970.',
      labels: [],
    },
    () => [[[], startedMs / MS_PER_SECOND]],
  );
  if (cgroupVersion !== undefined) {
    registry.observed(alpha('kubelet_cgroup_version', "Of the kernel's cgroups."), () => [
      [[], cgroupVersion],
    ]);
  }
  registry.observed(alpha('kubelet_running_pods', 'Pods with a sandbox that runs.'), () => [
    [[], observed().filter(({ sandboxes }) => sandboxes.some(({ ready }) => ready)).length],
  ]);
  registry.observed(
    alpha('kubelet_running_containers', 'Containers, by state.', 'container_state'),
    () =>
      countsBy(
        observed().flatMap(({ containers }) => containers),
        ({ state }) => [state],
      ),
  );
  registry.observed(alpha('kubelet_desired_pods', 'Pods that are to run here.', 'static'), () => [
    [[''], pods().length],
  ]);
  registry.observed(
    alpha('kubelet_managed_ephemeral_containers', 'Ephemeral containers of the pods here.'),
    () => {
      const counts = pods().map(({ spec }) => spec?.ephemeralContainers?.length ?? 0);
      return [[[], counts.reduce((sum, count) => sum + count, 0)]];
    },
  );
}
