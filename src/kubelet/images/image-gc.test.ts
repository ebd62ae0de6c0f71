import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Image } from '#api/gen/cri-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Cri, CriCallName } from '../cri/cri.ts';
import type { KubeletEvent } from '../events.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import { bytesToFree, collectImages, type ImageGcPolicy } from './image-gc.ts';

const LOOK_MS = 300_000;
const SANDBOX = 'example/pause:1';
const POLICY = defaultKubeletConfiguration();

/** A node whose images lie on a disk of 1,000 bytes, of which `others` take some. */
class Disk {
  readonly environment = new VirtualEnvironment();
  readonly images = new Map<string, Image>();
  /** By container, what the runtime says of its image. */
  readonly containers = new Map<string, object>();
  /** By container, the image that it mounts, by its id. */
  readonly mounted = new Map<string, string>();
  readonly events: KubeletEvent[] = [];
  /** Those that the runtime will not remove. */
  readonly stuck = new Set<string>();
  others = 0;
  capacity = 1_000;
  isRuntimeDown = false;
  readonly #stop = new AbortController();

  add(id: string, size: number, more: Image = {}): void {
    this.images.set(id, { id, size, repoTags: [`example/${id}:1`], ...more });
  }

  /** `over`: what is other than upstream's limits. */
  start(over: Partial<ImageGcPolicy> = {}): void {
    const policy = { ...POLICY, ...over };
    const fileSystem: Pick<FileSystem, 'statFileSystem'> = {
      statFileSystem: (path) => {
        assert.equal(path, '/images');
        const used =
          this.others + [...this.images.values()].reduce((sum, { size = 0 }) => sum + size, 0);
        return Promise.resolve({
          capacity: this.capacity,
          free: this.capacity - used,
          available: this.capacity - used,
          inodes: 0,
          inodesFree: 0,
        });
      },
    };
    const cri: Pick<Cri, 'call'> = {
      call: (name, request) => this.#answer(name, request) as Promise<never>,
    };
    const options = {
      environment: this.environment,
      fileSystem: fileSystem as FileSystem,
      cri: cri as Cri,
      events: { event: (event: KubeletEvent) => this.events.push(event) },
      nodeName: 'n1',
      sandboxImage: SANDBOX,
      policy,
      hasImageVolumes: true,
    };
    collectImages(options, this.#stop.signal).catch((error: unknown) => {
      throw error;
    });
  }

  async #answer(name: CriCallName, request: object): Promise<object> {
    await Promise.resolve();
    if (this.isRuntimeDown) throw new Error('no runtime');
    if (name === 'listImages') return { images: [...this.images.values()] };
    if (name === 'listContainers')
      return { containers: [...this.containers].map(([id, container]) => ({ id, ...container })) };
    if (name === 'containerStatus') {
      const { containerId } = request as { containerId: string };
      const image = this.mounted.get(containerId);
      if (image === 'gone') throw new GrpcError(GRPC_CODE.notFound, 'not found');
      return { status: { mounts: [{}, ...(image === undefined ? [] : [{ image: { image } }])] } };
    }
    if (name === 'imageFsInfo') return { imageFilesystems: [{ fsId: { mountpoint: '/images' } }] };
    assert.equal(name, 'removeImage');
    const { image } = request as { image: { image: string } };
    if (this.stuck.has(image.image)) throw new Error('in use');
    this.images.delete(image.image);
    return {};
  }

  async look(): Promise<string[]> {
    await this.environment.advance(LOOK_MS + 1);
    return [...this.images.keys()];
  }

  stop(): void {
    this.#stop.abort();
  }
}

describe('imageMaximumGCAge', () => {
  it('removes what nobody has used for so long, however much room there is', async () => {
    const disk = new Disk();
    disk.add('old', 1);
    disk.add('used', 1);
    disk.containers.set('c', { imageRef: 'used' });
    disk.add('late', 1);
    disk.containers.set('d', { imageRef: 'late' });
    disk.start({ imageMaximumGCAge: '10m0s' });
    await disk.environment.advance(9 * 60_000);
    assert.deepEqual([...disk.images.keys()], ['old', 'used', 'late']);
    await disk.environment.advance(2 * 60_000);
    disk.containers.delete('d');
    await disk.environment.advance(5 * 60_000);
    assert.deepEqual([...disk.images.keys()], ['used', 'late']);
    await disk.environment.advance(15 * 60_000);
    assert.deepEqual([...disk.images.keys()], ['used']);
  });
});

