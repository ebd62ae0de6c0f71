/**
 * Attach-detach: has the volumes of CSI drivers attached to the nodes of the Pods that use them, and
 * detached when the Pods have ended.
 *
 *   Pod, claim, driver ─▶ pod key ─▶ what is wanted where ┐
 *   node ───────────────▶ what it uses, whether it is ready┼▶ volume key ─▶ VolumeAttachment
 *   VolumeAttachment ───▶ what the driver says ────────────┘      └▶ node key ─▶ volumesAttached
 *
 * A node is told what it may mount after it is attached, and that it may not before it is detached.
 * One key at a time, so that what a node is told is written in order.
 *
 * Upstream: pkg/controller/volume/attachdetach, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { claimsOf } from '#api/core/pod-claims.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { CSIDriver, VolumeAttachment } from '#api/gen/storage-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/status.ts';
import { attachmentName, csiVolumeOf, uniqueVolumeName } from '#api/storage/attachment-names.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import type { Client } from '#client/client.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { Actual } from './persistentvolume-attach-detach/actual.ts';
import { Desired } from './persistentvolume-attach-detach/desired.ts';
import { AttachMetrics } from './persistentvolume-attach-detach/metrics.ts';
import { attachable, volumesOf } from './persistentvolume-attach-detach/pod-volumes.ts';
import { VolumeSync } from './persistentvolume-attach-detach/volume-sync.ts';
import { isPodTerminated } from './shared/pods.ts';

const POD_KEY = 'pod:';
const NODE_KEY = 'node:';
const VOLUME_KEY = 'volume:';
const DRIVER_KEY = 'driver:';
/** Takes over what was there before. */
const BEGIN_KEY = 'begin';
/** Looks whether what should be attached is still attached. */
const CHECK_KEY = 'check';
const CHECK_MS = 60_000;
const BY_CLAIM = 'attach-claim';
const BY_NODE = 'attach-node';
/** On nodes whose volumes are attached here, and not by the kubelet. */
const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach';

export interface AttachDetachOptions {
  /** How often attachments are checked; 1 min unless given, never where it is 0. */
  readonly checkMs?: number;
  /** Nodes that are not ready keep what they use until a taint says that they are out of service. */
  readonly neverForces?: boolean;
}

export function attachDetachController(options: AttachDetachOptions = {}): Controller {
  return defineKeyController({
    name: 'attachdetach-controller',
    queue: 'pvcs',
    concurrency: 1,
    create: (setup) => new AttachDetach(setup, options).reconcile,
  });
}

class AttachDetach {
  readonly #setup: Setup;
  readonly #checkMs: number;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #drivers: Informer<CSIDriver>;
  readonly #attachments: Informer<VolumeAttachment>;
  readonly #desired = new Desired();
  readonly #actual = new Actual();
  readonly #metrics: AttachMetrics;
  readonly #sync: VolumeSync;
  #hasBegun = false;

