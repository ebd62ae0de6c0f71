/**
 * The whole status of a pod, from spec, observation, probes and what was written before.
 *
 * Pure but for the time that is passed in. Upstream: pkg/kubelet/kubelet_pods.go
 * (generateAPIPodStatus), pkg/kubelet/status/status_manager.go, v1.36.
 */
import type { ContainerStatus, Pod, PodCondition, PodPhase, PodStatus } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { podQosClass } from '#api/core/qos.ts';
import { podConditions, withOverride } from './conditions.ts';
import { containerStatuses, type ProbeStates, type StartFailure } from './container-status.ts';
import { latestContainer, type ObservedPod, observedIps, wasStarted } from './observed.ts';
import { podPhase } from './phase.ts';
import { planSandbox } from './plan.ts';
import { couldRestartAll, restartingAllVerdict, shouldRestartAll } from './restart-all.ts';
import { type GivenToPod, wholeResources } from '../resize/whole-resources.ts';

/** A phase that the kubelet decided on for the whole pod, such as after a deadline. */
export interface PhaseOverride {
  readonly phase: 'Failed';
  readonly reason: string;
  readonly message: string;
  /** Says besides who ended the pod, and why. */
  readonly condition?: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;
}

export interface PodStatusInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  /** As last written by this kubelet, or read from the API. */
  readonly previous: PodStatus;
  readonly failures: ReadonlyMap<string, StartFailure>;
  readonly probes: ProbeStates;
  /** Everything has been stopped and nothing starts again. */
  readonly terminal: boolean;
  readonly override?: PhaseOverride;
  /** The runtime can make a mount read-only with all that is mounted below it; absent: it cannot. */
  readonly canRecursiveReadOnly?: boolean;
  /** Conditions of a resize that is not done. */
  readonly resize?: readonly PodCondition[];
  /** What the pod's cgroup holds it to; absent: not known. */
  readonly given?: GivenToPod;
  /** Addresses of the node; the first is the main one. */
  readonly hostIps: readonly string[];
  readonly nowMs: number;
}

export function podStatus(input: PodStatusInput): PodStatus {
  return neverStarted(input) ? endOnly(input) : wholeStatus(input);
}

/** The pod ended without that anything of it was ever said: the node did not take it. */
function neverStarted({ observed, override, previous }: PodStatusInput): boolean {
  const isOver = override !== undefined || isTerminalPhase(previous.phase);
  return isOver && previous.containerStatuses === undefined && !wasStarted(observed);
}

function endOnly(input: PodStatusInput): PodStatus {
  const { previous, override, pod, nowMs } = input;
  const conditions = withOverride(previous.conditions ?? [], override, {
    pod,
    previous: previous.conditions ?? [],
    now: timeText(nowMs),
  });
  return {
    ...common(input, phaseOf(input, [])),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function wholeStatus(input: PodStatusInput): PodStatus {
  const { pod, observed, previous, nowMs } = input;
  const statuses = allContainerStatuses(input);
  const all = [...statuses.init, ...statuses.regular];
  const phase = phaseOf(input, all);
  return {
    ...common(input, phase),
    conditions: podConditions({
      pod,
      override: input.override,
      phase,
      statuses: all,
      hasSandbox: !planSandbox(pod, observed).create,
      ...(pod.spec !== undefined && couldRestartAll(pod.spec)
        ? { restartingAll: restartingAllVerdict(pod, observed, previous) }
        : {}),
      resize: isTerminalPhase(phase) ? [] : (input.resize ?? []),
      previous: previous.conditions ?? [],
      now: timeText(nowMs),
    }),
    ...addresses(input),
    ...(statuses.init.length === 0 ? {} : { initContainerStatuses: statuses.init }),
    containerStatuses: statuses.regular,
    ...(statuses.ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: statuses.ephemeral }),
    ...wholeResources(pod, phase === 'Running' ? input.given : undefined),
  };
}

type Common = 'reason' | 'message' | 'phase' | 'observedGeneration' | 'startTime' | 'qosClass';

/** What every status has, of a pod that ran or did not. */
function common(input: PodStatusInput, phase: PodPhase): Pick<PodStatus, Common> {
  const { pod, previous, nowMs } = input;
  const { generation } = pod.metadata ?? {};
  return {
    ...explanation(input, phase),
    phase,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    startTime: previous.startTime ?? pod.status?.startTime ?? timeText(nowMs),
    qosClass: previous.qosClass ?? pod.status?.qosClass ?? podQosClass(pod),
  };
}

function allContainerStatuses(input: PodStatusInput): {
  readonly init: ContainerStatus[];
  readonly regular: ContainerStatus[];
  readonly ephemeral: ContainerStatus[];
} {
  const { previous } = input;
  const isRestartingAll = shouldRestartAll(input.pod, input.observed, previous);
  return {
    init: containerStatuses({
      ...input,
      isRestartingAll,
      kind: 'init',
      previous: previous.initContainerStatuses ?? [],
    }),
    regular: containerStatuses({
      ...input,
      isRestartingAll,
      kind: 'regular',
      previous: previous.containerStatuses ?? [],
    }),
    ephemeral: containerStatuses({
      ...input,
      kind: 'ephemeral',
      previous: previous.ephemeralContainerStatuses ?? [],
    }),
  };
}

export function isTerminalPhase(phase: PodPhase | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/** A pod never leaves a terminal phase, and enters one for good only when all has stopped. */
function phaseOf(input: PodStatusInput, statuses: readonly ContainerStatus[]): PodPhase {
  const { pod, observed, previous, override, terminal } = input;
  if (pod.status?.phase !== undefined && isTerminalPhase(pod.status.phase)) return pod.status.phase;
  if (previous.phase !== undefined && isTerminalPhase(previous.phase)) return previous.phase;
  if (override !== undefined) return override.phase;
  const initialized = (pod.spec?.containers ?? []).some(({ name }) => {
    const state = latestContainer(observed, name)?.state;
    return state === 'running' || state === 'created';
  });
  return podPhase({ pod, statuses, terminal, initialized });
}

/** Reason and message belong to the phase: kept while it lasts. */
function explanation(
  { pod, previous, override }: PodStatusInput,
  phase: PodPhase,
): Pick<PodStatus, 'reason' | 'message'> {
  if (override !== undefined && phase === override.phase) {
    return { reason: override.reason, message: override.message };
  }
  if (phase !== previous.phase) return {};
  const reason = previous.reason ?? pod.status?.reason;
  const message = previous.message ?? pod.status?.message;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

type Addresses = Pick<PodStatus, 'hostIP' | 'hostIPs' | 'podIP' | 'podIPs'>;

function addresses({ pod, observed, previous, hostIps }: PodStatusInput): Addresses {
  const [hostIP] = hostIps;
  const host: Addresses =
    hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((ip) => ({ ip })) };
  const found = pod.spec?.hostNetwork === true ? hostIps : observedIps(observed);
  // A pod that ended shows the address it had.
  const ips = found.length > 0 ? found : (previous.podIPs ?? []).map(({ ip }) => ip ?? '');
  const [podIP] = ips;
  return podIP === undefined ? host : { ...host, podIP, podIPs: ips.map((ip) => ({ ip })) };
}