describe('image garbage collection', () => {
  it('frees nothing below 85 % of the disk, in whole percents, and down to 80 % above', () => {
    const full = (used: number): number =>
      bytesToFree({ capacity: 1_000, available: 1_000 - used }, POLICY);
    assert.deepEqual([800, 840, 841, 850, 1_000].map(full), [0, 0, 41, 50, 200]);
    // A file system that says it has more left than it is large.
    assert.equal(bytesToFree({ capacity: 1_000, available: 2_000 }, POLICY), 0);
  });

  it('removes what was not used for longest, and no more than it has to', async () => {
    const disk = new Disk();
    for (const id of ['a', 'b', 'c']) disk.add(id, 100);
    disk.containers.set('1', { imageRef: 'b' }).set('2', { imageId: 'a' });
    disk.start();
    assert.deepEqual(await disk.look(), ['a', 'b', 'c']);
    disk.containers.delete('1');
    assert.deepEqual(await disk.look(), ['a', 'b', 'c']);
    disk.containers.delete('2');
    disk.others = 600;
    // 900 of 1,000: c was never used, and is enough.
    assert.deepEqual(await disk.look(), ['a', 'b']);
    disk.others = 700;
    assert.deepEqual(await disk.look(), ['a']);
    assert.deepEqual(disk.events, []);
    disk.stop();
  });

  it('leaves what is used, pinned or of the sandbox, whatever the disk is like', async () => {
    const disk = new Disk();
    disk.add('used-by-id', 10);
    disk.add('used-by-name', 10);
    disk.add('pinned', 10, { pinned: true });
    disk.add('pause', 10, { repoTags: [SANDBOX] });
    disk.add('free', 10);
    disk.containers
      .set('1', { imageRef: 'used-by-id' })
      .set('2', { image: { image: 'example/used-by-name:1' } });
    disk.others = 940;
    disk.start();
    assert.deepEqual(await disk.look(), ['used-by-id', 'used-by-name', 'pinned', 'pause']);
    disk.stop();
  });

  it('leaves what a container mounts, for as long as there is one', async () => {
    const disk = new Disk();
    for (const id of ['own', 'volume']) disk.add(id, 10);
    disk.containers.set('1', { imageRef: 'own' }).set('2', { imageRef: 'own' });
    disk.mounted.set('1', 'volume').set('2', 'gone');
    disk.others = 940;
    disk.start();
    assert.deepEqual(await disk.look(), ['own', 'volume']);
    disk.mounted.delete('1');
    assert.deepEqual(await disk.look(), ['own']);
    disk.stop();
  });

  it('leaves what has come within two minutes, but not what was there before the kubelet', async () => {
    const disk = new Disk();
    disk.add('old', 10);
    disk.start();
    await disk.environment.advance(LOOK_MS - 1_000);
    disk.add('new', 10);
    disk.others = 940;
    await disk.environment.advance(1_001);
    assert.deepEqual([...disk.images.keys()], ['new']);
    assert.deepEqual(await disk.look(), []);
    disk.stop();
  });

  it('goes on with the next when one cannot be removed', async () => {
    const disk = new Disk();
    for (const id of ['a', 'b', 'c']) disk.add(id, 100);
    disk.stuck.add('a');
    disk.others = 600;
    disk.start();
    assert.deepEqual(await disk.look(), ['a', 'c']);
    disk.stop();
  });

  it('says so when not enough can go, and that it failed when it did so twice', async () => {
    const disk = new Disk();
    disk.add('a', 20);
    disk.others = 900;
    disk.start();
    const reasons = (): string[] => disk.events.map(({ reason }) => reason);
    assert.deepEqual(await disk.look(), []);
    assert.deepEqual(reasons(), ['FreeDiskSpaceFailed']);
    const { about, type, message } = disk.events[0] ?? {};
    assert.deepEqual(about, { reference: { kind: 'Node', name: 'n1', uid: 'n1' } });
    assert.equal(type, 'Warning');
    assert.equal(
      message,
      'Failed to garbage collect required amount of images. Attempted to free 120 bytes, but only found 20 bytes eligible to free.',
    );
    await disk.look();
    assert.deepEqual(reasons().slice(1), ['FreeDiskSpaceFailed', 'ImageGCFailed']);
    disk.others = 0;
    await disk.look();
    disk.others = 900;
    await disk.look();
    assert.deepEqual(reasons().slice(3), ['FreeDiskSpaceFailed']);
    disk.stop();
  });

  it('says so when the disk has no size, and waits for a runtime that is down', async () => {
    const disk = new Disk();
    disk.capacity = 0;
    disk.start();
    await disk.look();
    assert.deepEqual(
      disk.events.map(({ reason, message }) => `${reason}: ${message}`),
      ['InvalidDiskCapacity: invalid capacity 0 on image filesystem'],
    );
    disk.isRuntimeDown = true;
    await disk.look();
    disk.isRuntimeDown = false;
    disk.capacity = 1_000;
    disk.add('a', 100);
    disk.others = 800;
    await disk.look();
    assert.deepEqual([...disk.images.keys()], ['a'], 'it came while nobody looked');
    assert.deepEqual(await disk.look(), []);
    disk.stop();
  });
});
