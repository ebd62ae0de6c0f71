/**
 * Whether a container that stopped runs again.
 *
 * Source: API reference v1.36, core/v1 Container.restartPolicy and restartPolicyRules (KEP-753,
 * KEP-5307, KEP-5532). Upstream: pkg/api/v1/pod/util.go, pkg/kubelet/container/helpers.go.
 */
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { latestContainer, type ObservedPod } from './observed.ts';

/** By rules of the container, then its own policy, then the pod's. */
export function restartsAfterExit(container: Container, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    if (restartRuleAction(container, exitCode) !== undefined) return true;
    const own = restartsUnder(container.restartPolicy, exitCode);
    if (own !== undefined) return own;
  }
  return restartsUnder(spec.restartPolicy ?? 'Always', exitCode) ?? true;
}

function restartsUnder(policy: string, exitCode: number): boolean | undefined {
  if (policy === 'Always') return true;
  if (policy === 'OnFailure') return exitCode !== 0;
  if (policy === 'Never') return false;
  return undefined;
}

/** Of the first rule that names the exit code, of those that say what to do. */
export function restartRuleAction(
  container: Container,
  exitCode: number,
): 'Restart' | 'RestartAllContainers' | undefined {
  const rule = (container.restartPolicyRules ?? []).find(({ exitCodes }) => {
    const listed = exitCodes?.values?.includes(exitCode) ?? false;
    if (exitCodes?.operator === 'In') return listed;
    return exitCodes?.operator === 'NotIn' && !listed;
  });
  const { action } = rule ?? {};
  return action === 'Restart' || action === 'RestartAllContainers' ? action : undefined;
}

/** Whether the container is to be started (again), given what the runtime knows of it. */
export function isToBeStarted(container: Container, pod: Pod, observed: ObservedPod): boolean {
  if (pod.metadata?.deletionTimestamp !== undefined || pod.spec === undefined) return false;
  const latest = latestContainer(observed, container.name);
  if (latest === undefined) return true;
  if (latest.state === 'running') return false;
  if (latest.state !== 'exited') return true;
  return restartsAfterExit(container, pod.spec, latest.exitCode);
}
