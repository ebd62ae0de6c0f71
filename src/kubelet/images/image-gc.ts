/**
 * Frees the disk of images that nobody uses, the one that has not been used for longest first, when
 * the file system of images is nearly full.
 *
 *   every five minutes: containers, images ─▶ records ─▶ too full? ─▶ plan (pure) ─▶ remove
 *
 * An image goes only when it has been known for a while, is used by no container, neither as its own
 * nor as a volume, is not pinned, and is not the sandbox's. Those that are there when the kubelet starts have been known for long. With
 * `imageMaximumGCAge` one that nobody has used for so long goes even where there is room.
 *
 * Upstream: pkg/kubelet/images/image_gc_manager.go and StartGarbageCollection in
 * pkg/kubelet/kubelet.go, v1.36.
 */
import type { Container, ContainerStatusResponse, Image } from '#api/gen/cri-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { milliseconds } from '../config/durations.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import type { Cri } from '../cri/cri.ts';
import type { KubeletEvents } from '../events.ts';

const LOOK_MS = 300_000;
/** Of images that were there when the kubelet started. */
const LONG_AGO = Number.NEGATIVE_INFINITY;

export interface ImageGcOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly cri: Cri;
  readonly events: KubeletEvents;
  readonly nodeName: string;
  /** Its name; it belongs to every pod, and to no container. */
  readonly sandboxImage: string;
  readonly policy: ImageGcPolicy;
  /** Whether containers may have images for volumes. */
  readonly hasImageVolumes: boolean;
  /** Is told after a collection which images are left, by id, and when (since 1970) it began. */
  readonly puller?: { prune(images: readonly string[], beganMs: number): Promise<void> };
}

/** When images go; upstream's fields of the configuration. */
export type ImageGcPolicy = Pick<
  KubeletConfiguration,
  | 'imageMinimumGCAge'
  | 'imageMaximumGCAge'
  | 'imageGCHighThresholdPercent'
  | 'imageGCLowThresholdPercent'
>;

/** What is known of an image, by this kubelet's clock. */
interface ImageRecord {
  readonly id: string;
  readonly bytes: number;
  readonly firstSeenMs: number;
  readonly lastUsedMs: number;
  readonly isNeeded: boolean;
}

/** Those that may go, in the order in which they should. */
function removableImages(
  records: readonly ImageRecord[],
  nowMs: number,
  { imageMinimumGCAge }: ImageGcPolicy,
): ImageRecord[] {
  const minAgeMs = milliseconds(imageMinimumGCAge);
  return records
    .filter(({ isNeeded, firstSeenMs }) => !isNeeded && nowMs - firstSeenMs >= minAgeMs)
    .toSorted((one, other) =>
      one.lastUsedMs === other.lastUsedMs
        ? compare(one.firstSeenMs, other.firstSeenMs)
        : compare(one.lastUsedMs, other.lastUsedMs),
    );
}

