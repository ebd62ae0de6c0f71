/**
 * The Pod failure policy (KEP-3329): what a failed Pod means for its Job, by exit code or condition.
 *
 * Upstream: pkg/controller/job/pod_failure_policy.go, v1.36.
 */
import type {
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
} from '#api/gen/batch-v1.ts';
import type { ContainerStatus, Pod, PodStatus } from '#api/gen/core-v1.ts';

export interface FailureVerdict {
  /** Undefined: no rule matched, and the failure counts. */
  readonly action?: string;
  /** Whether it counts towards the back-off limits. */
  readonly counts: boolean;
  /** Why the Job fails at once. */
  readonly failJob?: string;
}

const ACTIONS = new Set(['FailJob', 'FailIndex', 'Ignore', 'Count']);
const COUNTS: FailureVerdict = { counts: true };

/** The first rule that matches decides. */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  const { name = '', namespace = '' } = pod.metadata ?? {};
  for (const [i, { action, onExitCodes, onPodConditions }] of (policy?.rules ?? []).entries()) {
    const why =
      onExitCodes === undefined
        ? matchingCondition(pod.status, onPodConditions ?? [])
        : matchingExit(pod.status, onExitCodes);
    if (why === undefined || !ACTIONS.has(action)) continue;
    if (action !== 'FailJob') return { action, counts: action !== 'Ignore' };
    const where = `matching ${action} rule at index ${i}`;
    const failJob =
      'exitCode' in why
        ? `Container ${why.container} for pod ${namespace}/${name} failed with exit code ${why.exitCode} ${where}`
        : `Pod ${namespace}/${name} has condition ${why.condition} ${where}`;
    return { action, counts: true, failJob };
  }
  return COUNTS;
}

interface Exit {
  readonly container: string;
  readonly exitCode: number;
}

function matchingExit(
  status: PodStatus | undefined,
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): Exit | undefined {
  const matches = ({ name, state }: ContainerStatus): boolean => {
    const exitCode = state?.terminated?.exitCode ?? 0;
    if (exitCode === 0 || (containerName !== undefined && containerName !== name)) return false;
    if (operator === 'In') return values.includes(exitCode);
    return operator === 'NotIn' && !values.includes(exitCode);
  };
  const found =
    status?.containerStatuses?.find(matches) ?? status?.initContainerStatuses?.find(matches);
  return found === undefined
    ? undefined
    : { container: found.name, exitCode: found.state?.terminated?.exitCode ?? 0 };
}

function matchingCondition(
  status: PodStatus | undefined,
  patterns: readonly { readonly type: string; readonly status: string }[],
): { readonly condition: string } | undefined {
  const found = status?.conditions?.find((condition) =>
    patterns.some(
      ({ type, status: value }) => type === condition.type && value === condition.status,
    ),
  );
  return found === undefined ? undefined : { condition: found.type };
}
