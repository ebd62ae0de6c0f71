/**
 * Metrics of autoscaling/v1 (which live in annotations only) to autoscaling/v2 and back.
 *
 * Source: upstream pkg/apis/autoscaling/v1/conversion.go.
 */
import type * as v1 from '#api/gen/autoscaling-v1.ts';
import type * as v2 from '#api/gen/autoscaling-v2.ts';
import type { LabelSelector } from '../meta/object.ts';

/** `{[name]: value}`, or nothing when there is no value. */
function some<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V });
}

function identifier(name: string, selector: LabelSelector | undefined): v2.MetricIdentifier {
  return { name, ...some('selector', selector) };
}

export function metricSpecToV2(metric: v1.MetricSpec): v2.MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric;
  const result: v2.MetricSpec = { type };
  if (object !== undefined) result.object = objectToV2(object);
  if (pods !== undefined) {
    result.pods = {
      metric: identifier(pods.metricName, pods.selector),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    };
  }
  if (resource !== undefined)
    result.resource = { name: resource.name, target: resourceTarget(resource) };
  if (containerResource !== undefined) {
    const { name, container } = containerResource;
    result.containerResource = { name, target: resourceTarget(containerResource), container };
  }
  if (external !== undefined) {
    result.external = {
      metric: identifier(external.metricName, external.metricSelector),
      target: {
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        ...some('value', external.targetValue),
        ...some('averageValue', external.targetAverageValue),
      },
    };
  }
  return result;
}

function resourceTarget(source: v1.ResourceMetricSource): v2.MetricTarget {
  return {
    type: source.targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    ...some('averageValue', source.targetAverageValue),
    ...some('averageUtilization', source.targetAverageUtilization),
  };
}

function objectToV2(source: v1.ObjectMetricSource): v2.ObjectMetricSource {
  const average = source.averageValue !== undefined;
  const target: v2.MetricTarget = {
    type: average ? 'AverageValue' : 'Value',
    ...some('averageValue', source.averageValue),
  };
  if (!average || source.targetValue !== '0') target.value = source.targetValue;
  return {
    describedObject: source.target,
    target,
    metric: identifier(source.metricName, source.selector),
  };
}

export function metricSpecFromV2(metric: v2.MetricSpec): v1.MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric;
  const result = { type } as v1.MetricSpec;
  if (object !== undefined) {
    result.object = {
      target: object.describedObject,
      metricName: object.metric.name,
      targetValue: object.target.value ?? '0',
      ...some('selector', object.metric.selector),
      ...some('averageValue', object.target.averageValue),
    };
  }
  if (pods !== undefined) {
    result.pods = {
      metricName: pods.metric.name,
      targetAverageValue: pods.target.averageValue ?? '0',
      ...some('selector', pods.metric.selector),
    };
  }
  if (resource !== undefined)
    result.resource = { name: resource.name, ...targetFields(resource.target) };
  if (containerResource !== undefined) {
    const { name, target, container } = containerResource;
    result.containerResource = { name, ...targetFields(target), container };
  }
  if (external !== undefined) {
    result.external = {
      metricName: external.metric.name,
      ...some('metricSelector', external.metric.selector),
      ...some('targetValue', external.target.value),
      ...some('targetAverageValue', external.target.averageValue),
    };
  }
  return result;
}

function targetFields(target: v2.MetricTarget): Omit<v1.ResourceMetricSource, 'name'> {
  return {
    ...some('targetAverageUtilization', target.averageUtilization),
    ...some('targetAverageValue', target.averageValue),
  };
}

export function metricStatusToV2(metric: v1.MetricStatus): v2.MetricStatus {
  const { type, object, pods, resource, containerResource, external } = metric;
  const result: v2.MetricStatus = { type };
  if (object !== undefined) {
    result.object = {
      metric: identifier(object.metricName, object.selector),
      current: { value: object.currentValue, ...some('averageValue', object.averageValue) },
      describedObject: object.target,
    };
  }
  if (pods !== undefined) {
    result.pods = {
      metric: identifier(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue },
    };
  }
  if (resource !== undefined)
    result.resource = { name: resource.name, current: currentToV2(resource) };
  if (containerResource !== undefined) {
    const { name, container } = containerResource;
    result.containerResource = { name, current: currentToV2(containerResource), container };
  }
  if (external !== undefined) {
    result.external = {
      metric: identifier(external.metricName, external.metricSelector),
      current: {
        value: external.currentValue,
        ...some('averageValue', external.currentAverageValue),
      },
    };
  }
  return result;
}

function currentToV2(status: v1.ResourceMetricStatus): v2.MetricValueStatus {
  return {
    averageValue: status.currentAverageValue,
    ...some('averageUtilization', status.currentAverageUtilization),
  };
}

export function metricStatusFromV2(metric: v2.MetricStatus): v1.MetricStatus {
  const { type, object, pods, resource, containerResource, external } = metric;
  const result = { type } as v1.MetricStatus;
  if (object !== undefined) {
    result.object = {
      target: object.describedObject,
      metricName: object.metric.name,
      currentValue: object.current.value ?? '0',
      ...some('selector', object.metric.selector),
      ...some('averageValue', object.current.averageValue),
    };
  }
  if (pods !== undefined) {
    result.pods = {
      metricName: pods.metric.name,
      currentAverageValue: pods.current.averageValue ?? '0',
      ...some('selector', pods.metric.selector),
    };
  }
  if (resource !== undefined)
    result.resource = { name: resource.name, ...currentFields(resource.current) };
  if (containerResource !== undefined) {
    const { name, current, container } = containerResource;
    result.containerResource = { name, ...currentFields(current), container };
  }
  if (external !== undefined) {
    result.external = {
      metricName: external.metric.name,
      ...some('metricSelector', external.metric.selector),
      currentValue: external.current.value ?? '0',
      ...some('currentAverageValue', external.current.averageValue),
    };
  }
  return result;
}

function currentFields(current: v2.MetricValueStatus): Omit<v1.ResourceMetricStatus, 'name'> {
  return {
    ...some('currentAverageUtilization', current.averageUtilization),
    currentAverageValue: current.averageValue ?? '0',
  };
}
