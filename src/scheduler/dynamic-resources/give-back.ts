/**
 * What is given back when a pod fits nowhere: the devices of a claim that only this pod uses, so that
 * it may get others.
 *
 * Upstream: pkg/scheduler/framework/plugins/dynamicresources (PostFilter, deleteClaim), v1.36.
 */
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import type { GiveBack } from '../framework.ts';
import type { Writer } from '../pod-writes.ts';
import type { DeviceLedger } from './ledger.ts';
import { FINALIZER, retryOnConflict } from './claim-writes.ts';

export function deallocation(claim: ResourceClaim, ledger: DeviceLedger): GiveBack {
  return {
    message: 'deallocation of ResourceClaim completed',
    async act({ client }) {
      ledger.wrote(await client.update(RESOURCE_CLAIM, { ...claim, status: {} }, 'status'));
    },
  };
}

export function deletion(claim: ResourceClaim, ledger: DeviceLedger): GiveBack {
  return {
    message: 'deletion of ResourceClaim completed',
    act: (writer) => deleteClaim(claim, ledger, writer),
  };
}

/** Also of one that is held by the finalizer of claims with devices. */
export async function deleteClaim(
  claim: ResourceClaim,
  ledger: DeviceLedger,
  { client }: Writer,
): Promise<void> {
  const { name = '', namespace = '' } = claim.metadata ?? {};
  await retryOnConflict(claim, client, (now) =>
    client.update(RESOURCE_CLAIM, withoutFinalizer(now)),
  );
  await client.delete(RESOURCE_CLAIM, { name, namespace });
  ledger.forget(claim);
}

function withoutFinalizer(claim: ResourceClaim): ResourceClaim {
  const finalizers = (claim.metadata?.finalizers ?? []).filter((each) => each !== FINALIZER);
  return { ...claim, metadata: { ...claim.metadata, finalizers } };
}
