/**
 * Persistent volumes that need no driver: directories and devices of this node.
 *
 *   claim ─▶ bound volume ─▶ may it be used on this node? ─┬▶ hostPath: the path itself
 *                                                          ├▶ local directory: bound into the pod
 *                                                          └▶ local device: given as it is, or mounted
 *                                                             (local-devices.ts) and bound
 *
 * Upstream: pkg/volume/{local,hostpath}, pkg/volume/util/operationexecutor (checkNodeAffinity), v1.36.
 */
import { selectable, termsPredicate } from '#api/core/node-selector.ts';
import type { Node, PersistentVolume, Pod, Volume } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Client } from '#client/client.ts';
import type { PodEvents } from '../events.ts';
import { plainMessage } from '../pod/start-error.ts';
import { type BoundVolume, boundVolume } from './bound-volume.ts';
import { setUpHostPath } from './host-path.ts';
import { LOCAL_PLUGIN, LocalDevices } from './local-devices.ts';
import type { Mounter } from './mounts.ts';
import { giveToGroup } from './ownership.ts';

export interface PersistentVolumesOptions {
  readonly client: Pick<Client, 'get'>;
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
  /** Where a pod's own files lie. */
  readonly podDirectory: (uid: string) => string;
  /** Where devices are mounted, below. */
  readonly rootDirectory: string;
  /** This node, as it was last seen. */
  readonly node: () => Node;
}

/** What a pod gets of a persistent volume. */
export interface UsedVolume {
  /** Of its directory, or of its device. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly isDevice: boolean;
}

/** `message`: upstream's whole text, for an event. */
export class MountError extends Error {}

export class PersistentVolumes {
  readonly #options: PersistentVolumesOptions;
  readonly #devices: LocalDevices;
  /** What was found of each pod that has claims, by its uid: kept until the pod is gone. */
  readonly #bound = new Map<string, Map<string, BoundVolume>>();

  constructor(options: PersistentVolumesOptions) {
    this.#options = options;
    this.#devices = new LocalDevices(options);
  }

  static isClaimed({ persistentVolumeClaim, ephemeral }: Volume): boolean {
    return persistentVolumeClaim !== undefined || ephemeral !== undefined;
  }

  /** Safe to do again. Rejects with ClaimError or MountError. */
  async use(pod: Pod, volume: Volume, events: PodEvents): Promise<UsedVolume> {
    const bound = await this.#find(pod, volume);
    const name = bound.volume.metadata?.name ?? '';
    try {
      return await this.#setUp(pod, bound, events);
    } catch (error) {
      if (error instanceof MountError) throw error;
      const text = `MountVolume.SetUp failed for volume "${name}" : ${plainMessage(error)}`;
      throw new MountError(text, { cause: error });
    }
  }

  forget(uid: string): void {
    this.#bound.delete(uid);
  }

  /** Takes down what no pod uses any more: after its directories are unmounted. */
  release(): Promise<void> {
    return this.#devices.release();
  }

  /** A claim that was bound stays so: its volume is looked up once. */
  async #find(pod: Pod, volume: Volume): Promise<BoundVolume> {
    const uid = pod.metadata?.uid ?? '';
    const known = this.#bound.get(uid) ?? new Map<string, BoundVolume>();
    const before = known.get(volume.name);
    if (before !== undefined) return before;
    const found = await boundVolume(this.#options.client, pod, volume);
    this.#checkAffinity(found.volume);
    this.#bound.set(uid, known.set(volume.name, found));
    return found;
  }

  #checkAffinity({ metadata, spec }: PersistentVolume): void {
    const { required } = spec?.nodeAffinity ?? {};
    if (required === undefined) return;
    if (termsPredicate(required.nodeSelectorTerms)(selectable(this.#options.node()))) return;
    throw new MountError(
      `MountVolume.NodeAffinity check failed for volume "${metadata?.name ?? ''}" : no matching NodeSelectorTerms`,
    );
  }

  async #setUp(pod: Pod, bound: BoundVolume, events: PodEvents): Promise<UsedVolume> {
    const { volume, readOnly } = bound;
    const { hostPath, local, volumeMode } = volume.spec ?? {};
    if (hostPath !== undefined) {
      const path = await setUpHostPath(this.#options.fileSystem, hostPath);
      return { path, readOnly, isDevice: false };
    }
    if (local === undefined) throw new Error('no volume plugin matched');
    const kind = await this.#kindOf(volume, local.path);
    if (volumeMode === 'Block') {
      if (kind === 'block') return { path: local.path, readOnly, isDevice: true };
      throw new Error(`${local.path} is not a block device`);
    }
    const bind = (from: string): Promise<string> => this.#bind(pod, { ...bound, from }, events);
    if (kind === 'directory') return { path: await bind(local.path), readOnly, isDevice: false };
    if (kind !== 'block')
      throw new Error(
        `only directories and block devices can be mounted, and ${local.path} is none`,
      );
    const { fsType } = local;
    const mountOptions = volume.spec?.mountOptions ?? [];
    const name = volume.metadata?.name ?? '';
    const device = { name, device: local.path, fsType, readOnly, mountOptions };
    return { path: await this.#devices.use(device, bind), readOnly, isDevice: false };
  }

  async #kindOf({ metadata }: PersistentVolume, path: string): Promise<string> {
    const stat = await this.#options.fileSystem.stat(path);
    if (stat !== undefined) return stat.kind;
    throw new MountError(
      `MountVolume.NewMounter initialization failed for volume "${metadata?.name ?? ''}" : path "${path}" does not exist`,
    );
  }

  async #bind(
    pod: Pod,
    { volume, readOnly, from }: BoundVolume & { readonly from: string },
    events: PodEvents,
  ): Promise<string> {
    const { fileSystem, mounter, podDirectory } = this.#options;
    const below = `volumes/${LOCAL_PLUGIN}/${volume.metadata?.name ?? ''}`;
    const path = `${podDirectory(pod.metadata?.uid ?? '')}/${below}`;
    const mounts = (await mounter.list()).map((entry) => entry.path);
    if (mounts.includes(path)) return path;
    await fileSystem.makeDirectory(path, 0o750);
    await mounter.bind(from, path);
    const isShared = mounts.some((other) => other.endsWith(`/${below}`));
    if (!readOnly) await this.#give(pod, { path, from, isShared, volume }, events);
    return path;
  }

  /** The group of a volume that another pod uses already is not changed under it. */
  async #give(
    pod: Pod,
    bound: {
      readonly path: string;
      readonly from: string;
      readonly isShared: boolean;
      readonly volume: PersistentVolume;
    },
    events: PodEvents,
  ): Promise<void> {
    const { fileSystem } = this.#options;
    const { fsGroup: group, fsGroupChangePolicy: policy } = pod.spec?.securityContext ?? {};
    if (group === undefined) return;
    if (!bound.isShared) {
      const options = policy === undefined ? {} : { policy };
      const directory = bound.path;
      return giveToGroup({ fileSystem, directory, group, readOnly: false, ...options });
    }
    const stat = await fileSystem.stat(bound.from);
    if (stat === undefined || stat.gid === group) return;
    const name = bound.volume.metadata?.name ?? '';
    const text = `The requested fsGroup is ${group}, but the volume ${name} has GID ${stat.gid}. The volume may not be shareable.`;
    events.pod('Warning', 'AlreadyMountedVolume', text);
  }
}
