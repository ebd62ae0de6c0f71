/**
 * What was allocated and actuated, when no checkpoint says it: from the status that was last
 * written, and from what the runtime gives a container. Pure.
 *
 * So a lost checkpoint neither grants a resize that was deferred nor restarts a container that has
 * what it shall have. Upstream takes the spec instead (allocation_manager.go, AddPod), v1.36.
 */
import { subtractQuantity } from '#api/codec/quantity.ts';
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import { cpuQuotaUs, cpuShares } from '../cgroups/cfs.ts';
import type { RuntimeResources } from '../pod/observed.ts';
import { binaryQuantity, milliQuantity, runtimeAmounts } from './actual.ts';
import { amountsOf, effective, type PodResources, resizableContainers } from './pod-resources.ts';

export function allocationFromStatus(pod: Pod): PodResources {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses];
  const entries = resizableContainers(pod).map((container) => {
    const status = statuses.find(({ name }) => name === container.name);
    return [container.name, allocated(container, status)] as const;
  });
  const whole = wholeAllocated(pod);
  return {
    containers: Object.fromEntries(entries),
    ...(whole === undefined ? {} : { pod: whole }),
  };
}

/** Of what the whole pod asks for, as much as its status says; there the overhead is on top. */
function wholeAllocated({ spec, status }: Pod): ResourceRequirements | undefined {
  const { resources, overhead = {} } = spec ?? {};
  if (resources === undefined || status?.resources === undefined) return resources;
  const told = (
    asked: Readonly<Record<string, string>> | undefined,
    shown: Readonly<Record<string, string>> = {},
  ): Record<string, string> =>
    Object.fromEntries(
      Object.keys(asked ?? {}).flatMap((name) => {
        const value = shown[name];
        if (value === undefined) return [];
        return [[name, subtractQuantity(value, overhead[name] ?? '0')] as const];
      }),
    );
  return {
    ...resources,
    requests: told(resources.requests, status.allocatedResources),
    limits: told(resources.limits, status.resources.limits),
  };
}

function allocated(
  { resources = {} }: Container,
  status: ContainerStatus | undefined,
): ResourceRequirements {
  if (status?.resources === undefined) return resources;
  const { requests: _, limits: __, ...rest } = resources;
  const { limits } = status.resources;
  const requests = status.allocatedResources;
  return {
    ...rest,
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
  };
}

/** What a running container was given; `container` is as the node has allocated it. */
export function actuatedFromRuntime(
  pod: Pod,
  container: Container,
  given: RuntimeResources | undefined,
): ResourceRequirements {
  const wanted = effective(pod, container.resources);
  if (given === undefined || isGiven(wanted, given)) return wanted;
  const { cpuRequest, cpuLimit, memoryLimit } = runtimeAmounts(given);
  const memory = wanted.requests?.['memory'];
  return {
    requests: {
      ...(cpuRequest === 0 ? {} : { cpu: milliQuantity(cpuRequest) }),
      // No part of a container's cgroup: it cannot differ.
      ...(memory === undefined ? {} : { memory }),
    },
    limits: {
      ...(cpuLimit === 0 ? {} : { cpu: milliQuantity(cpuLimit) }),
      ...(memoryLimit === 0 ? {} : { memory: binaryQuantity(memoryLimit) }),
    },
  };
}

function isGiven(wanted: ResourceRequirements, given: RuntimeResources): boolean {
  const { cpuRequest, cpuLimit, memoryLimit } = amountsOf(wanted);
  return (
    cpuShares(wanted.requests?.['cpu'] === undefined ? cpuLimit : cpuRequest) === given.cpuShares &&
    cpuQuotaUs(cpuLimit, { isEnforced: true, periodUs: given.cpuPeriod }) ===
      Math.max(0, given.cpuQuota) &&
    memoryLimit === given.memoryLimitBytes
  );
}
