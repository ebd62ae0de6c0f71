/**
 * The tables of the SQLite store, and how a data directory is opened, checked and locked.
 *
 * `revision` is append-only: each row is one key as one revision left it, found by its row id, which
 * packs the revision and the place in its batch. `current` holds the newest value of each key that
 * is there, so that a restart reads what is, never what was. Retention alone takes rows out of
 * `revision`. Times and sizes only grow from row to row, so that a search by halves finds the
 * revision of a time or of a size without an index.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type DatabaseSyncOptions } from 'node:sqlite';
import { BATCH_WRITES_MAX, StoreError } from '../store.ts';

/** Grows when the tables change. A directory of another format is never opened. */
const FORMAT = 2;

const REVISION_TABLE = `
CREATE TABLE revision (
  id INTEGER PRIMARY KEY,     -- revision * ${BATCH_WRITES_MAX} + place in the batch
  key TEXT NOT NULL,
  create_revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  previous INTEGER,           -- id of the row that this one replaces
  time_ms INTEGER NOT NULL,   -- wall clock of the commit
  grown INTEGER NOT NULL,     -- bytes replaced so far, of keys in the history
  note TEXT,
  value BLOB                  -- NULL also for no bytes
) STRICT;
CREATE INDEX revision_key ON revision (key);
-- Prefixes that are or were kept out of the history.
CREATE TABLE kept_out (
  prefix TEXT PRIMARY KEY,
  active INTEGER NOT NULL,
  refused INTEGER NOT NULL,   -- reads before this revision are refused
  trimmed INTEGER NOT NULL    -- up to here the rows are gone
) STRICT, WITHOUT ROWID;
`;

const TABLES = `
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
${REVISION_TABLE}
CREATE TABLE current (
  slot INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  id INTEGER NOT NULL,        -- of the row in revision
  create_revision INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  value BLOB
) STRICT;
CREATE INDEX current_lease ON current (lease) WHERE lease <> 0;
CREATE TABLE lease (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ttl_ms INTEGER NOT NULL,
  granted_ms INTEGER NOT NULL, -- wall clock
  renewed INTEGER NOT NULL     -- whether it was ever kept alive
) STRICT;
INSERT INTO meta (name, value) VALUES
  ('format', ${FORMAT}),
  -- Of the newest row when retention last took rows away: it may have taken that row too.
  ('revision', 1), ('time_ms', 0), ('grown', 0),
  -- Reads before this revision are refused.
  ('compacted', 0),
  -- Reads of the history before this revision, and before the time of its commit, are refused.
  ('dropped', 0), ('dropped_ms', 0),
  -- Up to here the rows that nobody can ask for any more are gone.
  ('trimmed', 0);
`;

/** Format 1 knew no history: of it, what is there now is kept. */
const FROM_FORMAT_1 = `
ALTER TABLE revision RENAME TO revision_1;
DROP INDEX revision_key;
${REVISION_TABLE}
INSERT INTO revision (id, key, create_revision, deleted, lease, time_ms, grown, value)
  SELECT id, key, create_revision, 0, lease, 0, 0, value FROM current ORDER BY id;
INSERT OR REPLACE INTO meta (name, value)
  SELECT 'revision', max(value, coalesce((SELECT max(id) / ${BATCH_WRITES_MAX} FROM revision_1), 1))
  FROM meta WHERE name = 'revision';
INSERT OR REPLACE INTO meta (name, value)
  SELECT name.column1, meta.value FROM (VALUES ('compacted'), ('dropped'), ('trimmed')) AS name, meta
  WHERE meta.name = 'revision';
INSERT INTO meta (name, value) VALUES
  ('time_ms', 0), ('grown', 0), ('dropped_ms', unixepoch() * 1000);
UPDATE meta SET value = ${FORMAT} WHERE name = 'format';
DROP TABLE revision_1;
`;

/** The row id of the write at `position` in the batch that made `revision`. */
export function rowId(revision: number, position: number): number {
  return revision * BATCH_WRITES_MAX + position;
}

/** The revision of a row id. */
export function revisionOf(id: number): number {
  return Math.floor(id / BATCH_WRITES_MAX);
}

/** The newest row before a row id: times and sizes of the whole past up to there. */
export const ROW_BEFORE =
  'SELECT time_ms, grown FROM revision WHERE id < ? ORDER BY id DESC LIMIT 1';

/** The last number from `low` to `high` for which `holds`, which holds up to there; else `low`. */
export function lastWhere(low: number, high: number, holds: (at: number) => boolean): number {
  let last = low;
  let end = high;
  while (last < end) {
    const middle = Math.ceil((last + end) / 2);
    if (holds(middle)) last = middle;
    else end = middle - 1;
  }
  return last;
}

export type Synchronous = 'FULL' | 'OFF';

