/**
 * What the status of a pod says of its resources as a whole: what was allocated, and where its
 * cgroup holds it to something else, that. Pure.
 *
 * Of the rounding of the kernel's figures nothing is shown while they come to what is allocated. A
 * memory request is no part of a cgroup: it shows as allocated. Source: KEP-5419; API reference
 * v1.36, PodStatus. Upstream: pkg/kubelet/kubelet_pods.go (convertToAPIPodLevelResourcesStatus),
 * v1.36.
 */
import { podLimits, podRequests, type ResourceList } from '#api/core/resources.ts';
import type { Pod, PodStatus, ResourceRequirements } from '#api/gen/core-v1.ts';
import {
  type CpuQuotas,
  cpuQuotaMilli,
  cpuSharesMilli,
  cpuWeight,
  SHARES_MIN,
} from '../cgroups/cfs.ts';
import { type CgroupLimits, podCgroupLimits } from '../cgroups/pod-cgroup.ts';
import { binaryQuantity, milliQuantity } from './actual.ts';

/** What the cgroup of a pod holds it to. */
export interface GivenToPod {
  readonly limits: Partial<CgroupLimits>;
  /** How limits of processors are held. */
  readonly quotas: CpuQuotas;
}

/** `pod`: as allocated. `given`: to one that runs; undefined: it does not, or the kernel says nothing. */
export function wholeResources(
  pod: Pod,
  given: GivenToPod | undefined,
): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const allocated = podRequests(pod);
  const resources =
    given === undefined ? { requests: allocated, limits: podLimits(pod) } : runningOf(pod, given);
  const { requests = {}, limits = {} } = resources;
  const isNothing = Object.keys({ ...requests, ...limits }).length === 0;
  return {
    ...(Object.keys(allocated).length === 0 ? {} : { allocatedResources: { ...allocated } }),
    ...(isNothing
      ? {}
      : {
          resources: {
            ...(Object.keys(limits).length === 0 ? {} : { limits: { ...limits } }),
            ...(Object.keys(requests).length === 0 ? {} : { requests: { ...requests } }),
          },
        }),
  };
}

function runningOf(pod: Pod, given: GivenToPod): ResourceRequirements {
  const { requests = {}, limits = {} } = pod.spec?.resources ?? {};
  return {
    requests: { ...requests, ...requestsOf(pod, given) },
    limits: { ...limits, ...limitsOf(pod, given) },
  };
}

function requestsOf(pod: Pod, { limits: { cpuShares: shares } }: GivenToPod): ResourceList {
  const { cpu, memory } = podRequests(pod);
  const wanted = podCgroupLimits(pod).cpuShares;
  // Weights of version 2 are coarser than shares.
  const isHeld = shares === undefined || cpuWeight(shares) === cpuWeight(wanted);
  const isLeast = isHeld || (shares <= SHARES_MIN && wanted <= SHARES_MIN);
  const shown = isLeast ? cpu : milliQuantity(cpuSharesMilli(shares));
  return {
    ...(shown === undefined ? {} : { cpu: shown }),
    ...(memory === undefined ? {} : { memory }),
  };
}

function limitsOf(pod: Pod, { limits, quotas }: GivenToPod): ResourceList {
  const { cpuQuotaUs, memoryBytes } = limits;
  const { cpu, memory } = podLimits(pod);
  const wanted = podCgroupLimits(pod, quotas);
  const cpuShown =
    cpuQuotaUs === wanted.cpuQuotaUs
      ? cpu
      : milliQuantity(cpuQuotaMilli(cpuQuotaUs ?? 0, quotas.periodUs));
  const memoryShown =
    memoryBytes === wanted.memoryBytes ? memory : binaryQuantity(memoryBytes ?? 0);
  return {
    ...(cpuQuotaUs === undefined || cpuShown === undefined ? {} : { cpu: cpuShown }),
    ...(memoryBytes === undefined || memoryShown === undefined ? {} : { memory: memoryShown }),
  };
}
