/** What a simulated kubelet reports of its node and of its pods. Pure. */
import { isSidecar } from '#api/core/pod-helpers.ts';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Node,
  NodeCondition,
  Pod,
  PodCondition,
  PodStatus,
} from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';

const GIGABYTES = 1024 ** 2;
const NODE_CONDITIONS: readonly (readonly [
  type: string,
  status: string,
  reason: string,
  message: string,
])[] = [
  [
    'MemoryPressure',
    'False',
    'KubeletHasSufficientMemory',
    'kubelet has sufficient memory available',
  ],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

export interface NodeFacts {
  readonly name: string;
  readonly address: string;
  readonly cpus: number;
  readonly memoryGigabytes: number;
  readonly podsMax: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly kubeletVersion: string;
}

/** The node as it registers, and the status that it posts. */
export function nodeObject(facts: NodeFacts, nowMs: number): Node {
  const resources = {
    cpu: String(facts.cpus),
    memory: `${facts.memoryGigabytes * GIGABYTES}Ki`,
    'ephemeral-storage': `${100 * GIGABYTES}Ki`,
    pods: String(facts.podsMax),
  };
  const now = timeText(nowMs);
  const conditions: NodeCondition[] = NODE_CONDITIONS.map(([type, status, reason, message]) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }));
  return {
    metadata: {
      name: facts.name,
      labels: {
        'kubernetes.io/hostname': facts.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...facts.labels,
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions,
      addresses: [
        { type: 'InternalIP', address: facts.address },
        { type: 'Hostname', address: facts.name },
      ],
      nodeInfo: {
        machineID: facts.name,
        systemUUID: facts.name,
        bootID: facts.name,
        kernelVersion: 'simulated',
        osImage: 'simulated',
        containerRuntimeVersion: 'simulated://1',
        kubeletVersion: facts.kubeletVersion,
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  };
}

/** How far a pod has come. */
export interface PodProgress {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** Init containers that are done. */
  readonly initDone: number;
  readonly ready: boolean;
  readonly podIp: string;
  readonly hostIp: string;
  readonly startedMs: number;
  readonly restarts: number;
  readonly exitCode: number;
}

/** The status of `pod` at this point; conditions keep their times while they do not change. */
export function podStatus(pod: Pod, progress: PodProgress, nowMs: number): PodStatus {
  const { phase, ready, podIp, hostIp } = progress;
  const ended = phase === 'Succeeded' || phase === 'Failed';
  const inits = pod.spec?.initContainers ?? [];
  const initialized =
    progress.initDone >= inits.filter((container) => !isSidecar(container)).length;
  const notReady = ended
    ? phase === 'Succeeded'
      ? 'PodCompleted'
      : 'PodFailed'
    : 'ContainersNotReady';
  const set = (type: string, is: boolean, reason = ''): PodCondition =>
    condition(pod, { type, is, reason, nowMs });
  const conditions = [
    set('PodReadyToStartContainers', !ended),
    set('Initialized', initialized || ended, initialized ? '' : 'ContainersNotInitialized'),
    set('Ready', ready, notReady),
    set('ContainersReady', ready, notReady),
    set('PodScheduled', true),
  ];
  const { generation } = pod.metadata ?? {};
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: pod.status?.startTime ?? timeText(nowMs),
    ...(inits.length === 0
      ? {}
      : {
          initContainerStatuses: inits.map((container, i) =>
            initStatus(pod, container, { i, progress, nowMs }),
          ),
        }),
    containerStatuses: (pod.spec?.containers ?? []).map((container) =>
      containerStatus(pod, container, { progress, state: mainState(progress, nowMs), ready }),
    ),
  };
}

function condition(
  pod: Pod,
  {
    type,
    is,
    reason,
    nowMs,
  }: {
    readonly type: string;
    readonly is: boolean;
    readonly reason: string;
    readonly nowMs: number;
  },
): PodCondition {
  const status = is ? 'True' : 'False';
  const known = pod.status?.conditions?.find((old) => old.type === type);
  const lastTransitionTime =
    known?.status === status && known.lastTransitionTime !== undefined
      ? known.lastTransitionTime
      : timeText(nowMs);
  return { type, status, lastTransitionTime, ...(is || reason === '' ? {} : { reason }) };
}

function mainState({ phase, startedMs, exitCode }: PodProgress, nowMs: number): ContainerState {
  if (phase === 'Running') return { running: { startedAt: timeText(startedMs) } };
  if (phase === 'Pending') return { waiting: { reason: 'ContainerCreating' } };
  return terminated(exitCode, startedMs, nowMs);
}

function terminated(exitCode: number, startedMs: number, nowMs: number): ContainerState {
  return {
    terminated: {
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt: timeText(startedMs),
      finishedAt: timeText(nowMs),
    },
  };
}

function initStatus(
  pod: Pod,
  container: Container,
  {
    i,
    progress,
    nowMs,
  }: { readonly i: number; readonly progress: PodProgress; readonly nowMs: number },
): ContainerStatus {
  if (isSidecar(container)) {
    return containerStatus(pod, container, {
      progress,
      state: mainState(progress, nowMs),
      ready: progress.phase === 'Running',
    });
  }
  const done = i < progress.initDone;
  const state = done
    ? terminated(0, progress.startedMs, nowMs)
    : { waiting: { reason: 'PodInitializing' } };
  return containerStatus(pod, container, { progress, state, ready: done });
}

function containerStatus(
  pod: Pod,
  { name, image = '' }: Container,
  facts: {
    readonly progress: PodProgress;
    readonly state: ContainerState;
    readonly ready: boolean;
  },
): ContainerStatus {
  return {
    name,
    image,
    imageID: `simulated://${image}`,
    containerID: `simulated://${pod.metadata?.uid ?? ''}/${name}`,
    ready: facts.ready,
    started: facts.progress.phase === 'Running',
    restartCount: facts.progress.restarts,
    state: facts.state,
  };
}
