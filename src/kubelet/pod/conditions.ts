/**
 * The conditions of a pod that the kubelet owns.
 *
 * Source: API reference v1.36, PodCondition; KEP-580 (readiness gates), KEP-3085
 * (PodReadyToStartContainers), KEP-5067 (observedGeneration). Upstream:
 * pkg/kubelet/status/generate.go.
 */
import type { ContainerStatus, Pod, PodCondition, PodPhase } from '#api/gen/core-v1.ts';
import { formatGoList } from '../go-format.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { RESTARTING_ALL_CONDITION } from './restart-all.ts';

const OWNED: ReadonlySet<string> = new Set([
  'PodScheduled',
  'Ready',
  'Initialized',
  'ContainersReady',
  'PodReadyToStartContainers',
  'PodResizePending',
  'PodResizeInProgress',
  RESTARTING_ALL_CONDITION,
]);

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  /** Init containers first. */
  readonly statuses: readonly ContainerStatus[];
  readonly hasSandbox: boolean;
  /** Whether all containers begin anew; absent: no rule asks for that. */
  readonly restartingAll?: Verdict;
  /** Those of a resize that is not done. */
  readonly resize: readonly PodCondition[];
  /** As last written: transition times are kept from them. */
  readonly previous: readonly PodCondition[];
  /** RFC 3339 time for what changed. */
  readonly now: string;
  readonly override?: { readonly condition?: OverrideCondition } | undefined;
}

/** Of a pod that the kubelet has ended. */
type OverrideCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;
const TRUE: Verdict = { status: 'True' };

/** All conditions of the pod: others' as the API has them, then the kubelet's own. */
export function podConditions(input: ConditionInput): PodCondition[] {
  const known = (input.pod.status?.conditions ?? []).filter(({ type }) => !OWNED.has(type));
  const others = withOverride(known, input.override, input);
  const containersReady = containersReadyVerdict(input);
  const owned: [string, Verdict][] = [
    ['PodReadyToStartContainers', input.hasSandbox ? TRUE : { status: 'False' }],
    ['Initialized', initializedVerdict(input)],
    ['Ready', containersReady.status === 'True' ? gatesVerdict(input) : containersReady],
    ['ContainersReady', containersReady],
    ['PodScheduled', TRUE],
    ...restartingAll(input),
  ];
  return [
    ...others,
    ...input.resize,
    ...owned.map(([type, verdict]) => withTransition(type, verdict, input)),
  ];
}

function restartingAll({ restartingAll: going, phase }: ConditionInput): [string, Verdict][] {
  if (going === undefined) return [];
  const over: Partial<Record<PodPhase, string>> = {
    Succeeded: 'PodCompleted',
    Failed: 'PodFailed',
  };
  const reason = over[phase];
  return [[RESTARTING_ALL_CONDITION, reason === undefined ? going : { status: 'False', reason }]];
}

/** `conditions`, with that of the override, should it have one. */
export function withOverride(
  conditions: readonly PodCondition[],
  override: ConditionInput['override'],
  input: Pick<ConditionInput, 'pod' | 'previous' | 'now'>,
): PodCondition[] {
  if (override?.condition === undefined) return [...conditions];
  const { type, ...verdict } = override.condition;
  const others = conditions.filter((condition) => condition.type !== type);
  return [...others, withTransition(type, verdict, input)];
}

function withTransition(
  type: string,
  verdict: Verdict,
  input: Pick<ConditionInput, 'pod' | 'previous' | 'now'>,
): PodCondition {
  const before = input.previous.find((condition) => condition.type === type);
  const same = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  const { generation } = input.pod.metadata ?? {};
  return {
    type,
    ...verdict,
    lastTransitionTime: same ?? input.now,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

function containersReadyVerdict({ pod, phase, statuses }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const unready: string[] = [];
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
  for (const { name } of [...sidecars, ...(pod.spec?.containers ?? [])]) {
    const status = statuses.find((candidate) => candidate.name === name);
    if (status === undefined) unknown.push(name);
    else if (!status.ready) unready.push(name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) {
    return { status: 'False', reason: 'PodCompleted' };
  }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const message = joined([
    ['containers with unknown status', unknown],
    ['containers with unready status', unready],
  ]);
  return message === '' ? TRUE : { status: 'False', reason: 'ContainersNotReady', message };
}

/** Readiness gates: conditions of others that must be True too. */
function gatesVerdict({ pod }: ConditionInput): Verdict {
  const problems: string[] = [];
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType);
    const gate = `pod readiness gate "${conditionType}"`;
    if (condition === undefined) {
      problems.push(`corresponding condition of ${gate} does not exist.`);
    } else if (condition.status !== 'True') {
      problems.push(`the status of ${gate} is not "True", but ${condition.status}`);
    }
  }
  if (problems.length === 0) return TRUE;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

function initializedVerdict({ pod, phase, statuses, previous }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of pod.spec?.initContainers ?? []) {
    const status = statuses.find(({ name }) => name === container.name);
    if (status === undefined) unknown.push(container.name);
    else if (isSidecar(container) ? status.started !== true : !status.ready) {
      incomplete.push(container.name);
    }
  }
  if (phase === 'Succeeded' && unknown.length === 0) {
    return { status: 'True', reason: 'PodCompleted' };
  }
  if (hasRegularStarted(pod, statuses)) return TRUE;
  const message = joined([
    ['containers with unknown status', unknown],
    ['containers with incomplete status', incomplete],
  ]);
  // A pod that begins anew (KEP-5532) has been initialized all the same.
  const wasDone = previous.some(({ type, status }) => type === 'Initialized' && status === 'True');
  if (message === '' || wasDone) return TRUE;
  return { status: 'False', reason: 'ContainersNotInitialized', message };
}

/** Once a regular container ran, the pod stays initialized, also while sidecars restart. */
function hasRegularStarted(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  return (pod.spec?.containers ?? []).some(({ name }) => {
    const status = statuses.find((candidate) => candidate.name === name);
    const { state, lastState } = status ?? {};
    return (
      lastState?.terminated !== undefined ||
      state?.running !== undefined ||
      state?.terminated !== undefined
    );
  });
}

function joined(parts: readonly (readonly [string, readonly string[]])[]): string {
  return parts
    .filter(([, names]) => names.length > 0)
    .map(([text, names]) => `${text}: ${formatGoList(names)}`)
    .join(', ');
}
