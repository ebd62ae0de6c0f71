/**
 * What the Job controller remembers of a Job between passes. All of it can be lost: a new process
 * starts without a back-off, and looks at the server where its caches could be too old.
 */
import { type Backoff, NO_BACKOFF } from './backoff.ts';

export interface JobMemory {
  readonly uid: string;
  backoff: Backoff;
  /** Pods (by uid) whose finalizer was removed, and that the cache may still show with it. */
  removed: Set<string>;
  /** The revision of the Job that this process wrote last. */
  writtenRevision: string | undefined;
  /** A cache of Pods that is older than this has less than this process has seen. */
  podsRevision: number;
  /** The last pass failed: what it wrote may be there, though no answer came. */
  isUnsure: boolean;
}

/** One entry for each Job that has not finished. */
export class JobMemories {
  readonly #byKey = new Map<string, JobMemory>();

  /** The memory of the Job under this key; a new Job of an old name starts anew. */
  of(key: string, uid: string): JobMemory {
    const known = this.#byKey.get(key);
    if (known?.uid === uid) return known;
    const memory = {
      uid,
      backoff: NO_BACKOFF,
      removed: new Set<string>(),
      writtenRevision: undefined,
      podsRevision: 0,
      isUnsure: false,
    };
    this.#byKey.set(key, memory);
    return memory;
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
