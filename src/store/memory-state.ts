/**
 * What the memory store holds, and every step from one such state to the next, as pure functions.
 * A state never changes, so that keeping one is a snapshot and starting from one is a fork.
 */
import { PersistentMap } from '#base/persistent-map.ts';
import { compareKeys, prefixEnd } from './keys.ts';
import { compactedError, eventOf, futureError, given, isAsExpected } from './outcome.ts';
import {
  type ListResult,
  type StoredValue,
  StoreError,
  type StoreEvent,
  type Write,
  type WriteResult,
} from './store.ts';

/** One version of a key and, behind it, those that are still known. Without `item`: deleted. */
interface Version {
  readonly revision: number;
  readonly createRevision: number;
  /** Wall clock. */
  readonly timeMs: number;
  readonly note: string;
  readonly item?: StoredValue;
  readonly older?: Version;
}

/** What one revision did, and when. */
interface Commit {
  readonly timeMs: number;
  /** `State.grown` after it. */
  readonly grown: number;
  readonly events: readonly StoreEvent[];
}

/** What retention has dropped and keeps out: `StoreHistory`. */
interface HistoryMarks {
  /** Nothing before this revision, which was committed at `droppedMs`, is known. */
  readonly dropped: number;
  readonly droppedMs: number;
  readonly droppedGrown: number;
  /** Prefixes that are or were kept out: nothing of them before `thinned` is known. */
  readonly excluded: ReadonlyMap<string, { readonly thinned: number; readonly active: boolean }>;
}

export interface State {
  readonly revision: number;
  readonly compacted: number;
  readonly current: PersistentMap<string, StoredValue>;
  readonly versions: PersistentMap<string, Version>;
  /** Per revision what it did, as far as the history reaches. */
  readonly log: PersistentMap<number, Commit>;
  /** Bytes of all values that were ever overwritten or deleted, of keys in the history. */
  readonly grown: number;
  readonly history: HistoryMarks;
  readonly leases: PersistentMap<number, true>;
  /** Keys on leases, as `<lease> <key>`. */
  readonly leased: PersistentMap<string, true>;
  readonly lastLease: number;
}

const byNumber = (a: number, b: number): number => a - b;

export const EMPTY_STATE: State = {
  revision: 1,
  compacted: 0,
  current: PersistentMap.empty(compareKeys),
  versions: PersistentMap.empty(compareKeys),
  log: PersistentMap.empty(byNumber),
  grown: 0,
  history: { dropped: 0, droppedMs: 0, droppedGrown: 0, excluded: new Map() },
  leases: PersistentMap.empty(byNumber),
  leased: PersistentMap.empty(compareKeys),
  lastLease: 0,
};

export interface Outcome {
  readonly state: State;
  readonly ok: boolean;
  readonly results: readonly WriteResult[];
  readonly events: readonly StoreEvent[];
}

/** All of `writes` in one revision, or none, at a time of the wall clock. Throws StoreError `lease`. */
export function applyWrites(state: State, writes: readonly Write[], nowMs: number): Outcome {
  for (const write of writes) {
    const lease = write.type === 'put' ? (write.lease ?? 0) : 0;
    if (lease !== 0 && state.leases.get(lease) === undefined) {
      throw new StoreError('lease', `Cannot put "${write.key}": lease ${lease} is not known`);
    }
  }
  const found = writes.map((write) => state.current.get(write.key));
  if (!writes.every((write, index) => isAsExpected(write, found[index]))) {
    const results = found.map((item): WriteResult => ({ ok: false, ...given('current', item) }));
    return { state, ok: false, results, events: [] };
  }
  const revision = writes.length === 0 ? state.revision : state.revision + 1;
  const events: StoreEvent[] = [];
  const timeMs = Math.max(nowMs, newestTimeOf(state));
  let next: State = { ...state, revision };
  for (const [index, write] of writes.entries()) {
    const previous = found[index];
    next = applyWrite(next, write, { previous, timeMs });
    events.push(eventOf(write, revision, previous));
  }
  if (events.length > 0) {
    const { grown } = next;
    next = { ...next, log: next.log.set(revision, { timeMs, grown, events }) };
  }
  const results = found.map(
    (item): WriteResult => ({ ok: true, revision, ...given('previous', item) }),
  );
  return { state: next, ok: true, results, events };
}

/** The time of the newest commit: wall clocks may go back, the store's times do not. */
function newestTimeOf({ log, revision, history }: State): number {
  return log.get(revision)?.timeMs ?? history.droppedMs;
}

function isKept({ history }: State, key: string): boolean {
  for (const [prefix, { active }] of history.excluded) {
    if (active && key.startsWith(prefix)) return false;
  }
  return true;
}

