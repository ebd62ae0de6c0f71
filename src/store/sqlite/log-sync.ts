/**
 * Syncs of the write-ahead log, which make commits last. A sync covers all that was committed before
 * it began; what is told of a commit waits for it, in the order of the commits.
 *
 * On a quick disk the thread waits for each sync: what comes meanwhile makes the next commit larger.
 * On a slow one it goes on, and several are under way.
 */
import { fdatasync, fdatasyncSync } from 'node:fs';

/** A sync that takes longer is slow: the next ones are not waited for. */
export const SLOW_MS = 2;
/** Syncs under way at a time: each takes one of the few threads that all file work shares. */
export const SYNCS_MAX = 4;

export interface Log {
  /** Returns when all that is written is on the disk. Throws the disk's error. */
  syncNow(): void;
  /** The same, telling `done`. */
  sync(done: (error: Error | null) => void): void;
}

export function logFile(file: number): Log {
  return { syncNow: () => fdatasyncSync(file), sync: (done) => fdatasync(file, done) };
}

interface Commit {
  isSynced: boolean;
  readonly tell: () => void;
}

export class LogSync {
  readonly #log: Log | undefined;
  readonly #nowMs: () => number;
  readonly #onRoom: () => void;
  /** Commits that have not been told, in order. */
  readonly #commits: Commit[] = [];
  #underWay = 0;
  #tookMs = 0;

  /**
   * `log`: undefined when nothing is synced. `nowMs`: monotonic. `onRoom`: called when a sync has
   * ended that was not waited for.
   */
  constructor(log: Log | undefined, nowMs: () => number, onRoom: () => void) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#onRoom = onRoom;
  }

  /** Whether a further commit may be made now. */
  get hasRoom(): boolean {
    return this.#underWay < SYNCS_MAX;
  }

  /** Of the last one. */
  get isSlow(): boolean {
    return this.#tookMs >= SLOW_MS;
  }

  /** Calls `tell` when all that is committed by now is on the disk. The disk's error is thrown. */
  after(tell: () => void): void {
    if (this.#log === undefined) return tell();
    const beganMs = this.#nowMs();
    if (!this.isSlow && this.#underWay === 0) {
      this.#log.syncNow();
      this.#tookMs = this.#nowMs() - beganMs;
      return tell();
    }
    const commit = { isSynced: false, tell };
    this.#commits.push(commit);
    this.#underWay++;
    this.#log.sync((error) => {
      if (error !== null) throw error;
      this.#underWay--;
      this.#tookMs = this.#nowMs() - beganMs;
      this.#tellUpTo(commit);
      this.#onRoom();
    });
  }

  /** `commit` is on the disk, and with it all before. */
  #tellUpTo(commit: Commit): void {
    if (commit.isSynced) return;
    const end = this.#commits.indexOf(commit) + 1;
    for (const one of this.#commits.splice(0, end)) {
      one.isSynced = true;
      one.tell();
    }
  }
}
