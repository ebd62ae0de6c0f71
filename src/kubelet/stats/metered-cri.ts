/**
 * The runtime, with what it is asked counted under upstream's names.
 *
 * Upstream: pkg/kubelet/kuberuntime/instrumented_services.go, pkg/kubelet/metrics/metrics.go, v1.36.
 */
import type { RunPodSandboxRequest, PullImageRequest } from '#api/gen/cri-v1.ts';
import type { Clock } from '#base/env.ts';
import { alpha, exponentialBuckets, type MetricRegistry } from '#base/metrics.ts';
import type { Cri, CriCallName } from '../cri/cri.ts';
import { DEFAULT_BUCKETS } from './default-buckets.ts';

const MS_PER_SECOND = 1000;

/** As upstream calls them. */
const OPERATIONS: Readonly<Record<CriCallName, string>> = {
  version: 'version',
  status: 'status',
  runtimeConfig: 'runtime_config',
  updateRuntimeConfig: 'update_runtime_config',
  runPodSandbox: 'run_podsandbox',
  stopPodSandbox: 'stop_podsandbox',
  removePodSandbox: 'remove_podsandbox',
  podSandboxStatus: 'podsandbox_status',
  listPodSandbox: 'list_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  updateContainerResources: 'update_container',
  removeContainer: 'remove_container',
  listContainers: 'list_containers',
  containerStatus: 'container_status',
  listContainerStats: 'list_container_stats',
  checkpointContainer: 'checkpoint_container',
  reopenContainerLog: 'reopen_container_log',
  execSync: 'exec_sync',
  exec: 'exec',
  attach: 'attach',
  portForward: 'port_forward',
  listImages: 'list_images',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  removeImage: 'remove_image',
  imageFsInfo: 'image_fs_info',
};

export interface MeteredCriOptions {
  readonly registry: MetricRegistry;
  readonly clock: Clock;
  /** Told when the image for a pod begins to be pulled, and when that ends. */
  readonly onPull: (podUid: string, isOver: boolean) => void;
}

export function meteredCri(cri: Cri, { registry, clock, onPull }: MeteredCriOptions): Cri {
  const metrics = runtimeMetrics(registry);
  return {
    async call(name, request, options) {
      const operation = OPERATIONS[name];
      const handler =
        name === 'runPodSandbox'
          ? ((request as RunPodSandboxRequest).runtimeHandler ?? '')
          : undefined;
      const puller =
        name === 'pullImage'
          ? (request as PullImageRequest).sandboxConfig?.metadata?.uid
          : undefined;
      const startMs = clock.monotonicMs();
      if (handler !== undefined) metrics.startedPods.add([]);
      if (puller !== undefined) onPull(puller, false);
      try {
        return await cri.call(name, request, options);
      } catch (error) {
        metrics.errors.add([operation]);
        if (handler !== undefined) {
          metrics.startedPodErrors.add([]);
          metrics.sandboxErrors.add([handler]);
        }
        throw error;
      } finally {
        const seconds = (clock.monotonicMs() - startMs) / MS_PER_SECOND;
        metrics.operations.add([operation]);
        metrics.durations.observe([operation], seconds);
        if (handler !== undefined) metrics.sandboxDurations.observe([handler], seconds);
        if (puller !== undefined) onPull(puller, true);
      }
    },
    watchEvents: (onEvent, signal) => cri.watchEvents(onEvent, signal),
  };
}

function runtimeMetrics(registry: MetricRegistry) {
  const counter = (name: string, help: string, ...labels: string[]) =>
    registry.counter(alpha(`kubelet_${name}`, help, ...labels));
  return {
    operations: counter('runtime_operations_total', 'Calls of the runtime.', 'operation_type'),
    errors: counter('runtime_operations_errors_total', 'Calls that failed.', 'operation_type'),
    durations: registry.histogram(
      alpha(
        'kubelet_runtime_operations_duration_seconds',
        'How long calls of the runtime took.',
        'operation_type',
      ),
      exponentialBuckets(0.005, 2.5, 14),
    ),
    startedPods: counter('started_pods_total', 'Sandboxes that were to be made.'),
    startedPodErrors: counter('started_pods_errors_total', 'Sandboxes that could not be made.'),
    sandboxDurations: registry.histogram(
      alpha(
        'kubelet_run_podsandbox_duration_seconds',
        'How long it took to make sandboxes.',
        'runtime_handler',
      ),
      DEFAULT_BUCKETS,
    ),
    sandboxErrors: counter(
      'run_podsandbox_errors_total',
      'Sandboxes that could not be made.',
      'runtime_handler',
    ),
  };
}
