/**
 * The configuration of one container for CRI: pure, from facts that were gathered before.
 *
 * Upstream: pkg/kubelet/kuberuntime/kuberuntime_container{,_linux}.go, v1.36.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import type {
  ContainerConfig,
  LinuxContainerResources,
  Mount,
  UserNamespace,
} from '#api/gen/cri-v1.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { type CpuQuotas, cpuQuotaUs, cpuShares } from '../cgroups/cfs.ts';
import { oomScoreAdjust } from '../cgroups/oom-score.ts';
import type { ContainerDevices } from '../devices/container-devices.ts';
import { containerAnnotations, containerLabels } from '../cri/labels.ts';
import { expandVariables } from './expansion.ts';
import { type ImageUser, linuxSecurityContext } from './security-context.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly restartCount: number;
  /** As the runtime names the image, after it was found or pulled. */
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly environment: ReadonlyMap<string, string>;
  /** With those of its devices. */
  readonly mounts: readonly Mount[];
  /** Of its plug-ins and claims, and of volumes that are not mounted. */
  readonly devices: Pick<ContainerDevices, 'devices' | 'annotations' | 'cdiDevices'>;
  readonly terminationHostPath: string;
  readonly limits: ContainerLimits;
  readonly seccompDirectory: string;
  /** Containers that name no profile get the runtime's. */
  readonly seccompDefault: boolean;
  readonly targetContainerId?: string;
  /** Of the pod's sandbox; absent: the node's. */
  readonly userNamespace?: UserNamespace;
}

/** How the node holds containers to their limits. */
export interface ContainerLimits {
  /** Bytes of the node. */
  readonly memoryCapacity: number;
  readonly quotas: CpuQuotas;
  /** Out of memory, all processes of a container die together (`memory.oom.group` of version 2). */
  readonly killsAll: boolean;
}

export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, restartCount, environment } = input;
  const expand = (text: string): string =>
    expandVariables(text, (name) => environment.get(name) ?? undefined);
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    labels: containerLabels(container, pod),
    annotations: { ...input.devices.annotations, ...containerAnnotations(container, pod, input) },
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: input.mounts.map((mount) => ({ ...mount, ...mappingsOf(input.userNamespace) })),
    devices: [...input.devices.devices],
    CDIDevices: [...input.devices.cdiDevices],
    logPath: containerLogPath(container.name, restartCount),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: containerResources(pod, container, input.limits),
      securityContext: linuxSecurityContext({ ...input, user: input.imageUser }),
    },
  };
}

/** What is mounted shows the ids of the namespace. */
function mappingsOf(
  namespace: UserNamespace | undefined,
): Pick<Mount, 'uidMappings' | 'gidMappings'> {
  const { uids, gids } = namespace ?? {};
  return {
    ...(uids === undefined ? {} : { uidMappings: uids }),
    ...(gids === undefined ? {} : { gidMappings: gids }),
  };
}

/** Below the log directory of the pod. */
function containerLogPath(name: string, restartCount: number): string {
  return `${name}/${restartCount}.log`;
}

/** `<root>/<namespace>_<name>_<uid>` */
export function podLogDirectory(root: string, pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  return `${root}/${namespace}_${name}_${uid}`;
}

/** A limit of the pod holds for a container without one. */
export function containerResources(
  pod: Pod,
  container: Container,
  { memoryCapacity, quotas, killsAll }: ContainerLimits,
): LinuxContainerResources {
  const { requests, limits } = container.resources ?? {};
  const podLimits = pod.spec?.resources?.limits;
  const cpuLimit = limits?.['cpu'] ?? podLimits?.['cpu'] ?? '0';
  const memoryLimit = limits?.['memory'] ?? podLimits?.['memory'] ?? '0';
  return {
    cpuShares: cpuShares(quantityMilli(requests?.['cpu'] ?? cpuLimit)),
    cpuPeriod: quotas.periodUs,
    cpuQuota: cpuQuotaUs(quantityMilli(cpuLimit), quotas),
    memoryLimitInBytes: quantityValue(memoryLimit),
    oomScoreAdj: oomScoreAdjust(pod, container, memoryCapacity),
    ...(killsAll ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}
