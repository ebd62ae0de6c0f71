/**
 * An image archive as `ctr images import` reads it: an OCI image layout in a tar (OCI image
 * specification 1.1). Layers are not compressed: they never leave this machine.
 */
import { createHash } from 'node:crypto';
import { createTar, type TarEntry } from '#base/tar.ts';

export interface ImageConfig {
  readonly reference: string;
  readonly entrypoint: readonly string[];
  readonly environment: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** By this annotation containerd names what it imports. */
const NAME = 'io.containerd.image.name';
const EPOCH = '1970-01-01T00:00:00Z';

/** One archive with all of `images`, which share the one `layer`. `digests`: of each image, by name. */
export function imageArchive(
  layer: Uint8Array,
  images: readonly ImageConfig[],
): { readonly archive: Buffer; readonly digests: ReadonlyMap<string, string> } {
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    blobs.set(hex, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layerDescriptor = add(LAYER, layer);
  const manifests = images.map((image) => {
    const config = add(CONFIG, json(configOf(image, layerDescriptor.digest)));
    const manifest = add(
      MANIFEST,
      json({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layerDescriptor] }),
    );
    return { ...manifest, annotations: { [NAME]: image.reference } };
  });
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests,
  };
  const entries: TarEntry[] = [
    { kind: 'file', path: 'oci-layout', mode: 0o644, data: json({ imageLayoutVersion: '1.0.0' }) },
    { kind: 'file', path: 'index.json', mode: 0o644, data: json(index) },
    ...[...blobs].map(
      ([hex, data]): TarEntry => ({ kind: 'file', path: `blobs/sha256/${hex}`, mode: 0o644, data }),
    ),
  ];
  return {
    archive: createTar(entries),
    digests: new Map(manifests.map(({ annotations, digest }) => [annotations[NAME] ?? '', digest])),
  };
}

function configOf(image: ImageConfig, layerDigest: string): object {
  return {
    created: EPOCH,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      Entrypoint: image.entrypoint,
      Env: image.environment,
      ...(image.user === undefined ? {} : { User: image.user }),
      WorkingDir: image.workingDirectory ?? '/',
    },
    // The layer is not compressed, so its digest is the identity of its content, too.
    rootfs: { type: 'layers', diff_ids: [layerDigest] },
    history: [{ created: EPOCH, created_by: 'coxswain' }],
  };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
