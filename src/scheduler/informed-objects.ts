/** The objects beside pods and nodes that plug-ins look at, as informers keep them. */
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import { SERVICE } from '#api/core/service.ts';
import { storageClassOf } from '#api/core/volume-claims.ts';
import { controllerOf, type KubeObject } from '#api/meta/object.ts';
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
import type { InformerFactory } from '#client/informer-factory.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { Objects } from './cluster.ts';
import type { ClusterEvent, EventResource } from './cluster-events.ts';

function informersOf(factory: InformerFactory, hasPodGroups: boolean) {
  return {
    namespaces: factory.for(NAMESPACE),
    services: factory.for(SERVICE),
    replicationControllers: factory.for(REPLICATION_CONTROLLER),
    replicaSets: factory.for(REPLICA_SET),
    statefulSets: factory.for(STATEFUL_SET),
    disruptionBudgets: factory.for(POD_DISRUPTION_BUDGET),
    claims: factory.for(PERSISTENT_VOLUME_CLAIM),
    volumes: factory.for(PERSISTENT_VOLUME),
    storageClasses: factory.for(STORAGE_CLASS),
    csiNodes: factory.for(CSI_NODE),
    csiDrivers: factory.for(CSI_DRIVER),
    storageCapacities: factory.for(CSI_STORAGE_CAPACITY),
    volumeAttachments: factory.for(VOLUME_ATTACHMENT),
    resourceClaims: factory.for(RESOURCE_CLAIM),
    resourceSlices: factory.for(RESOURCE_SLICE),
    deviceClasses: factory.for(DEVICE_CLASS),
    ...(hasPodGroups ? { podGroups: factory.for(POD_GROUP) } : {}),
  };
}

const BY_CLASS = 'storageClass';
const BY_NODE = 'node';
const BY_POD = 'pod';

export class InformedObjects implements Objects {
  readonly #informers: ReturnType<typeof informersOf>;

  /** `hasPodGroups`: the API has them, which it has only behind a gate. */
  constructor(factory: InformerFactory, hasPodGroups: boolean) {
    this.#informers = informersOf(factory, hasPodGroups);
    const { volumes, storageCapacities, volumeAttachments, resourceClaims } = this.#informers;
    volumes.index(BY_CLASS, (volume) => [storageClassOf(volume)]);
    storageCapacities.index(BY_CLASS, ({ storageClassName }) => [storageClassName]);
    volumeAttachments.index(BY_NODE, ({ spec }) => [spec?.nodeName ?? '']);
    resourceClaims.index(BY_POD, (claim) => [controllerOf(claim)?.uid ?? '']);
  }

  /** Starts all of them, and tells what happens to those that pods may wait for. */
  async start(signal: AbortSignal, onEvent: (event: ClusterEvent) => void): Promise<void> {
    const { claims, volumes, storageClasses, csiNodes, csiDrivers } = this.#informers;
    const { storageCapacities, volumeAttachments } = this.#informers;
    const { resourceClaims, resourceSlices, deviceClasses, podGroups } = this.#informers;
    tell(claims, 'PersistentVolumeClaim', onEvent);
    tell(volumes, 'PersistentVolume', onEvent);
    tell(storageClasses, 'StorageClass', onEvent);
    tell(csiNodes, 'CSINode', onEvent);
    tell(csiDrivers, 'CSIDriver', onEvent);
    tell(storageCapacities, 'CSIStorageCapacity', onEvent);
    tell(volumeAttachments, 'VolumeAttachment', onEvent);
    tell(resourceClaims, 'ResourceClaim', onEvent);
    tell(resourceSlices, 'ResourceSlice', onEvent);
    tell(deviceClasses, 'DeviceClass', onEvent);
    if (podGroups !== undefined) tell(podGroups, 'PodGroup', onEvent);
    const all = Object.values(this.#informers);
    for (const informer of all) informer.start(signal);
    await Promise.all(all.map((informer) => informer.synced()));
  }

  namespaces = () => this.#informers.namespaces.list();
  namespace = (name: string) => this.#informers.namespaces.get(name);
  services = (namespace: string) => this.#informers.services.list(namespace);
  replicationController = (key: string) => this.#informers.replicationControllers.get(key);
  replicaSet = (key: string) => this.#informers.replicaSets.get(key);
  statefulSet = (key: string) => this.#informers.statefulSets.get(key);
  disruptionBudgets = () => this.#informers.disruptionBudgets.list();
  claim = (key: string) => this.#informers.claims.get(key);
  volume = (name: string) => this.#informers.volumes.get(name);
  volumesOfClass = (name: string) => this.#informers.volumes.byIndex(BY_CLASS, name);
  storageClass = (name: string) => this.#informers.storageClasses.get(name);
  csiNode = (name: string) => this.#informers.csiNodes.get(name);
  csiDriver = (name: string) => this.#informers.csiDrivers.get(name);
  storageCapacities = (name: string) => this.#informers.storageCapacities.byIndex(BY_CLASS, name);
  volumeAttachments = (node: string) => this.#informers.volumeAttachments.byIndex(BY_NODE, node);
  resourceClaims = () => this.#informers.resourceClaims.list();
  resourceClaim = (key: string) => this.#informers.resourceClaims.get(key);
  resourceClaimsOf = (podUid: string) => this.#informers.resourceClaims.byIndex(BY_POD, podUid);
  resourceSlices = () => this.#informers.resourceSlices.list();
  deviceClass = (name: string) => this.#informers.deviceClasses.get(name);
  deviceClasses = () => this.#informers.deviceClasses.list();
  podGroup = (key: string) => this.#informers.podGroups?.get(key);
}

const ACTIONS = { added: 'Add', modified: 'Update', deleted: 'Delete' } as const;

function tell<T extends KubeObject>(
  informer: Informer<T>,
  resource: EventResource,
  onEvent: (event: ClusterEvent) => void,
): void {
  informer.onChange(({ type, object, previous }: Change<T>) => {
    const before = type === 'deleted' ? object : previous;
    onEvent({
      resource,
      action: ACTIONS[type],
      ...(before === undefined ? {} : { before }),
      ...(type === 'deleted' ? {} : { after: object }),
    });
  });
}
