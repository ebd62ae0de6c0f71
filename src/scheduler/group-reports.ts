/**
 * Says of a group of pods whether it has nodes: the condition PodGroupScheduled. Once it is true it
 * stays so, whatever becomes of pods that come later.
 *
 * Source: upstream v1.36 pkg/scheduler/schedule_one_podgroup.go (updatePodGroupCondition).
 */
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { timeText } from '#api/meta/time.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import type { GroupStatus } from './group-cycle.ts';
import type { Writer } from './pod-writes.ts';

const TYPE = 'PodGroupScheduled';
export const UNSCHEDULABLE = 'pod group is unschedulable';
export const PREEMPTING = `${UNSCHEDULABLE}, pod group is waiting for preemption to complete`;

interface Said {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

function saidOf(status: GroupStatus): Said {
  if (typeof status === 'object')
    return { status: 'False', reason: 'SchedulerError', message: status.error };
  if (status === 'scheduled') return { status: 'True', reason: 'Scheduled', message: '' };
  const message = status === 'preempting' ? PREEMPTING : UNSCHEDULABLE;
  return { status: 'False', reason: 'Unschedulable', message };
}

/** Writes the condition when it is news. Rejects with the API's StatusError. */
export async function reportGroup(
  { client, environment }: Writer,
  group: PodGroup,
  status: GroupStatus,
): Promise<void> {
  const said = saidOf(status);
  const known = group.status?.conditions?.find(({ type }) => type === TYPE);
  if (known?.status === 'True' && said.status === 'False') return;
  const { name = '', namespace = '' } = group.metadata ?? {};
  const observedGeneration = group.metadata?.generation;
  const isSame =
    known?.status === said.status &&
    known.reason === said.reason &&
    known.message === said.message &&
    known.observedGeneration === observedGeneration;
  if (isSame) return;
  const lastTransitionTime =
    known?.status === said.status ? known.lastTransitionTime : timeText(environment.clock.now());
  const conditions = [{ type: TYPE, ...said, observedGeneration, lastTransitionTime }];
  await client.patch(
    POD_GROUP,
    { name, namespace },
    'strategic',
    { status: { conditions } },
    {
      subresource: 'status',
    },
  );
}
