/** What writes of a few kinds take from elsewhere (addresses, ports) and give back. */
import type { ApiObject } from '../api-object.ts';

export interface AllocatingWrite {
  /** What it takes is written into it. */
  readonly next: ApiObject;
  /** Undefined: `next` is new. */
  readonly old: ApiObject | undefined;
  /** Takes nothing, answers as if it had. */
  readonly dryRun: boolean;
}

/** What a write has taken. One of the two is called. Neither rejects. */
export interface Taken {
  /** The write is stored: what it does not need any more is given back. */
  commit(): Promise<void>;
  /** The write failed: what it took is given back. */
  revert(): Promise<void>;
}

/** Of one kind. */
export interface Allocator {
  /** Before the object is validated. When it rejects, nothing is taken. */
  begin(write: AllocatingWrite): Promise<Taken>;
  /** The object is gone from the store. Never rejects. */
  afterDelete(object: ApiObject): Promise<void>;
}

/** By the place of the kind in the store (`services/specs`). */
export type Allocators = ReadonlyMap<string, Allocator>;
