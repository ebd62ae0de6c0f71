/**
 * What is mounted into a container: its volumes, /etc/hosts, the termination message.
 *
 * Upstream: pkg/kubelet/kubelet_pods.go (makeMounts), v1.36.
 */
import type { Device, ImageSpec, Mount } from '#api/gen/cri-v1.ts';
import type { Container, Pod, VolumeMount } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { MOUNT_PROPAGATION } from '../cri/enums.ts';
import type { Mounter } from '../volumes/mounts.ts';
import { mountSubPath } from '../volumes/sub-path.ts';
import type { MountedVolume } from '../volumes/volume-manager.ts';
import { expandVariables } from './expansion.ts';

export const HOSTS_PATH = '/etc/hosts';

export interface MountInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  /** Images that are volumes, by name of the volume. */
  readonly imageVolumes: ReadonlyMap<string, ImageSpec>;
  readonly environment: ReadonlyMap<string, string>;
  readonly podDirectory: string;
  /** The managed hosts file, unless the pod shall not have it. */
  readonly hostsFile?: string;
  readonly terminationHostPath: string;
  /** The runtime can make a mount read-only with all that is mounted below it. */
  readonly canRecursiveReadOnly: boolean;
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
}

export async function containerMounts(input: MountInput): Promise<Mount[]> {
  const { container, hostsFile, terminationHostPath } = input;
  const mounts: Mount[] = [];
  const wanted = container.volumeMounts ?? [];
  for (const [index, mount] of wanted.entries())
    mounts.push(await volumeMount(mount, index, input));
  const ownHosts = wanted.some(({ mountPath }) => mountPath === HOSTS_PATH);
  if (hostsFile !== undefined && !ownHosts) {
    mounts.push({ containerPath: HOSTS_PATH, hostPath: hostsFile, selinuxRelabel: true });
  }
  const terminationPath = container.terminationMessagePath ?? '';
  if (terminationPath !== '') {
    mounts.push({
      containerPath: terminationPath,
      hostPath: terminationHostPath,
      selinuxRelabel: true,
    });
  }
  return mounts;
}

/** The volumes that the container gets as devices. Throws an Error where one is none. */
export function volumeDevices(
  { name: container, volumeDevices: wanted = [] }: Container,
  volumes: ReadonlyMap<string, MountedVolume>,
): Device[] {
  return wanted.map(({ name, devicePath }) => {
    if (!devicePath.startsWith('/'))
      throw new Error(`error DevicePath \`${devicePath}\` must be an absolute path`);
    const volume = volumes.get(name);
    if (volume?.isDevice !== true)
      throw new Error(`cannot find volume "${name}" to pass into container "${container}"`);
    const permissions = volume.readOnly ? 'r' : 'mrw';
    return { containerPath: devicePath, hostPath: volume.path, permissions };
  });
}

async function volumeMount(mount: VolumeMount, index: number, input: MountInput): Promise<Mount> {
  const { container, volumes, imageVolumes } = input;
  const volume = volumes.get(mount.name);
  if (volume === undefined || volume.isDevice === true) {
    const text = `cannot find volume "${mount.name}" to mount into container "${container.name}"`;
    throw new Error(text);
  }
  const { mountPath, readOnly = false, mountPropagation = 'None' } = mount;
  const subPath = subPathOf(mount, input.environment);
  const recursiveReadOnly = isRecursiveReadOnly(mount, input.canRecursiveReadOnly);
  const common = {
    containerPath: mountPath.startsWith('/') ? mountPath : `/${mountPath}`,
    readonly: readOnly || volume.readOnly,
    propagation: MOUNT_PROPAGATION[mountPropagation],
    recursiveReadOnly,
  };
  const image = imageVolumes.get(mount.name);
  // What of it is mounted the runtime looks up: nothing of an image lies on the node.
  if (image !== undefined) return { ...common, image, imageSubPath: subPath };
  const hostPath =
    subPath === '' ? volume.path : await subPathMount({ mount, index, input, volume, subPath });
  return { ...common, hostPath };
}

/** Source: KEP-3857; upstream pkg/kubelet/kubelet_pods.go (resolveRecursiveReadOnly), v1.36. */
function isRecursiveReadOnly(mount: VolumeMount, isSupported: boolean): boolean {
  const { name, readOnly, mountPropagation = 'None', recursiveReadOnly = 'Disabled' } = mount;
  if (recursiveReadOnly === 'Disabled') return false;
  const asked = `failed to resolve recursive read-only mode: volume "${name}" requested recursive read-only mode, but it is not`;
  if (readOnly !== true) throw new Error(`${asked} read-only`);
  if (mountPropagation !== 'None')
    throw new Error(`${asked} compatible with propagation "${mountPropagation}"`);
  if (recursiveReadOnly === 'Enabled' && !isSupported)
    throw new Error(`${asked} supported by the runtime`);
  return isSupported;
}

function subPathOf(mount: VolumeMount, environment: ReadonlyMap<string, string>): string {
  const expression = mount.subPathExpr ?? '';
  let subPath = mount.subPath ?? '';
  if (expression !== '') {
    const missing: string[] = [];
    subPath = expandVariables(expression, (name) => {
      const value = environment.get(name) ?? '';
      if (value === '') missing.push(name);
      return value;
    });
    if (missing.length > 0) {
      throw new Error(`missing value for ${[...new Set(missing)].toSorted().join(', ')}`);
    }
  }
  if (subPath.startsWith('/')) {
    throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  }
  if (subPath.split('/').includes('..')) {
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  }
  return subPath;
}

async function subPathMount(options: {
  readonly mount: VolumeMount;
  readonly index: number;
  readonly input: MountInput;
  readonly volume: MountedVolume;
  readonly subPath: string;
}): Promise<string> {
  const { mount, index, input, volume, subPath } = options;
  const { podDirectory, container, fileSystem, mounter } = input;
  try {
    return await mountSubPath({
      fileSystem,
      mounter,
      volumePath: volume.path,
      subPath,
      target: `${podDirectory}/volume-subpaths/${mount.name}/${container.name}/${index}`,
      readOnlyVolume: volume.readOnly,
    });
  } catch (error) {
    // The details would tell the pod about the file system of the node.
    throw new Error(
      `failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`,
      { cause: error },
    );
  }
}
