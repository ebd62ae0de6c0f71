/**
 * The volumes of the pods of this node: set up before containers start, kept current while they
 * run, taken down after they ended.
 *
 *   <root>/pods/<uid>/volumes/kubernetes.io~<plug-in>/<name>    on disk
 *   <root>/memory/<uid>/<name>                                  secrets and tokens, on one tmpfs
 *   <root>/pods/<uid>/volume-subpaths/<name>/<container>/<n>    mounted parts
 *
 * Nothing is remembered but what lies there and what the kernel has mounted. Upstream:
 * pkg/kubelet/volumemanager, pkg/volume/{emptydir,secret,projected,...}, v1.36.
 */
import type { Node, Pod, Volume } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Client } from '#client/client.ts';
import type { DownwardFacts } from '../container/downward.ts';
import type { PodEvents } from '../events.ts';
import type { ObjectSource } from '../object-source.ts';
import { plainMessage } from '../pod/start-error.ts';
import { writeAtomically } from './atomic-writer.ts';
import { ClaimError } from './bound-volume.ts';
import { emptyDirSize } from './empty-dir-size.ts';
import { setUpHostPath } from './host-path.ts';
import type { Mounter } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import { MountError, PersistentVolumes } from './persistent-volumes.ts';
import type { CredentialSource } from './pod-certificates.ts';
import { filesOf, isInMemory } from './sources.ts';
import type { TokenSource } from './tokens.ts';
import type { TrustAnchorSource } from './trust-bundles.ts';

export interface MountedVolume {
  /** On the node; empty for an image, which the runtime mounts. */
  readonly path: string;
  /** The kubelet writes it; containers may not. */
  readonly readOnly: boolean;
  /** It is a device, and not mounted. */
  readonly isDevice?: boolean;
}

export interface VolumePlace {
  readonly name: string;
  readonly path: string;
  /** A path on the file system that holds it, the same for volumes that share one. */
  readonly fileSystem: string;
  /** It counts against limits of ephemeral storage. */
  readonly isEphemeralStorage: boolean;
}

/** What could not be set up; `message` is for people. */
export class VolumeError extends Error {}

export interface VolumeManagerOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
  readonly objects: ObjectSource;
  readonly tokens: TokenSource;
  readonly trustBundles: TrustAnchorSource;
  readonly podCertificates: CredentialSource;
  readonly rootDirectory: string;
  readonly client: Pick<Client, 'get'>;
  /** This node, as it was last seen. */
  readonly node: () => Node;
}

