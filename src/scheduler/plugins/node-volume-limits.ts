/**
 * NodeVolumeLimits: a node takes so many volumes of a CSI driver, as its CSINode says.
 *
 * Upstream: pkg/scheduler/framework/plugins/nodevolumelimits/csi.go, v1.36. Volumes of the old
 * in-tree drivers are not counted as those of the CSI drivers that replaced them.
 */
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { CSINode } from '#api/gen/storage-v1.ts';
import type { Cluster } from '../cluster.ts';
import { type ClusterEvent, hasPlace, podsOf } from '../cluster-events.ts';
import type { NodeInfo, Plugin, Verdict } from '../framework.ts';
import { claimsOf, foreignClaim, NOT_FOUND } from '#api/core/pod-claims.ts';

const NAME = 'NodeVolumeLimits';

const TOO_MANY: Verdict = {
  plugin: NAME,
  kind: 'Unschedulable',
  reasons: ['node(s) exceed max volume count'],
};

/** Drivers by volume: `driver/handle`, each volume once however many pods use it. */
type Volumes = Map<string, string>;

/** Adds the volume of a claim; one that is still to be made counts by the claim's name. */
function addVolume(volumes: Volumes, claim: PersistentVolumeClaim, { objects }: Cluster): void {
  const bound = claim.spec?.volumeName;
  const volume = bound ? objects.volume(bound) : undefined;
  if (volume !== undefined) {
    const { driver, volumeHandle } = volume.spec?.csi ?? {};
    if (driver && volumeHandle) volumes.set(`${driver}/${volumeHandle}`, driver);
    return;
  }
  const driver = objects.storageClass(storageClassOf(claim))?.provisioner ?? '';
  const { namespace = '', name = '' } = claim.metadata ?? {};
  if (driver !== '') volumes.set(`${driver}/\0${namespace}/${name}`, driver);
}

/** The volumes of a pod that is to be placed, or why they cannot be told. */
function volumesFor(pod: Pod, cluster: Cluster): Volumes | string {
  const volumes: Volumes = new Map();
  for (const { key, name, isEphemeral } of claimsOf(pod)) {
    const claim = cluster.objects.claim(key);
    if (claim === undefined) return `looking up PVC ${key}: ${NOT_FOUND.claim(name)}`;
    const foreign = isEphemeral ? foreignClaim(pod, claim) : undefined;
    if (foreign !== undefined) return foreign;
    addVolume(volumes, claim, cluster);
  }
  return volumes;
}

/** The volumes that a node has: those of its pods, and those that are still attached. */
function volumesOn(node: NodeInfo, cluster: Cluster): Volumes {
  const { objects } = cluster;
  const volumes: Volumes = new Map();
  for (const { pod } of node.pods.values()) {
    for (const { key } of claimsOf(pod)) {
      const claim = objects.claim(key);
      if (claim !== undefined) addVolume(volumes, claim, cluster);
    }
  }
  for (const { spec } of objects.volumeAttachments(node.name)) {
    const volume = objects.volume(spec?.source.persistentVolumeName ?? '');
    const handle = volume?.spec?.csi?.volumeHandle;
    if (spec?.attacher && handle !== undefined)
      volumes.set(`${spec.attacher}/${handle}`, spec.attacher);
  }
  return volumes;
}

function limitsOf(csiNode: CSINode | undefined): ReadonlyMap<string, number> {
  return new Map(
    (csiNode?.spec?.drivers ?? []).flatMap(({ name, allocatable }) =>
      allocatable?.count === undefined ? [] : [[name, allocatable.count] as const],
    ),
  );
}

function check(node: NodeInfo, wanted: Volumes, cluster: Cluster): Verdict | undefined {
  const limits = limitsOf(cluster.objects.csiNode(node.name));
  if (limits.size === 0) return undefined;
  const there = volumesOn(node, cluster);
  const count = (volumes: Iterable<string>): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const driver of volumes) counts.set(driver, (counts.get(driver) ?? 0) + 1);
    return counts;
  };
  const had = count(there.values());
  const fresh = [...wanted].flatMap(([volume, driver]) => (there.has(volume) ? [] : [driver]));
  for (const [driver, more] of count(fresh)) {
    const limit = limits.get(driver);
    if (limit !== undefined && (had.get(driver) ?? 0) + more > limit) return TOO_MANY;
  }
  return undefined;
}

/** Whether a node takes more volumes of some driver than before. */
function raises({ before, after }: ClusterEvent): boolean {
  const old = limitsOf(before as CSINode | undefined);
  const now = limitsOf(after as CSINode | undefined);
  return [...now].some(([driver, limit]) => limit > (old.get(driver) ?? 0));
}

export const nodeVolumeLimits: Plugin = {
  name: NAME,
  preFilter({ pod }, cluster) {
    if (claimsOf(pod).length === 0) return undefined;
    const wanted = volumesFor(pod, cluster);
    if (typeof wanted === 'string') {
      const kind = 'UnschedulableAndUnresolvable' as const;
      const refused: Verdict = { plugin: NAME, kind, reasons: [wanted] };
      return { filter: { check: () => refused } };
    }
    if (wanted.size === 0) return undefined;
    return { filter: { check: (node) => check(node, wanted, cluster) } };
  },
  hints: [
    { resource: 'CSINode', actions: ['Add'] },
    { resource: 'CSINode', actions: ['Update'], helps: (_pod, event) => raises(event) },
    {
      resource: 'Pod',
      actions: ['Delete'],
      helps(_pod, event) {
        const gone = podsOf(event).before;
        return gone !== undefined && hasPlace(gone) && claimsOf(gone).length > 0;
      },
    },
    {
      resource: 'PersistentVolumeClaim',
      actions: ['Add'],
      helps: ({ pod, namespace }, { after }) =>
        claimsOf(pod).some(({ key }) => key === `${namespace}/${after?.metadata?.name ?? ''}`) &&
        after?.metadata?.namespace === namespace,
    },
    {
      resource: 'VolumeAttachment',
      actions: ['Delete'],
      helps: ({ pod }) =>
        (pod.spec?.volumes ?? []).some(
          ({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined,
        ),
    },
  ],
};