/** Not by difference: that of two times long ago is no number. */
function compare(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** How many bytes have to be freed; 0: there is room enough. The disk is full in whole percents. */
export function bytesToFree(
  { capacity, available }: { readonly capacity: number; readonly available: number },
  { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low }: ImageGcPolicy,
): number {
  const usedPercent = 100 - Math.floor((available * 100) / capacity);
  if (usedPercent < high) return 0;
  return Math.floor((capacity * (100 - low)) / 100) - available;
}

/** Runs until `signal` is aborted. */
export async function collectImages(
  options: ImageGcOptions,
  signal: AbortSignal,
  collector = new ImageCollector(options),
): Promise<void> {
  const { environment } = options;
  let hasFailed = false;
  await collector.look(LONG_AGO).catch(() => {});
  while (!signal.aborted) {
    await sleep(environment, LOOK_MS, signal);
    if (signal.aborted) return;
    try {
      await collector.collect();
      hasFailed = false;
    } catch (error) {
      environment.log.error('image garbage collection failed', { error: messageOf(error) });
      // Once may be before the runtime has its numbers.
      if (hasFailed) collector.warn('ImageGCFailed', messageOf(error));
      hasFailed = true;
    }
  }
}

export class ImageCollector {
  readonly #options: ImageGcOptions;
  readonly #startedMs: number;
  #records = new Map<string, ImageRecord>();

  constructor(options: ImageGcOptions) {
    this.#options = options;
    this.#startedMs = options.environment.clock.monotonicMs();
  }

  /** Takes over what there is; `firstSeenMs` of what was not there before. */
  async look(firstSeenMs: number): Promise<readonly ImageRecord[]> {
    const { cri, environment, sandboxImage } = this.#options;
    // Images first: a container that comes meanwhile must not look as if it had none.
    const { images = [] } = await cri.call('listImages', {});
    const { containers = [] } = await cri.call('listContainers', {});
    const used = new Set(containers.flatMap(namesOfImage));
    for (const name of await this.#mountedBy(containers)) used.add(name);
    const nowMs = environment.clock.monotonicMs();
    const records = images.map((image): ImageRecord => {
      const { id = '', size = 0, pinned = false } = image;
      const before = this.#records.get(id);
      const isUsed = [id, ...namesOf(image)].some((name) => used.has(name));
      return {
        id,
        bytes: size,
        firstSeenMs: before?.firstSeenMs ?? firstSeenMs,
        lastUsedMs: isUsed ? nowMs : (before?.lastUsedMs ?? LONG_AGO),
        isNeeded: isUsed || pinned || namesOf(image).includes(sandboxImage),
      };
    });
    this.#records = new Map(records.map((record) => [record.id, record]));
    return records;
  }

  /** Only the status of a container says which images it mounts. */
  async #mountedBy(containers: readonly Container[]): Promise<string[]> {
    const { cri, hasImageVolumes } = this.#options;
    if (!hasImageVolumes) return [];
    const images: string[] = [];
    for (const { id = '' } of containers) {
      const { status } = await statusOf(cri, id);
      for (const { image } of status?.mounts ?? []) images.push(image?.image ?? '');
    }
    return images.filter((image) => image !== '');
  }

  async collect(): Promise<void> {
    const { clock } = this.#options.environment;
    const [beganMs, nowMs] = [clock.now(), clock.monotonicMs()];
    const records = await this.look(nowMs);
    try {
      await this.#collect(records, nowMs);
    } finally {
      await this.#tellRest(beganMs);
    }
  }

  async #tellRest(beganMs: number): Promise<void> {
    await this.#options.puller?.prune([...this.#records.keys()], beganMs);
  }

  async #collect(records: readonly ImageRecord[], nowMs: number): Promise<void> {
    const { policy } = this.#options;
    const removable = removableImages(records, nowMs, policy);
    const old = this.#tooOld(removable, nowMs);
    await this.#free(old, Number.POSITIVE_INFINITY);
    const rest = removable.filter((record) => !old.includes(record));
    const wanted = bytesToFree(await this.#disk(), policy);
    const freed = wanted > 0 ? await this.#free(rest, wanted) : 0;
    if (freed >= wanted) return;
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    this.warn('FreeDiskSpaceFailed', message);
    throw new Error(message);
  }

  /**
   * Those that nobody has used for longer than an image may lie there. Not before the kubelet has run
   * for so long: it does not know what was used before.
   */
  #tooOld(removable: readonly ImageRecord[], nowMs: number): ImageRecord[] {
    const maxAgeMs = milliseconds(this.#options.policy.imageMaximumGCAge);
    if (maxAgeMs === 0 || nowMs - this.#startedMs <= maxAgeMs) return [];
    return removable.filter(({ lastUsedMs }) => nowMs - lastUsedMs > maxAgeMs);
  }

  /** Removes all that may go, however much room there is. */
  async freeUnused(): Promise<void> {
    const { clock } = this.#options.environment;
    const [beganMs, nowMs] = [clock.now(), clock.monotonicMs()];
    const records = await this.look(nowMs);
    const removable = removableImages(records, nowMs, this.#options.policy);
    await this.#free(removable, Number.POSITIVE_INFINITY);
    await this.#tellRest(beganMs);
  }

  /** Gives how many bytes were freed. */
  async #free(records: readonly ImageRecord[], wanted: number): Promise<number> {
    const { environment, cri } = this.#options;
    let freed = 0;
    for (const { id, bytes } of records) {
      if (freed >= wanted) break;
      try {
        await cri.call('removeImage', { image: { image: id } });
      } catch (error) {
        environment.log.warn('cannot remove image', { image: id, error: messageOf(error) });
        continue;
      }
      this.#records.delete(id);
      freed += bytes;
      environment.log.info('removed image', { image: id, bytes });
    }
    return freed;
  }

  /** The file system that images lie on. */
  async #disk(): Promise<{ readonly capacity: number; readonly available: number }> {
    const { cri, fileSystem } = this.#options;
    const { imageFilesystems: [place] = [] } = await cri.call('imageFsInfo', {});
    const mountpoint = place?.fsId?.mountpoint ?? '';
    const disk = await fileSystem.statFileSystem(mountpoint);
    if (disk.capacity > 0) return disk;
    const message = `invalid capacity ${disk.capacity} on image filesystem`;
    this.warn('InvalidDiskCapacity', message);
    throw new Error(message);
  }

  /** About the node. */
  warn(reason: string, message: string): void {
    const { events, nodeName } = this.#options;
    const reference = { kind: 'Node', name: nodeName, uid: nodeName };
    events.event({ about: { reference }, type: 'Warning', reason, message });
  }
}

/** Empty where it is gone. */
async function statusOf(cri: Cri, containerId: string): Promise<ContainerStatusResponse> {
  try {
    return await cri.call('containerStatus', { containerId });
  } catch (error) {
    if (error instanceof GrpcError && error.code === GRPC_CODE.notFound) return {};
    throw error;
  }
}

function namesOf({ repoTags = [], repoDigests = [] }: Image): string[] {
  return [...repoTags, ...repoDigests];
}

/** Runtimes name the image of a container by its id, and some by what was asked for. */
function namesOfImage({ imageRef = '', imageId = '', image }: Container): string[] {
  return [imageRef, imageId, image?.image ?? ''];
}
