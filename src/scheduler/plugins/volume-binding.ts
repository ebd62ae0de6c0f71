/**
 * VolumeBinding: bound volumes must be within reach of the node, and claims that wait for their
 * first consumer get a volume there: one that is free, or one that is made for the node.
 *
 * Upstream: pkg/scheduler/framework/plugins/volumebinding, v1.36. Volumes of the old in-tree
 * drivers are not looked at as those of the CSI drivers that replaced them.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { CSIDriver, CSIStorageCapacity, StorageClass } from '#api/gen/storage-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { labelSelectorMatches } from '#api/meta/labels.ts';
import type { Cluster } from '../cluster.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import type { NodeFilter, NodeInfo, Plugin, PodInfo, Verdict } from '../framework.ts';
import type { NodePredicate } from '#api/core/node-selector.ts';
import { claimsOf, foreignClaim, NOT_FOUND, type PodClaim } from '#api/core/pod-claims.ts';
import { VolumeReservation } from '../volume-reservation.ts';
import { isFullyBound, SELECTED_NODE } from '#api/core/volume-binding.ts';
import { requestedBytes, topologyAllows, VolumeChoice, volumeNodes } from '../volume-matching.ts';

const NAME = 'VolumeBinding';
/** A class with this provisioner has volumes that people make. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

const REASONS = {
  outOfReach: "node(s) didn't match PersistentVolume's node affinity",
  noVolume: "node(s) didn't find available persistent volumes to bind",
  noSpace: 'node(s) did not have enough free storage',
  noSuchVolume: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
} as const;

function refusal(...reasons: string[]): Verdict {
  return { plugin: NAME, kind: 'UnschedulableAndUnresolvable', reasons };
}

/** Why a claim cannot be used at all. */
function claimProblem(
  pod: Pod,
  { name, isEphemeral }: PodClaim,
  claim: PersistentVolumeClaim | undefined,
): string | undefined {
  if (claim === undefined)
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : NOT_FOUND.claim(name);
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
  if (claim.metadata?.deletionTimestamp !== undefined)
    return `persistentvolumeclaim "${name}" is being deleted`;
  return isEphemeral ? foreignClaim(pod, claim) : undefined;
}

interface Claims {
  readonly bound: PersistentVolumeClaim[];
  /** Without a volume until the pod has a node. */
  readonly waiting: PersistentVolumeClaim[];
  /** Without a volume, though they should have one. */
  readonly unbound: PersistentVolumeClaim[];
}

function sorted(pod: Pod, cluster: Cluster): Claims | Verdict {
  const claims: Claims = { bound: [], waiting: [], unbound: [] };
  for (const each of claimsOf(pod)) {
    const claim = cluster.objects.claim(each.key);
    const problem = claimProblem(pod, each, claim);
    if (problem !== undefined) return refusal(problem);
    if (claim === undefined) continue;
    if (isFullyBound(claim)) claims.bound.push(claim);
    else if (!claim.spec?.volumeName && waits(claim, cluster)) claims.waiting.push(claim);
    else claims.unbound.push(claim);
  }
  return claims;
}