function applyWrite(
  state: State,
  write: Write,
  { previous, timeMs }: { readonly previous: StoredValue | undefined; readonly timeMs: number },
): State {
  const { key, note = '' } = write;
  const { revision } = state;
  const createRevision = previous?.createRevision ?? revision;
  const version = { revision, createRevision, timeMs, note };
  const grown =
    state.grown + (previous === undefined || !isKept(state, key) ? 0 : previous.value.length);
  const older = state.versions.get(key);
  let leased = state.leased;
  if (previous !== undefined && previous.lease !== 0) {
    leased = leased.delete(`${previous.lease} ${key}`);
  }
  if (write.type === 'delete') {
    return {
      ...state,
      leased,
      grown,
      current: state.current.delete(key),
      versions: state.versions.set(key, { ...version, ...given('older', older) }),
    };
  }
  const item: StoredValue = {
    key,
    value: write.value,
    createRevision,
    modRevision: revision,
    lease: write.lease ?? 0,
  };
  if (item.lease !== 0) leased = leased.set(`${item.lease} ${key}`, true);
  return {
    ...state,
    leased,
    grown,
    current: state.current.set(key, item),
    versions: state.versions.set(key, { ...version, item, ...given('older', older) }),
  };
}

/** The key as it was at `revision`. Throws StoreError `compacted` or `future`. */
export function getAt(state: State, key: string, revision: number): StoredValue | undefined {
  if (revision === state.revision) return state.current.get(key);
  checkRevision(state, revision, state.compacted);
  return itemAt(state.versions.get(key), revision);
}

export interface ListQuery {
  readonly prefix: string;
  readonly revision: number;
  readonly after?: string;
  readonly limit?: number;
}

/** Keys with the prefix as they were. Throws StoreError `compacted` (before `oldest`) or `future`. */
export function listAt(state: State, query: ListQuery, oldest = state.compacted): ListResult {
  checkRevision(state, query.revision, oldest);
  const { revision } = query;
  const limit = query.limit || Number.POSITIVE_INFINITY;
  const items: StoredValue[] = [];
  let remaining = 0;
  for (const item of itemsAt(state, query)) {
    if (items.length < limit) items.push(item);
    else if (revision !== state.revision) remaining++;
    else {
      remaining = rankOfEnd(state, query.prefix) - state.current.rank(item.key);
      break;
    }
  }
  return { items, revision, remaining };
}

function* itemsAt(state: State, query: ListQuery): Generator<StoredValue> {
  const { prefix, revision, after } = query;
  const from = after !== undefined && compareKeys(after, prefix) > 0 ? after : prefix;
  const isNow = revision === state.revision;
  for (const [key, found] of (isNow ? state.current : state.versions).entries(from)) {
    if (!key.startsWith(prefix)) return;
    if (key === after) continue;
    const item = 'key' in found ? found : itemAt(found, revision);
    if (item !== undefined) yield item;
  }
}

export function itemAt(newest: Version | undefined, revision: number): StoredValue | undefined {
  let version = newest;
  while (version !== undefined && version.revision > revision) version = version.older;
  return version?.item;
}

export function countKeys(state: State, prefix: string): number {
  return rankOfEnd(state, prefix) - state.current.rank(prefix);
}

function rankOfEnd(state: State, prefix: string): number {
  const end = prefixEnd(prefix);
  return end === undefined ? state.current.size : state.current.rank(end);
}

export function checkRevision(state: State, revision: number, oldest: number): void {
  if (revision > state.revision) throw futureError(revision, state.revision);
  if (revision < oldest) throw compactedError(revision, oldest);
}

/** Moves the mark of compaction. Throws StoreError `future`. */
export function compactTo(state: State, revision: number): State {
  if (revision > state.revision) throw futureError(revision, state.revision);
  return { ...state, compacted: Math.max(revision, state.compacted) };
}

/** The versions after `revision` and the one that it shows, unless that is a deletion. */
export function trim(version: Version | undefined, revision: number): Version | undefined {
  const newer: Version[] = [];
  let at = version;
  for (; at !== undefined && at.revision > revision; at = at.older) newer.push(at);
  let kept: Version | undefined = at?.item === undefined ? undefined : withoutOlder(at);
  for (const one of newer.toReversed()) {
    kept = { ...withoutOlder(one), ...given('older', kept) };
  }
  return kept;
}

function withoutOlder(version: Version): Version {
  const { older: _, ...own } = version;
  return own;
}

export function grantLease(state: State): { state: State; lease: number } {
  const lease = state.lastLease + 1;
  return { state: { ...state, lastLease: lease, leases: state.leases.set(lease, true) }, lease };
}

/** Deletes the lease's keys in one revision and forgets the lease. */
export function endLease(state: State, lease: number, nowMs: number): Outcome {
  const prefix = `${lease} `;
  const writes: Write[] = [];
  for (const [name] of state.leased.entries(prefix)) {
    if (!name.startsWith(prefix)) break;
    writes.push({ type: 'delete', key: name.slice(prefix.length) });
  }
  const outcome = applyWrites(state, writes, nowMs);
  return { ...outcome, state: { ...outcome.state, leases: outcome.state.leases.delete(lease) } };
}
