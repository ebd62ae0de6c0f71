/**
 * WATCH: the events of a resource as a stream, gapless and in order of revision.
 *
 * Source: API concepts, "Efficient detection of changes", "Watch bookmarks", "Streaming lists";
 * upstream apiserver/pkg/storage/cacher.
 */
import type { ByteSink, HttpResponse } from '#base/http/message.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { gone, StatusError } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import { contentType, type Presenter } from '../presenter.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { statusOf } from '../respond.ts';
import { type Entry, wireBytes } from '../watch-cache/entry.ts';
import type { CacheEvent } from '../watch-cache/resource-cache.ts';
import { frameOf } from './watch-frame.ts';
import { type WatchParameters, watchParameters } from './options.ts';
import { presenterFor, reach } from './read.ts';
import { type Selection, selectionOf } from './selection.ts';

/** Without timeoutSeconds a watch ends after 30 to 60 minutes, so that not all end together. */
const TIMEOUT_MIN_SECONDS = 1_800;
const BOOKMARK_EVERY_MS = 60_000;
/** A watcher that has this many bytes unread is closed; it resumes where it was. */
const UNREAD_MAX_BYTES = 16 * 1024 * 1024;

export interface WatchLimits {
  /** Called when a watch begins; answers how to say that it ended. Throws 429 at the limit. */
  open(): () => void;
  /** Aborted when the server shuts down. */
  readonly shutdown: AbortSignal;
}

export async function watchObjects(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
  limits: WatchLimits,
): Promise<HttpResponse> {
  const presenter = presenterFor(context, resource);
  const parameters = watchParameters(context.info);
  const selection = selectionOf(resource, parameters.labelSelector, parameters.fieldSelector);
  const start = await startOf(context, registry, resource, parameters);
  const release = limits.open();
  return {
    status: 200,
    headers: {
      'content-type': contentType(presenter.wanted, true),
      'cache-control': 'no-cache, private',
    },
    body: {
      kind: 'stream',
      start(sink) {
        const watcher = new Watcher({
          context,
          registry,
          resource,
          parameters,
          selection,
          presenter,
          sink,
        });
        watcher.run(start, limits.shutdown, release);
      },
    },
  };
}

interface Start {
  /** Events after this revision are sent. */
  readonly after: number;
  /** The state at `after` comes first, as ADDED events. */
  readonly initial: boolean;
  /** A bookmark that says so closes the initial state. */
  readonly initialBookmark: boolean;
}

async function startOf(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
  parameters: WatchParameters,
): Promise<Start> {
  const { hub } = registry;
  const { resourceVersion: version, sendInitialEvents } = parameters;
  const unset = version === '' || version === '0';
  if (sendInitialEvents === true) {
    if (version === '') await hub.waitForNow(context.signal);
    else if (version !== '0') await reach(hub, Number(version), context.signal);
    return { after: hub.revision, initial: true, initialBookmark: parameters.allowBookmarks };
  }
  if (sendInitialEvents === undefined && unset) {
    if (version === '') await hub.waitForNow(context.signal);
    return { after: hub.revision, initial: true, initialBookmark: false };
  }
  if (unset) {
    await hub.waitForNow(context.signal);
    return { after: hub.revision, initial: false, initialBookmark: false };
  }
  const after = Number(version);
  if (after > hub.revision) await reach(hub, after, context.signal);
  if (after < resource.cache.windowStart)
    throw gone(`too old resource version: ${after} (${resource.cache.windowStart})`);
  return { after, initial: false, initialBookmark: false };
}

interface WatcherOptions {
  readonly context: RequestContext;
  readonly registry: Registry;
  readonly resource: Resource;
  readonly parameters: WatchParameters;
  readonly selection: Selection;
  readonly presenter: Presenter;
  readonly sink: ByteSink;
}

