/**
 * DynamicResources: a pod's claims get devices that its node reaches, and are kept for the pod.
 *
 * What is found out once for a pod is here; nodes, reservations and writes are in
 * `dynamic-resources/`. Source: KEP-4381, KEP-5004 (extended resources), KEP-4816 (alternatives);
 * upstream pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go, v1.36.
 */
import type { DeviceRequest, ResourceClaim } from '#api/gen/resource-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { Cluster } from '../cluster.ts';
import { type ClusterEvent, podsOf } from '../cluster-events.ts';
import {
  ClaimFilter,
  type DynamicResourcesArgs,
  NAME,
  refusal,
} from '../dynamic-resources/claim-filter.ts';
import { EXTENDED_CLAIM, unmadeClaim } from '../dynamic-resources/extended-resources.ts';
import type { DeviceLedger } from '../dynamic-resources/ledger.ts';
import { claimsOfPod } from '../dynamic-resources/pod-claims.ts';
import { claimText, requestsOf } from '../dynamic-resources/requests.ts';
import { mayBeDevices } from '../dynamic-resources/resource-names.ts';
import { groupKeyOf } from '../pod-groups.ts';
import {
  AttemptError,
  normalizeByMax,
  type Plugin,
  type PodInfo,
  type PreFilterResult,
  type Verdict,
} from '../framework.ts';

const DEFAULTS: DynamicResourcesArgs = { filterTimeoutMs: 10_000, bindingTimeoutMs: 600_000 };

/** The claim of extended resources: one that an earlier attempt has left, or one to be made. */
function extendedClaim(
  { pod, uid, requests }: PodInfo,
  devices: DeviceLedger,
): ResourceClaim | undefined {
  const isWanted = [...requests.others].some(
    ([name, amount]) =>
      amount > 0 && mayBeDevices(name) && devices.classOfResource(name) !== undefined,
  );
  if (!isWanted) return undefined;
  const left = devices
    .claimsOf(uid)
    .find(({ metadata }) => metadata?.annotations?.[EXTENDED_CLAIM] === 'true');
  return left ?? unmadeClaim(pod);
}

/** What keeps the claim from getting devices, wherever the pod runs. */
function problemOf(
  claim: ResourceClaim,
  group: string | undefined,
  devices: DeviceLedger,
): Verdict | undefined {
  if (claim.status?.allocation !== undefined) return undefined;
  const uid = claim.metadata?.uid ?? '';
  if (group !== undefined && devices.sharedIn(uid, group) !== undefined) return undefined;
  if (devices.isInFlight(uid))
    return refusal(`resource claim ${claimText(claim)} is in the process of being allocated`);
  const missing = requestsOf(claim)
    .flatMap(namedClasses)
    .find(({ className }) => devices.deviceClass(className) === undefined);
  return (
    missing && refusal(`request ${missing.name}: device class ${missing.className} does not exist`)
  );
}

function namedClasses({ name, exactly, firstAvailable = [] }: DeviceRequest) {
  const named = [
    ...(exactly === undefined ? [] : [{ name, className: exactly.deviceClassName }]),
    ...firstAvailable.map((each) => ({
      name: `${name}/${each.name}`,
      className: each.deviceClassName,
    })),
  ];
  for (const each of named)
    if (each.className === '')
      throw new AttemptError(
        `running PreFilter plugin ${JSON.stringify(NAME)}: request ${each.name}: unsupported request type`,
      );
  return named;
}

function preFilter(pod: PodInfo, cluster: Cluster, args: DynamicResourcesArgs): PreFilterResult {
  const { devices } = cluster;
  const claims = claimsOfPod(pod.pod, (key) => devices.claim(key));
  if (typeof claims === 'string') return { refused: refusal(claims) };
  const extended = extendedClaim(pod, devices);
  if (claims.length === 0 && extended === undefined) return undefined;
  for (const claim of claims) {
    const refused = problemOf(claim, groupKeyOf(pod.pod), devices);
    if (refused !== undefined) return { refused };
  }
  return { filter: new ClaimFilter({ pod, claims, extended }, cluster, args) };
}

/** A claim that came or changed; a deallocation frees devices for others, too. */
function claimHelps({ pod }: PodInfo, event: ClusterEvent, { devices }: Cluster): boolean {
  const before = event.before as ResourceClaim | undefined;
  const after = event.after as ResourceClaim | undefined;
  const claims = claimsOfPod(pod, (key) => devices.claim(key));
  if (typeof claims === 'string') return false;
  const isDeallocated =
    before?.status?.allocation !== undefined && after?.status?.allocation === undefined;
  if (isDeallocated) return true;
  if (!claims.some(({ metadata }) => metadata?.uid === after?.metadata?.uid)) return false;
  return before === undefined || !equalValues(before.status, after?.status);
}

export function dynamicResourcesWith(args: DynamicResourcesArgs): Plugin {
  return {
    name: NAME,
    weight: 2,
    preEnqueue({ pod }, { devices }) {
      const claims = claimsOfPod(pod, (key) => devices.claim(key));
      return typeof claims === 'string' ? refusal(claims) : undefined;
    },
    preFilter: (pod, cluster) => preFilter(pod, cluster, args),
    preScore(_pod, _nodes, _cluster, filters) {
      const filter = filters.find((each) => each instanceof ClaimFilter);
      if (filter === undefined || !filter.hasAlternatives) return undefined;
      return {
        score: (node) => filter.score(node),
        normalize: (scores) => normalizeByMax(scores, false),
      };
    },
    hints: [
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel', 'UpdateNodeAllocatable'] },
      { resource: 'ResourceClaim', actions: ['Add', 'Update'], helps: claimHelps },
      {
        resource: 'Pod',
        actions: ['UpdatePodGeneratedResourceClaim'],
        helps({ uid }, event, { devices }) {
          const { after } = podsOf(event);
          if (after === undefined || after.metadata?.uid !== uid) return false;
          return typeof claimsOfPod(after, (key) => devices.claim(key)) !== 'string';
        },
      },
      { resource: 'DeviceClass', actions: ['Add', 'Update'] },
      { resource: 'ResourceSlice', actions: ['Add', 'Update'] },
    ],
  };
}

export const dynamicResources = dynamicResourcesWith(DEFAULTS);
