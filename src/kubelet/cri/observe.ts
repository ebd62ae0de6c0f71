/**
 * From CRI's messages to `pod/observed.ts`.
 *
 * Upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go (getPodContainerStatuses,
 * toKubeContainerStatus), kuberuntime_sandbox.go (determinePodSandboxIPs), v1.36.
 */
import type { ContainerStatus, PodSandboxStatus } from '#api/gen/cri-v1.ts';
import type { ContainerRunState, ObservedContainer, ObservedSandbox } from '../pod/observed.ts';
import { CONTAINER_STATE, NAMESPACE_MODE, SANDBOX_STATE } from './enums.ts';
import { CONTAINER_NAME_LABEL, rememberedContainer } from './labels.ts';

const NANOS_PER_MS = 1_000_000;

export function observedSandbox(status: PodSandboxStatus): ObservedSandbox {
  const { ip = '', additionalIps = [] } = status.network ?? {};
  const ips = ip === '' ? [] : [ip, ...additionalIps.map((extra) => extra.ip ?? '')];
  const network = status.linux?.namespaces?.options?.network ?? NAMESPACE_MODE.pod;
  return {
    id: status.id ?? '',
    attempt: status.metadata?.attempt ?? 0,
    ready: (status.state ?? SANDBOX_STATE.ready) === SANDBOX_STATE.ready,
    createdMs: toMs(status.createdAt),
    hostNetwork: network === NAMESPACE_MODE.node,
    ips: ips.filter((address) => address !== ''),
  };
}

function containerState(state: number | undefined): ContainerRunState {
  if (state === CONTAINER_STATE.running) return 'running';
  if (state === CONTAINER_STATE.exited) return 'exited';
  return state === CONTAINER_STATE.unknown ? 'unknown' : 'created';
}

/** `message`: the termination message, when the container left one. */
export function observedContainer(
  status: ContainerStatus,
  sandboxId: string,
  message: string,
): ObservedContainer {
  const { labels = {}, annotations = {} } = status;
  const remembered = rememberedContainer(annotations);
  const state = containerState(status.state);
  return {
    id: status.id ?? '',
    name: labels[CONTAINER_NAME_LABEL] ?? status.metadata?.name ?? '',
    sandboxId,
    state,
    createdMs: toMs(status.createdAt),
    startedMs: toMs(status.startedAt),
    finishedMs: toMs(status.finishedAt),
    exitCode: status.exitCode ?? 0,
    reason: status.reason ?? '',
    message: state === 'exited' ? message || (status.message ?? '') : (status.message ?? ''),
    image: status.image?.image ?? '',
    imageRef: status.imageRef ?? '',
    restartCount: remembered.restartCount,
    logPath: status.logPath ?? '',
    ...(remembered.hash === undefined ? {} : { hash: remembered.hash }),
    ...runtimeResources(status),
  };
}

function runtimeResources({ resources }: ContainerStatus): Pick<ObservedContainer, 'resources'> {
  const { linux } = resources ?? {};
  if (linux === undefined) return {};
  const { cpuShares = 0, cpuQuota = 0, cpuPeriod = 0, memoryLimitInBytes = 0 } = linux;
  return { resources: { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes: memoryLimitInBytes } };
}

function toMs(nanos: number | undefined): number {
  return Math.floor((nanos ?? 0) / NANOS_PER_MS);
}