export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #persistent: PersistentVolumes;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
    this.#persistent = new PersistentVolumes({
      ...options,
      podDirectory: (uid) => this.podDirectory(uid),
    });
  }

  /** Makes the directories and the tmpfs that holds secrets. */
  async start(): Promise<void> {
    const { fileSystem, mounter } = this.#options;
    await fileSystem.makeDirectory(`${this.#options.rootDirectory}/pods`, 0o750);
    await fileSystem.makeDirectory(this.#memoryRoot, 0o750);
    if (!(await mounter.isMounted(this.#memoryRoot))) await mounter.tmpfs(this.#memoryRoot, 0);
  }

  /** Takes down the devices and the tmpfs. No pod may be left. */
  async stop(): Promise<void> {
    await this.#persistent.release();
    await this.#options.mounter.unmountBelow(this.#memoryRoot);
  }

  podDirectory(uid: string): string {
    return `${this.#options.rootDirectory}/pods/${uid}`;
  }

  /** Where an emptyDir volume of a pod lies. */
  emptyDirectory(uid: string, name: string): string {
    return this.#diskPath(uid, { name, emptyDir: {} });
  }

  get #memoryRoot(): string {
    return `${this.#options.rootDirectory}/memory`;
  }

  /** Where the pod's volumes lie that take room on the node; a hostPath is the host's. */
  placesOf(pod: Pod): VolumePlace[] {
    const uid = pod.metadata?.uid ?? '';
    return (pod.spec?.volumes ?? [])
      .filter(({ hostPath, image }) => hostPath === undefined && image === undefined)
      .filter((volume) => !PersistentVolumes.isClaimed(volume))
      .map((volume) => {
        const { name, emptyDir, configMap } = volume;
        const inMemory = isInMemory(volume);
        const path = inMemory ? `${this.#memoryRoot}/${uid}/${name}` : this.#diskPath(uid, volume);
        const shared = inMemory ? this.#memoryRoot : this.#options.rootDirectory;
        // Upstream's pkg/volume/util (IsLocalEphemeralVolume).
        const isOnDisk = emptyDir !== undefined && (emptyDir.medium ?? '') === '';
        return {
          name,
          path,
          fileSystem: emptyDir?.medium === 'Memory' ? path : shared,
          isEphemeralStorage: isOnDisk || configMap !== undefined,
        };
      });
  }

  /** Sets up all volumes, also those that stand already: that is how they are kept current. */
  async mount(
    pod: Pod,
    facts: DownwardFacts,
    events: PodEvents,
  ): Promise<Map<string, MountedVolume>> {
    const mounted = new Map<string, MountedVolume>();
    const failures: string[] = [];
    await Promise.all(
      (pod.spec?.volumes ?? []).map(async (volume) => {
        try {
          const isClaimed = PersistentVolumes.isClaimed(volume);
          const one = isClaimed
            ? await this.#persistent.use(pod, volume, events)
            : await this.#mountOne(pod, volume, facts);
          mounted.set(volume.name, one);
        } catch (error) {
          const message = failureOf(volume.name, error);
          events.pod('Warning', 'FailedMount', message);
          failures.push(message);
        }
      }),
    );
    if (failures.length > 0) throw new VolumeError(failures.join('; '));
    return mounted;
  }

  async #mountOne(pod: Pod, volume: Volume, facts: DownwardFacts): Promise<MountedVolume> {
    const { fileSystem } = this.#options;
    if (volume.hostPath !== undefined) {
      return { path: await setUpHostPath(fileSystem, volume.hostPath), readOnly: false };
    }
    if (volume.emptyDir !== undefined) return this.#mountEmptyDir(pod, volume);
    if (volume.image !== undefined) return { path: '', readOnly: true };
    const payload = await filesOf({ ...this.#options, pod, volume, facts });
    if (payload === undefined) throw new Error('no volume plugin matched');
    const uid = pod.metadata?.uid ?? '';
    const path = isInMemory(volume)
      ? `${this.#memoryRoot}/${uid}/${volume.name}`
      : this.#diskPath(uid, volume);
    await fileSystem.makeDirectory(path, 0o755);
    await fileSystem.chmod(path, 0o755);
    const group = pod.spec?.securityContext?.fsGroup;
    await writeAtomically({
      fileSystem,
      directory: path,
      payload,
      nowMs: this.#options.environment.clock.now(),
      ...(group === undefined
        ? {}
        : {
            prepare: (directory) => giveToGroup({ fileSystem, directory, group, readOnly: true }),
          }),
    });
    return { path, readOnly: true };
  }

  async #mountEmptyDir(pod: Pod, volume: Volume): Promise<MountedVolume> {
    const { fileSystem, mounter } = this.#options;
    const path = this.#diskPath(pod.metadata?.uid ?? '', volume);
    const known = await fileSystem.stat(path);
    const inMemory = volume.emptyDir?.medium === 'Memory';
    if (known !== undefined && (!inMemory || (await mounter.isMounted(path)))) {
      return { path, readOnly: false };
    }
    await fileSystem.makeDirectory(path, 0o777);
    if (inMemory) await mounter.tmpfs(path, emptyDirSize(pod, volume));
    // The mode must not depend on the umask of this process.
    await fileSystem.chmod(path, 0o777);
    const { fsGroup: group, fsGroupChangePolicy: policy } = pod.spec?.securityContext ?? {};
    if (group !== undefined) {
      await giveToGroup({
        fileSystem,
        directory: path,
        group,
        readOnly: false,
        ...(policy === undefined ? {} : { policy }),
      });
    }
    return { path, readOnly: false };
  }

  #diskPath(uid: string, volume: Volume): string {
    return `${this.podDirectory(uid)}/volumes/${pluginName(volume)}/${volume.name}`;
  }

  /** Uids of the pods that have something on disk or in memory. */
  async podsOnDisk(): Promise<string[]> {
    const { fileSystem, rootDirectory } = this.#options;
    const disk = await fileSystem.list(`${rootDirectory}/pods`).catch(() => []);
    const memory = await fileSystem.list(this.#memoryRoot).catch(() => []);
    return [...new Set([...disk, ...memory])];
  }

  /** Unmounts and removes all that is the pod's. Rejects when something is still in use. */
  async tearDown(uid: string): Promise<void> {
    const { fileSystem, mounter, tokens, trustBundles, podCertificates } = this.#options;
    tokens.forget(uid);
    trustBundles.forget(uid);
    podCertificates.forget(uid);
    this.#persistent.forget(uid);
    const directory = this.podDirectory(uid);
    // A part of a hostPath that is still mounted would be removed on the host.
    await mounter.unmountBelow(directory);
    await this.#persistent.release();
    await fileSystem.remove(`${this.#memoryRoot}/${uid}`);
    await fileSystem.remove(directory);
  }
}

/** Upstream's text, which says of a claim that nothing of the volume could be tried. */
function failureOf(name: string, error: unknown): string {
  if (error instanceof MountError) return error.message;
  if (!(error instanceof ClaimError))
    return `MountVolume.SetUp failed for volume "${name}" : ${plainMessage(error)}`;
  const lists = `unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]`;
  return `Unable to attach or mount volumes: ${lists}: ${error.message}`;
}

function pluginName(volume: Volume): string {
  if (volume.emptyDir !== undefined) return 'kubernetes.io~empty-dir';
  if (volume.configMap !== undefined) return 'kubernetes.io~configmap';
  if (volume.downwardAPI !== undefined) return 'kubernetes.io~downward-api';
  return 'kubernetes.io~projected';
}
