/**
 * Devices of the node as file systems: each is mounted once, and bound from there into the pods that
 * use it. An empty one is formatted before; one with anything on it never is.
 *
 *   <root>/plugins/kubernetes.io/local-volume/mounts/<name of the volume>
 *
 * What is mounted is read from the kernel, so a kubelet that is started anew knows it too. The empty
 * directory stays. Source: API reference v1.36, LocalVolumeSource; blkid(8), mkfs(8), fsck(8). Upstream:
 * pkg/volume/local (mountLocalBlockDevice), staging/src/k8s.io/mount-utils/mount_linux.go
 * (formatAndMountSensitive), v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import { messageOf } from '#base/error.ts';
import { Turns } from '../dra/turns.ts';
import type { Mounter } from './mounts.ts';

export const LOCAL_PLUGIN = 'kubernetes.io~local-volume';
const FILE_SYSTEM_DEFAULT = 'ext4';
const CHECKED_ERRORS_LEFT = 4;
/** blkid's word for a device on which it finds nothing. */
const NOTHING_FOUND = 2;
const FORMAT_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  ext3: ['-F', '-m0'],
  ext4: ['-F', '-m0'],
  xfs: ['-f'],
};

export interface LocalDevice {
  /** Of the persistent volume. */
  readonly name: string;
  readonly device: string;
  /** Empty or undefined: ext4. */
  readonly fsType: string | undefined;
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
}

export interface LocalDevicesOptions {
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
  readonly rootDirectory: string;
}

export class LocalDevices {
  readonly #options: LocalDevicesOptions;
  /** By volume: no two format one, and none is taken down while it is given to a pod. */
  readonly #turns = new Turns();

  constructor(options: LocalDevicesOptions) {
    this.#options = options;
  }

  /** Where all mounts of devices lie. */
  get directory(): string {
    return `${this.#options.rootDirectory}/plugins/kubernetes.io/local-volume/mounts`;
  }

  /** Mounts the device, where it is not yet, and then does `bind` with the path. */
  use<T>(local: LocalDevice, bind: (path: string) => Promise<T>): Promise<T> {
    return this.#turns.run([local.name], async () => {
      const { fileSystem, mounter } = this.#options;
      const path = `${this.directory}/${local.name}`;
      if (!(await mounter.isMounted(path))) {
        await fileSystem.makeDirectory(path, 0o750);
        await this.#mount(local, path);
      }
      return bind(path);
    });
  }

  /** Unmounts those that no pod uses any more. Rejects when one is still in use otherwise. */
  async release(): Promise<void> {
    const { mounter } = this.#options;
    const prefix = `${this.directory}/`;
    const mounted = (await mounter.list()).filter(({ path }) => path.startsWith(prefix));
    const names = new Set(mounted.map(({ path }) => path.slice(prefix.length)));
    for (const name of names) await this.#turns.run([name], () => this.#release(name));
  }

  async #release(name: string): Promise<void> {
    const { mounter } = this.#options;
    const paths = (await mounter.list()).map(({ path }) => path);
    const isUsed = paths.some((path) => path.endsWith(`/volumes/${LOCAL_PLUGIN}/${name}`));
    const path = `${this.directory}/${name}`;
    if (!isUsed && paths.includes(path)) await mounter.unmount(path);
  }

  async #mount(local: LocalDevice, path: string): Promise<void> {
    const { device, readOnly } = local;
    const fsType = (local.fsType ?? '') === '' ? FILE_SYSTEM_DEFAULT : (local.fsType ?? '');
    const options = [...new Set([...(readOnly ? ['ro'] : []), ...local.mountOptions, 'defaults'])];
    try {
      const isReadOnly = options.includes('ro');
      if (await this.#isEmpty(device)) await this.#format(device, fsType, isReadOnly);
      else if (!isReadOnly) await this.#check(device);
      await this.#options.mounter.mount({ from: device, to: path, fsType, options });
    } catch (error) {
      const text = `local: failed to mount device ${device} at ${path} (fstype: ${fsType}), error ${messageOf(error)}`;
      throw new Error(text, { cause: error });
    }
  }

  async #isEmpty(device: string): Promise<boolean> {
    const look = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
    const { exitCode, output } = await this.#options.mounter.tool('blkid', look);
    if (exitCode === NOTHING_FOUND && output === '') return true;
    if (exitCode === 0 && output !== '') return false;
    const cause = `exit code ${exitCode}, ${output}`;
    throw new Error(`failed to get disk format of disk ${device}: ${cause}`);
  }

  async #format(device: string, fsType: string, readOnly: boolean): Promise<void> {
    if (readOnly)
      throw new Error(
        `cannot mount unformatted disk ${device} as we are manipulating it in read-only mode`,
      );
    const tool = `mkfs.${fsType}`;
    const args = [...(FORMAT_ARGUMENTS[fsType] ?? []), device];
    const { exitCode, output } = await this.#options.mounter.tool(tool, args);
    if (exitCode === 0) return;
    throw new Error(
      `format of disk ${JSON.stringify(device)} failed: type:(${JSON.stringify(fsType)}) errcode:(${exitCode}) output:(${output})`,
    );
  }

  /** What fsck can repair, it does; that it is not there, or cannot, is left to mount. */
  async #check(device: string): Promise<void> {
    const { exitCode, output } = await this.#options.mounter
      .tool('fsck', ['-a', device])
      .catch(() => ({ exitCode: 0, output: '' }));
    if (exitCode === CHECKED_ERRORS_LEFT)
      throw new Error(
        `'fsck' found errors on device ${device} but could not correct them: ${output}`,
      );
  }
}