  constructor(setup: Setup, { checkMs = CHECK_MS, neverForces = false }: AttachDetachOptions) {
    this.#setup = setup;
    this.#checkMs = checkMs;
    this.#pods = setup.watch(POD, ({ key, object }) =>
      claimsOf(object).length === 0 ? [] : [POD_KEY + key],
    );
    this.#pods.index(BY_CLAIM, (pod) => claimsOf(pod).map(({ key }) => key));
    this.#pods.index(BY_NODE, (pod) =>
      claimsOf(pod).length === 0 ? [] : [pod.spec?.nodeName ?? ''],
    );
    this.#claims = setup.watch(PERSISTENT_VOLUME_CLAIM, ({ key }) => this.#podsOfClaim(key));
    this.#volumes = setup.watch(PERSISTENT_VOLUME, ({ object }) => {
      const { name = '', namespace } = object.spec?.claimRef ?? {};
      return name === '' ? [] : this.#podsOfClaim(keyFor(name, namespace));
    });
    this.#drivers = setup.watch(CSI_DRIVER, ({ key }) => [DRIVER_KEY + key]);
    this.#attachments = setup.watch(VOLUME_ATTACHMENT, ({ object }) =>
      this.#volumesOf(object).map((volume) => VOLUME_KEY + volume),
    );
    this.#nodes = setup.watch(NODE, (change) => this.#nodeChanged(change));
    const { events, environment } = setup;
    this.#metrics = new AttachMetrics(setup.metrics, {
      desired: this.#desired,
      actual: this.#actual,
      pods: () => this.#pods.list(),
      claim: (key) => this.#claims.get(key),
      volume: (name) => this.#volumes.get(name),
    });
    this.#sync = new VolumeSync({
      events,
      clock: environment.clock,
      desired: this.#desired,
      actual: this.#actual,
      nodes: this.#nodes,
      attachments: this.#attachments,
      neverForces,
      metrics: this.#metrics,
      tellNode: (name, client) => this.#tellNode(name, client),
    });
    setup.enqueue(BEGIN_KEY);
  }

  readonly reconcile = async (key: string, { client }: Pass): Promise<Result | void> => {
    this.#begin();
    if (key === BEGIN_KEY) return;
    if (key === CHECK_KEY) return this.#check();
    const name = key.slice(key.indexOf(':') + 1);
    if (key.startsWith(POD_KEY)) return this.#syncPod(name);
    if (key.startsWith(DRIVER_KEY)) return this.#syncDriver(name);
    if (key.startsWith(NODE_KEY)) return this.#tellNode(name, client);
    const result = await this.#sync.sync(name, client);
    for (const node of result.nodes) this.#setup.enqueue(NODE_KEY + node);
    return result;
  };

  /** Before anything else: what there is from before, and what is wanted. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    for (const { metadata, status } of this.#nodes.list()) {
      const node = metadata?.name ?? '';
      for (const { name } of status?.volumesAttached ?? []) this.#actual.add(name, node, true);
    }
    for (const { spec } of this.#attachments.list()) {
      const volume = this.#volumes.get(spec?.source.persistentVolumeName ?? '');
      const found = volume && attachable(volume, { driver: (name) => this.#drivers.get(name) });
      if (spec === undefined || found === undefined) continue;
      if (this.#actual.get(found.uniqueName, spec.nodeName) === undefined)
        this.#actual.add(found.uniqueName, spec.nodeName, false);
      this.#actual.describe(found);
    }
    for (const { metadata, status } of this.#nodes.list())
      this.#actual.setInUse(metadata?.name ?? '', status?.volumesInUse ?? []);
    for (const pod of this.#pods.list()) if (claimsOf(pod).length > 0) this.#syncPod(keyOf(pod));
    this.#wake(this.#actual.volumes);
    if (this.#checkMs > 0) this.#setup.enqueue(CHECK_KEY, this.#checkMs);
  }

  /** The names of the volume that is attached; it may outlive its PersistentVolume. */
  #volumesOf({ metadata, spec }: VolumeAttachment): string[] {
    const csi = this.#volumes.get(spec?.source.persistentVolumeName ?? '')?.spec?.csi;
    if (csi !== undefined) return [uniqueVolumeName(csi)];
    const node = spec?.nodeName ?? '';
    return [...this.#actual.volumesOf(node)].filter((name) => {
      const volume = csiVolumeOf(name);
      return volume !== undefined && attachmentName(volume, node) === metadata?.name;
    });
  }

  #wake(volumes: Iterable<string>): void {
    for (const volume of volumes) this.#setup.enqueue(VOLUME_KEY + volume);
  }

  #podsOfClaim(claimKey: string): string[] {
    return this.#pods.byIndex(BY_CLAIM, claimKey).map((pod) => POD_KEY + keyOf(pod));
  }

  #nodeChanged({ type, key, object, previous }: Change<Node>): string[] {
    // While it is not known yet what is attached, the first pass reads what nodes use.
    if (this.#hasBegun) this.#actual.setInUse(key, object.status?.volumesInUse ?? []);
    const isNew = isManaged(object) && (previous === undefined || !isManaged(previous));
    const pods = isNew ? this.#pods.byIndex(BY_NODE, key).map((pod) => POD_KEY + keyOf(pod)) : [];
    const attached = [...this.#actual.volumesOf(key)];
    const left = attached.filter((volume) => !this.#desired.isWantedOn(volume, key));
    const isTold = attached.length > 0 || (object.status?.volumesAttached ?? []).length > 0;
    return [
      ...pods,
      ...left.map((volume) => VOLUME_KEY + volume),
      ...(isTold && type !== 'deleted' ? [NODE_KEY + key] : []),
    ];
  }

  #syncPod(key: string): void {
    const pod = this.#pods.get(key);
    const node = this.#nodes.get(pod?.spec?.nodeName ?? '');
    if (pod === undefined || isPodTerminated(pod)) return this.#wake(this.#desired.remove(key));
    if (node === undefined || !isManaged(node)) return;
    const volumes = volumesOf(pod, {
      claim: (name) => this.#claims.get(name),
      volume: (name) => this.#volumes.get(name),
      driver: (name) => this.#drivers.get(name),
    });
    this.#wake(this.#desired.put(pod, volumes));
  }

  #syncDriver(name: string): void {
    if (this.#drivers.get(name)?.spec?.attachRequired === false)
      return this.#wake(this.#desired.removeDriver(name));
    for (const pod of this.#pods.list()) if (claimsOf(pod).length > 0) this.#syncPod(keyOf(pod));
  }

  /** Writes what is attached to a node into its status. */
  async #tellNode(name: string, client: Client): Promise<void> {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    const known = node.status?.volumesAttached ?? [];
    // What is not of a CSI driver is somebody else's to tell.
    const others = known.filter((each) => csiVolumeOf(each.name) === undefined);
    const own = this.#actual.reportedOn(name).filter((each) => csiVolumeOf(each) !== undefined);
    const reported = own.map((volume) => ({ name: volume, devicePath: '' }));
    const volumesAttached = [...others, ...reported];
    if (equalValues(volumesAttached, known)) return;
    const patch = { status: { volumesAttached } };
    try {
      await client.patch(NODE, { name }, 'merge', patch, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** What was attached and is not any more is forgotten, and attached again where it is wanted. */
  #check(): Result {
    const checked = new Set<string>();
    for (const uniqueName of this.#actual.volumes) {
      const volume = csiVolumeOf(uniqueName);
      if (volume === undefined) continue;
      for (const node of this.#actual.nodesOf(uniqueName)) {
        if (this.#actual.get(uniqueName, node)?.isConfirmed !== true) continue;
        checked.add(node);
        const attachment = this.#attachments.get(attachmentName(volume, node));
        if (attachment?.status?.attached === true) continue;
        this.#actual.remove(uniqueName, node);
        this.#setup.enqueue(NODE_KEY + node);
        this.#wake([uniqueName]);
      }
    }
    // The cache answers at once.
    const ended = { driver: undefined, ms: 0, isDone: true };
    for (const _node of checked)
      this.#metrics.ended({ ...ended, operation: 'verify_volumes_are_attached_per_node' });
    return { requeueAfterMs: this.#checkMs };
  }
}

function isManaged({ metadata }: Node): boolean {
  return metadata?.annotations?.[MANAGED] !== undefined;
}
