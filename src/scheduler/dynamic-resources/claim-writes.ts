/**
 * What is written of claims: the devices that they got, and for whom they are kept.
 *
 * Upstream: pkg/scheduler/framework/plugins/dynamicresources (bindClaim, Unreserve), v1.36.
 */
import { messageOf } from '#base/error.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { AllocationResult, ResourceClaim } from '#api/gen/resource-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isConflict } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import type { Client } from '#client/client.ts';
import { groupKeyOf } from '../pod-groups.ts';
import type { Writer } from '../pod-writes.ts';
import { claimText } from './requests.ts';

/** A claim with devices is not deleted before they are given back. */
export const FINALIZER = 'resource.kubernetes.io/delete-protection';
/** Others write a claim too: with theirs it is tried again. */
const TRIES_MAX = 5;

/** `write` with the claim as it is; answers what it gives. */
export async function retryOnConflict<R>(
  claim: ResourceClaim,
  client: Client,
  write: (claim: ResourceClaim) => Promise<R>,
): Promise<R> {
  let now = claim;
  for (let tries = 1; ; tries++) {
    try {
      return await write(now);
    } catch (error) {
      const cause: unknown = error instanceof Refused ? error.cause : error;
      if (!isConflict(cause) || tries === TRIES_MAX) throw error;
      const { name = '', namespace = '' } = claim.metadata ?? {};
      now = await client.get(RESOURCE_CLAIM, name, namespace);
    }
  }
}

/** What the API refused, and why it was asked. */
class Refused extends Error {}

async function asked<R>(what: string, request: Promise<R>): Promise<R> {
  try {
    return await request;
  } catch (error) {
    throw new Refused(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Keeps the claim for the pod, with the devices that it was given if it has none. */
export function bindClaim(
  claim: ResourceClaim,
  { pod, allocation }: { readonly pod: Pod; readonly allocation: AllocationResult | undefined },
  { client, environment }: Writer,
): Promise<ResourceClaim> {
  const name = claimText(claim);
  const { name: podName = '', uid = '' } = pod.metadata ?? {};
  return retryOnConflict(claim, client, async (known) => {
    let now = known;
    if (now.metadata?.deletionTimestamp !== undefined)
      throw new Error(`claim ${name} got deleted in the meantime`);
    if (allocation !== undefined) {
      const given = now.status?.allocation;
      // Another pod of the group may have written it.
      const isOurs =
        groupKeyOf(pod) !== undefined && equalValues(given?.devices, allocation.devices);
      if (given !== undefined && !isOurs)
        throw new Error(`claim ${name} got allocated elsewhere in the meantime`);
      const finalizers = now.metadata?.finalizers ?? [];
      if (!finalizers.includes(FINALIZER)) {
        const metadata = { ...now.metadata, finalizers: [...finalizers, FINALIZER] };
        const update = client.update(RESOURCE_CLAIM, { ...now, metadata });
        now = await asked(`add finalizer to claim ${name}`, update);
      }
    }
    const given = now.status?.allocation ?? allocation;
    if (given === undefined)
      throw new Error(`claim ${name} got deallocated elsewhere in the meantime`);
    const status = {
      ...now.status,
      allocation: { allocationTimestamp: timeText(environment.clock.now()), ...given },
      reservedFor: [...(now.status?.reservedFor ?? []), { resource: 'pods', name: podName, uid }],
    };
    const what = allocation === undefined ? 'reservation' : 'allocation and reservation';
    return asked(
      `add ${what} to claim ${name}`,
      client.update(RESOURCE_CLAIM, { ...now, status }, 'status'),
    );
  });
}

/** The claim is not kept for the pod any more: others may have been added meanwhile. */
export function unreserve(claim: ResourceClaim, pod: Pod, client: Client): Promise<ResourceClaim> {
  const { name = '', namespace = '', uid } = claim.metadata ?? {};
  const reservedFor = [{ $patch: 'delete', uid: pod.metadata?.uid }];
  return client.patch(
    RESOURCE_CLAIM,
    { name, namespace },
    'strategic',
    { metadata: { uid }, status: { reservedFor } },
    { subresource: 'status' },
  );
}
