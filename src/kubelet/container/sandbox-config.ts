/**
 * The configuration of a pod's sandbox for CRI: pure.
 *
 * Upstream: pkg/kubelet/kuberuntime/kuberuntime_sandbox.go, v1.36.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { podLimits, podRequests, type ResourceList } from '#api/core/resources.ts';
import type { PodSandboxConfig, PortMapping, UserNamespace } from '#api/gen/cri-v1.ts';
import type { ContainerPort, Pod } from '#api/gen/core-v1.ts';
import { type CpuQuotas, cpuQuotaUs, cpuShares } from '../cgroups/cfs.ts';
import { PROTOCOL, SECURITY_PROFILE, SUPPLEMENTAL_GROUPS_POLICY } from '../cri/enums.ts';
import { podLabels } from '../cri/labels.ts';
import { type DnsSettings, podDns } from './dns.ts';
import { kernelHostname, podHostname } from './hostname.ts';
import { namespacesFor, supplementalGroups } from './security-context.ts';

export interface SandboxConfigInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly dns: DnsSettings;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly quotas: CpuQuotas;
  /** Absent: the node's. */
  readonly userNamespace?: UserNamespace;
}

/** Throws an Error when the pod's names do not make a valid one. */
export function sandboxConfig(input: SandboxConfigInput): PodSandboxConfig {
  const { pod, attempt, dns, logDirectory } = input;
  const { name = '', namespace = '', uid = '', annotations = {} } = pod.metadata ?? {};
  const onHost = pod.spec?.hostNetwork === true;
  const hostname = kernelHostname(podHostname(pod, dns.clusterDomain), pod);
  const { servers, searches, options } = podDns(pod, dns);
  return {
    metadata: { name, namespace, uid, attempt },
    labels: podLabels(pod),
    annotations,
    hostname: onHost ? '' : hostname,
    logDirectory,
    dnsConfig: { servers: [...servers], searches: [...searches], options: [...options] },
    portMappings: (pod.spec?.containers ?? []).flatMap(({ ports }) =>
      onHost ? [] : portMappings(ports ?? []),
    ),
    linux: sandboxLinux(input),
  };
}

function sandboxLinux(input: SandboxConfigInput) {
  const { pod, cgroupParent, quotas } = input;
  const context = pod.spec?.securityContext;
  const { runAsUser, runAsGroup } = context ?? {};
  const { overhead } = pod.spec ?? {};
  const policy = context?.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge';
  return {
    cgroupParent,
    sysctls: Object.fromEntries((context?.sysctls ?? []).map(({ name, value }) => [name, value])),
    securityContext: {
      privileged: hasPrivilegedContainer(pod),
      seccomp: { profileType: SECURITY_PROFILE.runtimeDefault },
      namespaceOptions: namespacesFor(pod, input),
      supplementalGroups: supplementalGroups(context),
      supplementalGroupsPolicy: SUPPLEMENTAL_GROUPS_POLICY[policy],
      ...(context?.seLinuxOptions === undefined ? {} : { selinuxOptions: context.seLinuxOptions }),
      ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
      ...(runAsGroup === undefined ? {} : { runAsGroup: { value: runAsGroup } }),
    },
    resources: resourcesOf(
      podRequests(pod, WITHOUT_OVERHEAD),
      podLimits(pod, WITHOUT_OVERHEAD),
      quotas,
    ),
    ...(overhead === undefined ? {} : { overhead: resourcesOf(overhead, overhead, quotas) }),
  };
}

/** The runtime is told of the overhead apart. */
const WITHOUT_OVERHEAD = { excludeOverhead: true };

function resourcesOf(requests: ResourceList, limits: ResourceList, quotas: CpuQuotas) {
  return {
    cpuShares: cpuShares(quantityMilli(requests['cpu'] ?? '0')),
    cpuPeriod: quotas.periodUs,
    cpuQuota: cpuQuotaUs(quantityMilli(limits['cpu'] ?? '0'), quotas),
    memoryLimitInBytes: quantityValue(limits['memory'] ?? '0'),
  };
}

function hasPrivilegedContainer(pod: Pod): boolean {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers].some(
    ({ securityContext }) => securityContext?.privileged === true,
  );
}

function portMappings(ports: readonly ContainerPort[]): PortMapping[] {
  return ports.map(({ protocol = 'TCP', containerPort, hostPort, hostIP }) => ({
    protocol: PROTOCOL[protocol],
    containerPort,
    hostPort: hostPort ?? 0,
    hostIp: hostIP ?? '',
  }));
}
