/**
 * The restart of all containers of a pod, in its sandbox: when one ends as a rule of it says, all are
 * ended and removed, and the pod begins anew at its first init container. Pure.
 *
 *   an exit that a rule names ─▶ AllContainersRestarting ─▶ end and remove each ─▶ from the beginning
 *
 * The condition remembers it until nothing is left, so also for a kubelet that is started meanwhile.
 * Source: KEP-5532. Upstream: pkg/kubelet/container/helpers.go (ShouldAllContainersRestart),
 * pkg/kubelet/kuberuntime/kuberuntime_manager.go (getContainersToReset), pkg/kubelet/status/generate.go,
 * v1.36: reasons and messages are its.
 */
import type { Container, Pod, PodCondition, PodSpec, PodStatus } from '#api/gen/core-v1.ts';
import { latestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';
import { restartRuleAction } from './restart-policy.ts';

export const RESTARTING_ALL_CONDITION = 'AllContainersRestarting';
/** Why a container waits, and why it ended, that was removed to begin anew. */
export const RESTARTING_ALL_REASON = 'RestartingAllContainers';
export const REMOVED_MESSAGE = 'The container is removed because RestartAllContainers in place';

const ACTION = 'RestartAllContainers';

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;

/** Whether a rule of any container asks for it. */
export function couldRestartAll(spec: PodSpec): boolean {
  return all(spec).some(({ restartPolicyRules = [] }) =>
    restartPolicyRules.some(({ action }) => action === ACTION),
  );
}

/** `previous`: the status that was last written. */
export function shouldRestartAll(
  { spec }: Pod,
  observed: ObservedPod,
  previous: PodStatus,
): boolean {
  if (isRestartingAll(previous)) return true;
  return (
    spec !== undefined &&
    all(spec).some((one) => hasAsked(one, latestContainer(observed, one.name)))
  );
}

/** Whether a status says that it has begun and not ended. */
export function isRestartingAll({ conditions = [] }: PodStatus): boolean {
  return conditions.some(
    ({ type, status }) => type === RESTARTING_ALL_CONDITION && status === 'True',
  );
}

/** Of the condition of a pod that is not over; `previous`: the status that was last written. */
export function restartingAllVerdict(
  pod: Pod,
  observed: ObservedPod,
  previous: PodStatus,
): Verdict {
  const isLeft = toReset(pod, observed).length > 0;
  if (!isLeft || !shouldRestartAll(pod, observed, previous)) return { status: 'False' };
  return {
    status: 'True',
    reason: 'RestartAllContainersStarted',
    message: 'container exited with restart policy rule',
  };
}

/** A container to remove, and to end before where it may still run. */
export interface ContainerReset {
  readonly latest: ObservedContainer;
  readonly container: Container;
  readonly isAlive: boolean;
}

/** One after another: those that asked for it come last, so that what began it stays to be seen. */
export function toReset({ spec }: Pod, observed: ObservedPod): ContainerReset[] {
  const { containers = [], initContainers = [] } = spec ?? {};
  const found = (list: readonly Container[]): ContainerReset[] =>
    list.flatMap((container) =>
      observed.containers
        .filter(({ name }) => name === container.name)
        .map((latest) => ({ latest, container, isAlive: latest.state !== 'exited' })),
    );
  const resets = [...found(containers), ...found(initContainers)];
  const isSource = ({ container, latest }: ContainerReset): boolean => hasAsked(container, latest);
  return [...resets.filter((reset) => !isSource(reset)), ...resets.filter(isSource)];
}

function hasAsked(container: Container, latest: ObservedContainer | undefined): boolean {
  return latest?.state === 'exited' && restartRuleAction(container, latest.exitCode) === ACTION;
}

function all({ initContainers = [], containers }: PodSpec): readonly Container[] {
  return [...initContainers, ...containers];
}
