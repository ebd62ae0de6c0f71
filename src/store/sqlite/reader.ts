/**
 * Reads of the SQLite store, on a connection that cannot write. Each answer comes from one moment
 * (one SQLite snapshot) and names its revision. Long reads stop for breath, so that no turn of the
 * event loop is long.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { prefixEnd } from '../keys.ts';
import { compactedError, futureError, given, timeTooOldError } from '../outcome.ts';
import type { KeyVersion, ListResult, StoredValue, StoreEvent } from '../store.ts';
import { lastWhere, openForReading, revisionOf, ROW_BEFORE, rowId } from './schema.ts';

/** A read gives way to others after this long. */
const SLICE_MS = 3;
/** How much is read between two looks at the clock: this many rows, or fewer large ones. */
const SLICE_CHECK_ROWS = 16;
const ROW_BYTES = 16 * 1024;
/** One slice of a watch's past: so many revisions, or about so many bytes. */
const PAST_REVISIONS_MAX = 400;
const PAST_BYTES_MAX = 1024 * 1024;

const NO_BYTES = new Uint8Array(0);

/** A row of `current` or `revision`, as the queries below select it. */
interface Row {
  readonly id: number;
  readonly key: string;
  readonly create_revision: number;
  readonly lease: number;
  readonly deleted: number;
  readonly value: Uint8Array | null;
  readonly previous_id: number | null;
  readonly previous_value: Uint8Array | null;
}

export interface ListOptions {
  readonly revision?: number;
  readonly after?: string;
  readonly limit?: number;
}

export interface PastEvents {
  readonly revisions: readonly { readonly revision: number; readonly events: StoreEvent[] }[];
  /** All up to here has been looked at. */
  readonly position: number;
}

