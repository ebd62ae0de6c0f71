/**
 * autoscaling/v1 HorizontalPodAutoscaler to v2 and back. What v1 has no field for travels in
 * annotations, as JSON of v1's own metric types; the behavior as upstream's internal type, whose
 * field names are capitalized.
 *
 * Source: upstream pkg/apis/autoscaling/v1/conversion.go.
 */
import type * as v1 from '#api/gen/autoscaling-v1.ts';
import type * as v2 from '#api/gen/autoscaling-v2.ts';
import type { KubeObject, ObjectMeta } from '../meta/object.ts';
import {
  metricSpecFromV2,
  metricSpecToV2,
  metricStatusFromV2,
  metricStatusToV2,
} from './metric-conversion.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const STATUSES = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
/** Annotations that hold parts of the spec, and those that hold parts of the status. */
export const SPEC_ANNOTATIONS: readonly string[] = [METRICS, BEHAVIOR];
export const STATUS_ANNOTATIONS: readonly string[] = [STATUSES, CONDITIONS];
const ROUND_TRIP = [...SPEC_ANNOTATIONS, ...STATUS_ANNOTATIONS];
const CPU_UTILIZATION = 80;

const utilization = (percent: number): v2.MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});

const isCpuUtilization = (metric: v2.MetricSpec): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.target?.averageUtilization !== undefined;

/** The stored form of a v1 object. Changes nothing of `object`. */
export function toV2(object: KubeObject): v2.HorizontalPodAutoscaler {
  const source = object as v1.HorizontalPodAutoscaler;
  const annotations = source.metadata?.annotations ?? {};
  const { spec, status } = source;
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(source.metadata, {}),
    ...(spec === undefined ? {} : { spec: specToV2(spec, annotations) }),
    ...(status === undefined ? {} : { status: statusToV2(status, annotations) }),
  };
}

function specToV2(
  spec: v1.HorizontalPodAutoscalerSpec,
  annotations: Record<string, string>,
): v2.HorizontalPodAutoscalerSpec {
  const { targetCPUUtilizationPercentage: percent, ...rest } = spec;
  const metrics = (parse<v1.MetricSpec[]>(annotations[METRICS]) ?? []).map(metricSpecToV2);
  if (percent !== undefined) metrics.push(utilization(percent));
  if (metrics.length === 0) metrics.push(utilization(CPU_UTILIZATION));
  const behavior = behaviorFromAnnotation(annotations[BEHAVIOR]);
  return { ...rest, metrics, ...(behavior === undefined ? {} : { behavior }) };
}

function statusToV2(
  status: v1.HorizontalPodAutoscalerStatus,
  annotations: Record<string, string>,
): v2.HorizontalPodAutoscalerStatus {
  const { currentCPUUtilizationPercentage: percent, ...rest } = status;
  const current = { averageUtilization: percent ?? 0 };
  const own: v2.MetricStatus[] =
    percent === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', current } }];
  const conditions = parse<v2.HorizontalPodAutoscalerCondition[]>(annotations[CONDITIONS]);
  const saved = parse<v1.MetricStatus[]>(annotations[STATUSES]);
  return {
    ...rest,
    currentMetrics: saved?.map(metricStatusToV2) ?? own,
    ...(conditions === undefined ? {} : { conditions }),
  };
}

const sources = new WeakMap<object, v2.HorizontalPodAutoscaler>();

/** What `fromV2` has made `object` of: it has the metrics in their order. Else what it becomes. */
export function storedForm(object: KubeObject): v2.HorizontalPodAutoscaler {
  return sources.get(object) ?? toV2(object);
}

/** A stored object as v1 shows it. Changes nothing of `object`. */
export function fromV2(object: KubeObject): v1.HorizontalPodAutoscaler {
  const { metadata, spec, status } = object as v2.HorizontalPodAutoscaler;
  const saved: Record<string, string> = {};
  const others = (spec?.metrics ?? []).filter((metric) => !isCpuUtilization(metric));
  if (others.length > 0) saved[METRICS] = JSON.stringify(others.map(metricSpecFromV2));
  const current = status?.currentMetrics ?? [];
  if (current.length > 0) saved[STATUSES] = JSON.stringify(current.map(metricStatusFromV2));
  if (spec?.behavior !== undefined) saved[BEHAVIOR] = behaviorToAnnotation(spec.behavior);
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) saved[CONDITIONS] = JSON.stringify(conditions);
  const made = {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, saved),
    ...(spec === undefined ? {} : { spec: specFromV2(spec) }),
    ...(status === undefined ? {} : { status: statusFromV2(status) }),
  };
  sources.set(made, object as v2.HorizontalPodAutoscaler);
  return made;
}

