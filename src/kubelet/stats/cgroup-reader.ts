/** Reads the figures of cgroups, of either version of the kernel's interface. */
import type { FileSystem } from '#base/doors.ts';
import type { CgroupHierarchy } from '../cgroups/cgroup-manager.ts';
import {
  type CgroupDetails,
  DETAIL_FILES_V1,
  DETAIL_FILES_V2,
  detailsOfV1,
  detailsOfV2,
} from './cgroup-details.ts';
import type { CgroupTexts } from './cgroup-text.ts';
import {
  type CgroupUsage,
  SWAP_FILES_V1,
  SWAP_FILES_V2,
  USAGE_FILES_V1,
  USAGE_FILES_V2,
  usageOfV1,
  usageOfV2,
} from './cgroup-usage.ts';

export class CgroupReader {
  readonly #fileSystem: Pick<FileSystem, 'readText'>;
  readonly #hierarchy: CgroupHierarchy;

  constructor(fileSystem: Pick<FileSystem, 'readText'>, hierarchy: CgroupHierarchy) {
    this.#fileSystem = fileSystem;
    this.#hierarchy = hierarchy;
  }

  get version(): 1 | 2 {
    return this.#hierarchy.version;
  }

  /** `path`: below the mounts, empty for the root. Undefined: there is no such cgroup. */
  async usage(path: string, hasSwap: boolean): Promise<CgroupUsage | undefined> {
    const isV2 = this.version === 2;
    const files = isV2 ? USAGE_FILES_V2 : USAGE_FILES_V1;
    const swapFiles = isV2 ? SWAP_FILES_V2 : SWAP_FILES_V1;
    const texts = await this.#read(path, hasSwap ? [...files, ...swapFiles] : files);
    if (texts.size === 0) return undefined;
    return isV2 ? usageOfV2(texts) : usageOfV1(texts);
  }

  /** As `usage`. */
  async details(path: string): Promise<CgroupDetails | undefined> {
    const isV2 = this.version === 2;
    const texts = await this.#read(path, isV2 ? DETAIL_FILES_V2 : DETAIL_FILES_V1);
    if (texts.size === 0) return undefined;
    return isV2 ? detailsOfV2(texts) : detailsOfV1(texts);
  }

  async #read(path: string, files: readonly string[]): Promise<CgroupTexts> {
    const texts = new Map<string, string>();
    await Promise.all(
      files.map(async (file) => {
        const directory = this.#directory(path, file);
        if (directory === undefined) return;
        // A file that this kernel does not have, or of a cgroup that has just gone.
        const text = await this.#fileSystem.readText(`${directory}/${file}`).catch(() => undefined);
        if (text !== undefined) texts.set(file, text);
      }),
    );
    return texts;
  }

  /** Undefined: the kernel has not mounted the controller that the file belongs to. */
  #directory(path: string, file: string): string | undefined {
    const hierarchy = this.#hierarchy;
    if (hierarchy.version === 2) return `${hierarchy.mount}${path}`;
    const [controller = ''] = file.split('.');
    const mount = hierarchy.mounts.get(controller === 'cgroup' ? 'cpu' : controller);
    return mount === undefined ? undefined : `${mount}${path}`;
  }
}
