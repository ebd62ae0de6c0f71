/** Objects that come, and go again, while something else is measured. */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE } from '#api/core/service.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import type { RestClient } from '#client/rest.ts';
import { sleep } from '../wait.ts';
import type { Churn } from './workloads.ts';

const TYPES: Readonly<Record<string, ResourceType<KubeObject>>> = {
  Node: NODE,
  Pod: POD,
  Service: SERVICE,
};

/** Resolves when `ending` is aborted; rejects when the API refuses. */
export async function beginChurn(
  client: RestClient,
  { everyMs, isRecreated, objects, namespace }: Churn & { readonly namespace: string },
  ending: AbortSignal,
): Promise<void> {
  /** Those of the last turn that are still there. */
  let there: (() => Promise<void>)[] = [];
  while (!ending.aborted) {
    await sleep(everyMs);
    if (there.length > 0) {
      for (const remove of there) await remove();
      there = [];
      continue;
    }
    for (const object of objects) {
      const remove = await make(client, object, namespace);
      if (isRecreated) there.push(remove);
    }
  }
}

/** Answers the way to delete it. */
async function make(
  client: RestClient,
  object: KubeObject,
  namespace: string,
): Promise<() => Promise<void>> {
  const type = TYPES[object.kind ?? ''];
  if (type === undefined) throw new TypeError(`Cannot churn a ${object.kind ?? 'nothing'}`);
  const place = type.namespaced ? { namespace } : {};
  const made = await client.create(type, { ...object, metadata: { ...object.metadata, ...place } });
  const target = { name: made.metadata?.name ?? '', ...place };
  return () => client.delete(type, target);
}
