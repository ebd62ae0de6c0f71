/**
 * An OCI image layout in a folder (OCI image specification 1.1), filled layer by layer and packed as
 * one archive. Layers are files of their own and shared between images: together they are large.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { output } from '../command.ts';

export interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What a container of the image runs, in the words of the specification. */
export interface RunConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly StopSignal?: string;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const PLATFORM = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux' };
const EPOCH = '1970-01-01T00:00:00Z';
/** The same files give the same bytes. */
const TAR = ['--sort=name', '--format=gnu', '--mtime=@0', '--owner=0', '--group=0'];

export class ImageArchive {
  readonly #layout: string;
  readonly #manifests: object[] = [];

  /** `folder`: an empty place for the layout. */
  constructor(folder: string) {
    this.#layout = folder;
    mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  }

  /** The files below `folder` as a layer, all of them root's. */
  layer(folder: string): Layer {
    const file = join(this.#layout, 'layer.tar');
    output('tar', ['-c', '-f', file, '-C', folder, ...TAR, '--numeric-owner', '.']);
    const digest = `sha256:${output('sha256sum', [file]).slice(0, 64)}`;
    const size = statSync(file).size;
    renameSync(file, this.#blob(digest));
    return { mediaType: LAYER, digest, size };
  }

  add(reference: string, layers: readonly Layer[], config: RunConfig): void {
    const digests = layers.map(({ digest }) => digest);
    const image = {
      ...PLATFORM,
      created: EPOCH,
      config,
      rootfs: { type: 'layers', diff_ids: digests },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: this.#json(CONFIG, image),
      layers,
    };
    this.#manifests.push({
      ...this.#json(MANIFEST, manifest),
      platform: PLATFORM,
      annotations: { 'io.containerd.image.name': reference },
    });
  }

  /** Writes the archive to `path`, at once whole. */
  pack(path: string): void {
    const index = { schemaVersion: 2, mediaType: INDEX, manifests: this.#manifests };
    writeFileSync(join(this.#layout, 'index.json'), JSON.stringify(index));
    writeFileSync(join(this.#layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    output('tar', ['-c', '-f', `${path}.new`, '-C', this.#layout, ...TAR, '.']);
    renameSync(`${path}.new`, path);
  }

  #json(mediaType: string, value: object): Layer {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    writeFileSync(this.#blob(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  }

  #blob(digest: string): string {
    return join(this.#layout, 'blobs', 'sha256', digest.slice('sha256:'.length));
  }
}
