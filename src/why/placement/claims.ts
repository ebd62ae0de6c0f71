/** Claims of a pod that have no devices, in words: which they are, and what they ask for. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { claimsOfPod } from '#scheduler/dynamic-resources/pod-claims.ts';
import { alternativesOf, type Request, requestsOf } from '#scheduler/dynamic-resources/requests.ts';
import { mayBeDevices } from '#scheduler/dynamic-resources/resource-names.ts';
import { podInfo } from '#scheduler/pod-info.ts';
import type { Snapshot } from '#scheduler/snapshot.ts';
import { type Cause, listText } from '../explanation.ts';

/** What DynamicResources says of a node where not every claim gets devices. */
const NOT_ALL = 'cannot allocate all claims';

export interface WantedDevices {
  /** `claim one`, or the name of a resource that is devices. */
  readonly name: string;
  readonly asksFor: string;
}

export function wantedDevices(pod: Pod, { devices }: Snapshot): readonly WantedDevices[] {
  const claims = claimsOfPod(pod, (key) => devices.claim(key));
  const open = typeof claims === 'string' ? [] : claims.filter(hasNone);
  const resources = [...podInfo(pod).requests.others].filter(
    ([name, amount]) => amount > 0 && mayBeDevices(name),
  );
  return [
    ...open.map((claim) => ({
      name: `claim ${claim.metadata?.name ?? ''}`,
      asksFor: listText(
        requestsOf(claim).map((request) => alternativesOf(request).map(requestText).join(', or ')),
      ),
    })),
    ...resources.flatMap(([name, amount]) => {
      const of = devices.classOfResource(name);
      if (of === undefined) return [];
      return { name, asksFor: `${amount} of class ${of.metadata?.name ?? ''}` };
    }),
  ];
}

function hasNone({ status }: ResourceClaim): boolean {
  return status?.allocation === undefined;
}

function requestText({ mode, count, className }: Request): string {
  return `${mode === 'All' ? 'all' : count} of class ${className}`;
}

/** A reason of the scheduler's with the names of the claims that it is about. */
export function withClaimNames(reason: string, wanted: readonly WantedDevices[]): string {
  return reason === NOT_ALL && wanted.length > 0
    ? `no devices for ${listText(wanted.map(({ name }) => name))}`
    : reason;
}

export function claimCauses(wanted: readonly WantedDevices[]): Cause[] {
  return wanted.map(({ name, asksFor }) => ({
    what: name,
    detail: `has no devices; it asks for ${asksFor}`,
  }));
}
