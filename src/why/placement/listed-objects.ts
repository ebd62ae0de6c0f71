/**
 * The objects beside pods and nodes that decide where a pod may run, read once. What may not be read
 * counts as not there, and is named.
 */
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import { SERVICE } from '#api/core/service.ts';
import { storageClassOf } from '#api/core/volume-claims.ts';
import { controllerOf, type KubeObject } from '#api/meta/object.ts';
import { isNotFound, isStatus } from '#api/meta/status.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { CSI_NODE } from '#api/storage/csi-node.ts';
import { CSI_STORAGE_CAPACITY } from '#api/storage/csi-storage-capacity.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { keyOf } from '#client/informer.ts';
import type { Objects } from '#scheduler/cluster.ts';

const NAMESPACED = {
  services: SERVICE,
  replicationControllers: REPLICATION_CONTROLLER,
  replicaSets: REPLICA_SET,
  statefulSets: STATEFUL_SET,
  disruptionBudgets: POD_DISRUPTION_BUDGET,
  claims: PERSISTENT_VOLUME_CLAIM,
} as const;

const OTHERS = {
  namespaces: NAMESPACE,
  volumes: PERSISTENT_VOLUME,
  storageClasses: STORAGE_CLASS,
  csiNodes: CSI_NODE,
  csiDrivers: CSI_DRIVER,
  storageCapacities: CSI_STORAGE_CAPACITY,
  volumeAttachments: VOLUME_ATTACHMENT,
  /** Of all namespaces: they have devices that others cannot have. */
  resourceClaims: RESOURCE_CLAIM,
  resourceSlices: RESOURCE_SLICE,
  deviceClasses: DEVICE_CLASS,
} as const;

type Types = typeof NAMESPACED & typeof OTHERS;
type ObjectOf<T> = T extends ResourceType<infer O> ? O : never;
type Lists = { readonly [K in keyof Types]: readonly ObjectOf<Types[K]>[] } & {
  readonly podGroups: readonly PodGroup[];
};

/** Lists that could be read, and the plurals of those that could not. */
export class Reading {
  readonly #client: Client;
  readonly unread: string[] = [];

  constructor(client: Client) {
    this.#client = client;
  }

  async list<T extends KubeObject>(
    type: ResourceType<T>,
    namespace?: string,
  ): Promise<readonly T[]> {
    try {
      const where = namespace === undefined ? {} : { namespace };
      return (await this.#client.list(type, { ...where, shared: true })).items;
    } catch (error) {
      if (!isStatus(error, 'Forbidden') && !isNotFound(error)) throw error;
      this.unread.push(type.plural);
      return [];
    }
  }
}

/** Workloads and volume claims of other namespaces do not matter to the pod. */
export async function listObjects(reading: Reading, { metadata, spec }: Pod): Promise<Objects> {
  const { namespace = '' } = metadata ?? {};
  // Few servers have groups at all.
  const podGroups =
    spec?.schedulingGroup === undefined ? [] : await reading.list(POD_GROUP, namespace);
  const own = Object.entries(NAMESPACED).map(async ([name, type]) => [
    name,
    await reading.list<KubeObject>(type, namespace),
  ]);
  const others = Object.entries(OTHERS).map(async ([name, type]) => [
    name,
    await reading.list<KubeObject>(type),
  ]);
  // Sound: each list is that of the type under the same name.
  const lists = Object.fromEntries(await Promise.all([...own, ...others])) as Lists;
  return objectsOf({ ...lists, podGroups });
}

function objectsOf(lists: Lists): Objects {
  const find = <T extends KubeObject>(all: readonly T[], key: string): T | undefined =>
    all.find((object) => keyOf(object) === key);
  return {
    namespaces: () => lists.namespaces,
    namespace: (name) => find(lists.namespaces, name),
    services: () => lists.services,
    replicationController: (key) => find(lists.replicationControllers, key),
    replicaSet: (key) => find(lists.replicaSets, key),
    statefulSet: (key) => find(lists.statefulSets, key),
    disruptionBudgets: () => lists.disruptionBudgets,
    claim: (key) => find(lists.claims, key),
    volume: (name) => find(lists.volumes, name),
    volumesOfClass: (name) => lists.volumes.filter((volume) => storageClassOf(volume) === name),
    storageClass: (name) => find(lists.storageClasses, name),
    csiNode: (name) => find(lists.csiNodes, name),
    csiDriver: (name) => find(lists.csiDrivers, name),
    storageCapacities: (name) =>
      lists.storageCapacities.filter(({ storageClassName }) => storageClassName === name),
    volumeAttachments: (node) =>
      lists.volumeAttachments.filter(({ spec }) => spec?.nodeName === node),
    resourceClaims: () => lists.resourceClaims,
    resourceClaim: (key) => find(lists.resourceClaims, key),
    resourceClaimsOf: (podUid) =>
      lists.resourceClaims.filter((claim) => controllerOf(claim)?.uid === podUid),
    resourceSlices: () => lists.resourceSlices,
    deviceClass: (name) => find(lists.deviceClasses, name),
    deviceClasses: () => lists.deviceClasses,
    podGroup: (key) => find(lists.podGroups, key),
  };
}
