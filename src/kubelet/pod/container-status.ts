/**
 * The statuses of a pod's containers, from what the runtime has and what was written before.
 *
 * Source: API reference v1.36, ContainerStatus. Upstream: pkg/kubelet/kubelet_pods.go
 * (convertToAPIContainerStatuses), pkg/kubelet/prober/prober_manager.go (UpdatePodStatus).
 */
import type {
  Container,
  ContainerState,
  ContainerStatus,
  EphemeralContainer,
  Pod,
  VolumeMountStatus,
} from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { latestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { actualResources } from '../resize/actual.ts';
import { REMOVED_MESSAGE, RESTARTING_ALL_REASON } from './restart-all.ts';
import { isToBeStarted } from './restart-policy.ts';

/** Why a container could not be started: shown as its waiting state until it is. */
export interface StartFailure {
  /** `CrashLoopBackOff`, `ErrImagePull`, `CreateContainerConfigError`, ... */
  readonly reason: string;
  readonly message: string;
}

/** What the probes say of a container (by id). */
export interface ProbeStates {
  /** The startup probe has succeeded, or there is none. */
  isStarted(containerId: string, container: Container): boolean;
  /** The readiness probe has succeeded, or there is none. Asked of started containers only. */
  isReady(containerId: string, container: Container): boolean;
}

export interface ContainerStatusInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly kind: 'init' | 'regular' | 'ephemeral';
  readonly previous: readonly ContainerStatus[];
  readonly failures: ReadonlyMap<string, StartFailure>;
  readonly probes: ProbeStates;
  /** All containers of the pod are removed, to begin anew. */
  readonly isRestartingAll?: boolean;
  /** The runtime can make a mount read-only with all that is mounted below it; absent: it cannot. */
  readonly canRecursiveReadOnly?: boolean;
}

const LOST_REASON = 'ContainerStatusUnknown';
/** As of a process that was killed: the true code is not known. */
const LOST_EXIT_CODE = 137;

