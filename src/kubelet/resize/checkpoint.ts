/**
 * Resources of pods that outlive the kubelet: one file with a checksum, held in memory too.
 *
 * A file that cannot be read is told of in the log and begun anew: what it said is then taken from
 * the status of each pod and from the runtime (`rebuild.ts`). Upstream:
 * pkg/kubelet/allocation/state, v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { fnv1a } from '../fnv.ts';
import { StateFile } from '../state-file.ts';
import type { PodResources } from './pod-resources.ts';

export interface CheckpointOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly path: string;
}

export class ResourceCheckpoint {
  readonly #options: CheckpointOptions;
  readonly #entries = new Map<string, PodResources>();
  readonly #file: StateFile;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#file = new StateFile({ ...options, format: () => format(this.#entries) });
  }

  /** Once, before anything else. */
  async load(): Promise<void> {
    const { environment, fileSystem, path } = this.#options;
    if ((await fileSystem.stat(path)) === undefined) return;
    try {
      const entries = parse(await fileSystem.readText(path));
      for (const [uid, resources] of Object.entries(entries)) this.#entries.set(uid, resources);
    } catch (error) {
      environment.log.error('checkpoint is corrupt: it is made anew', {
        path,
        error: messageOf(error),
      });
    }
  }

  get(uid: string): PodResources | undefined {
    return this.#entries.get(uid);
  }

  /** In memory at once; resolves when it is on disk. */
  set(uid: string, resources: PodResources): Promise<void> {
    this.#entries.set(uid, resources);
    return this.#file.write();
  }

  remove(uid: string): Promise<void> {
    return this.#entries.delete(uid) ? this.#file.write() : Promise.resolve();
  }

  /** Forgets the pods that are not known any more. */
  retain(isKnown: (uid: string) => boolean): Promise<void> {
    const gone = [...this.#entries.keys()].filter((uid) => !isKnown(uid));
    for (const uid of gone) this.#entries.delete(uid);
    return gone.length === 0 ? Promise.resolve() : this.#file.write();
  }
}

function format(entries: ReadonlyMap<string, PodResources>): string {
  const data = JSON.stringify({ entries: Object.fromEntries(entries) });
  return JSON.stringify({ data, checksum: fnv1a(data) });
}

/** Throws an Error when the text is not what `format` writes. */
function parse(text: string): Record<string, PodResources> {
  const { data, checksum } = JSON.parse(text) as { data?: unknown; checksum?: unknown };
  if (typeof data !== 'string' || checksum !== fnv1a(data)) throw new Error('wrong checksum');
  // The checksum says that `format` wrote it.
  return (JSON.parse(data) as { entries: Record<string, PodResources> }).entries;
}
