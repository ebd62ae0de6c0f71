/**
 * What is shown of StatefulSets that may have several Pods unavailable at once.
 *
 * Upstream: pkg/controller/statefulset/metrics/metrics.go, v1.36.
 */
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';

const LABELS = ['statefulset_namespace', 'statefulset_name', 'pod_management_policy'];
const MAX_UNAVAILABLE = alpha(
  'statefulset_controller_statefulset_max_unavailable',
  'How many Pods may be unavailable during an update.',
  ...LABELS,
);
const UNAVAILABLE = alpha(
  'statefulset_controller_statefulset_unavailable_replicas',
  'How many Pods are unavailable.',
  ...LABELS,
);

export function statefulSetMetrics(registry: MetricRegistry) {
  return { limit: registry.gauge(MAX_UNAVAILABLE), unavailable: registry.gauge(UNAVAILABLE) };
}

/** `unavailable`: undefined when the pass did not come to its updates. */
export function showUnavailable(
  registry: MetricRegistry,
  { metadata, spec }: StatefulSet,
  counts: { readonly limit: number; readonly unavailable: number | undefined },
): void {
  const { limit, unavailable } = statefulSetMetrics(registry);
  const policy = spec?.podManagementPolicy ?? 'OrderedReady';
  const labels = [metadata?.namespace ?? '', metadata?.name ?? '', policy];
  limit.set(labels, counts.limit);
  if (counts.unavailable !== undefined) unavailable.set(labels, counts.unavailable);
}
