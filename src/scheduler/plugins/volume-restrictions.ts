/**
 * VolumeRestrictions: volumes that one pod, or one node, must have for itself.
 *
 * Upstream: pkg/scheduler/framework/plugins/volumerestrictions, v1.36; ReadWriteOncePod is
 * KEP-2485.
 */
import type { Pod, Volume } from '#api/gen/core-v1.ts';
import type { Cluster } from '../cluster.ts';
import { podsOf } from '../cluster-events.ts';
import type { NodeFilter, NodeInfo, Plugin, PodInfo, Verdict } from '../framework.ts';
import { NOT_FOUND } from '#api/core/pod-claims.ts';

const NAME = 'VolumeRestrictions';

const DISK_IN_USE: Verdict = {
  plugin: NAME,
  kind: 'Unschedulable',
  reasons: ['node(s) had no available disk'],
};
const CLAIM_IN_USE: Verdict = {
  plugin: NAME,
  kind: 'Unschedulable',
  reasons: [
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode ' +
      'already in-use by another pod',
  ],
};

/** Whether two pods that use these volumes cannot be on one node. */
function conflict(left: Volume, right: Volume): boolean {
  const readOnly = (a: { readOnly?: boolean }, b: { readOnly?: boolean }): boolean =>
    a.readOnly === true && b.readOnly === true;
  if (left.gcePersistentDisk && right.gcePersistentDisk) {
    const [a, b] = [left.gcePersistentDisk, right.gcePersistentDisk];
    if (a.pdName === b.pdName && !readOnly(a, b)) return true;
  }
  if (left.awsElasticBlockStore && right.awsElasticBlockStore)
    if (left.awsElasticBlockStore.volumeID === right.awsElasticBlockStore.volumeID) return true;
  if (left.iscsi && right.iscsi)
    if (left.iscsi.iqn === right.iscsi.iqn && !readOnly(left.iscsi, right.iscsi)) return true;
  if (left.rbd && right.rbd) {
    const [a, b] = [left.rbd, right.rbd];
    const sameMonitor = a.monitors.some((monitor) => b.monitors.includes(monitor));
    if (sameMonitor && a.pool === b.pool && a.image === b.image && !readOnly(a, b)) return true;
  }
  return false;
}

function disksOf({ spec }: Pod): Volume[] {
  return (spec?.volumes ?? []).filter(
    ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }) =>
      gcePersistentDisk ?? awsElasticBlockStore ?? iscsi ?? rbd,
  );
}

function diskConflict(disks: readonly Volume[], other: Pod): boolean {
  const others = disksOf(other);
  return disks.some((disk) => others.some((each) => conflict(disk, each)));
}

function claimNames({ spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
}

class RestrictionFilter implements NodeFilter {
  readonly #pod: PodInfo;
  readonly #disks: readonly Volume[];
  /** Claims that one pod alone may use. */
  readonly #claims: ReadonlySet<string>;
  /** How many uses of them by others there are. */
  #users: number;

  constructor(pod: PodInfo, claims: ReadonlySet<string>, users: number) {
    this.#pod = pod;
    this.#disks = disksOf(pod.pod);
    this.#claims = claims;
    this.#users = users;
  }

  check({ pods }: NodeInfo): Verdict | undefined {
    if (this.#disks.length > 0)
      for (const { pod } of pods.values()) if (diskConflict(this.#disks, pod)) return DISK_IN_USE;
    return this.#users > 0 ? CLAIM_IN_USE : undefined;
  }

  fork(): RestrictionFilter {
    return new RestrictionFilter(this.#pod, this.#claims, this.#users);
  }

  count(pod: PodInfo, _node: NodeInfo, delta: 1 | -1): void {
    if (pod.namespace !== this.#pod.namespace) return;
    for (const name of claimNames(pod.pod)) if (this.#claims.has(name)) this.#users += delta;
  }
}

function preFilter(pod: PodInfo, { objects, claimUsers }: Cluster) {
  const exclusive = new Set<string>();
  let users = 0;
  for (const name of new Set(claimNames(pod.pod))) {
    const key = `${pod.namespace}/${name}`;
    const claim = objects.claim(key);
    if (claim === undefined) {
      const kind = 'UnschedulableAndUnresolvable' as const;
      return { refused: { plugin: NAME, kind, reasons: [NOT_FOUND.claim(name)] } };
    }
    if (claim.spec?.accessModes?.includes('ReadWriteOncePod') !== true) continue;
    exclusive.add(name);
    if (claimUsers.has(key)) users += 1;
  }
  if (users === 0 && disksOf(pod.pod).length === 0) return undefined;
  return { filter: new RestrictionFilter(pod, exclusive, users) };
}

export const volumeRestrictions: Plugin = {
  name: NAME,
  preFilter,
  hints: [
    {
      resource: 'Pod',
      actions: ['Delete'],
      helps({ pod, namespace }, event) {
        const gone = podsOf(event).before;
        if (gone === undefined || gone.metadata?.namespace !== namespace) return false;
        const claims = new Set(claimNames(pod));
        return (
          diskConflict(disksOf(pod), gone) || claimNames(gone).some((name) => claims.has(name))
        );
      },
    },
    { resource: 'Node', actions: ['Add'] },
    {
      resource: 'PersistentVolumeClaim',
      actions: ['Add'],
      helps: ({ pod, namespace }, { after }) =>
        after?.metadata?.namespace === namespace &&
        claimNames(pod).includes(after.metadata.name ?? ''),
    },
  ],
};
