/**
 * Reads the log of a container, from the end or from a time on, and follows it as it grows.
 *
 * The runtime writes the file; the kubelet renames it when it is too long, and the runtime opens
 * a new one under the old name. A reader that follows then finishes the old one first. Upstream:
 * staging/src/k8s.io/cri-client/pkg/logs/logs.go, v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import { type LogLine, parseLogLine } from './log-line.ts';

const BLOCK_BYTES = 64 * 1024;
/** A line that is longer is cut: runtimes split at 16 KiB. */
const LINE_BYTES_MAX = 1024 * 1024;

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; absent: all. */
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly sinceMs?: number;
  readonly stream?: 'stdout' | 'stderr';
}

export interface LogSource {
  readonly fileSystem: FileSystem;
  readonly path: string;
  /** Whether more may come. */
  readonly isAlive: () => boolean;
  /** Resolves when the file or the container has changed, or `signal` fires. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
  /**
   * Resolves when a runtime has surely written what a container said before it ended: containerd
   * says that it has ended up to some 20 KiB before its log is whole.
   */
  readonly settled: (signal: AbortSignal) => Promise<void>;
}

/** Resolves when there is nothing left to read. `write` waits while the reader is slow. */
export async function readLog(
  source: LogSource,
  options: LogOptions,
  write: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const cursor = new LogCursor(source);
  await cursor.open(options.tailLines);
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  // The last lines are those of when they were asked for: what is written meanwhile is not among them.
  let linesLeft = options.follow
    ? Number.POSITIVE_INFINITY
    : (options.tailLines ?? Number.POSITIVE_INFINITY);
  let isWhole = false;
  while (!signal.aborted && left > 0 && linesLeft > 0) {
    // Asked before reading, so that what was written before the end is read after the answer.
    const alive = source.isAlive();
    const lines = (await cursor.read()).slice(0, linesLeft);
    if (lines.length > 0) {
      linesLeft -= lines.length;
      // Of a block that is too old nothing is left, and yet what comes behind it is wanted.
      const part = rendered(lines, options).subarray(0, left);
      left -= part.length;
      if (part.length > 0) await write(part);
      isWhole = false;
      continue;
    }
    if (!options.follow || isWhole) return;
    if (alive) await source.changed(signal);
    else {
      await source.settled(signal);
      isWhole = true;
    }
  }
}

function rendered(lines: readonly LogLine[], options: LogOptions): Buffer {
  const wanted = lines.filter(({ stream, time }) => {
    if (options.stream !== undefined && stream !== options.stream) return false;
    return options.sinceMs === undefined || Date.parse(time) >= options.sinceMs;
  });
  const texts = wanted.map(({ time, text, partial }) => {
    const stamp = options.timestamps ? `${time} ` : '';
    return `${stamp}${text}${partial ? '' : '\n'}`;
  });
  return Buffer.from(texts.join(''));
}

class LogCursor {
  readonly #source: LogSource;
  #inode = 0;
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(source: LogSource) {
    this.#source = source;
  }

  async open(tailLines: number | undefined): Promise<void> {
    const { fileSystem, path } = this.#source;
    const stat = await fileSystem.stat(path);
    if (stat === undefined) return;
    this.#inode = stat.inode;
    if (tailLines !== undefined)
      this.#position = await tailPosition(this.#source, stat.size, tailLines);
  }

  /** The lines of the next block; none at the end of what is there. */
  async read(): Promise<LogLine[]> {
    const { fileSystem, path } = this.#source;
    const stat = await fileSystem.stat(path);
    if (stat === undefined) return [];
    if (this.#inode === 0) this.#inode = stat.inode;
    if (stat.inode !== this.#inode) {
      const old = await this.#rotated();
      if (old !== undefined) {
        const lines = await this.#readFrom(old);
        if (lines.length > 0) return lines;
      }
      this.#inode = stat.inode;
      this.#position = 0;
      this.#rest = Buffer.alloc(0);
    }
    return this.#readFrom(path);
  }

  /** The name that the file was given when it was put aside. */
  async #rotated(): Promise<string | undefined> {
    const { fileSystem, path } = this.#source;
    const slash = path.lastIndexOf('/');
    const directory = path.slice(0, slash);
    for (const name of await fileSystem.list(directory).catch(() => [])) {
      if (!name.startsWith(`${path.slice(slash + 1)}.`)) continue;
      const stat = await fileSystem.stat(`${directory}/${name}`);
      if (stat?.inode === this.#inode) return `${directory}/${name}`;
    }
    return undefined;
  }

  async #readFrom(path: string): Promise<LogLine[]> {
    const { fileSystem } = this.#source;
    for (;;) {
      const bytes = await fileSystem.readAt(path, this.#position, BLOCK_BYTES);
      if (bytes.length === 0) return [];
      this.#position += bytes.length;
      this.#rest = Buffer.concat([this.#rest, bytes]);
      const end = this.#rest.lastIndexOf(0x0a);
      if (end < 0 && this.#rest.length < LINE_BYTES_MAX) continue;
      const complete = end < 0 ? this.#rest : this.#rest.subarray(0, end);
      this.#rest = end < 0 ? Buffer.alloc(0) : this.#rest.subarray(end + 1);
      const lines = complete.toString().split('\n').map(parseLogLine);
      return lines.filter((line) => line !== undefined);
    }
  }
}

/** Where the last `count` lines begin. */
async function tailPosition(
  { fileSystem, path }: LogSource,
  size: number,
  count: number,
): Promise<number> {
  if (count === 0) return size;
  let found = 0;
  let position = size;
  while (position > 0) {
    const start = Math.max(0, position - BLOCK_BYTES);
    const block = Buffer.from(await fileSystem.readAt(path, start, position - start));
    for (let i = block.length - 1; i >= 0; i--) {
      // The end of the last line does not begin another one.
      if (block[i] !== 0x0a || start + i === size - 1) continue;
      found++;
      if (found === count) return start + i + 1;
    }
    position = start;
  }
  return 0;
}