/** In the order of the spec for init containers, by name for the others. */
export function containerStatuses(input: ContainerStatusInput): ContainerStatus[] {
  const { pod, kind } = input;
  const lists = {
    init: pod.spec?.initContainers,
    regular: pod.spec?.containers,
    ephemeral: pod.spec?.ephemeralContainers,
  };
  const statuses = (lists[kind] ?? []).map((container) => statusOf(container, input));
  return kind === 'init' ? statuses : statuses.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function statusOf(
  container: Container | EphemeralContainer,
  input: ContainerStatusInput,
): ContainerStatus {
  const previous = input.previous.find(({ name }) => name === container.name);
  const [latest, before] = input.observed.containers.filter(({ name }) => name === container.name);
  const status =
    latest === undefined
      ? statusWithoutContainer(container, previous, input)
      : statusFromRuntime({ container, latest, before, previous, input });
  applyFailure(container, status, input);
  applyProbes(container, status, input);
  return status;
}

function statusFromRuntime(options: {
  readonly container: Container | EphemeralContainer;
  readonly latest: ObservedContainer;
  readonly before: ObservedContainer | undefined;
  readonly previous: ContainerStatus | undefined;
  readonly input: ContainerStatusInput;
}): ContainerStatus {
  const { container, latest, before, previous, input } = options;
  const lastState = before === undefined ? lastStateKept(latest, previous) : stateOf(before);
  const mounts = mountStatuses(container, input);
  const { requests } = container.resources ?? {};
  const given = latest.state === 'running' ? latest.resources : undefined;
  return {
    name: container.name,
    state: stateOf(latest, previous),
    lastState: lastState ?? {},
    ready: false,
    restartCount: Math.max(latest.restartCount, previous?.restartCount ?? 0),
    image: latest.image,
    imageID: latest.imageRef,
    containerID: containerIdText(latest.id),
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources: actualResources(container.resources, given),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
}

export function containerIdText(id: string): string {
  return `containerd://${id}`;
}

/** The runtime keeps only the youngest dead containers: older ends are known from the status. */
function lastStateKept(
  latest: ObservedContainer,
  previous: ContainerStatus | undefined,
): ContainerState | undefined {
  if (previous === undefined) return undefined;
  const sameContainer = previous.containerID === containerIdText(latest.id);
  if (!sameContainer && previous.state?.terminated !== undefined) return previous.state;
  return previous.lastState?.terminated === undefined ? undefined : previous.lastState;
}

function stateOf(container: ObservedContainer, previous?: ContainerStatus): ContainerState {
  switch (container.state) {
    case 'running':
      return { running: { startedAt: timeText(container.startedMs) } };
    case 'exited':
      return {
        terminated: {
          exitCode: container.exitCode,
          ...(container.reason === '' ? {} : { reason: container.reason }),
          ...(container.message === '' ? {} : { message: container.message }),
          startedAt: timeText(container.startedMs),
          finishedAt: timeText(container.finishedMs),
          containerID: containerIdText(container.id),
        },
      };
    case 'unknown':
      if (previous?.state?.running === undefined) return { waiting: {} };
      return {
        terminated: {
          exitCode: LOST_EXIT_CODE,
          reason: LOST_REASON,
          message: 'The container could not be located when the pod was terminated',
        },
      };
    case 'created':
      return { waiting: {} };
  }
}

function statusWithoutContainer(
  container: Container | EphemeralContainer,
  previous: ContainerStatus | undefined,
  input: ContainerStatusInput,
): ContainerStatus {
  const { pod, observed, kind } = input;
  const waiting =
    (pod.spec?.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const ran = previous?.state?.running ?? previous?.state?.terminated;
  if (previous !== undefined && ran !== undefined && input.isRestartingAll === true)
    return removedStatus(container, previous, input);
  if (previous?.state?.terminated !== undefined) return { ...previous };
  const mounts = mountStatuses(container, input);
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting: { reason: waiting } },
    lastState: previous?.lastState ?? {},
    ready: false,
    restartCount: previous?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
  if (kind === 'init' && !isSidecar(container) && hasAnyRegular(pod, observed)) {
    status.state = { terminated: { exitCode: 0, reason: 'Completed', message: FORGOTTEN_INIT } };
  } else if (previous?.state?.running !== undefined && status.lastState?.terminated === undefined) {
    // It ran, and is gone without a trace: a last state keeps the pod from looking never started.
    status.lastState = {
      terminated: {
        exitCode: LOST_EXIT_CODE,
        reason: LOST_REASON,
        message:
          'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    };
    if (pod.metadata?.deletionTimestamp === undefined) status.restartCount++;
  }
  return status;
}

/** It ran, and was removed that all of the pod begins anew. */
function removedStatus(
  container: Container | EphemeralContainer,
  previous: ContainerStatus,
  input: ContainerStatusInput,
): ContainerStatus {
  const mounts = mountStatuses(container, input);
  const why = { reason: RESTARTING_ALL_REASON, message: REMOVED_MESSAGE };
  return {
    name: container.name,
    state: { waiting: why },
    lastState: { terminated: { exitCode: LOST_EXIT_CODE, ...why } },
    ready: false,
    restartCount: (previous.restartCount ?? 0) + 1,
    image: container.image ?? '',
    imageID: '',
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
}

const FORGOTTEN_INIT =
  'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';

function hasAnyRegular(pod: Pod, observed: ObservedPod): boolean {
  return (pod.spec?.containers ?? []).some(
    ({ name }) => latestContainer(observed, name) !== undefined,
  );
}

/** A container that shall start but could not waits, and says why. */
function applyFailure(
  container: Container | EphemeralContainer,
  status: ContainerStatus,
  { pod, observed, kind, failures }: ContainerStatusInput,
): void {
  const failure = failures.get(container.name);
  if (failure === undefined || !isToBeStarted(container, pod, observed)) return;
  const latest = latestContainer(observed, container.name);
  const finished = latest?.state === 'exited' && latest.exitCode === 0;
  if (kind === 'init' && finished && !isSidecar(container)) return;
  if (status.state?.terminated !== undefined) status.lastState = status.state;
  const { reason, message } = failure;
  status.state = { waiting: { reason, ...(message === '' ? {} : { message }) } };
}

function applyProbes(
  container: Container | EphemeralContainer,
  status: ContainerStatus,
  { kind, observed, probes }: ContainerStatusInput,
): void {
  const latest = latestContainer(observed, container.name);
  const running = status.state?.running !== undefined && latest !== undefined;
  if (kind === 'init' && !isSidecar(container)) {
    // Init containers have no probes: running is started, success is ready.
    status.started = running;
    status.ready = status.state?.terminated?.exitCode === 0;
    return;
  }
  if (kind === 'ephemeral') return;
  status.started = running && probes.isStarted(latest.id, container);
  status.ready = running && status.started && probes.isReady(latest.id, container);
}

function mountStatuses(
  container: Container | EphemeralContainer,
  { canRecursiveReadOnly }: ContainerStatusInput,
): VolumeMountStatus[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const { name, mountPath, readOnly, recursiveReadOnly: asked = 'Disabled' } = mount;
    const possible = canRecursiveReadOnly === true ? 'Enabled' : 'Disabled';
    const recursiveReadOnly = asked === 'IfPossible' ? possible : asked;
    return { name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly } : {}) };
  });
}
