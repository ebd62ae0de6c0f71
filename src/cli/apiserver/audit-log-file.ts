/**
 * The file that audit events are written to. When it is full it becomes an old one, named after the
 * moment, and the next begins; old ones are compressed, and go when there are too many or they are
 * too old.
 *
 * Source: upstream uses gopkg.in/natefinch/lumberjack.v2: names of old files, and what is removed,
 * are its. Different from it, on purpose: a line that is longer than a file may be has a file of its
 * own (there it is lost), and an old file never takes the place of another one.
 */
import { createReadStream, createWriteStream, mkdirSync, openSync, closeSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LineOutput } from '#apiserver/audit/options.ts';
import type { Environment } from '#base/env.ts';
import { messageOf, UserError } from '../user-error.ts';

export interface AuditLogFileOptions {
  readonly path: string;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
  /** 0: no limit, and no old files. */
  readonly maxBytes: number;
  /** 0: any number. */
  readonly maxBackups: number;
  /** 0: of any age. */
  readonly maxAgeDays: number;
  readonly compress: boolean;
}

const MODE = 0o600;
const DAY_MS = 24 * 60 * 60_000;
const COMPRESSED = '.gz';
/** `2026-01-02T03-04-05.678` */
const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)\.(\d{3})$/;

/** Makes the file where there is none: one that cannot be written is known at once. Throws UserError. */
export function auditLogFile(options: AuditLogFileOptions): LineOutput {
  const { path } = options;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', MODE));
  } catch (error) {
    throw new UserError(`Cannot write the audit log ${path}: ${messageOf(error)}`);
  }
  return new AuditLogFile(options);
}

/** Lines on standard output, beside whatever else is written there. */
export function standardOutput(): LineOutput {
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => Promise.resolve(),
  };
}

class AuditLogFile implements LineOutput {
  readonly #options: AuditLogFileOptions;
  #file: FileHandle | undefined;
  #size = 0;
  /** A write has failed: half a line may stand at the end of the file. */
  #isTorn = false;
  #cleaning: Promise<void> = Promise.resolve();

  constructor(options: AuditLogFileOptions) {
    this.#options = options;
  }

  /** Called from one place at a time. */
  async write(text: string): Promise<void> {
    for (const part of this.#parts(text)) await this.#append(part);
  }

  /** Whole lines, as many as a file holds. */
  #parts(text: string): string[] {
    const { maxBytes } = this.#options;
    if (maxBytes === 0 || this.#size + Buffer.byteLength(text) <= maxBytes) return [text];
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => `${line}\n`);
  }

  async #append(part: string): Promise<void> {
    const file = await this.#fileFor(Buffer.byteLength(part));
    const whole = this.#isTorn ? `\n${part}` : part;
    this.#isTorn = true;
    await file.appendFile(whole);
    this.#isTorn = false;
    this.#size += Buffer.byteLength(whole);
  }

  async #fileFor(bytes: number): Promise<FileHandle> {
    const { maxBytes } = this.#options;
    const file = this.#file ?? (await this.#open());
    if (maxBytes === 0 || this.#size === 0 || this.#size + bytes <= maxBytes) return file;
    await this.#retire();
    return this.#open();
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#options.path, 'a', MODE);
    this.#size = (await file.stat()).size;
    this.#file = file;
    return file;
  }

  /** The file becomes an old one. */
  async #retire(): Promise<void> {
    const { path, environment } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    let ms = environment.clock.now();
    while (await isThere(oldName(path, ms))) ms += 1;
    await rename(path, oldName(path, ms));
    this.#isTorn = false;
    this.#cleaning = this.#cleaning.then(() => this.#clean());
  }

  async #clean(): Promise<void> {
    const { path, environment, compress } = this.#options;
    try {
      const { gone, kept } = sortOut(await oldFiles(path), this.#options, environment.clock.now());
      for (const file of gone) await rm(file.path, { force: true });
      if (compress) for (const file of kept) if (!file.isCompressed) await compressed(file.path);
    } catch (error) {
      environment.log.error('cannot clean up old audit logs', { path, error: messageOf(error) });
    }
  }

  async close(): Promise<void> {
    await this.#cleaning;
    await this.#file?.close();
    this.#file = undefined;
  }
}

export interface OldFile {
  readonly path: string;
  readonly atMs: number;
  readonly isCompressed: boolean;
}

/** Which of the old files go: too many, the oldest first, and the too old. */
export function sortOut(
  files: readonly OldFile[],
  { maxBackups, maxAgeDays }: Pick<AuditLogFileOptions, 'maxBackups' | 'maxAgeDays'>,
  nowMs: number,
): { readonly gone: readonly OldFile[]; readonly kept: readonly OldFile[] } {
  const newestFirst = files.toSorted((a, b) => b.atMs - a.atMs);
  // A file that was being compressed when the process ended is there twice, and counts once.
  const moments = [...new Set(newestFirst.map(({ atMs }) => atMs))];
  const last = maxBackups === 0 ? -Infinity : (moments[maxBackups - 1] ?? -Infinity);
  const youngestGone = maxAgeDays === 0 ? -Infinity : nowMs - maxAgeDays * DAY_MS;
  const isKept = ({ atMs }: OldFile): boolean => atMs >= last && atMs >= youngestGone;
  return {
    gone: newestFirst.filter((file) => !isKept(file)),
    kept: newestFirst.filter(isKept),
  };
}

/** `/var/log/audit-2026-01-02T03-04-05.678.log` */
function oldName(path: string, ms: number): string {
  const extension = extname(path);
  const stem = basename(path, extension);
  const time = new Date(ms).toISOString().slice(0, -1).replaceAll(':', '-');
  return join(dirname(path), `${stem}-${time}${extension}`);
}

async function oldFiles(path: string): Promise<OldFile[]> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const names = await readdir(dirname(path));
  return names.flatMap((name) => {
    const isCompressed = name.endsWith(COMPRESSED);
    const plain = isCompressed ? name.slice(0, -COMPRESSED.length) : name;
    if (!plain.startsWith(prefix) || !plain.endsWith(extension)) return [];
    const end = plain.length - extension.length;
    const match = TIME.exec(plain.slice(prefix.length, end));
    if (match === null) return [];
    const [, day, hours, minutes, seconds, milliseconds] = match;
    const atMs = Date.parse(`${day}T${hours}:${minutes}:${seconds}.${milliseconds}Z`);
    return [{ path: join(dirname(path), name), atMs, isCompressed }];
  });
}

/** Whole under its name, or not there: a half of it has another one, and is written over. */
async function compressed(path: string): Promise<void> {
  const half = `${path}${COMPRESSED}.tmp`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(half, { mode: MODE }));
  await rename(half, `${path}${COMPRESSED}`);
  await rm(path);
}

async function isThere(path: string): Promise<boolean> {
  const found = await Promise.all(
    [path, `${path}${COMPRESSED}`].map((name) => stat(name).catch(() => undefined)),
  );
  return found.some((one) => one !== undefined);
}
