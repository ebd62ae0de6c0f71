/**
 * The store: what Kubernetes needs of etcd, and no more.
 *
 * Keys are upstream's (`/registry/pods/default/web`), values are opaque bytes, and one counter
 * numbers every write: the revision. It only grows, it is never reused, and it is what clients see
 * as `resourceVersion`. `src/store/conformance.ts` is the contract as tests; every implementation
 * runs it.
 *
 * Durability: a call answers, and a watch or read shows a revision, only after the commit of that
 * revision is as durable as the implementation promises.
 */

export interface StoredValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** The lease that the key hangs on; 0 for none. */
  readonly lease: number;
}

/**
 * What a write expects to find: revision 0 means that the key must not exist. `note` is kept with
 * the revision for the history (who wrote); nothing else reads it.
 */
export type Write =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: Uint8Array;
      readonly expected?: number;
      readonly lease?: number;
      readonly note?: string;
    }
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly expected?: number;
      readonly note?: string;
    };

export type WriteResult =
  | { readonly ok: true; readonly revision: number; readonly previous?: StoredValue }
  /** Nothing was written. `current` is what is there instead, undefined when there is nothing. */
  | { readonly ok: false; readonly current?: StoredValue };

export interface ListResult {
  readonly items: readonly StoredValue[];
  /** The revision that the list shows. */
  readonly revision: number;
  /** Keys with the prefix after the last item returned. */
  readonly remaining: number;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** The value put; for a delete, the last value. */
  readonly value: Uint8Array;
  readonly revision: number;
  /** The revision that made the key: equal to `revision` for the first put. */
  readonly createRevision: number;
  /** The value before this event, where there was one and it is still known. */
  readonly previous?: Uint8Array;
}

export interface WatchHandlers {
  /** Events in order of revision. All events of one revision come in one call. */
  onEvents(events: readonly StoreEvent[], revision: number): void;
  /** Called once when the watch ends by itself: compacted, or the store is gone. */
  onEnd(error: StoreError): void;
}

export interface Watch {
  close(): void;
}

/** More writes than this in one batch are refused with a RangeError. */
export const BATCH_WRITES_MAX = 1024;

/**
 * Bytes handed in or given out are shared, not copied: neither side changes them afterwards.
 *
 * The first write of an empty store is revision 2: like etcd's, an empty store is at revision 1,
 * because clients read "0" as "any".
 *
 * When a call answers with a revision, every watch that follows the present has been given all
 * events up to it. (So a cache that is fed by a watch is fresh once `revision()` has answered.)
 */
export interface Store {
  get(
    key: string,
    options?: { revision?: number },
  ): Promise<{ item?: StoredValue; revision: number }>;
  /**
   * Keys in byte order. `after` continues behind that key; a `limit` of 0 is none. Rejects with
   * `compacted` or `future`.
   */
  list(
    prefix: string,
    options?: { revision?: number; after?: string; limit?: number },
  ): Promise<ListResult>;
  count(prefix: string): Promise<number>;
  /**
   * One write, one revision. A delete of what is not there is not `ok`. A put without `lease`
   * takes the key off its lease; one with an unknown lease rejects with `lease`.
   */
  write(write: Write): Promise<WriteResult>;
  /**
   * All or nothing, in one revision. No key may come twice. When it was not `ok`, no result is,
   * and each has the `current` of its key. An empty batch is `ok` and takes no revision.
   */
  batch(
    writes: readonly Write[],
  ): Promise<{ ok: boolean; revision: number; results: readonly WriteResult[] }>;
  /**
   * Events with a revision greater than `after` for keys with `prefix`, first those that lie in
   * the past, then as they are committed. Rejects with `compacted` when they are no longer known,
   * with `future` when `after` has not been reached. Handlers may be called before it resolves.
   */
  watch(prefix: string, after: number, handlers: WatchHandlers): Promise<Watch>;
  /** The newest committed revision. */
  revision(): Promise<number>;
  /**
   * Puts what was overwritten or deleted up to `revision` out of reach: reads and watches before it
   * fail, those at it do not. Rejects with `future`; an older mark than the last one changes
   * nothing. A store with a history keeps the rest there until `history.retain` drops it.
   */
  compact(revision: number): Promise<void>;
  /** What lies behind the compaction. Absent: this store keeps nothing there. */
  readonly history?: StoreHistory;
  /** Whether what lies at `key` would be stored in another form now. Absent: never. */
  isStale?(key: string): Promise<boolean>;
  /** A lease of `ttlMs`; its keys are deleted when it is not kept alive. Never 0. */
  grantLease(ttlMs: number): Promise<number>;
  keepAlive(lease: number): Promise<boolean>;
  revokeLease(lease: number): Promise<void>;
  close(): Promise<void>;
}

/** One key as one revision left it. */
export interface KeyVersion {
  readonly revision: number;
  /** The revision that made the key. */
  readonly createRevision: number;
  readonly type: 'put' | 'delete';
  /** Of a delete: no bytes. */
  readonly value: Uint8Array;
  /** When it was committed, by the wall clock. Later revisions never have an earlier time. */
  readonly timeMs: number;
  /** The write's note; empty where there was none. */
  readonly note: string;
}

/** How far the history reaches. What two limits disagree on is dropped. */
export interface RetentionPolicy {
  /** Wall clock. What was overwritten or deleted before this is dropped. */
  readonly keepAfterMs: number;
  /** Bytes of keys' overwritten and deleted values; the oldest go first. */
  readonly maxBytes: number;
  /** Keys with these prefixes are kept out: of them the compaction alone is the mark. */
  readonly excluded: readonly string[];
}

/**
 * The past behind the compaction mark, as far as `retain` has left it. Reads reject with
 * `compacted` before that, and with `future`.
 */
export interface StoreHistory {
  get(key: string, revision: number): Promise<StoredValue | undefined>;
  /** As `Store.list` at a revision. */
  list(
    prefix: string,
    options: { revision: number; after?: string; limit?: number },
  ): Promise<ListResult>;
  /**
   * The newest `limit` versions of a key before the revision `before`, newest first. `oldest`: what
   * came before this revision is not known. Nothing is said twice, so a short answer is the end.
   */
  versions(
    key: string,
    options: { before?: number; limit: number },
  ): Promise<{ versions: readonly KeyVersion[]; oldest: number }>;
  /** The newest revision that was committed at or before a time of the wall clock. */
  revisionAt(timeMs: number): Promise<number>;
  /**
   * Drops what the policy does not keep. What has not been compacted stays, whatever the policy
   * says. What was dropped once stays out of reach.
   */
  retain(policy: RetentionPolicy): Promise<void>;
}

export type StoreErrorCode =
  /** The revision asked for was compacted away. */
  | 'compacted'
  /** The revision asked for lies in the future. */
  | 'future'
  /** The store is full (disk) and takes no writes until there is room. */
  | 'full'
  /** The store was closed or cannot be reached; whether a pending write happened is unknown. */
  | 'unavailable'
  /** A value cannot be brought into the form in which it is stored, or back. */
  | 'transform'
  /** A write names a lease that is not known: it was never granted, or it is over. */
  | 'lease'
  /** The data directory is in use by another process. */
  | 'locked'
  /** The data directory was written by another version, or is no store at all. */
  | 'format';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