export class Reader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(directory: string) {
    this.#db = openForReading(directory);
  }

  /** `newest` counts only when there are rows: compaction may have taken the last one. */
  get(key: string): { item?: StoredValue; newest: number } {
    const row = this.#prepare(
      `SELECT (SELECT max(id) FROM revision) AS newest, current.*
       FROM (SELECT 1) LEFT JOIN current ON key = ?`,
    ).get(key) as (Partial<Row> & { newest: number | null }) | undefined;
    const newest = revisionOf(row?.newest ?? 0);
    return isRow(row) ? { newest, item: itemOf(row) } : { newest };
  }

  getAt(key: string, revision: number, known: number): StoredValue | undefined {
    return this.#at(key, { revision, known, oldest: () => this.compacted() });
  }

  /** As `getAt`, as far as the history reaches. */
  getThen(key: string, revision: number, known: number): StoredValue | undefined {
    return this.#at(key, { revision, known, oldest: () => this.#oldest(key) });
  }

  #at(
    key: string,
    { revision, known, oldest }: { revision: number; known: number; oldest: () => number },
  ): StoredValue | undefined {
    return this.#inSnapshot(() => {
      this.#checkRevision(revision, { known, oldest: oldest() });
      const row = this.#prepare(
        `SELECT id, key, create_revision, lease, deleted, value FROM revision
         WHERE key = ? AND id < ? ORDER BY id DESC LIMIT 1`,
      ).get(key, rowId(revision + 1, 0)) as unknown as Row | undefined;
      return row === undefined || row.deleted === 1 ? undefined : itemOf(row);
    });
  }

  /** Reads before this revision are refused. */
  compacted(): number {
    return this.#meta('compacted');
  }

  #meta(name: string): number {
    return Number(this.#prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value']);
  }

  /** The history of keys that start with `text`, or that `text` starts with, reaches back to here. */
  #oldest(text: string): number {
    let oldest = this.#meta('dropped');
    for (const row of this.#prepare('SELECT prefix, refused FROM kept_out').all()) {
      const prefix = String(row['prefix']);
      if (text.startsWith(prefix) || prefix.startsWith(text))
        oldest = Math.max(oldest, Number(row['refused']));
    }
    return oldest;
  }

  /** The newest versions of a key before a revision, newest first, in slices as `list`. */
  async versions(
    key: string,
    options: { before: number; limit: number; pause: () => Promise<void> },
  ): Promise<{ versions: KeyVersion[]; oldest: number }> {
    this.#prepare('BEGIN').run();
    try {
      const oldest = Math.max(1, this.#oldest(key));
      const versions: KeyVersion[] = [];
      const clock = new SliceClock();
      const rows = this.#prepare(VERSIONS).iterate(key, rowId(options.before, 0), options.limit);
      for (const row of rows) {
        const version = versionOf(row as unknown as VersionRow);
        const isLast = version.revision <= oldest;
        // What the mark shows is known; a deletion there or before is as good as nothing.
        if (isLast && version.type === 'delete') break;
        versions.push(version);
        if (isLast) break;
        if (!clock.isOver(version.value.length)) continue;
        await options.pause();
        clock.start();
      }
      return { versions, oldest };
    } finally {
      this.#prepare('COMMIT').run();
    }
  }

  /** The newest revision up to `known` that was committed at or before a time. */
  revisionAt(timeMs: number, known: number): number {
    return this.#inSnapshot(() => {
      const dropped = this.#meta('dropped');
      if (dropped > 0 && timeMs < this.#meta('dropped_ms')) {
        throw timeTooOldError(this.#meta('dropped_ms'));
      }
      const before = this.#prepare(ROW_BEFORE);
      const isPast = (revision: number): boolean =>
        Number(before.get(rowId(revision + 1, 0))?.['time_ms'] ?? 0) <= timeMs;
      return lastWhere(Math.max(1, dropped), known, isPast);
    });
  }

  count(prefix: string): number {
    const row = this.#prepare('SELECT count(*) AS n FROM current WHERE key >= ? AND key < ?').get(
      ...rangeOf(prefix),
    );
    return Number(row?.['n']);
  }

  /**
   * Lists in slices; between them `pause` is awaited. `known` is a revision that is surely there.
   * `inHistory`: as far as the history reaches.
   * The connection must not be used for anything else meanwhile.
   */
  async list(
    prefix: string,
    options: ListOptions & { known: number; inHistory?: boolean; pause: () => Promise<void> },
  ): Promise<ListResult> {
    this.#prepare('BEGIN').run();
    try {
      const newest = Math.max(options.known, this.#newest());
      const revision = options.revision ?? newest;
      const oldest = options.inHistory === true ? this.#oldest(prefix) : this.compacted();
      if (revision !== newest) this.#checkRevision(revision, { known: newest, oldest });
      const upTo = revision === newest ? undefined : rowId(revision + 1, 0);
      return { ...(await this.#rows(prefix, { ...options, upTo })), revision };
    } finally {
      this.#prepare('COMMIT').run();
    }
  }

  async #rows(
    prefix: string,
    options: ListOptions & { upTo: number | undefined; pause: () => Promise<void> },
  ): Promise<{ items: StoredValue[]; remaining: number }> {
    const { upTo, pause } = options;
    const limit = options.limit || Number.MAX_SAFE_INTEGER;
    const range = rangeOf(prefix, options.after);
    const rows =
      upTo === undefined
        ? this.#prepare(LIST_NOW).iterate(...range, limit)
        : this.#prepare(LIST_THEN).iterate(...range, upTo, limit);
    const items: StoredValue[] = [];
    const clock = new SliceClock();
    for (const row of rows) {
      const item = itemOf(row as unknown as Row);
      items.push(item);
      if (clock.isOver(item.value.length)) {
        await pause();
        clock.start();
      }
    }
    const last = items.at(-1);
    if (last === undefined || items.length < limit) return { items, remaining: 0 };
    const rest = rangeOf(prefix, last.key);
    const row =
      upTo === undefined
        ? this.#prepare('SELECT count(*) AS n FROM current WHERE key >= ? AND key < ?').get(...rest)
        : this.#prepare(COUNT_THEN).get(...rest, upTo);
    return { items, remaining: Number(row?.['n']) };
  }

  /**
   * The next events behind `after`, up to revision `upTo` at most. Throws StoreError `compacted`.
   * Synchronous: a few milliseconds.
   */
  past(prefix: string, after: number, upTo: number): PastEvents {
    const end = Math.min(upTo, after + PAST_REVISIONS_MAX);
    return this.#inSnapshot(() => {
      const compacted = this.compacted();
      if (after < compacted) throw compactedError(after, compacted);
      const rows = this.#prepare(PAST).iterate(
        rowId(after + 1, 0),
        rowId(end + 1, 0),
        ...rangeOf(prefix),
      );
      const revisions: { revision: number; events: StoreEvent[] }[] = [];
      let bytes = 0;
      for (const row of rows) {
        const event = eventOfRow(row as unknown as Row);
        let last = revisions.at(-1);
        if (last?.revision !== event.revision) {
          // Breaking off closes the statement.
          if (bytes > PAST_BYTES_MAX) return { revisions, position: last?.revision ?? after };
          last = { revision: event.revision, events: [] };
          revisions.push(last);
        }
        last.events.push(event);
        bytes += event.value.length + (event.previous?.length ?? 0);
      }
      return { revisions, position: end };
    });
  }

  close(): void {
    this.#db.close();
  }

  #inSnapshot<T>(read: () => T): T {
    this.#prepare('BEGIN').run();
    try {
      return read();
    } finally {
      this.#prepare('COMMIT').run();
    }
  }

  #newest(): number {
    return revisionOf(
      Number(this.#prepare('SELECT max(id) AS id FROM revision').get()?.['id'] ?? 0),
    );
  }

  #checkRevision(revision: number, { known, oldest }: { known: number; oldest: number }): void {
    const newest = Math.max(known, this.#newest());
    if (revision > newest) throw futureError(revision, newest);
    if (revision < oldest) throw compactedError(revision, oldest);
  }

  #prepare(sql: string): StatementSync {
    const found = this.#statements.get(sql);
    if (found !== undefined) return found;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const VERSIONS = `SELECT id, create_revision, deleted, time_ms, note, value FROM revision
  WHERE key = ? AND id < ? ORDER BY id DESC LIMIT ?`;