class Watcher {
  readonly #options: WatcherOptions;
  readonly #prefix: string;
  readonly #cleanup: (() => void)[] = [];
  /** Frames of this turn of the loop, written together. */
  #frames: Uint8Array[] = [];
  #flushing = false;
  #slow = false;
  #unread = 0;
  #closed = false;
  #sentRevision = 0;
  #firstTable = true;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#prefix = options.resource.key(options.context.info.namespace, '');
  }

  run(start: Start, shutdown: AbortSignal, release: () => void): void {
    const { context, resource, sink, parameters } = this.#options;
    const { environment } = context;
    this.#cleanup.push(release);
    sink.onClose(() => this.#close());
    sink.onDrain(() => {
      this.#slow = false;
      this.#unread = 0;
      this.#flush();
    });
    const end = (): void => this.#end();
    for (const signal of [shutdown, context.signal]) {
      if (signal === undefined) continue;
      if (signal.aborted) return end();
      signal.addEventListener('abort', end);
      this.#cleanup.push(() => signal.removeEventListener('abort', end));
    }
    this.#sentRevision = start.after;
    if (start.initial) this.#sendState(start);
    const missed = resource.cache.since(start.after);
    if (missed === undefined) {
      this.#sendError(
        gone(`too old resource version: ${start.after} (${resource.cache.windowStart})`),
      );
      return end();
    }
    for (const event of missed) this.#onEvent(event);
    this.#cleanup.push(resource.cache.subscribe((event) => this.#onEvent(event)));
    const seconds =
      parameters.timeoutSeconds ?? TIMEOUT_MIN_SECONDS * (1 + environment.random.next());
    const timer = environment.timers.after(seconds * 1000, end);
    this.#cleanup.push(() => timer.cancel());
    if (parameters.allowBookmarks) this.#bookmarkLater();
  }

  #sendState(start: Start): void {
    const { resource, selection, presenter } = this.#options;
    for (const entry of resource.cache.range(this.#prefix)) {
      if (selection.everything || selection.matches(resource.read(entry)))
        this.#sendObject('ADDED', entry);
    }
    if (start.initialBookmark) {
      this.#push(frameOf('BOOKMARK', this.#bookmark(start.after, true), presenter.wanted.encoding));
    }
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
    if (after) this.#sendObject(before ? 'MODIFIED' : 'ADDED', event.entry);
    else if (before) {
      // What leaves the selection is sent as it was, at the revision at which it left.
      const last = isDelete
        ? event.entry
        : { ...(event.previous ?? event.entry), revision: event.revision };
      this.#sendObject('DELETED', last);
    }
  }

  #sendObject(type: string, entry: Entry): void {
    const { presenter, resource } = this.#options;
    if (presenter.wanted.view === 'table') {
      this.#push(
        frameOf(
          type,
          presenter.object(withRevision(resource, entry), this.#firstTable),
          presenter.wanted.encoding,
        ),
      );
      this.#firstTable = false;
      return;
    }
    const bytes =
      presenter.wanted.encoding === 'json' &&
      presenter.wanted.view === 'object' &&
      resource.sendsStoredBytes
        ? wireBytes(entry)
        : presenter.object(withRevision(resource, entry));
    this.#push(frameOf(type, bytes, presenter.wanted.encoding));
  }

  #bookmark(revision: number, endsInitial: boolean): Uint8Array {
    const { kind } = this.#options.resource;
    const annotations = endsInitial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations };
    return this.#options.presenter.object({
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata,
    });
  }

  #bookmarkLater(): void {
    const { environment } = this.#options.context;
    const delayMs = BOOKMARK_EVERY_MS * (0.75 + environment.random.next() / 4);
    const timer = environment.timers.after(delayMs, () => {
      if (this.#closed) return;
      const { hub } = this.#options.registry;
      if (hub.revision > this.#sentRevision && this.#frames.length === 0) {
        this.#sentRevision = hub.revision;
        this.#push(
          frameOf(
            'BOOKMARK',
            this.#bookmark(hub.revision, false),
            this.#options.presenter.wanted.encoding,
          ),
        );
      }
      this.#bookmarkLater();
    });
    this.#cleanup.push(() => timer.cancel());
  }

  #sendError(error: StatusError): void {
    this.#push(frameOf('ERROR', Buffer.from(JSON.stringify(statusOf(error))), 'json'));
  }

  #push(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#frames.push(frame);
    this.#unread += frame.length;
    if (this.#slow && this.#unread > UNREAD_MAX_BYTES) {
      this.#options.sink.abort(new Error('Cannot send watch events: the client reads too slowly'));
      return this.#close();
    }
    if (this.#flushing || this.#slow) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed || this.#slow || this.#frames.length === 0) return;
    const frames = this.#frames;
    this.#frames = [];
    const [first] = frames;
    const joined = frames.length === 1 && first !== undefined ? first : Buffer.concat(frames);
    this.#slow = !this.#options.sink.write(joined);
    if (!this.#slow) this.#unread = 0;
  }

  #end(): void {
    if (this.#closed) return;
    this.#flush();
    this.#options.sink.end();
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const release of this.#cleanup.splice(0)) release();
  }
}

/** The parsed object at the revision of the event. */
function withRevision(resource: Resource, entry: Entry) {
  const object = resource.read(entry);
  const version = String(entry.revision);
  if (object.metadata?.resourceVersion === version) return object;
  return { ...object, metadata: { ...object.metadata, resourceVersion: version } };
}
