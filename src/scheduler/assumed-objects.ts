/**
 * Volumes and claims as they will be when the scheduler's own writes have come about.
 *
 * What is assumed holds until it is given back, or the API shows a version other than the one it
 * was made of. Source: upstream pkg/scheduler/util/assumecache.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Objects } from './cluster.ts';

/** By key: what is assumed, and the version it was made of. As many as pods are being bound. */
type Assumptions<T> = Map<string, { readonly version: string | undefined; readonly object: T }>;

export class AssumedObjects implements Objects {
  /** As the API shows them. */
  readonly shown: Objects;
  readonly #claims: Assumptions<PersistentVolumeClaim> = new Map();
  readonly #volumes: Assumptions<PersistentVolume> = new Map();

  constructor(shown: Objects) {
    this.shown = shown;
  }

  claim(key: string): PersistentVolumeClaim | undefined {
    return current(this.#claims, key, this.shown.claim(key));
  }

  volume(name: string): PersistentVolume | undefined {
    return current(this.#volumes, name, this.shown.volume(name));
  }

  volumesOfClass(storageClass: string): readonly PersistentVolume[] {
    const shown = this.shown.volumesOfClass(storageClass);
    if (this.#volumes.size === 0) return shown;
    return shown.map(
      (volume) => current(this.#volumes, volume.metadata?.name ?? '', volume) ?? volume,
    );
  }

  /** Answers the way back. */
  assumeClaim(key: string, claim: PersistentVolumeClaim): () => void {
    return assume(this.#claims, key, claim);
  }

  /** Answers the way back. */
  assumeVolume(name: string, volume: PersistentVolume): () => void {
    return assume(this.#volumes, name, volume);
  }

  namespaces = () => this.shown.namespaces();
  namespace = (name: string) => this.shown.namespace(name);
  services = (namespace: string) => this.shown.services(namespace);
  replicationController = (key: string) => this.shown.replicationController(key);
  replicaSet = (key: string) => this.shown.replicaSet(key);
  statefulSet = (key: string) => this.shown.statefulSet(key);
  disruptionBudgets = () => this.shown.disruptionBudgets();
  storageClass = (name: string) => this.shown.storageClass(name);
  csiNode = (name: string) => this.shown.csiNode(name);
  csiDriver = (name: string) => this.shown.csiDriver(name);
  storageCapacities = (storageClass: string) => this.shown.storageCapacities(storageClass);
  volumeAttachments = (node: string) => this.shown.volumeAttachments(node);
  resourceClaims = () => this.shown.resourceClaims();
  resourceClaim = (key: string) => this.shown.resourceClaim(key);
  resourceClaimsOf = (podUid: string) => this.shown.resourceClaimsOf(podUid);
  resourceSlices = () => this.shown.resourceSlices();
  deviceClass = (name: string) => this.shown.deviceClass(name);
  deviceClasses = () => this.shown.deviceClasses();
  podGroup = (key: string) => this.shown.podGroup(key);
}

function current<T extends KubeObject>(
  assumptions: Assumptions<T>,
  key: string,
  shown: T | undefined,
): T | undefined {
  const assumed = assumptions.get(key);
  if (assumed === undefined) return shown;
  if (shown?.metadata?.resourceVersion === assumed.version) return assumed.object;
  assumptions.delete(key);
  return shown;
}

function assume<T extends KubeObject>(
  assumptions: Assumptions<T>,
  key: string,
  object: T,
): () => void {
  const entry = { version: object.metadata?.resourceVersion, object };
  assumptions.set(key, entry);
  return () => {
    if (assumptions.get(key) === entry) assumptions.delete(key);
  };
}
