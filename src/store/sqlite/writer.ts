/**
 * Every change of the SQLite store: runs in the writer thread, where waiting for the disk stalls
 * nobody. `runGroup` does many commands in one transaction; what it returns may be told to others,
 * because the commit behind it is durable.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { futureError, isAsExpected } from '../outcome.ts';
import { BATCH_WRITES_MAX, StoreError, type StoredValue } from '../store.ts';
import type { Answer, Command, OpenedLease, PackedWrite } from './protocol.ts';
import { Retention } from './retention.ts';
import { fullError, isFull, readMeta, revisionOf, rowId } from './schema.ts';

/** A command with the bytes and the time of the request that it came in. */
export interface Task {
  readonly command: Command;
  readonly bytes: ArrayBuffer;
  /** Wall clock. */
  readonly nowMs: number;
}

interface Found {
  readonly slot: number;
  readonly id: number;
  readonly item: StoredValue;
}

/** Of the newest row: what the next one builds on. */
export interface Newest {
  readonly revision: number;
  readonly timeMs: number;
  /** Bytes replaced so far, of keys in the history. */
  readonly grown: number;
}

const NO_BYTES = new Uint8Array(0);

export class Writer {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #retention: Retention;
  #newest: Newest;
  #compacted: number;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepareAll(db);
    this.#retention = new Retention(db);
    this.#newest = newestOf(db);
    this.#compacted = readMeta(db, 'compacted') ?? 0;
  }

  get revision(): number {
    return this.#newest.revision;
  }

  leases(): OpenedLease[] {
    const rows = this.#db.prepare('SELECT id, ttl_ms, granted_ms, renewed FROM lease').all();
    return rows.map((row) => ({
      lease: Number(row['id']),
      ttlMs: Number(row['ttl_ms']),
      grantedMs: Number(row['granted_ms']),
      renewed: row['renewed'] === 1,
    }));
  }

  /**
   * Runs all tasks in one transaction and commits. When the disk is full nothing has happened and
   * each answer says so. Any other error of the disk is thrown: the store cannot go on.
   */
  runGroup(tasks: readonly Task[]): Answer[] {
    const before = { newest: this.#newest, compacted: this.#compacted };
    try {
      this.#sql.begin.run();
      const answers = tasks.map((task) => this.#run(task));
      this.#sql.commit.run();
      return answers;
    } catch (error) {
      if (this.#db.isTransaction) this.#sql.rollback.run();
      this.#newest = before.newest;
      this.#compacted = before.compacted;
      this.#retention.reload();
      if (!isFull(error)) throw error;
      return tasks.map(({ command }) => answerError(command, fullError(error)));
    }
  }

  /** Drops rows that retention has put out of reach, a few at a time. False when all are gone. */
  trim(): boolean {
    try {
      this.#sql.begin.run();
      const more = this.#retention.trim();
      this.#sql.commit.run();
      return more;
    } catch (error) {
      if (this.#db.isTransaction) this.#sql.rollback.run();
      if (!isFull(error)) throw error;
      return false;
    }
  }

  #run(task: Task): Answer {
    const { command } = task;
    const { id } = command;
    try {
      switch (command.type) {
        case 'batch':
          return { id, ...this.#batch(command.writes, task) };
        case 'compact':
          this.#compact(command.revision);
          return { id, type: 'done' };
        case 'retain':
          this.#retention.set(command.policy, { compacted: this.#compacted, ...this.#newest });
          return { id, type: 'done' };
        case 'grant': {
          const { lastInsertRowid } = this.#sql.grant.run(command.ttlMs, command.nowMs);
          return { id, type: 'grant', lease: Number(lastInsertRowid) };
        }
        case 'renewed':
          this.#sql.renewed.run(command.lease);
          return { id, type: 'done' };
        case 'revoke':
          return { id, type: 'revoke', deleted: this.#revoke(command.lease, task.nowMs) };
        case 'close':
          return { id, type: 'done' };
      }
    } catch (error) {
      if (error instanceof StoreError) return answerError(command, error);
      throw error;
    }
  }

  #batch(
    writes: readonly PackedWrite[],
    { bytes, nowMs }: Task,
  ): { type: 'batch'; ok: boolean; revision: number; found: (StoredValue | undefined)[] } {
    for (const { key, lease = 0 } of writes) {
      if (lease !== 0 && this.#sql.leaseById.get(lease) === undefined) {
        throw new StoreError('lease', `Cannot put "${key}": lease ${lease} is not known`);
      }
    }
    const found = writes.map((write) => this.#find(write.key));
    const items = found.map((one) => one?.item);
    if (!writes.every((write, index) => isAsExpected(write, items[index]))) {
      return { type: 'batch', ok: false, revision: this.revision, found: items };
    }
    if (writes.length > 0) this.#begin(nowMs);
    for (const [position, write] of writes.entries()) {
      const id = rowId(this.revision, position);
      if (write.type === 'delete') this.#delete(id, found[position], write.note);
      else {
        const value = new Uint8Array(bytes, write.offset, write.length);
        this.#put({ id, write, value, found: found[position] });
      }
    }
    return { type: 'batch', ok: true, revision: this.revision, found: items };
  }

  /** The next revision. Wall clocks may go back, the store's times do not. */
  #begin(nowMs: number): void {
    const { revision, timeMs, grown } = this.#newest;
    this.#newest = { revision: revision + 1, timeMs: Math.max(timeMs, nowMs), grown };
  }

  #find(key: string): Found | undefined {
    const row = this.#sql.find.get(key);
    if (row === undefined) return undefined;
    const id = Number(row['id']);
    const item = {
      key,
      value: row['value'] instanceof Uint8Array ? row['value'] : NO_BYTES,
      createRevision: Number(row['create_revision']),
      modRevision: revisionOf(id),
      lease: Number(row['lease']),
    };
    return { slot: Number(row['slot']), id, item };
  }

  #put(options: {
    id: number;
    write: PackedWrite;
    value: Uint8Array;
    found: Found | undefined;
  }): void {
    const { id, write, value, found } = options;
    const { key, lease = 0, note } = write;
    const created = found?.item.createRevision ?? revisionOf(id);
    const bytes: SQLInputValue = value.length === 0 ? null : value;
    this.#append({ id, key, created, deleted: 0, lease, found, note }, bytes);
    if (found === undefined) this.#sql.insert.run(key, id, created, lease, bytes);
    else this.#sql.update.run(id, lease, bytes, found.slot);
  }

  #delete(id: number, found: Found | undefined, note?: string): void {
    if (found === undefined) return;
    const { key, createRevision: created, lease } = found.item;
    this.#append({ id, key, created, deleted: 1, lease, found, note }, null);
    this.#sql.remove.run(found.slot);
  }

  #append(
    row: {
      readonly id: number;
      readonly key: string;
      readonly created: number;
      readonly deleted: 0 | 1;
      readonly lease: number;
      readonly found: Found | undefined;
      readonly note: string | undefined;
    },
    bytes: SQLInputValue,
  ): void {
    const { id, key, created, deleted, lease, found, note = null } = row;
    if (found !== undefined && this.#retention.keeps(key)) {
      const grown = this.#newest.grown + found.item.value.length;
      this.#newest = { ...this.#newest, grown };
    }
    const { timeMs, grown } = this.#newest;
    const previous = found?.id ?? null;
    this.#sql.append.run(id, key, created, deleted, lease, previous, timeMs, grown, note, bytes);
  }

  #compact(revision: number): void {
    if (revision > this.revision) throw futureError(revision, this.revision);
    if (revision <= this.#compacted) return;
    this.#sql.setCompacted.run(revision);
    this.#compacted = revision;
  }

  /** Deletes the keys of a lease, as many in one revision as a batch may have. */
  #revoke(lease: number, nowMs: number): { revision: number; item: StoredValue }[] {
    const deleted: { revision: number; item: StoredValue }[] = [];
    for (const [index, row] of this.#sql.keysOfLease.all(lease).entries()) {
      const position = index % BATCH_WRITES_MAX;
      if (position === 0) this.#begin(nowMs);
      const found = this.#find(String(row['key']));
      if (found === undefined) continue;
      this.#delete(rowId(this.revision, position), found);
      deleted.push({ revision: this.revision, item: found.item });
    }
    this.#sql.forget.run(lease);
    return deleted;
  }
}

