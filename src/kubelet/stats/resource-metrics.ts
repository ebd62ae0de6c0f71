/**
 * `/metrics/resource`: what metrics-server reads. Pure.
 *
 * Source: KEP-727 and the metrics reference of v1.36; upstream
 * pkg/kubelet/metrics/collectors/resource_metrics.go. Values have the time at which they were read,
 * so that a rate is that of the looks and not of the questions.
 */
import { alpha, familyText, type MetricHead, type Sample, stable } from '#base/metrics.ts';
import type { ContainerLook, PodLook, UsageLook } from './looks.ts';
import type { CgroupUsage } from './cgroup-usage.ts';
import type { UsageSample } from './usage-sampler.ts';

const NANOS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1000;
const OF_CONTAINER = ['container', 'pod', 'namespace'];
const OF_POD = ['pod', 'namespace'];

/** Undefined: there is no such value. */
type Value = (usage: CgroupUsage) => number | undefined;

const cpuSeconds: Value = ({ cpuNanoseconds }) =>
  cpuNanoseconds === undefined ? undefined : cpuNanoseconds / NANOS_PER_SECOND;
const workingSet: Value = ({ memory }) => memory?.workingSetBytes;
const swap: Value = ({ memory }) => memory?.swapBytes;
const swapLimit: Value = ({ memory }) =>
  Number.isFinite(memory?.swapLimitBytes) ? memory?.swapLimitBytes : undefined;

interface Family {
  readonly head: MetricHead;
  readonly type: 'counter' | 'gauge';
  readonly of: 'node' | 'pod' | 'container';
  readonly value: Value;
}

const FAMILIES: readonly Family[] = [
  {
    head: stable(
      'container_cpu_usage_seconds_total',
      'Seconds that the container has been on processors.',
      ...OF_CONTAINER,
    ),
    type: 'counter',
    of: 'container',
    value: cpuSeconds,
  },
  {
    head: stable(
      'container_memory_working_set_bytes',
      'Memory that the container works with.',
      ...OF_CONTAINER,
    ),
    type: 'gauge',
    of: 'container',
    value: workingSet,
  },
  {
    head: alpha('container_swap_limit_bytes', 'Swap that the container may use.', ...OF_CONTAINER),
    type: 'gauge',
    of: 'container',
    value: swapLimit,
  },
  {
    head: alpha('container_swap_usage_bytes', 'Swap that the container uses.', ...OF_CONTAINER),
    type: 'gauge',
    of: 'container',
    value: swap,
  },
  {
    head: stable(
      'node_cpu_usage_seconds_total',
      'Seconds that everything on the node has been on processors.',
    ),
    type: 'counter',
    of: 'node',
    value: cpuSeconds,
  },
  {
    head: stable('node_memory_working_set_bytes', 'Memory that the node works with.'),
    type: 'gauge',
    of: 'node',
    value: workingSet,
  },
  {
    head: alpha('node_swap_usage_bytes', 'Swap that the node uses.'),
    type: 'gauge',
    of: 'node',
    value: swap,
  },
  {
    head: stable(
      'pod_cpu_usage_seconds_total',
      'Seconds that the pod has been on processors.',
      ...OF_POD,
    ),
    type: 'counter',
    of: 'pod',
    value: cpuSeconds,
  },
  {
    head: stable('pod_memory_working_set_bytes', 'Memory that the pod works with.', ...OF_POD),
    type: 'gauge',
    of: 'pod',
    value: workingSet,
  },
  {
    head: alpha('pod_swap_usage_bytes', 'Swap that the pod uses.', ...OF_POD),
    type: 'gauge',
    of: 'pod',
    value: swap,
  },
];

const STARTED = stable(
  'container_start_time_seconds',
  'When the container was made, in seconds since 1970.',
  ...OF_CONTAINER,
);
const FAILED = stable(
  'resource_scrape_error',
  '1 when the figures of containers could not be read, else 0.',
);

/** Undefined: the node could not be looked at. */
export function resourceMetrics(look: UsageLook | undefined): string {
  const failed = familyText(FAILED, 'gauge', [{ labels: [], value: look === undefined ? 1 : 0 }]);
  if (look === undefined) return failed;
  const texts = FAMILIES.map(({ head, type, of, value }) =>
    familyText(head, type, samplesOf(look, of, value)),
  );
  return [...texts, familyText(STARTED, 'gauge', startsOf(look)), failed].join('');
}

function samplesOf(look: UsageLook, of: Family['of'], value: Value): Sample[] {
  if (of === 'node') return sampleOf(look.node, [], value);
  return look.pods.flatMap((pod) => {
    if (of === 'pod') return sampleOf(pod.sample, podLabels(pod), value);
    return pod.containers.flatMap((one) => sampleOf(one.sample, containerLabels(pod, one), value));
  });
}

function sampleOf(sample: UsageSample | undefined, labels: string[], value: Value): Sample[] {
  const found = sample === undefined ? undefined : value(sample.usage);
  if (sample === undefined || found === undefined) return [];
  return [{ labels, value: found, timeMs: sample.timeMs }];
}

/** Without a time: it does not change. */
function startsOf(look: UsageLook): Sample[] {
  return look.pods.flatMap((pod) =>
    pod.containers
      .filter(({ container }) => container.createdMs > 0)
      .map((one) => ({
        labels: containerLabels(pod, one),
        value: one.container.createdMs / MS_PER_SECOND,
      })),
  );
}

function podLabels({ pod }: PodLook): string[] {
  return [pod.metadata?.name ?? '', pod.metadata?.namespace ?? ''];
}

function containerLabels(pod: PodLook, { container }: ContainerLook): string[] {
  return [container.name, ...podLabels(pod)];
}
