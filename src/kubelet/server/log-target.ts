/**
 * Which container a request for a log means: the one that runs, the last that ended, or the one
 * before it.
 *
 * Upstream: pkg/kubelet/kubelet_pods.go (validateContainerLogStatus), v1.36.
 */
import type { ContainerStatus, PodStatus } from '#api/gen/core-v1.ts';

const WAITING_TEXTS: Record<string, string> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

export interface LogTargetRequest {
  readonly podName: string;
  readonly status: PodStatus;
  readonly container: string;
  readonly previous: boolean;
}

/** The container's id in the runtime. Throws an Error with upstream's message (a 400). */
export function logTarget({ podName, status, container, previous }: LogTargetRequest): string {
  const all = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ];
  const found = all.find(({ name }) => name === container);
  if (found === undefined) {
    throw new Error(`container "${container}" in pod "${podName}" is not available`);
  }
  const id = previous ? endedId(found) : currentId(found);
  if (id !== undefined) return id.replace(/^[a-z]+:\/\//, '');
  if (previous) {
    throw new Error(`previous terminated container "${container}" in pod "${podName}" not found`);
  }
  const reason = found.state?.waiting?.reason ?? 'ContainerCreating';
  const text = WAITING_TEXTS[reason] ?? reason;
  throw new Error(`container "${container}" in pod "${podName}" is waiting to start: ${text}`);
}

function endedId({ lastState }: ContainerStatus): string | undefined {
  return emptyToUndefined(lastState?.terminated?.containerID);
}

function currentId(status: ContainerStatus): string | undefined {
  const { state, containerID } = status;
  if (state?.running !== undefined) return emptyToUndefined(containerID);
  if (state?.terminated !== undefined) {
    return emptyToUndefined(state.terminated.containerID) ?? endedId(status);
  }
  return endedId(status);
}

function emptyToUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
