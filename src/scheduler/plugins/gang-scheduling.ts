/**
 * GangScheduling: of the pods of a gang as many as it needs get nodes together, or none does.
 *
 * Source: KEP-4671; upstream v1.36 pkg/scheduler/framework/plugins/gangscheduling. Behind a feature
 * gate of the same name, which is off.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Cluster } from '../cluster.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import { AttemptError, type Plugin, type PodInfo, type Verdict } from '../framework.ts';
import { groupKeyOf } from '../pod-groups.ts';

const NAME = 'GangScheduling';

function refusal(reason: string): Verdict {
  return { plugin: NAME, kind: 'UnschedulableAndUnresolvable', reasons: [reason] };
}

const TOO_FEW = refusal('waiting for minCount pods from a gang to appear in scheduling queue');
const NOT_ENOUGH_PLACES = refusal('waiting for minCount pods from a gang to be scheduled');

/** How many pods of the group must have nodes before one is bound. */
function minCountOf({ spec }: PodGroup): number {
  return spec?.schedulingPolicy.gang?.minCount ?? 0;
}

function preEnqueue({ pod }: PodInfo, { podGroups }: Cluster): Verdict | undefined {
  const key = groupKeyOf(pod);
  if (key === undefined) return undefined;
  const group = podGroups.group(key);
  if (group === undefined) {
    const name = JSON.stringify(pod.spec?.schedulingGroup?.podGroupName);
    return refusal(`waiting for pods's pod group ${name} to appear in scheduling queue`);
  }
  return podGroups.countOf(key) < minCountOf(group) ? TOO_FEW : undefined;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

const isOfItsGroup = ({ pod }: PodInfo, { after }: ClusterEvent): boolean => {
  const key = groupKeyOf(pod);
  return key !== undefined && after !== undefined && groupKeyOf(after as Pod) === key;
};

export const gangScheduling: Plugin = {
  name: NAME,
  preEnqueue,
  permit({ pod }, { podGroups }) {
    const key = groupKeyOf(pod);
    const group = key === undefined ? undefined : podGroups.group(key);
    if (key === undefined) return undefined;
    if (group === undefined)
      throw new AttemptError(
        `running Permit plugin ${JSON.stringify(NAME)}: failed to get podGroup ${key}: podgroup.scheduling.k8s.io ${JSON.stringify(key.split('/')[1])} not found`,
      );
    return podGroups.placedOf(key) < minCountOf(group) ? NOT_ENOUGH_PLACES : undefined;
  },
  hints: [
    { resource: 'WaitingPod', actions: ['Add'], helps: isOfItsGroup },
    { resource: 'Pod', actions: ['Add'], helps: isOfItsGroup },
    {
      resource: 'PodGroup',
      actions: ['Add'],
      helps: ({ pod }, { after }) => after !== undefined && groupKeyOf(pod) === keyOf(after),
    },
  ],
};