function specFromV2(spec: v2.HorizontalPodAutoscalerSpec): v1.HorizontalPodAutoscalerSpec {
  const { metrics, behavior: _behavior, ...rest } = spec;
  const percent = metrics?.find(isCpuUtilization)?.resource?.target.averageUtilization;
  return { ...rest, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) };
}

function statusFromV2(status: v2.HorizontalPodAutoscalerStatus): v1.HorizontalPodAutoscalerStatus {
  const { currentMetrics, conditions: _conditions, currentReplicas, ...rest } = status;
  const cpu = currentMetrics?.findLast(
    (metric) =>
      metric.type === 'Resource' &&
      metric.resource?.name === 'cpu' &&
      metric.resource.current?.averageUtilization !== undefined,
  );
  const percent = cpu?.resource?.current.averageUtilization;
  return {
    ...rest,
    currentReplicas: currentReplicas ?? 0,
    ...(percent === undefined ? {} : { currentCPUUtilizationPercentage: percent }),
  };
}

/** The metadata with the round-trip annotations replaced by `saved`. */
function withAnnotations(
  metadata: ObjectMeta | undefined,
  saved: Record<string, string>,
): ObjectMeta {
  const { annotations: old, ...rest } = metadata ?? {};
  const kept = Object.entries(old ?? {}).filter(([name]) => !ROUND_TRIP.includes(name));
  const annotations = { ...Object.fromEntries(kept), ...saved };
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

/** An annotation that is not JSON is dropped, as upstream does. */
function parse<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

interface InternalRules {
  StabilizationWindowSeconds?: number | null;
  SelectPolicy?: string | null;
  Policies?: { Type: string; Value: number; PeriodSeconds: number }[] | null;
  Tolerance?: string | null;
}

function behaviorToAnnotation({ scaleUp, scaleDown }: v2.HorizontalPodAutoscalerBehavior): string {
  const internal = (rules: v2.HPAScalingRules | undefined): InternalRules | null =>
    rules === undefined
      ? null
      : {
          StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
          SelectPolicy: rules.selectPolicy ?? null,
          Policies:
            rules.policies?.map(({ type, value, periodSeconds }) => ({
              Type: type,
              Value: value,
              PeriodSeconds: periodSeconds,
            })) ?? null,
          Tolerance: rules.tolerance ?? null,
        };
  return JSON.stringify({ ScaleUp: internal(scaleUp), ScaleDown: internal(scaleDown) });
}

function behaviorFromAnnotation(
  text: string | undefined,
): v2.HorizontalPodAutoscalerBehavior | undefined {
  const parsed = parse<{ ScaleUp?: InternalRules | null; ScaleDown?: InternalRules | null }>(text);
  const behavior: v2.HorizontalPodAutoscalerBehavior = {};
  if (parsed?.ScaleUp) behavior.scaleUp = rulesFromInternal(parsed.ScaleUp);
  if (parsed?.ScaleDown) behavior.scaleDown = rulesFromInternal(parsed.ScaleDown);
  return Object.keys(behavior).length === 0 ? undefined : behavior;
}

function rulesFromInternal(rules: InternalRules): v2.HPAScalingRules {
  const result: v2.HPAScalingRules = {};
  if (typeof rules.StabilizationWindowSeconds === 'number') {
    result.stabilizationWindowSeconds = rules.StabilizationWindowSeconds;
  }
  if (rules.SelectPolicy) result.selectPolicy = rules.SelectPolicy;
  if (rules.Policies) {
    result.policies = rules.Policies.map(({ Type, Value, PeriodSeconds }) => ({
      type: Type,
      value: Value,
      periodSeconds: PeriodSeconds,
    }));
  }
  if (rules.Tolerance) result.tolerance = rules.Tolerance;
  return result;
}
