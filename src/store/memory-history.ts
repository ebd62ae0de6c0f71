/** The history of the memory store, as pure functions of its state. */
import { checkRevision, itemAt, listAt, type ListQuery, type State, trim } from './memory-state.ts';
import { timeTooOldError } from './outcome.ts';
import type { KeyVersion, ListResult, RetentionPolicy, StoredValue } from './store.ts';

const NO_BYTES = new Uint8Array(0);

/** Of keys that start with `text`, or that `text` starts with: nothing before this is known. */
function oldestOf({ history }: State, text: string): number {
  let oldest = history.dropped;
  for (const [prefix, { thinned }] of history.excluded) {
    if (text.startsWith(prefix) || prefix.startsWith(text)) oldest = Math.max(oldest, thinned);
  }
  return oldest;
}

/** Throws StoreError `compacted` or `future`. */
export function historicItem(state: State, key: string, revision: number): StoredValue | undefined {
  checkRevision(state, revision, oldestOf(state, key));
  return itemAt(state.versions.get(key), revision);
}

/** Throws StoreError `compacted` or `future`. */
export function historicList(state: State, query: ListQuery): ListResult {
  return listAt(state, query, oldestOf(state, query.prefix));
}

export function versionsOf(
  state: State,
  key: string,
  { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number },
): { versions: KeyVersion[]; oldest: number } {
  const oldest = Math.max(1, oldestOf(state, key));
  const versions: KeyVersion[] = [];
  for (let at = state.versions.get(key); at !== undefined; at = at.older) {
    if (at.revision >= before) continue;
    // What the mark shows is known; a deletion there or before is as good as nothing.
    if (at.revision <= oldest && at.item === undefined) break;
    if (versions.length === limit) break;
    versions.push({
      revision: at.revision,
      createRevision: at.createRevision,
      type: at.item === undefined ? 'delete' : 'put',
      value: at.item?.value ?? NO_BYTES,
      timeMs: at.timeMs,
      note: at.note,
    });
    if (at.revision <= oldest) break;
  }
  return { versions, oldest };
}

/** Throws StoreError `compacted`. */
export function revisionAt(state: State, timeMs: number): number {
  const { dropped, droppedMs } = state.history;
  if (dropped > 0 && timeMs < droppedMs) throw timeTooOldError(droppedMs);
  let revision = Math.max(1, dropped);
  for (const [at, commit] of state.log.entries(dropped + 1)) {
    if (commit.timeMs > timeMs) return revision;
    revision = at;
  }
  return state.revision;
}

/** The state without what the policy does not keep. */
export function retained(state: State, policy: RetentionPolicy): State {
  const next = withExclusions(state, policy.excluded);
  const { mark, markMs, markGrown } = markOf(next, policy);
  let { log } = next;
  const touched = new Set<string>();
  for (const [at, { events }] of log.entries()) {
    if (at > mark) break;
    for (const { key } of events) touched.add(key);
    log = log.delete(at);
  }
  const history = { ...next.history, dropped: mark, droppedMs: markMs, droppedGrown: markGrown };
  return { ...next, log, versions: trimmed(next.versions, touched, mark), history };
}

/** The newest commit that is too old, or behind which too much lies; compacted in any case. */
function markOf(
  { log, compacted, grown, history }: State,
  { keepAfterMs, maxBytes }: RetentionPolicy,
): { mark: number; markMs: number; markGrown: number } {
  let { dropped: mark, droppedMs: markMs, droppedGrown: markGrown } = history;
  for (const [at, commit] of log.entries(mark + 1)) {
    const goes = commit.timeMs <= keepAfterMs || grown - markGrown > maxBytes;
    if (at > compacted || !goes) break;
    mark = at;
    markMs = commit.timeMs;
    markGrown = commit.grown;
  }
  return { mark, markMs, markGrown };
}

/** Thins out what is kept out of the history, up to the compaction. */
function withExclusions(state: State, prefixes: readonly string[]): State {
  const { compacted, log } = state;
  const excluded = new Map(
    [...state.history.excluded].map(([prefix, mark]) => [prefix, { ...mark, active: false }]),
  );
  let { versions } = state;
  for (const prefix of prefixes) {
    const thinned = excluded.get(prefix)?.thinned ?? 0;
    const touched = new Set<string>();
    for (const [at, { events }] of log.entries(thinned + 1)) {
      if (at > compacted) break;
      for (const { key } of events) if (key.startsWith(prefix)) touched.add(key);
    }
    versions = trimmed(versions, touched, compacted);
    excluded.set(prefix, { thinned: Math.max(thinned, compacted), active: true });
  }
  return { ...state, versions, history: { ...state.history, excluded } };
}

function trimmed(
  versions: State['versions'],
  keys: ReadonlySet<string>,
  revision: number,
): State['versions'] {
  let next = versions;
  for (const key of keys) {
    const kept = trim(next.get(key), revision);
    next = kept === undefined ? next.delete(key) : next.set(key, kept);
  }
  return next;
}
