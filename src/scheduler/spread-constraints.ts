/**
 * The spread constraints of a pod: its own, or the defaults that its Services and its owner make.
 *
 * Source: upstream v1.36 pkg/scheduler/framework/plugins/podtopologyspread/common.go and
 * plugins/helper/spread.go.
 */
import type { TopologySpreadConstraint } from '#api/gen/core-v1.ts';
import { firstUntolerated } from '#api/core/taints.ts';
import {
  formatSelector,
  matchesMap,
  type Requirement,
  type Selector,
  selectorOf,
} from '#api/meta/labels.ts';
import { controllerOf, type LabelSelector } from '#api/meta/object.ts';
import type { Cluster } from './cluster.ts';
import type { NodeInfo, PodInfo } from './framework.ts';
import { requiredNodes } from '#api/core/node-selector.ts';
import { type PodGroup, SpreadView } from './spread-view.ts';

export const HOSTNAME = 'kubernetes.io/hostname';
const HARD = ['NoSchedule', 'NoExecute'];

export type DefaultConstraint = Pick<
  TopologySpreadConstraint,
  'topologyKey' | 'whenUnsatisfiable' | 'maxSkew'
>;

/** What holds where nothing is configured. */
export const SYSTEM_DEFAULTS: readonly DefaultConstraint[] = [
  { topologyKey: HOSTNAME, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
];

export interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
  readonly group: PodGroup;
  /** Whether the pod itself is one of those that are spread. */
  readonly selector: Selector | undefined;
}

/** The constraints of one kind: the pod's own if it has any, else the defaults. */
export function constraintsOf(options: {
  readonly pod: PodInfo;
  readonly defaults: readonly DefaultConstraint[];
  readonly when: 'DoNotSchedule' | 'ScheduleAnyway';
  readonly cluster: Cluster;
}): Constraint[] {
  const { pod, defaults, when, cluster } = options;
  if (hasOwnConstraints(pod)) return ownConstraints(pod, when);
  const chosen = defaults.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
  if (chosen.length === 0) return [];
  const selector = defaultSelector(pod, cluster);
  return selector.length === 0
    ? []
    : chosen.map((constraint) => constraintOf(pod, constraint, selector));
}

export function hasOwnConstraints({ pod }: PodInfo): boolean {
  return (pod.spec?.topologySpreadConstraints ?? []).length > 0;
}

/** Those that the pod itself states. */
function ownConstraints(pod: PodInfo, when: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] {
  return (pod.pod.spec?.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
    .map((constraint) => constraintOf(pod, constraint, ownSelector(pod, constraint)));
}

function constraintOf(
  { namespace }: PodInfo,
  constraint: TopologySpreadConstraint,
  selector: Selector | undefined,
): Constraint {
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    honorsAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
    honorsTaints: constraint.nodeTaintsPolicy === 'Honor',
    group: { namespace, selector: selector ?? [] },
    selector,
  };
}

/** The constraint's selector, and the pod's own values of matchLabelKeys (KEP-3243). */
function ownSelector(
  pod: PodInfo,
  { labelSelector, matchLabelKeys }: TopologySpreadConstraint,
): Selector | undefined {
  const selector = selectorOf(labelSelector);
  if (selector === undefined) return undefined;
  const keys = (matchLabelKeys ?? []).flatMap((key): Requirement[] => {
    const value = pod.labels[key];
    return value === undefined ? [] : [{ key, operator: '=', values: [value] }];
  });
  return [...selector, ...keys];
}

/** What the Services of the pod and the controller that owns it select. */
function defaultSelector(pod: PodInfo, { objects }: Cluster): Selector {
  const wanted: Record<string, string> = {};
  for (const { spec } of objects.services(pod.namespace))
    if (matchesMap(spec?.selector, pod.labels)) Object.assign(wanted, spec?.selector);
  const owner = controllerOf(pod.pod);
  const key = `${pod.namespace}/${owner?.name ?? ''}`;
  let others: LabelSelector | undefined;
  switch (owner && `${owner.apiVersion}/${owner.kind}`) {
    case 'v1/ReplicationController':
      Object.assign(wanted, objects.replicationController(key)?.spec?.selector);
      break;
    case 'apps/v1/ReplicaSet':
      others = objects.replicaSet(key)?.spec?.selector;
      break;
    case 'apps/v1/StatefulSet':
      others = objects.statefulSet(key)?.spec?.selector;
      break;
  }
  return selectorOf({ matchLabels: wanted })?.concat(selectorOf(others) ?? []) ?? [];
}

export function hasAllKeys(node: NodeInfo, constraints: readonly Constraint[]): boolean {
  for (const { topologyKey } of constraints)
    if (node.labels[topologyKey] === undefined) return false;
  return true;
}

/** The counts of one constraint, shared by all pods that it is the same for. */
export function spreadView(options: {
  readonly pod: PodInfo;
  readonly constraint: Constraint;
  /** Nodes without one of the keys of these do not count. */
  readonly together: readonly Constraint[];
  readonly cluster: Cluster;
}): SpreadView {
  const { pod, constraint, together, cluster } = options;
  const { group, topologyKey, honorsAffinity, honorsTaints } = constraint;
  const { nodeSelector, affinity, tolerations } = pod.pod.spec ?? {};
  const hard = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const name = JSON.stringify([
    'spread',
    topologyKey,
    group.namespace,
    formatSelector(group.selector),
    together.map((each) => each.topologyKey),
    honorsAffinity ? [nodeSelector, hard] : null,
    honorsTaints ? (tolerations ?? []) : null,
  ]);
  return cluster.view(name, () => {
    const matches = honorsAffinity ? requiredNodes(pod.pod) : undefined;
    return new SpreadView({
      group,
      topologyKey,
      counts: (node) =>
        hasAllKeys(node, together) &&
        (matches === undefined || matches(node)) &&
        (!honorsTaints || firstUntolerated(node.hardTaints, tolerations, HARD) === undefined),
    });
  });
}
