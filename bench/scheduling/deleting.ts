/** Pods that are deleted at a rate while something else is measured. */
import { POD } from '#api/core/pod.ts';
import type { RestClient } from '#client/rest.ts';
import { sleep } from '../wait.ts';
import type { Batch } from './workloads.ts';

const MS_PER_SECOND = 1_000;

/** Deletes the pods of a batch one by one until `ending` is aborted, or none is left. */
export async function beginDeleting(
  client: RestClient,
  { namespace, deletedPerSecond = 1 }: Batch,
  ending: AbortSignal,
): Promise<void> {
  const { items } = await client.list(POD, { namespace });
  const beganMs = performance.now();
  for (const [index, { metadata }] of items.entries()) {
    const dueMs = beganMs + (index * MS_PER_SECOND) / deletedPerSecond;
    await sleep(Math.max(0, dueMs - performance.now()));
    if (ending.aborted) return;
    await client.delete(POD, { name: metadata?.name ?? '', namespace });
  }
}