export interface WriterDatabase {
  readonly db: DatabaseSync;
  /** Of the write-ahead log: what is committed is on the disk once this is synced. */
  readonly log: number;
  /** Gives the directory up to other processes. */
  unlock(): void;
}

/**
 * Opens a directory for writing, makes what is missing, and keeps every other process out until
 * `unlock`. Throws StoreError `locked`, `format`, `full`, or the platform's error.
 */
export function openForWriting(directory: string, synchronous: Synchronous): WriterDatabase {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = takeLock(directory);
  let db: DatabaseSync | undefined;
  try {
    db = openDatabase(directory, {});
    // WAL, so that readers go on while the writer commits, and each commit costs one fsync.
    db.exec('PRAGMA journal_mode = WAL');
    // NORMAL syncs whatever a checkpoint needs; commits are synced by the writer's thread, which
    // need not wait for one before it makes the next.
    db.exec(`PRAGMA synchronous = ${synchronous === 'FULL' ? 'NORMAL' : 'OFF'}`);
    // A checkpoint holds every write up for several syncs: it is made when the log has 16 MB.
    db.exec('PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216');
    createOrCheck(db, directory);
    // The log is there once something has been written.
    db.exec("BEGIN IMMEDIATE; UPDATE meta SET value = value WHERE name = 'format'; COMMIT");
    const log = openSync(join(directory, 'store.db-wal'), 'r+');
    fsyncSync(log);
    syncDirectories(directory);
    return { db, log, unlock: () => lock.close() };
  } catch (error) {
    db?.close();
    lock.close();
    throw openError(error, directory);
  }
}

/** A second connection to an open store, for reads alone. */
export function openForReading(directory: string): DatabaseSync {
  return openDatabase(directory, { readOnly: true });
}

function openDatabase(directory: string, options: DatabaseSyncOptions): DatabaseSync {
  const path = join(directory, 'store.db');
  // SQLite gives its other files the mode of this one. They hold Secrets.
  if (options.readOnly !== true) closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path, { ...options, timeout: LOCK_WAIT_MS });
  db.exec('PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY');
  return db;
}

/** A process that was just killed may still hold the lock for a moment. */
const LOCK_WAIT_MS = 2000;

/**
 * An exclusive lock on a file of its own: the kernel gives it up with the process, however that
 * ends. (A lock on the store itself would keep our own readers out.)
 */
function takeLock(directory: string): DatabaseSync {
  const path = join(directory, 'lock');
  closeSync(openSync(path, 'a', 0o600));
  const lock = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
  try {
    // Nothing is ever written: the transaction is held until the connection closes.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error) !== SQLITE_BUSY) throw error;
    throw new StoreError(
      'locked',
      `Cannot open the store in "${directory}": another process has it open; stop that one first, or use another data directory`,
    );
  }
}

function createOrCheck(db: DatabaseSync, directory: string): void {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) {
    db.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT`);
    return;
  }
  const known = tables.some((table) => table['name'] === 'meta');
  const found = known ? readMeta(db, 'format') : undefined;
  if (found === FORMAT) return;
  if (found === 1) {
    db.exec(`BEGIN IMMEDIATE; ${FROM_FORMAT_1} COMMIT`);
    return;
  }
  throw new StoreError(
    'format',
    `Cannot open the store in "${directory}": its format is ${found ?? 'unknown'}, this version reads format ${FORMAT}; run the version that wrote it, or start with another data directory`,
  );
}

export function readMeta(db: DatabaseSync, name: string): number | undefined {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return row === undefined ? undefined : Number(row['value']);
}

/** The names of new files are durable only when their directory is. */
function syncDirectories(directory: string): void {
  for (const path of [directory, dirname(directory)]) {
    const file = openSync(path, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** The shared-memory index of the log could not grow. */
const SQLITE_IOERR_SHMSIZE = 4874;

function codeOf(error: unknown): number {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}

/** Whether an error of SQLite means that the disk has no room. */
export function isFull(error: unknown): boolean {
  const { errcode, code } = error as { errcode?: unknown; code?: unknown };
  return codeOf(error) === SQLITE_FULL || errcode === SQLITE_IOERR_SHMSIZE || code === 'ENOSPC';
}

export function fullError(cause: unknown): StoreError {
  return new StoreError('full', 'Cannot write to the store: the disk is full', { cause });
}

function openError(error: unknown, directory: string): unknown {
  if (isFull(error)) {
    return new StoreError(
      'full',
      `Cannot open the store in "${directory}": the disk is full; make room and start again`,
      { cause: error },
    );
  }
  if (codeOf(error) !== SQLITE_NOTADB && codeOf(error) !== SQLITE_CORRUPT) return error;
  return new StoreError(
    'format',
    `Cannot open the store in "${directory}": "store.db" is damaged or is no store; restore it from a backup, or start with another data directory`,
    { cause: error },
  );
}
