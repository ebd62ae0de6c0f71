/**
 * What a bench has made on this machine: processes, directories, a network. It is taken away in the
 * reverse order, be it at the end, after an error, or at Ctrl-C.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Takes one thing away. The second call waits for the first. */
export type Undo = () => Promise<void>;

export class Scope {
  readonly #undos = new Set<Undo>();
  readonly #closing = new AbortController();

  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Fails when the end has begun: nothing may be made any more that nobody would take away. */
  throwIfClosing(): void {
    this.#closing.signal.throwIfAborted();
  }

  /** Remembers how to take away what was just made. */
  defer(work: () => Promise<void> | void): Undo {
    let done: Promise<void> | undefined;
    const undo: Undo = () => {
      done ??= (async () => {
        try {
          await work();
        } finally {
          this.#undos.delete(undo);
        }
      })();
      return done;
    };
    this.#undos.add(undo);
    return undo;
  }

  temporaryDirectory(): string {
    this.throwIfClosing();
    const path = mkdtempSync(join(tmpdir(), 'coxswain-bench-'));
    this.defer(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  /** Answers what could not be taken away. */
  async close(): Promise<unknown[]> {
    this.#closing.abort(new Error('The bench is ending'));
    const problems: unknown[] = [];
    for (const undo of [...this.#undos].reverse()) {
      try {
        await undo();
      } catch (error) {
        problems.push(error);
      }
    }
    return problems;
  }
}
