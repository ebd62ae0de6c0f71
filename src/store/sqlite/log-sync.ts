/**
 * Syncs of the write-ahead log, which make commits last. A sync covers all that was committed before
 * it began; what is told of a commit waits for it, in the order of the commits.
 *
 * On a quick disk the thread waits for each sync: what comes meanwhile makes the next commit larger.
 * On a slow one it goes on, and several are under way. They begin at even distances: begun as commits
 * come, all of them would start with the first few writes of a burst, and the rest of it wait for a
 * whole sync to end.
 */
import { fdatasync, fdatasyncSync } from 'node:fs';

/** A sync that takes longer is slow: the next ones are not waited for. */
export const SLOW_MS = 2;
/** Syncs under way at a time: each takes one of the few threads that all file work shares. */
export const SYNCS_MAX = 4;
/** What timers count in. */
const TIMER_MS = 1;
/** The most between two beginnings: after a disk that stood still once, nobody waits for long. */
export const GAP_MAX_MS = 25;

export interface Log {
  /** Returns when all that is written is on the disk. Throws the disk's error. */
  syncNow(): void;
  /** The same, telling `done`. */
  sync(done: (error: Error | null) => void): void;
}

export function logFile(file: number): Log {
  return { syncNow: () => fdatasyncSync(file), sync: (done) => fdatasync(file, done) };
}

export interface LogSyncOptions {
  /** Undefined when nothing is synced. */
  readonly log: Log | undefined;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Calls back once, after so many milliseconds. */
  readonly wait: (ms: number, done: () => void) => void;
  /** Called when there may be room again after there was none. */
  readonly onRoom: () => void;
}

interface Commit {
  isSynced: boolean;
  readonly tell: () => void;
}

export class LogSync {
  readonly #options: LogSyncOptions;
  /** Commits that have not been told, in order. */
  readonly #commits: Commit[] = [];
  #underWay = 0;
  /** When the last one began. */
  #beganMs = -Infinity;
  #tookMs = 0;
  #isWaiting = false;

  constructor(options: LogSyncOptions) {
    this.#options = options;
  }

  /** Whether a further commit may be made now. Where it may not, `onRoom` tells when to ask again. */
  hasRoom(): boolean {
    if (this.#underWay >= SYNCS_MAX) return false;
    if (!this.isSlow) return true;
    const gapMs = Math.min(this.#tookMs / SYNCS_MAX, GAP_MAX_MS);
    const leftMs = this.#beganMs + gapMs - this.#options.nowMs();
    // Nearer than a timer can tell.
    if (leftMs < TIMER_MS / 2) return true;
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#options.wait(Math.max(TIMER_MS, Math.round(leftMs)), () => {
        this.#isWaiting = false;
        this.#options.onRoom();
      });
    }
    return false;
  }

  /** Of the last one. */
  get isSlow(): boolean {
    return this.#tookMs >= SLOW_MS;
  }

  /** Calls `tell` when all that is committed by now is on the disk. The disk's error is thrown. */
  after(tell: () => void): void {
    const { log, nowMs, onRoom } = this.#options;
    if (log === undefined) return tell();
    const beganMs = nowMs();
    this.#beganMs = beganMs;
    if (!this.isSlow && this.#underWay === 0) {
      log.syncNow();
      this.#tookMs = nowMs() - beganMs;
      return tell();
    }
    const commit = { isSynced: false, tell };
    this.#commits.push(commit);
    this.#underWay++;
    log.sync((error) => {
      if (error !== null) throw error;
      this.#underWay--;
      this.#tookMs = nowMs() - beganMs;
      this.#tellUpTo(commit);
      onRoom();
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
