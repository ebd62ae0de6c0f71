/**
 * What the kubelet keeps on disk of the images that it pulls, so that after a restart it still knows
 * with which credentials each came: a record of the intent while an image is being pulled, and one of
 * the image when it was.
 *
 *   image_manager/pulling/sha256-…   ImagePullIntent, by the name that the container gives
 *   image_manager/pulled/sha256-…    ImagePulledRecord, by the reference that the runtime gives
 *
 * The files are upstream's, and so another kubelet can go on with them. There are as many as the
 * runtime has images, and pulls under way: who collects images removes the others.
 *
 * Source: KEP-2535; API reference v1.36, kubelet.config.k8s.io/v1alpha1. Upstream:
 * pkg/kubelet/images/pullmanager/fs_pullrecords.go.
 */
import { createHash } from 'node:crypto';
import { toGoJson } from '#api/codec/canonical.ts';
import {
  always,
  BOOL,
  list,
  map,
  object,
  optional,
  scalar,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { readConfig } from '#api/component-config/read.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';
import type { FileSystem } from '#base/doors.ts';

/** Which object of the API something comes from. */
export interface ObjectCoordinates {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export interface ImagePullSecret extends ObjectCoordinates {
  /** SHA-256 of what the secret has for the registry; empty: not known. */
  readonly credentialHash: string;
}

/** With what an image was pulled. With nothing of all this, the next pod has to show its own. */
export interface ImagePullCredentials {
  readonly kubernetesSecrets?: readonly ImagePullSecret[];
  readonly kubernetesServiceAccounts?: readonly ObjectCoordinates[];
  /** With credentials of the node, or without any. */
  readonly nodePodsAccessible?: boolean;
}

export interface ImagePulledRecord {
  /** RFC 3339, to the second. */
  readonly lastUpdatedTime: string;
  readonly imageRef: string;
  /** By registry and path of the image, without tag and digest. */
  readonly credentialMapping?: Readonly<Record<string, ImagePullCredentials>>;
}

function struct(goName: string, members: readonly FieldSchema[]): TypeSchema {
  const at = { name: 'io.k8s.kubelet.config.v1alpha1', goPackage: 'v1alpha1' };
  return structOf(goName, members, at);
}

const COORDINATES = [always('uid', STRING), always('namespace', STRING), always('name', STRING)];
const PULL_SECRET = struct('ImagePullSecret', [...COORDINATES, always('credentialHash', STRING)]);
const CREDENTIALS = struct('ImagePullCredentials', [
  optional('kubernetesSecrets', list(object(PULL_SECRET))),
  optional(
    'kubernetesServiceAccounts',
    list(object(struct('ImagePullServiceAccount', COORDINATES))),
  ),
  optional('nodePodsAccessible', BOOL),
]);

const API_VERSION = 'kubelet.config.k8s.io/v1alpha1';
const SCHEME = 'pkg/kubelet/images/pullmanager/fs_pullrecords.go';
const INTENT = {
  apiVersion: API_VERSION,
  kind: 'ImagePullIntent',
  scheme: SCHEME,
  type: struct('ImagePullIntent', [...TYPE_META, always('image', STRING)]),
};
const PULLED = {
  apiVersion: API_VERSION,
  kind: 'ImagePulledRecord',
  scheme: SCHEME,
  type: struct('ImagePulledRecord', [
    ...TYPE_META,
    always('lastUpdatedTime', scalar('time')),
    always('imageRef', STRING),
    optional('credentialMapping', map(object(CREDENTIALS))),
  ]),
};

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const FILE_NAME = /^sha256-[0-9a-f]{64}$/;

export function fileNameOf(imageOrRef: string): string {
  return `sha256-${createHash('sha256').update(imageOrRef).digest('hex')}`;
}

/** Who calls sees to it that one thing happens at a time. */
export class ImagePullRecords {
  readonly #fileSystem: FileSystem;
  readonly #pullingDirectory: string;
  readonly #pulledDirectory: string;
  /** Names of the files that are there. */
  readonly #pulling: Set<string>;
  readonly #pulled: Set<string>;

  private constructor(
    fileSystem: FileSystem,
    [pulling, pulled]: readonly [string, string],
    [pullingNames, pulledNames]: readonly [readonly string[], readonly string[]],
  ) {
    this.#fileSystem = fileSystem;
    this.#pullingDirectory = pulling;
    this.#pulledDirectory = pulled;
    this.#pulling = new Set(pullingNames);
    this.#pulled = new Set(pulledNames);
  }

  /** `rootDirectory`: the kubelet's. Rejects when the directories cannot be made or read. */
  static async open(fileSystem: FileSystem, rootDirectory: string): Promise<ImagePullRecords> {
    const pulling = `${rootDirectory}/image_manager/pulling`;
    const pulled = `${rootDirectory}/image_manager/pulled`;
    const namesIn = async (directory: string): Promise<string[]> => {
      await fileSystem.makeDirectory(directory, DIRECTORY_MODE);
      const names = await fileSystem.list(directory);
      return names.filter((name) => FILE_NAME.test(name));
    };
    const names = [await namesIn(pulling), await namesIn(pulled)] as const;
    return new ImagePullRecords(fileSystem, [pulling, pulled], names);
  }

  get sizes(): { readonly intents: number; readonly pulled: number } {
    return { intents: this.#pulling.size, pulled: this.#pulled.size };
  }

  hasIntent(image: string): boolean {
    return this.#pulling.has(fileNameOf(image));
  }

  /** Images that are being pulled, or were when a kubelet ended. What cannot be read is `broken`. */
  async intents(broken: (error: unknown) => void): Promise<string[]> {
    const found: string[] = [];
    for (const name of this.#pulling)
      try {
        const text = await this.#fileSystem.readText(`${this.#pullingDirectory}/${name}`);
        // The decoder sees to the type.
        found.push(String(decoded(text, INTENT)['image']));
      } catch (error) {
        broken(error);
      }
    return found;
  }

  async writeIntent(image: string): Promise<void> {
    const text = encoded({ image }, INTENT);
    const name = fileNameOf(image);
    await this.#fileSystem.writeFileAtomic(`${this.#pullingDirectory}/${name}`, text, FILE_MODE);
    this.#pulling.add(name);
  }

  async removeIntent(image: string): Promise<void> {
    const name = fileNameOf(image);
    await this.#fileSystem.remove(`${this.#pullingDirectory}/${name}`);
    this.#pulling.delete(name);
  }

  /** Undefined: the image was not pulled by a kubelet. Rejects for a record that cannot be read. */
  async pulled(imageRef: string): Promise<ImagePulledRecord | undefined> {
    const name = fileNameOf(imageRef);
    return this.#pulled.has(name) ? this.#readPulled(name) : undefined;
  }

  async writePulled(record: ImagePulledRecord): Promise<void> {
    const text = encoded(record, PULLED);
    const name = fileNameOf(record.imageRef);
    await this.#fileSystem.writeFileAtomic(`${this.#pulledDirectory}/${name}`, text, FILE_MODE);
    this.#pulled.add(name);
  }

  /**
   * Removes the records of images other than `imageRefs`, but for those that were updated since
   * `sinceMs` (since 1970). What cannot be read goes too.
   */
  async keepPulled(imageRefs: readonly string[], sinceMs: number): Promise<void> {
    const kept = new Set(imageRefs.map(fileNameOf));
    for (const name of this.#pulled) {
      if (kept.has(name)) continue;
      const record = await this.#readPulled(name).catch(() => undefined);
      if (record !== undefined && Date.parse(record.lastUpdatedTime) >= sinceMs) continue;
      await this.#fileSystem.remove(`${this.#pulledDirectory}/${name}`);
      this.#pulled.delete(name);
    }
  }

  async #readPulled(name: string): Promise<ImagePulledRecord> {
    const text = await this.#fileSystem.readText(`${this.#pulledDirectory}/${name}`);
    // The decoder sees to the types; what is always written is there.
    return decoded(text, PULLED) as unknown as ImagePulledRecord;
  }
}

function encoded(value: object, { apiVersion, kind, type }: typeof INTENT): string {
  return toGoJson(type, { apiVersion, kind, ...value });
}

function decoded(text: string, kind: typeof INTENT): Readonly<Record<string, unknown>> {
  const { object: found, problems } = readConfig(text, kind);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`strict decoding error: ${problem}`);
  return found;
}
