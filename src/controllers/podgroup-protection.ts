/**
 * PodGroup protection: a PodGroup that is being deleted stays as long as a Pod that has not ended
 * names it.
 *
 * The finalizer is set by the admission plug-in PodGroupProtection; here it is only taken away: a
 * group that was made without it is not protected.
 *
 * Upstream: pkg/controller/scheduling/podgroupprotection, v1.36; KEP-4671.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { withoutFinalizer } from './shared/finalizers.ts';

const FINALIZER = 'scheduling.k8s.io/podgroup-protection';
const BY_GROUP = 'active-pod-group';

export const podGroupProtection: Controller = defineKeyController({
  name: 'podgroup-protection-controller',
  queue: 'podgroupprotection',
  concurrency: 1,
  create: (setup) => {
    const groups = setup.watch(POD_GROUP, ({ key, object }) => (isLeaving(object) ? [key] : []));
    // A Pod may be another one under the name of one that is gone.
    const pods = setup.watch(POD, ({ type, object, previous }) => [
      ...(type === 'deleted' || isPodTerminal(object) ? groupOf(object) : []),
      ...(previous !== undefined && previous.metadata?.uid !== object.metadata?.uid
        ? groupOf(previous)
        : []),
    ]);
    pods.index(BY_GROUP, (pod) => (isPodTerminal(pod) ? [] : groupOf(pod)));
    return async (key, { client }) => {
      const group = groups.get(key);
      if (group === undefined || !isLeaving(group) || pods.byIndex(BY_GROUP, key).length > 0)
        return;
      const next = withoutFinalizer(group, FINALIZER);
      if (next !== undefined) await client.update(POD_GROUP, next);
    };
  },
});

const isLeaving = ({ metadata }: PodGroup): boolean => metadata?.deletionTimestamp !== undefined;

/** The key of the group that a Pod names; none, or one. */
function groupOf({ metadata, spec }: Pod): string[] {
  const name = spec?.schedulingGroup?.podGroupName;
  return name === undefined ? [] : [`${metadata?.namespace}/${name}`];
}
