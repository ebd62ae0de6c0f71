/** One watch that runs: the state it begins with, the events of the cache, bookmarks, its end. */
import { apiVersionOf } from '#api/meta/object.ts';
import { gone, StatusError } from '#api/meta/status.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { Turns } from '../turns.ts';
import { atRevision, type Entry } from '../watch-cache/entry.ts';
import type { CacheEvent } from '../watch-cache/resource-cache.ts';
import type { WatchParameters } from './options.ts';
import type { Selection } from './selection.ts';
import type { WatchOutlet } from './watch-outlet.ts';

/** Without timeoutSeconds a watch ends after 30 to 60 minutes, so that not all end together. */
const TIMEOUT_MIN_SECONDS = 1_800;
const BOOKMARK_EVERY_MS = 60_000;
/** A watch that has so many events waiting for a webhook ends, and is begun anew by its reader. */
const WAITING_MAX = 1_000;

export interface WatchStart {
  /** Events after this revision are sent. */
  readonly after: number;
  /** The state at `after` comes first, as ADDED events. */
  readonly initial: boolean;
  /** A bookmark that says so closes the initial state. */
  readonly initialBookmark: boolean;
  /** Why there is nothing to send: as with upstream, it is the first and last event of the watch. */
  readonly error?: StatusError;
}

export interface WatcherOptions {
  readonly context: RequestContext;
  readonly registry: Registry;
  readonly resource: Resource;
  readonly parameters: WatchParameters;
  readonly selection: Selection;
  /** Aborted when the server shuts down. */
  readonly shutdown: AbortSignal;
}

export class Watcher {
  readonly #options: WatcherOptions;
  readonly #prefix: string;
  readonly #outlet: WatchOutlet;
  readonly #cleanup: (() => void)[] = [];
  #closed = false;
  #sentRevision = 0;
  /** Events that wait for a webhook to convert their objects, in order. */
  #converting: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** `outletFor` makes the outlet; it is given what to call when the reader is gone. */
  constructor(options: WatcherOptions, outletFor: (onClosed: () => void) => WatchOutlet) {
    this.#options = options;
    this.#prefix = options.resource.key(options.context.info.namespace, '');
    this.#outlet = outletFor(() => this.#close());
  }

  /** Sends from `start` on, until the time is over, the reader is gone or the server ends. */
  run(start: WatchStart, release: () => void): void {
    const { context, shutdown } = this.#options;
    this.#cleanup.push(release);
    // The reader may have gone before the first event.
    if (this.#closed) return this.#cleanUp();
    const end = (): void => this.#outlet.end();
    for (const signal of [shutdown, context.signal, this.#options.resource.retired]) {
      if (signal === undefined) continue;
      if (signal.aborted) return end();
      signal.addEventListener('abort', end);
      this.#cleanup.push(() => signal.removeEventListener('abort', end));
    }
    if (start.error !== undefined) {
      this.#outlet.error(start.error);
      return end();
    }
    this.#sentRevision = start.after;
    if (!start.initial) return this.#follow(start.after);
    this.#sendState(start).then(
      () => this.#follow(start.after),
      (error: unknown) => {
        context.environment.log.error('a watch failed', { error: String(error) });
        end();
      },
    );
  }

  /** Sends what happened after `revision`, and goes on with what happens. */
  #follow(revision: number): void {
    if (this.#closed) return;
    const { context, resource, selection, parameters } = this.#options;
    const { environment } = context;
    const end = (): void => this.#outlet.end();
    const missed = resource.cache.since(revision);
    if (missed === undefined) {
      const { windowStart } = resource.cache;
      this.#outlet.error(gone(`too old resource version: ${revision} (${windowStart})`));
      return end();
    }
    for (const event of missed) this.#take(event);
    const listener = (event: CacheEvent): void => this.#take(event);
    this.#cleanup.push(resource.cache.subscribe(listener, selection.interest));
    const seconds =
      parameters.timeoutSeconds ?? TIMEOUT_MIN_SECONDS * (1 + environment.random.next());
    const timer = environment.timers.after(seconds * 1000, end);
    this.#cleanup.push(() => timer.cancel());
    if (parameters.allowBookmarks) this.#bookmarkLater();
  }

  /** The state at the start, in turns of the loop and no faster than the reader reads. */
  async #sendState(start: WatchStart): Promise<void> {
    const { context, resource, selection } = this.#options;
    const turns = new Turns(context.environment);
    // Taken in one turn: what changes later follows as events.
    const entries = resource.cache.range(this.#prefix);
    await resource.ready(entries);
    for (const entry of entries) {
      if (turns.isOver()) await turns.next();
      const room = this.#outlet.room();
      if (room !== undefined) await room;
      if (this.#closed) return;
      if (selection.everything || selection.matches(resource.read(entry)))
        this.#outlet.entry('ADDED', entry);
    }
    if (start.initialBookmark) this.#outlet.bookmark(this.#bookmark(start.after, true));
  }

  /** Sends the event, or lets it wait until its objects have been converted, and those before it. */
  #take(event: CacheEvent): void {
    const { resource } = this.#options;
    const { entry, previous } = event;
    if (resource.kind.custom?.convert === undefined) return this.#onEvent(event);
    if (this.#closed || !entry.key.startsWith(this.#prefix)) return;
    const ready = resource.ready(previous === undefined ? [entry] : [entry, previous]);
    if (ready === undefined && this.#waiting === 0) return this.#onEvent(event);
    if (this.#waiting >= WAITING_MAX) return this.#outlet.end();
    this.#waiting += 1;
    // Its failure is told in its turn.
    ready?.catch(() => {});
    this.#converting = this.#converting.then(async () => {
      try {
        await ready;
        this.#onEvent(event);
      } catch (error) {
        if (error instanceof StatusError) this.#outlet.error(error);
        this.#outlet.end();
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  #onEvent(event: CacheEvent): void {
    if (this.#closed || !event.entry.key.startsWith(this.#prefix)) return;
    const { resource, selection } = this.#options;
    const isDelete = event.type === 'delete';
    const matches = (entry: Entry): boolean =>
      selection.everything || selection.matches(resource.read(entry));
    const before = event.previous !== undefined && matches(event.previous);
    const after = !isDelete && matches(event.entry);
    this.#sentRevision = event.revision;
    if (after) this.#outlet.entry(before ? 'MODIFIED' : 'ADDED', event.entry);
    else if (before) {
      // What leaves the selection is sent as it was, at the revision at which it left.
      const last = isDelete
        ? event.entry
        : atRevision(event.previous ?? event.entry, event.revision);
      this.#outlet.entry('DELETED', last);
    }
  }

  #bookmark(revision: number, endsInitial: boolean): ApiObject {
    const { kind } = this.#options.resource;
    const annotations = endsInitial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations };
    return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata };
  }

  #bookmarkLater(): void {
    const { environment } = this.#options.context;
    const delayMs = BOOKMARK_EVERY_MS * (0.75 + environment.random.next() / 4);
    const timer = environment.timers.after(delayMs, () => {
      if (this.#closed) return;
      const { hub } = this.#options.registry;
      const isBehind = !this.#outlet.idle || this.#waiting > 0;
      if (hub.revision > this.#sentRevision && !isBehind) {
        this.#sentRevision = hub.revision;
        this.#outlet.bookmark(this.#bookmark(hub.revision, false));
      }
      this.#bookmarkLater();
    });
    this.#cleanup.push(() => timer.cancel());
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cleanUp();
  }

  #cleanUp(): void {
    for (const release of this.#cleanup.splice(0)) release();
  }
}
