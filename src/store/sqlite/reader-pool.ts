/** Connections for long reads: each list has one to itself, and waits when all are taken. */
import type { Reader } from './reader.ts';

const READERS_MAX = 4;

export class ReaderPool {
  readonly #open: () => Reader;
  readonly #idle: Reader[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(open: () => Reader) {
    this.#open = open;
  }

  async use<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    while (this.#taken >= READERS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken++;
    const reader = this.#idle.pop() ?? this.#open();
    try {
      return await work(reader);
    } finally {
      this.#taken--;
      this.#idle.push(reader);
      this.#waiting.shift()?.();
    }
  }

  /** Waits for reads under way, then closes all. */
  async close(): Promise<void> {
    while (this.#taken > 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    for (const reader of this.#idle.splice(0)) reader.close();
    this.#waiting.shift()?.();
  }
}
