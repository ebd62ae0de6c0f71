/** The Targets column of a HorizontalPodAutoscaler: current and wanted values of its metrics. */
import type {
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '#api/gen/autoscaling-v2.ts';

const SHOWN_MAX = 2;
const UNKNOWN = '<unknown>';

/** `cpu: 12%/80%, memory: <unknown>/1Gi` */
export function formatMetrics(
  specs: readonly MetricSpec[],
  statuses: readonly MetricStatus[],
): string {
  if (specs.length === 0) return '<none>';
  const shown = specs.map((spec, i) => formatMetric(spec, statuses[i]));
  if (shown.length <= SHOWN_MAX) return shown.join(', ');
  return `${shown.slice(0, SHOWN_MAX).join(', ')} + ${shown.length - SHOWN_MAX} more...`;
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueOrAverage(spec.external?.target, status?.external?.current);
    case 'Object':
      return valueOrAverage(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${spec.pods?.target?.averageValue ?? ''}`;
    case 'Resource':
      return resource(spec.resource, status?.resource?.current);
    case 'ContainerResource':
      return resource(spec.containerResource, status?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

function valueOrAverage(
  target: MetricTarget | undefined,
  current: MetricValueStatus | undefined,
): string {
  if (target?.averageValue !== undefined) {
    return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  }
  return `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`;
}

function resource(
  source: { readonly name: string; readonly target: MetricTarget } | undefined,
  current: MetricValueStatus | undefined,
): string {
  const name = source?.name ?? '';
  if (source?.target?.averageValue !== undefined) {
    return `${name}: ${current?.averageValue ?? UNKNOWN}/${source.target.averageValue}`;
  }
  const percent = (value: number | undefined, missing: string): string =>
    value === undefined ? missing : `${value}%`;
  return `${name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(source?.target?.averageUtilization, '<auto>')}`;
}
