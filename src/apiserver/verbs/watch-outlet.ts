/**
 * Where a watcher puts its events: as frames on a stream of bytes, or, for a reader in this process
 * that takes objects (docs/adr/0005), as the objects themselves.
 *
 * What comes within one turn of the loop leaves together.
 */
import type { ByteSink, ObjectEvent, ObjectSink } from '#base/http/message.ts';
import type { StatusError } from '#api/meta/status.ts';
import type { ApiObject } from '../api-object.ts';
import type { Presenter } from '../presenter.ts';
import { statusOf } from '../respond.ts';
import type { Entry } from '../watch-cache/entry.ts';
import { cachedFrameOf, frameOf, type StreamEncoding } from './watch-frame.ts';

const STATUS_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
/** A watcher that has this many bytes unread is closed; it resumes where it was. */
const UNREAD_MAX_BYTES = 16 * 1024 * 1024;
/** Who asks for room while this much waits has it sent first. */
const PIECE_BYTES = 256 * 1024;

export interface WatchOutlet {
  /** An event about an object of the cache. */
  entry(type: string, entry: Entry): void;
  bookmark(object: ApiObject): void;
  error(error: StatusError): void;
  /** Sends what waits, then ends in an orderly way. */
  end(): void;
  /** Nothing waits to be sent. */
  readonly idle: boolean;
  /** Where the reader is slow: resolves when it has caught up, or is gone. */
  room(): Promise<void> | undefined;
}

export class ByteOutlet implements WatchOutlet {
  readonly #sink: ByteSink;
  readonly #presenter: Presenter;
  readonly #onClosed: () => void;
  #frames: Uint8Array[] = [];
  #flushing = false;
  #slow = false;
  #unread = 0;
  #closed = false;
  /** A Table says its columns once. */
  #columns = true;
  /** Who waits for room. */
  #wake: (() => void) | undefined;

  /** `onClosed` is called when the reader is gone, or was too slow and has been cut off. */
  constructor(sink: ByteSink, presenter: Presenter, onClosed: () => void) {
    this.#sink = sink;
    this.#presenter = presenter;
    this.#onClosed = onClosed;
    sink.onClose(() => this.#close());
    sink.onDrain(() => {
      this.#slow = false;
      this.#unread = 0;
      this.#flush();
      if (!this.#slow) this.#wake?.();
    });
  }

  room(): Promise<void> | undefined {
    if (this.#unread > PIECE_BYTES) this.#flush();
    if (!this.#slow || this.#closed) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  get idle(): boolean {
    return this.#frames.length === 0;
  }

  entry(type: string, entry: Entry): void {
    const { resource, wanted } = this.#presenter;
    if (wanted.view === 'table') this.#frame(this.#makeFrame(type, entry));
    else {
      const form = `${type} ${wanted.encoding} ${wanted.view}`;
      this.#frame(resource.frames.get(entry, form, () => this.#makeFrame(type, entry)));
    }
    this.#columns = false;
  }

  #makeFrame(type: string, entry: Entry): Uint8Array {
    const presenter = this.#presenter;
    return presenter.sendsCached(entry)
      ? cachedFrameOf(type, entry)
      : frameOf(type, presenter.entry(entry, this.#columns), this.#encoding);
  }

  bookmark(object: ApiObject): void {
    this.#frame(frameOf('BOOKMARK', this.#presenter.object(object), this.#encoding));
  }

  error(error: StatusError): void {
    const status = this.#presenter.encode(statusOf(error), STATUS_SCHEMA);
    this.#frame(frameOf('ERROR', status, this.#encoding));
  }

  end(): void {
    if (this.#closed) return;
    this.#flush();
    this.#sink.end();
    this.#close();
  }

  get #encoding(): StreamEncoding {
    return this.#presenter.wanted.encoding === 'protobuf' ? 'protobuf' : 'json';
  }

  #frame(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#frames.push(frame);
    this.#unread += frame.length;
    if (this.#slow && this.#unread > UNREAD_MAX_BYTES) {
      this.#sink.abort(new Error('Cannot send watch events: the client reads too slowly'));
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
    // The sink joins what it is given within one turn.
    for (const frame of frames) this.#slow = !this.#sink.write(frame);
    if (!this.#slow) this.#unread = 0;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames = [];
    this.#wake?.();
    this.#onClosed();
  }
}

export class ObjectOutlet implements WatchOutlet {
  readonly #sink: ObjectSink;
  readonly #presenter: Presenter;
  readonly #onClosed: () => void;
  #events: ObjectEvent[] = [];
  #flushing = false;
  #closed = false;

  constructor(sink: ObjectSink, presenter: Presenter, onClosed: () => void) {
    this.#sink = sink;
    this.#presenter = presenter;
    this.#onClosed = onClosed;
    sink.onClose(() => this.#close());
  }

  get idle(): boolean {
    return this.#events.length === 0;
  }

  /** A reader in this process is done with an event when it has been given it. */
  room(): undefined {
    return undefined;
  }

  entry(type: string, entry: Entry): void {
    this.#push({ type, object: this.#presenter.value(entry) });
  }

  bookmark(object: ApiObject): void {
    this.#push({ type: 'BOOKMARK', object });
  }

  error(error: StatusError): void {
    this.#push({ type: 'ERROR', object: statusOf(error) });
  }

  end(): void {
    if (this.#closed) return;
    this.#flush();
    this.#sink.end();
    this.#close();
  }

  #push(event: ObjectEvent): void {
    if (this.#closed) return;
    this.#events.push(event);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed || this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    this.#sink.events(events);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = [];
    this.#onClosed();
  }
}
