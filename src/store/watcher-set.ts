/**
 * The watches that follow the present, and what is told to each. Shared by the stores that hand
 * out their own events.
 */
import type { StoreError, StoreEvent, Watch, WatchHandlers } from './store.ts';

export class Watcher implements Watch {
  readonly prefix: string;
  readonly #handlers: WatchHandlers;
  readonly #onClosed: (watcher: Watcher) => void;
  /** Everything up to this revision has been told, or was not wanted. */
  #position: number;
  #open = true;

  constructor(options: {
    prefix: string;
    after: number;
    handlers: WatchHandlers;
    onClosed: (watcher: Watcher) => void;
  }) {
    this.prefix = options.prefix;
    this.#position = options.after;
    this.#handlers = options.handlers;
    this.#onClosed = options.onClosed;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get position(): number {
    return this.#position;
  }

  /** Tells of one revision, once: one that lies behind the position is left out. */
  deliver(events: readonly StoreEvent[], revision: number): void {
    if (!this.#open || revision <= this.#position) return;
    this.#position = revision;
    const wanted = events.filter((event) => event.key.startsWith(this.prefix));
    if (wanted.length > 0) this.#handlers.onEvents(wanted, revision);
  }

  /** Notes that nothing up to `revision` concerns this watch. */
  skipTo(revision: number): void {
    this.#position = Math.max(this.#position, revision);
  }

  close(): void {
    this.#open = false;
    this.#onClosed(this);
  }

  end(error: StoreError): void {
    if (!this.#open) return;
    this.close();
    this.#handlers.onEnd(error);
  }
}

export class WatcherSet {
  readonly #all = new Set<Watcher>();
  readonly #live = new Set<Watcher>();

  /** A watch that is not told anything by itself yet. */
  make(prefix: string, after: number, handlers: WatchHandlers): Watcher {
    const onClosed = (watcher: Watcher): void => {
      this.#all.delete(watcher);
      this.#live.delete(watcher);
    };
    const watcher = new Watcher({ prefix, after, handlers, onClosed });
    this.#all.add(watcher);
    return watcher;
  }

  /** From now on the watch follows the present. */
  add(watcher: Watcher): void {
    if (watcher.isOpen) this.#live.add(watcher);
  }

  deliver(events: readonly StoreEvent[], revision: number): void {
    for (const watcher of this.#live) watcher.deliver(events, revision);
  }

  /** Ends all, those that lag included. */
  end(error: StoreError): void {
    for (const watcher of this.#all) watcher.end(error);
  }
}