function waits(claim: PersistentVolumeClaim, { objects }: Cluster): boolean {
  const storageClass = objects.storageClass(storageClassOf(claim));
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** What a node would give to the claims that wait. */
interface Plan {
  readonly bindings: readonly (readonly [PersistentVolumeClaim, PersistentVolume])[];
  /** Claims that volumes are to be made for. */
  readonly provisions: readonly PersistentVolumeClaim[];
}

class VolumeFilter implements NodeFilter {
  readonly #cluster: Cluster;
  /** Where each bound volume is within reach; undefined where the volume is not there. */
  readonly #reaches: readonly (NodePredicate | undefined)[];
  readonly #isOneMissing: boolean;
  /** Smallest claim first. */
  readonly #choices: readonly VolumeChoice[];
  readonly #verdicts = new Map<string, Verdict>();

  constructor({ bound, waiting }: Claims, cluster: Cluster) {
    this.#cluster = cluster;
    const { objects } = cluster;
    const volumes = bound.map(({ spec }) => objects.volume(spec?.volumeName ?? ''));
    const missing = volumes.indexOf(undefined);
    this.#isOneMissing = missing >= 0;
    // As upstream: volumes after one that is not there are not looked at.
    this.#reaches = volumes
      .slice(0, missing < 0 ? volumes.length : missing)
      .map((volume) => volume && volumeNodes(volume));
    this.#choices = waiting
      .toSorted((left, right) => requestedBytes(left) - requestedBytes(right))
      .map((claim) => new VolumeChoice(claim, objects.volumesOfClass(storageClassOf(claim))));
  }

  check(node: NodeInfo): Verdict | undefined {
    const reasons: string[] = [];
    const isReached = this.#reaches.every((matches) => matches === undefined || matches(node));
    if (!isReached) reasons.push(REASONS.outOfReach);
    const plan = this.#choices.length === 0 ? undefined : this.#planFor(node);
    if (typeof plan === 'string') reasons.push(REASONS[plan]);
    if (isReached && this.#isOneMissing) reasons.push(REASONS.noSuchVolume);
    return reasons.length === 0 ? undefined : this.#verdict(reasons);
  }

  /** Nodes with the same reasons share a verdict. */
  #verdict(reasons: readonly string[]): Verdict {
    const key = reasons.join();
    let verdict = this.#verdicts.get(key);
    if (verdict === undefined) this.#verdicts.set(key, (verdict = refusal(...reasons)));
    return verdict;
  }

  reserve(node: NodeInfo) {
    const plan = this.#choices.length === 0 ? undefined : this.#planFor(node);
    if (plan === undefined || typeof plan === 'string') return undefined;
    return new VolumeReservation({ ...plan, node, objects: this.#cluster.objects });
  }

  #planFor(node: NodeInfo): Plan | 'noVolume' | 'noSpace' {
    const bindings: [PersistentVolumeClaim, PersistentVolume][] = [];
    const provisions: PersistentVolumeClaim[] = [];
    const taken = new Set<PersistentVolume>();
    for (const choice of this.#choices) {
      const selected = choice.claim.metadata?.annotations?.[SELECTED_NODE];
      if (selected !== undefined && selected !== node.name) return 'noVolume';
      const volume = selected === undefined ? choice.on(node, taken) : undefined;
      if (volume === undefined) provisions.push(choice.claim);
      else {
        taken.add(volume);
        bindings.push([choice.claim, volume]);
      }
    }
    for (const claim of provisions) {
      const problem = this.#provisionProblem(claim, node);
      if (problem !== undefined) return problem;
    }
    return { bindings, provisions };
  }

  /** Why no volume can be made for the claim on this node. */
  #provisionProblem(
    claim: PersistentVolumeClaim,
    node: NodeInfo,
  ): 'noVolume' | 'noSpace' | undefined {
    const storageClass = this.#cluster.objects.storageClass(storageClassOf(claim));
    const provisioner = storageClass?.provisioner ?? '';
    if (storageClass === undefined || provisioner === '' || provisioner === NO_PROVISIONER)
      return 'noVolume';
    if (!topologyAllows(storageClass.allowedTopologies, node)) return 'noVolume';
    return this.#hasSpace(claim, storageClass, node) ? undefined : 'noSpace';
  }

  /** Drivers that tell how much space they have where are believed. */
  #hasSpace(claim: PersistentVolumeClaim, storageClass: StorageClass, node: NodeInfo): boolean {
    const { objects } = this.#cluster;
    if (claim.spec?.resources?.requests?.['storage'] === undefined) return true;
    if (objects.csiDriver(storageClass.provisioner)?.spec?.storageCapacity !== true) return true;
    const bytes = requestedBytes(claim);
    return objects
      .storageCapacities(storageClass.metadata?.name ?? '')
      .some(
        (capacity) =>
          (volumeLimit(capacity) ?? -1) >= bytes &&
          labelSelectorMatches(capacity.nodeTopology, node.labels),
      );
  }
}

/** Bytes of the largest volume that can be made; undefined: not known. */
function volumeLimit({ maximumVolumeSize, capacity }: CSIStorageCapacity): number | undefined {
  const limit = maximumVolumeSize ?? capacity;
  return limit === undefined ? undefined : quantityValue(limit);
}

function isOwnClaim({ pod, namespace }: PodInfo, { after }: ClusterEvent): boolean {
  const { name = '' } = after?.metadata ?? {};
  return (
    after?.metadata?.namespace === namespace &&
    claimsOf(pod).some(({ key }) => key === `${namespace}/${name}`)
  );
}

/** A driver of the pod's own volumes does not tell any more how much space it has. */
function forgetsSpace({ pod }: PodInfo, event: ClusterEvent): boolean {
  const [before, after] = [event.before, event.after] as (CSIDriver | undefined)[];
  const isOwn = pod.spec?.volumes?.some(({ csi }) => csi?.driver === after?.metadata?.name);
  return (
    isOwn === true &&
    before?.spec?.storageCapacity === true &&
    after?.spec?.storageCapacity !== true
  );
}

export const volumeBinding: Plugin = {
  name: NAME,
  preFilter({ pod }, cluster) {
    if (claimsOf(pod).length === 0) return undefined;
    const claims = sorted(pod, cluster);
    if ('plugin' in claims) return { refused: claims };
    if (claims.unbound.length > 0)
      return { refused: refusal('pod has unbound immediate PersistentVolumeClaims') };
    return { filter: new VolumeFilter(claims, cluster) };
  },
  hints: [
    {
      resource: 'StorageClass',
      actions: ['Add', 'Update'],
      helps(_pod, event) {
        const before = event.before as StorageClass | undefined;
        const after = event.after as StorageClass | undefined;
        return (
          before === undefined || !equalValues(before.allowedTopologies, after?.allowedTopologies)
        );
      },
    },
    { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], helps: isOwnClaim },
    { resource: 'PersistentVolume', actions: ['Add', 'Update'] },
    { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
    { resource: 'CSINode', actions: ['Add'] },
    { resource: 'CSIDriver', actions: ['Update'], helps: forgetsSpace },
    {
      resource: 'CSIStorageCapacity',
      actions: ['Add', 'Update'],
      helps(_pod, event) {
        const [before, after] = [event.before, event.after] as (CSIStorageCapacity | undefined)[];
        if (before === undefined || after === undefined) return true;
        return (volumeLimit(after) ?? -1) > (volumeLimit(before) ?? -1);
      },
    },
  ],
};
