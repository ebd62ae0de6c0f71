/**
 * What the store and its writer thread say to each other. Plain data: it crosses a thread.
 *
 * The bytes of all values in a request lie in one buffer that is handed over, not copied; the
 * buffers of an answer's values are handed over as well.
 */
import type { RetentionPolicy, StoredValue, StoreErrorCode } from '../store.ts';
import type { Synchronous } from './schema.ts';

export interface WriterSettings {
  readonly directory: string;
  readonly synchronous: Synchronous;
}

export interface PackedWrite {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly expected?: number;
  readonly lease?: number;
  readonly note?: string;
  /** Where the value lies in the request's bytes. */
  readonly offset: number;
  readonly length: number;
}

export type Command =
  | { readonly type: 'batch'; readonly id: number; readonly writes: readonly PackedWrite[] }
  | { readonly type: 'compact'; readonly id: number; readonly revision: number }
  | { readonly type: 'retain'; readonly id: number; readonly policy: RetentionPolicy }
  | {
      readonly type: 'grant';
      readonly id: number;
      readonly ttlMs: number;
      /** Wall clock. */
      readonly nowMs: number;
    }
  | { readonly type: 'renewed'; readonly id: number; readonly lease: number }
  | { readonly type: 'revoke'; readonly id: number; readonly lease: number }
  | { readonly type: 'close'; readonly id: number };

export interface Request {
  readonly commands: readonly Command[];
  readonly bytes: ArrayBuffer;
  /** Wall clock: the time of what is written. */
  readonly nowMs: number;
}

/** One answer for each command, in the order of the commands. */
export type Answer = { readonly id: number } & (
  | {
      readonly type: 'batch';
      readonly ok: boolean;
      /** The revision made, or the newest where nothing was written. */
      readonly revision: number;
      /** What was there before each write; or, when not `ok`, what is there. */
      readonly found: readonly (StoredValue | undefined)[];
    }
  | {
      readonly type: 'revoke';
      readonly deleted: readonly { readonly revision: number; readonly item: StoredValue }[];
    }
  | { readonly type: 'grant'; readonly lease: number }
  | { readonly type: 'done' }
  | { readonly type: 'error'; readonly code: StoreErrorCode; readonly message: string }
);

export interface OpenedLease {
  readonly lease: number;
  readonly ttlMs: number;
  readonly grantedMs: number;
  readonly renewed: boolean;
}

export type FromWriter =
  | {
      readonly type: 'opened';
      readonly revision: number;
      readonly leases: readonly OpenedLease[];
    }
  | { readonly type: 'failed'; readonly code?: StoreErrorCode; readonly message: string }
  | {
      readonly type: 'answers';
      readonly answers: readonly Answer[];
      /** The disk is slow, and the thread does not wait for it: more may come meanwhile. */
      readonly isSlow: boolean;
    };