interface VersionRow extends Pick<Row, 'id' | 'create_revision' | 'deleted' | 'value'> {
  readonly time_ms: number;
  readonly note: string | null;
}

const LIST_NOW = `SELECT id, key, create_revision, lease, value FROM current
  WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`;

/** Per key its newest row before a bound, read from the index in order of the keys. */
const NEWEST_THEN = `SELECT key, max(id) AS id FROM revision INDEXED BY revision_key
  WHERE key >= ? AND key < ? AND id < ? GROUP BY key`;

const LIST_THEN = `SELECT r.id, r.key, r.create_revision, r.lease, r.value
  FROM (${NEWEST_THEN}) AS newest CROSS JOIN revision AS r ON r.id = newest.id
  WHERE r.deleted = 0 ORDER BY newest.key LIMIT ?`;

const COUNT_THEN = `SELECT count(*) AS n
  FROM (${NEWEST_THEN}) AS newest CROSS JOIN revision AS r ON r.id = newest.id
  WHERE r.deleted = 0`;

/** The unary plus keeps SQLite from going by key: the log is read in its own order. */
const PAST = `SELECT r.id, r.key, r.create_revision, r.deleted, r.value,
    p.id AS previous_id, p.value AS previous_value
  FROM revision AS r LEFT JOIN revision AS p ON p.id = r.previous
  WHERE r.id >= ? AND r.id < ? AND +r.key >= ? AND +r.key < ? ORDER BY r.id`;

/** From and to for `key >= ? AND key < ?`. In SQLite's order every text is before any blob. */
function rangeOf(prefix: string, after?: string): [string, string | Uint8Array] {
  // No key holds U+0000, so the next possible key behind `after` is this one.
  const behind = after === undefined ? '' : `${after}\u0001`;
  const from = Buffer.compare(Buffer.from(behind), Buffer.from(prefix)) > 0 ? behind : prefix;
  return [from, prefixEnd(prefix) ?? new Uint8Array(1)];
}

/** An outer join gives a row of nothing where there is none. */
function isRow(row: Partial<Row> | undefined): row is Row {
  return typeof row?.id === 'number';
}

function itemOf(row: Row): StoredValue {
  return {
    key: row.key,
    value: row.value ?? NO_BYTES,
    createRevision: row.create_revision,
    modRevision: revisionOf(row.id),
    lease: row.lease,
  };
}

function versionOf(row: VersionRow): KeyVersion {
  return {
    revision: revisionOf(row.id),
    createRevision: row.create_revision,
    type: row.deleted === 1 ? 'delete' : 'put',
    value: row.value ?? NO_BYTES,
    timeMs: row.time_ms,
    note: row.note ?? '',
  };
}

function eventOfRow(row: Row): StoreEvent {
  const previous = row.previous_id === null ? undefined : (row.previous_value ?? NO_BYTES);
  return {
    type: row.deleted === 1 ? 'delete' : 'put',
    key: row.key,
    value: (row.deleted === 1 ? previous : row.value) ?? NO_BYTES,
    revision: revisionOf(row.id),
    createRevision: row.create_revision,
    ...given('previous', previous),
  };
}

/** Says when a slice has had its time, without asking the clock for every row. */
class SliceClock {
  #rows = 0;
  #startMs = performance.now();

  start(): void {
    this.#startMs = performance.now();
  }

  isOver(bytesRead: number): boolean {
    this.#rows += 1 + bytesRead / ROW_BYTES;
    if (this.#rows < SLICE_CHECK_ROWS) return false;
    this.#rows = 0;
    return performance.now() - this.#startMs > SLICE_MS;
  }
}
