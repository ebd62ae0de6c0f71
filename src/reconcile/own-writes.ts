/**
 * Read your own writes: a key waits until the caches have seen what its last pass wrote.
 *
 * A controller that looks at a cache which lags behind its own writes would do them again: create
 * three more Pods, delete a second victim. Each write of a pass is noted under the pass's key, and
 * the next pass of that key starts when the informers have caught up. Deletions answer no revision,
 * so they are noted by uid and are seen when the object is gone or marked.
 *
 * Upstream: pkg/controller/util/consistency (KEP-5647) and, for deletions, the expectations of
 * pkg/controller/controller_utils.go, v1.36; here one gate serves all controllers.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import { type Informer, keyFor } from '#client/informer.ts';
import type { Environment } from '#base/env.ts';

/** A cache that has not shown a write after this long will not (upstream's ExpectationsTimeout). */
const HOLD_MS_MAX = 5 * 60_000;

interface Deletion {
  readonly informer: Informer<KubeObject>;
  readonly objectKey: string;
  readonly uid: string;
}

interface Notes {
  noteMs: number;
  readonly revisions: Map<Informer<KubeObject>, number>;
  deletions: Deletion[];
}

export class OwnWrites {
  readonly #clock: Environment['clock'];
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #notes = new Map<string, Notes>();

  constructor(clock: Environment['clock']) {
    this.#clock = clock;
  }

  /** Writes to this informer's collection are waited for from now on. */
  track(informer: Informer<KubeObject>): void {
    this.#informers.set(collectionOf(informer.type), informer);
  }

  /** `object` is the server's answer to a write that a pass of `key` made. */
  wrote(key: string, type: ResourceType<KubeObject>, object: KubeObject): void {
    const informer = this.#informers.get(collectionOf(type));
    const revision = Number(object.metadata?.resourceVersion ?? Number.NaN);
    if (informer === undefined || !(revision > informer.resourceVersion)) return;
    const notes = this.#of(key);
    notes.revisions.set(informer, Math.max(revision, notes.revisions.get(informer) ?? 0));
  }

  /** A pass of `key` deleted the object of this name; what the cache holds now must go. */
  deleted(
    key: string,
    type: ResourceType<KubeObject>,
    target: { readonly name: string; readonly namespace?: string },
  ): void {
    const informer = this.#informers.get(collectionOf(type));
    const objectKey = keyFor(target.name, target.namespace);
    const uid = informer?.get(objectKey)?.metadata?.uid;
    if (informer === undefined || uid === undefined) return;
    this.#of(key).deletions.push({ informer, objectKey, uid });
  }

  /** Whether `key` must wait. Forgets what has been seen. */
  holds(key: string): boolean {
    const notes = this.#notes.get(key);
    if (notes === undefined) return false;
    for (const [informer, revision] of notes.revisions) {
      if (informer.resourceVersion >= revision) notes.revisions.delete(informer);
    }
    notes.deletions = notes.deletions.filter((deletion) => !isSeen(deletion));
    const waits = notes.revisions.size > 0 || notes.deletions.length > 0;
    const expired = this.#clock.monotonicMs() - notes.noteMs >= HOLD_MS_MAX;
    if (waits && !expired) return true;
    this.#notes.delete(key);
    return false;
  }

  /** A collection whose cache `key` waits for. */
  staleType(key: string): ResourceType<KubeObject> | undefined {
    const notes = this.#notes.get(key);
    const [behind] = notes?.revisions.keys() ?? [];
    return (behind ?? notes?.deletions[0]?.informer)?.type;
  }

  /** Milliseconds until `holds` gives up on `key`. */
  expiresInMs(key: string): number {
    const notes = this.#notes.get(key);
    if (notes === undefined) return 0;
    return Math.max(0, notes.noteMs + HOLD_MS_MAX - this.#clock.monotonicMs());
  }

  #of(key: string): Notes {
    const noteMs = this.#clock.monotonicMs();
    const known = this.#notes.get(key);
    if (known !== undefined) {
      known.noteMs = noteMs;
      return known;
    }
    const notes: Notes = { noteMs, revisions: new Map(), deletions: [] };
    this.#notes.set(key, notes);
    return notes;
  }
}

function isSeen({ informer, objectKey, uid }: Deletion): boolean {
  const meta = informer.get(objectKey)?.metadata;
  return meta?.uid !== uid || meta.deletionTimestamp !== undefined;
}

function collectionOf(type: ResourceType<KubeObject>): string {
  return `${apiVersionOf(type)}/${type.plural}`;
}
