/**
 * What the scheduler writes: bindings, and the status of pods. With `scheduler.ts` the only part
 * of the scheduler that speaks to the API.
 */
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { POD } from '#api/core/pod.ts';
import { withCondition } from '#api/core/pod-helpers.ts';
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import type { Environment } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { PreBindWrite } from './framework.ts';

export interface Writer {
  readonly environment: Environment;
  readonly client: Client;
}

/** Gives the pod its node. Errors are the API's: a pod that is gone or bound is a StatusError. */
export async function bindPod({ client }: Writer, pod: Pod, node: string): Promise<void> {
  const target = targetOf(pod);
  await client.createSubresource(POD, target, 'binding', {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { ...target, uid: pod.metadata?.uid },
    target: { kind: 'Node', name: node },
  });
}

/** Makes the writes in order, and answers the objects as they are then. */
export async function writeBefore(
  { client }: Writer,
  writes: readonly PreBindWrite[],
): Promise<KubeObject[]> {
  const written: KubeObject[] = [];
  for (const { kind, target, patch } of writes) {
    const type = kind === 'PersistentVolume' ? PERSISTENT_VOLUME : PERSISTENT_VOLUME_CLAIM;
    written.push(await client.patch<KubeObject>(type, target, 'merge', patch));
  }
  return written;
}

export interface StatusChange {
  readonly condition?: PodCondition;
  /** Empty takes the nomination back; absent leaves it as it is. */
  readonly nominatedNodeName?: string;
}

/** Writes what is new of a pod's status, if anything is. A pod that is gone is no error. */
export async function patchPodStatus(
  { client, environment }: Writer,
  pod: Pod,
  { condition, nominatedNodeName }: StatusChange,
): Promise<void> {
  const conditions = condition && changedCondition(pod, condition, environment.clock.now());
  const known = pod.status?.nominatedNodeName ?? '';
  const renominated = nominatedNodeName !== undefined && nominatedNodeName !== known;
  if (conditions === undefined && !renominated) return;
  const status = {
    ...(conditions === undefined ? {} : { conditions }),
    ...(renominated
      ? { nominatedNodeName: nominatedNodeName === '' ? null : nominatedNodeName }
      : {}),
  };
  try {
    await client.patch(
      POD,
      targetOf(pod),
      'strategic',
      { metadata: { uid: pod.metadata?.uid }, status },
      {
        subresource: 'status',
      },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The condition as a patch of the list, or undefined when it says nothing new. */
function changedCondition(
  pod: Pod,
  condition: PodCondition,
  nowMs: number,
): readonly PodCondition[] | undefined {
  const known = pod.status?.conditions ?? [];
  const generation = pod.metadata?.generation;
  const observed: PodCondition =
    generation === undefined ? condition : { ...condition, observedGeneration: generation };
  const next = withCondition(known, observed, timeText(nowMs));
  if (next === known) return undefined;
  return next.filter(({ type }) => type === condition.type);
}

/** Objects of a list do not say what they are; events must. */
export function withType(pod: Pod): Pod {
  return { apiVersion: 'v1', kind: 'Pod', ...pod };
}

export function targetOf({ metadata }: Pod): { name: string; namespace: string } {
  return { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' };
}
