/**
 * How far the history of the SQLite store reaches, and how rows leave it.
 *
 * There are two kinds of mark. `dropped` holds for all keys: nothing before it is known. Keys that
 * are kept out of the history have a mark a prefix, which follows the compaction. Marks move in one
 * transaction, and reads obey them at once; the rows behind them go a few at a time.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { prefixEnd } from '../keys.ts';
import type { RetentionPolicy } from '../store.ts';
import { lastWhere, readMeta, ROW_BEFORE, rowId } from './schema.ts';

/** Revisions whose rows are looked at in one step of trimming: a few milliseconds. */
const TRIM_REVISIONS = 250;

/** What `set` must know of the store. */
interface Present {
  readonly compacted: number;
  readonly revision: number;
  readonly timeMs: number;
  readonly grown: number;
}

export class Retention {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepareAll>;
  /** Prefixes that are kept out now. */
  #excluded: readonly string[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepareAll(db);
    this.reload();
  }

  /** After a transaction was rolled back. */
  reload(): void {
    this.#excluded = this.#sql.active.all().map((row) => String(row['prefix']));
  }

  /** Whether what is replaced at `key` stays in the history. */
  keeps(key: string): boolean {
    return !this.#excluded.some((prefix) => key.startsWith(prefix));
  }

  /** Moves the marks. Runs in the caller's transaction. */
  set(policy: RetentionPolicy, present: Present): void {
    const { compacted } = present;
    this.#sql.deactivate.run();
    for (const prefix of policy.excluded) this.#sql.exclude.run(prefix, compacted);
    this.#excluded = policy.excluded;
    const dropped = readMeta(this.#db, 'dropped') ?? 0;
    const mark = this.#markOf(policy, { ...present, dropped });
    if (mark > dropped) {
      this.#setMeta('dropped', mark);
      this.#setMeta('dropped_ms', this.#upTo(mark).timeMs);
    }
    this.#setMeta('revision', present.revision);
    this.#setMeta('time_ms', present.timeMs);
    this.#setMeta('grown', present.grown);
  }

  /** The newest revision that is too old, or behind which too much lies; compacted in any case. */
  #markOf(policy: RetentionPolicy, present: Present & { readonly dropped: number }): number {
    const { compacted, dropped, grown } = present;
    const goes = (mark: number): boolean => {
      // What the mark before this one leaves: too old to its end, or too much.
      const isOld = this.#upTo(mark).timeMs <= policy.keepAfterMs;
      return isOld || grown - this.#upTo(mark - 1).grown > policy.maxBytes;
    };
    return lastWhere(dropped, compacted, goes);
  }

  #upTo(revision: number): { timeMs: number; grown: number } {
    const row = this.#sql.rowBefore.get(rowId(revision + 1, 0));
    return { timeMs: Number(row?.['time_ms'] ?? 0), grown: Number(row?.['grown'] ?? 0) };
  }

  /** One step of taking rows away, in the caller's transaction. False when there was nothing to do. */
  trim(): boolean {
    const trimmed = readMeta(this.#db, 'trimmed') ?? 0;
    const step = stepOf(trimmed, readMeta(this.#db, 'dropped') ?? 0);
    if (step !== undefined) {
      this.#sql.trimReplaced.run(...step.rows);
      this.#sql.trimDeleted.run(...step.rows);
      this.#setMeta('trimmed', step.to);
      return true;
    }
    for (const row of this.#sql.behind.all()) {
      const prefix = String(row['prefix']);
      const from = Math.max(trimmed, Number(row['trimmed']));
      const next = stepOf(from, Number(row['refused']));
      if (next === undefined) {
        this.#sql.setTrimmed.run(from, prefix);
        continue;
      }
      const keys = [prefix, prefixEnd(prefix) ?? new Uint8Array(1)] as const;
      this.#sql.trimReplacedOf.run(...next.rows, ...keys);
      this.#sql.trimDeletedOf.run(...next.rows, ...keys);
      this.#sql.setTrimmed.run(next.to, prefix);
      return true;
    }
    return false;
  }

  #setMeta(name: string, value: number): void {
    this.#sql.setMeta.run(value, name);
  }
}

/** The next revisions behind `trimmed`, up to `mark`, and the row ids that they have. */
function stepOf(
  trimmed: number,
  mark: number,
): { to: number; rows: readonly [number, number] } | undefined {
  if (trimmed >= mark) return undefined;
  const to = Math.min(mark, trimmed + TRIM_REVISIONS);
  return { to, rows: [rowId(trimmed + 1, 0), rowId(to + 1, 0)] };
}

/** The unary plus keeps SQLite from going by key: the rows are read in their own order. */
const REPLACED =
  'DELETE FROM revision WHERE id IN (SELECT previous FROM revision WHERE id >= ? AND id < ? AND previous IS NOT NULL';
const DELETED = 'DELETE FROM revision WHERE id >= ? AND id < ? AND deleted = 1';
const OF_PREFIX = 'AND +key >= ? AND +key < ?';

function prepareAll(
  db: DatabaseSync,
): Record<
  | 'active'
  | 'deactivate'
  | 'exclude'
  | 'behind'
  | 'setTrimmed'
  | 'setMeta'
  | 'rowBefore'
  | 'trimReplaced'
  | 'trimDeleted'
  | 'trimReplacedOf'
  | 'trimDeletedOf',
  StatementSync
> {
  return {
    active: db.prepare('SELECT prefix FROM kept_out WHERE active = 1'),
    deactivate: db.prepare('UPDATE kept_out SET active = 0'),
    exclude: db.prepare(
      `INSERT INTO kept_out (prefix, active, refused, trimmed) VALUES (?, 1, ?, 0)
       ON CONFLICT (prefix) DO UPDATE SET active = 1, refused = max(kept_out.refused, excluded.refused)`,
    ),
    behind: db.prepare('SELECT prefix, refused, trimmed FROM kept_out WHERE trimmed < refused'),
    setTrimmed: db.prepare('UPDATE kept_out SET trimmed = ? WHERE prefix = ?'),
    setMeta: db.prepare('UPDATE meta SET value = ? WHERE name = ?'),
    rowBefore: db.prepare(ROW_BEFORE),
    trimReplaced: db.prepare(`${REPLACED})`),
    trimDeleted: db.prepare(DELETED),
    trimReplacedOf: db.prepare(`${REPLACED} ${OF_PREFIX})`),
    trimDeletedOf: db.prepare(`${DELETED} ${OF_PREFIX}`),
  };
}
