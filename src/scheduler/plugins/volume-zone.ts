/**
 * VolumeZone: a volume whose labels name its zone can be used there alone.
 *
 * Upstream: pkg/scheduler/framework/plugins/volumezone/volume_zone.go, v1.36.
 */
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { Cluster } from '../cluster.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import type { NodeInfo, Plugin, PodInfo, Verdict } from '../framework.ts';
import { NOT_FOUND } from '#api/core/pod-claims.ts';

const NAME = 'VolumeZone';

function refusal(reason: string): Verdict {
  return { plugin: NAME, kind: 'UnschedulableAndUnresolvable', reasons: [reason] };
}

const OTHER_ZONE = refusal('node(s) had no available volume zone');

/** Labels that name a place, and the name by which nodes have the older ones today. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['topology.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'topology.kubernetes.io/region'],
]);
/** Between the zones of a volume that has several. */
const BETWEEN = '__';

interface Place {
  readonly key: string;
  readonly values: readonly string[];
}

function placesOf({ metadata }: PersistentVolume): Place[] {
  return [...KEYS.keys()].flatMap((key) => {
    const text = metadata?.labels?.[key];
    if (text === undefined) return [];
    const values = text.split(BETWEEN).map((value) => value.trim());
    return values.includes('') ? [] : [{ key, values: values.toSorted() }];
  });
}

/** The places of the pod's volumes, or why they cannot be told. */
function placesFor(pod: PodInfo, { objects }: Cluster): Place[] | Verdict {
  const places: Place[] = [];
  for (const name of claimNames(pod)) {
    const claim = objects.claim(`${pod.namespace}/${name}`);
    if (claim === undefined) return refusal(NOT_FOUND.claim(name));
    const volumeName = claim.spec?.volumeName ?? '';
    if (volumeName === '') {
      const reason = unboundReason(claim, objects);
      if (reason !== undefined) return refusal(reason);
      continue;
    }
    const volume = objects.volume(volumeName);
    if (volume === undefined) return refusal(NOT_FOUND.volume(volumeName));
    places.push(...placesOf(volume));
  }
  return places;
}

function claimNames({ pod }: PodInfo): string[] {
  return (pod.spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
}

/** Why a claim without a volume is no good; undefined: it gets one when the pod has a node. */
function unboundReason(
  claim: PersistentVolumeClaim,
  objects: Cluster['objects'],
): string | undefined {
  const className = storageClassOf(claim);
  if (className === '') return 'PersistentVolumeClaim had no pv name and storageClass name';
  const storageClass = objects.storageClass(className);
  if (storageClass === undefined) return NOT_FOUND.storageClass(className);
  const mode = storageClass.volumeBindingMode;
  if (mode === undefined) return `VolumeBindingMode not set for StorageClass "${className}"`;
  return mode === 'WaitForFirstConsumer' ? undefined : 'PersistentVolume had no name';
}

function isThere({ labels }: NodeInfo, { key, values }: Place): boolean {
  const value = labels[key] ?? labels[KEYS.get(key) ?? key];
  return value !== undefined && values.includes(value);
}

function check(node: NodeInfo, places: readonly Place[]): Verdict | undefined {
  // A node that says nothing of its place is in the only one there is.
  const saysPlace = [...KEYS.keys()].some((key) => node.labels[key] !== undefined);
  if (!saysPlace) return undefined;
  return places.every((place) => isThere(node, place)) ? undefined : OTHER_ZONE;
}

function movedVolume({ before, after }: ClusterEvent): boolean {
  if (before === undefined || after === undefined) return true;
  return !equalJson(placesOf(before), placesOf(after));
}

export const volumeZone: Plugin = {
  name: NAME,
  preFilter(pod, cluster) {
    if ((pod.pod.spec?.volumes ?? []).length === 0) return undefined;
    const places = placesFor(pod, cluster);
    if ('plugin' in places) return { refused: places };
    if (places.length === 0) return undefined;
    return { filter: { check: (node) => check(node, places) } };
  },
  hints: [
    {
      resource: 'StorageClass',
      actions: ['Add'],
      helps: (_pod, { after }) =>
        after !== undefined &&
        'volumeBindingMode' in after &&
        after.volumeBindingMode === 'WaitForFirstConsumer',
    },
    { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
    {
      resource: 'PersistentVolumeClaim',
      actions: ['Add', 'Update'],
      helps: (pod, { after }) =>
        after?.metadata?.namespace === pod.namespace &&
        claimNames(pod).includes(after.metadata.name ?? ''),
    },
    {
      resource: 'PersistentVolume',
      actions: ['Add', 'Update'],
      helps: (_pod, event) => movedVolume(event),
    },
  ],
};
