/** What plug-ins may look at: the nodes, what is counted over them, and other objects. */
import type {
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  ReplicationController,
  Service,
} from '#api/gen/core-v1.ts';
import type { ReplicaSet, StatefulSet } from '#api/gen/apps-v1.ts';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import type { DeviceClass, ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '#api/gen/storage-v1.ts';
import type { AssumedObjects } from './assumed-objects.ts';
import type { DeviceLedger } from './dynamic-resources/ledger.ts';
import type { NodeInfo } from './framework.ts';
import type { PodGroups } from './pod-groups.ts';
import type { TermIndex } from './term-index.ts';
import type { View } from './views.ts';

/** Objects beside pods and nodes, as the informers have them. Names are `namespace/name`. */
export interface Objects {
  namespaces(): readonly Namespace[];
  namespace(name: string): Namespace | undefined;
  services(namespace: string): readonly Service[];
  replicationController(key: string): ReplicationController | undefined;
  replicaSet(key: string): ReplicaSet | undefined;
  statefulSet(key: string): StatefulSet | undefined;
  disruptionBudgets(): readonly PodDisruptionBudget[];
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumesOfClass(storageClass: string): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
  csiDriver(name: string): CSIDriver | undefined;
  storageCapacities(storageClass: string): readonly CSIStorageCapacity[];
  volumeAttachments(node: string): readonly VolumeAttachment[];
  resourceClaims(): readonly ResourceClaim[];
  resourceClaim(key: string): ResourceClaim | undefined;
  /** Those that were made for a pod. */
  resourceClaimsOf(podUid: string): readonly ResourceClaim[];
  resourceSlices(): readonly ResourceSlice[];
  deviceClass(name: string): DeviceClass | undefined;
  deviceClasses(): readonly DeviceClass[];
  podGroup(key: string): PodGroup | undefined;
}

export interface Cluster {
  /** With what this scheduler has decided and the API does not show yet. */
  readonly objects: AssumedObjects;
  /** Devices, and who has them. */
  readonly devices: DeviceLedger;
  /** Pods that belong together. */
  readonly podGroups: PodGroups;
  /** In the order in which they are tried: zone by turn. */
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** Required anti-affinity terms of pods on nodes. */
  readonly antiAffinityTerms: TermIndex;
  /** Required affinity terms of pods on nodes. */
  readonly affinityTerms: TermIndex;
  /** Preferred terms of pods on nodes, of affinity and (negative) anti-affinity. */
  readonly preferredTerms: TermIndex;
  /** On how many nodes an image is, by normalized name. */
  readonly imageNodes: ReadonlyMap<string, number>;
  /** How many pods on nodes use a claim (`namespace/name`). */
  readonly claimUsers: ReadonlyMap<string, number>;
  view<V extends View>(name: string, make: () => V): V;
}
