/**
 * Reads what an explanation needs, with the rights of whoever asks, and explains. What may not be
 * read is left out, never guessed.
 */
import { EVENT } from '#api/core/event.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Event, Node, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound, isStatus } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { keyOf } from '#client/informer.ts';
import type { Moment } from '#scheduler/dynamic-resources/ledger.ts';
import type { Attempt } from '#scheduler/last-attempts.ts';
import { explainContainers } from './containers.ts';
import type { Explanation } from './explanation.ts';
import { explainNamespace } from './namespace.ts';
import { lastAttemptOf } from './last-attempt.ts';
import { explainPlacement, type Schedulers } from './placement/explain.ts';
import { explainUnscheduled } from './scheduling.ts';
import { explainTerminating, heldByFinalizers } from './terminating.ts';
import { explainWorkload } from './workload.ts';

export interface Subject {
  readonly type: ResourceType<KubeObject>;
  readonly name: string;
  readonly namespace?: string;
}

/** Whoever explains, and what is at hand there. */
export interface Explaining extends Moment, Schedulers {
  /** What the scheduler found when it last tried the pod `namespace/name`. */
  lastAttempt?(key: string): Attempt | undefined;
}

/**
 * Undefined for an object of a kind that there is nothing to say of. Rejects with the API server's
 * StatusError where the object itself cannot be read.
 */
export async function explain(
  client: Client,
  { type, name, namespace }: Subject,
  explaining: Explaining,
): Promise<Explanation | undefined> {
  const nowMs = explaining.clock.now();
  if (isOf(type, NAMESPACE)) return explainNamespace(await client.get(NAMESPACE, name));
  if (!isOf(type, POD)) {
    const object = await client.get(type, name, namespace);
    return object.metadata?.deletionTimestamp === undefined
      ? explainWorkload(client, type, object)
      : heldByFinalizers(type.kind, object);
  }
  const pod = await client.get(POD, name, namespace);
  if (pod.metadata?.deletionTimestamp !== undefined)
    return explainTerminating({ pod, node: await nodeOf(client, pod), nowMs });
  if ((pod.spec?.nodeName ?? '') === '') return explainPending(client, pod, explaining);
  return explainContainers(pod, await eventsOf(client, pod));
}

async function explainPending(
  client: Client,
  pod: Pod,
  explaining: Explaining,
): Promise<Explanation> {
  if ((pod.spec?.schedulingGates ?? []).length > 0)
    return explainUnscheduled(pod, explaining.clock.now());
  const found = await explainPlacement(client, pod, explaining);
  const said = found ?? explainUnscheduled(pod, explaining.clock.now());
  const attempt = explaining.lastAttempt?.(keyOf(pod));
  if (attempt === undefined) return said;
  return { ...said, lastAttempt: lastAttemptOf(attempt, { namesNodes: found !== undefined }) };
}

function isOf(
  type: ResourceType<KubeObject>,
  other: Pick<ResourceType<KubeObject>, 'group' | 'plural'>,
): boolean {
  return type.group === other.group && type.plural === other.plural;
}

async function nodeOf(client: Client, { spec }: Pod): Promise<Node | undefined> {
  try {
    return await client.get(NODE, spec?.nodeName ?? '');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isStatus(error, 'Forbidden')) throw error;
    // Who may not see nodes is not told that one is missing.
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    return { metadata: { name: spec?.nodeName ?? '' }, status: { conditions } };
  }
}

async function eventsOf(client: Client, { metadata }: Pod): Promise<readonly Event[]> {
  const { namespace = '', name = '', uid = '' } = metadata ?? {};
  const fieldSelector = `involvedObject.name=${name},involvedObject.uid=${uid}`;
  try {
    return (await client.list(EVENT, { namespace, fieldSelector })).items;
  } catch (error) {
    if (isStatus(error, 'Forbidden')) return [];
    throw error;
  }
}
