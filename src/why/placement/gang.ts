/** What a pod waits for because it belongs to a gang. */
import type { Pod } from '#api/gen/core-v1.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { groupKeyOf } from '#scheduler/pod-groups.ts';
import { type Cause, type Explanation, listText } from '../explanation.ts';

/** Members that are told of. */
const TOLD_MAX = 5;
/** How the scheduler begins what it says of pods that would have a place. */
const OF_THE_GROUP = 'pod group is unschedulable';

export interface Gang {
  readonly pod: Pod;
  /** Of the namespace of the pod. */
  readonly pods: readonly Pod[];
  readonly group: PodGroup | undefined;
  /** Nodes on which the pod alone would fit. */
  readonly fitting: readonly string[];
}

/** Undefined: the pod waits for nobody. */
export function explainGang({ pod, pods, group, fitting }: Gang): Explanation | undefined {
  const name = pod.metadata?.name ?? '';
  const groupName = pod.spec?.schedulingGroup?.podGroupName;
  if (groupName === undefined) return undefined;
  if (group === undefined)
    return {
      sentence: `Pod ${name} waits for its group: there is no PodGroup ${groupName}.`,
      causes: [{ what: `PodGroup ${groupName}`, detail: 'is not there, or may not be read' }],
      remedies: [`make the PodGroup ${groupName}`],
    };
  const needs = group.spec?.schedulingPolicy.gang?.minCount;
  if (needs === undefined) return undefined;
  const members = pods.filter((other) => groupKeyOf(other) === groupKeyOf(pod));
  if (members.length < needs)
    return {
      sentence: `Pod ${name} waits for its gang: ${members.length} of the ${needs} pods that ${groupName} needs are there.`,
      causes: [{ what: `gang ${groupName}`, detail: `${needs - members.length} more must come` }],
      remedies: [],
    };
  if (fitting.length === 0) return undefined;
  const waiting = members.filter(({ spec }) => (spec?.nodeName ?? '') === '');
  return {
    sentence: `Pod ${name} would fit on ${listText(fitting)}, and waits for its gang: ${groupName} needs places for ${needs} pods at once, and ${waiting.length} wait.`,
    causes: waiting.flatMap(obstacle).slice(0, TOLD_MAX),
    remedies: [],
  };
}

/** Why a member holds the others up, if it does. */
function obstacle(pod: Pod): Cause[] {
  const said = podCondition(pod, 'PodScheduled')?.message ?? '';
  if (said === '' || said.startsWith(OF_THE_GROUP)) return [];
  return [{ what: `pod ${pod.metadata?.name ?? ''}`, detail: said }];
}
