/**
 * A file that holds what is in memory. Changes that come while it is written go together into the
 * next writing.
 */
import type { FileSystem } from '#base/doors.ts';

const FILE_MODE = 0o600;

export interface StateFileOptions {
  readonly fileSystem: FileSystem;
  readonly path: string;
  /** What is in memory now, as text. */
  readonly format: () => string;
}

export class StateFile {
  readonly #options: StateFileOptions;
  #writing: Promise<void> = Promise.resolve();
  /** The writing that has not begun: it will hold all that is in memory then. */
  #next: Promise<void> | undefined;

  constructor(options: StateFileOptions) {
    this.#options = options;
  }

  /** Resolves when all that is in memory now is on disk. */
  write(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#writing = this.#next ?? Promise.resolve();
        this.#next = undefined;
        const { fileSystem, path, format } = this.#options;
        return fileSystem.writeFileAtomic(path, format(), FILE_MODE);
      });
    return this.#next;
  }
}