/** The newest row is not always there: what retention knew of it when it took rows away counts too. */
function newestOf(db: DatabaseSync): Newest {
  const row = db.prepare('SELECT id, time_ms, grown FROM revision ORDER BY id DESC LIMIT 1').get();
  return {
    revision: Math.max(revisionOf(Number(row?.['id'] ?? 0)), readMeta(db, 'revision') ?? 1),
    timeMs: Math.max(Number(row?.['time_ms'] ?? 0), readMeta(db, 'time_ms') ?? 0),
    grown: Math.max(Number(row?.['grown'] ?? 0), readMeta(db, 'grown') ?? 0),
  };
}

function answerError({ id }: Command, { code, message }: StoreError): Answer {
  return { id, type: 'error', code, message };
}

function prepareAll(
  db: DatabaseSync,
): Record<
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'find'
  | 'append'
  | 'insert'
  | 'update'
  | 'remove'
  | 'setCompacted'
  | 'leaseById'
  | 'grant'
  | 'renewed'
  | 'forget'
  | 'keysOfLease',
  StatementSync
> {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    find: db.prepare('SELECT slot, id, create_revision, lease, value FROM current WHERE key = ?'),
    append: db.prepare(
      'INSERT INTO revision (id, key, create_revision, deleted, lease, previous, time_ms, grown, note, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    insert: db.prepare(
      'INSERT INTO current (key, id, create_revision, lease, value) VALUES (?, ?, ?, ?, ?)',
    ),
    update: db.prepare('UPDATE current SET id = ?, lease = ?, value = ? WHERE slot = ?'),
    remove: db.prepare('DELETE FROM current WHERE slot = ?'),
    setCompacted: db.prepare("UPDATE meta SET value = ? WHERE name = 'compacted'"),
    leaseById: db.prepare('SELECT 1 FROM lease WHERE id = ?'),
    grant: db.prepare('INSERT INTO lease (ttl_ms, granted_ms, renewed) VALUES (?, ?, 0)'),
    renewed: db.prepare('UPDATE lease SET renewed = 1 WHERE id = ?'),
    forget: db.prepare('DELETE FROM lease WHERE id = ?'),
    keysOfLease: db.prepare('SELECT key FROM current WHERE lease = ? AND lease <> 0 ORDER BY key'),
  };
}
