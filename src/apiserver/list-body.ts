/**
 * Lists in the form that the client asked for.
 *
 * What the list is made of is found item by item, in turns of the event loop, so that a hundred
 * thousand objects stall nobody. Items that exist as bytes are copied once, into the chunks that go
 * out, when the reader takes them: a list costs no memory that grows with it. YAML and indented JSON
 * are for people, and are made in one go.
 */
import type { Body } from '#base/http/message.ts';
import {
  encodeProtobuf,
  ENVELOPE_END,
  envelopeHead,
  LIST_ITEM_HEAD_MAX,
  listItemHeadLength,
  writeListItemHead,
} from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { ListMeta, ListShape, Presenter } from './presenter.ts';
import type { Turns } from './turns.ts';
import { type Entry, wireLength, writeWire } from './watch-cache/entry.ts';

interface ListOptions {
  readonly presenter: Presenter;
  readonly entries: readonly Entry[];
  readonly metadata: ListMeta;
  readonly turns: Turns;
}

/**
 * The pieces in which a list leaves. A connection with TLS takes one piece in a round of the event
 * loop, so that a list of many small ones waits for as many rounds of a busy server; and who does not
 * read holds little memory.
 */
const PIECE_BYTES = 1024 * 1024;
/** Room is asked for before it is known to the byte what an item takes. */
const SLACK_BYTES = 64;

export function listBody(options: ListOptions): Promise<Body> {
  const { presenter } = options;
  const shape = presenter.listShape(options.metadata);
  if (presenter.givesObjects) return objectList(options, shape);
  const { encoding, pretty, view } = presenter.wanted;
  // Upstream makes such a list of nothing, and nothing is null.
  if (view === 'metadata' && options.entries.length === 0 && encoding !== 'protobuf') {
    const bytes = presenter.encode({ ...shape.head, [shape.itemsField]: null }, shape.schema);
    return Promise.resolve({ kind: 'bytes', bytes });
  }
  if (encoding === 'protobuf') return protobufList(options, shape);
  return encoding === 'yaml' || pretty ? listForPeople(options, shape) : jsonList(options, shape);
}

/** The cache's own objects, for a reader in this process. */
async function objectList({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const items = await eachInTurns(entries, turns, (entry) => presenter.value(entry));
  return { kind: 'object', object: { ...shape.head, [shape.itemsField]: items } } as const;
}

/** An item that has its bytes, or whose bytes are copied from the cache. */
type Item = Uint8Array | Entry;

async function jsonList({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const head = Buffer.from(`${JSON.stringify(shape.head).slice(0, -1)},"${shape.itemsField}":[`);
  let length = head.length + LIST_END.length + Math.max(0, entries.length - 1) * COMMA.length;
  const items = await eachInTurns(entries, turns, (entry): Item => {
    const item = presenter.sendsCached(entry)
      ? entry
      : Buffer.from(presenter.text(shape.item(entry), shape.itemSchema));
    length += item instanceof Uint8Array ? item.length : wireLength(item, shape.itemsFrom);
    return item;
  });
  const chunk = new Chunk(length);
  return {
    kind: 'pieces',
    pieces: jsonPieces(chunk, head, items, shape.itemsFrom),
    length,
    release: (piece: Uint8Array) => chunk.release(piece),
  } as const;
}

function* jsonPieces(
  chunk: Chunk,
  head: Uint8Array,
  items: readonly Item[],
  itemsFrom: number,
): Generator<Uint8Array> {
  chunk.add(head);
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item === undefined) break;
    const bytes = item instanceof Uint8Array ? item.length : wireLength(item, itemsFrom);
    if (!chunk.fits(bytes + COMMA.length)) yield chunk.take(bytes + COMMA.length);
    if (i > 0) chunk.add(COMMA);
    if (item instanceof Uint8Array) chunk.add(item);
    else chunk.addEntry(item, itemsFrom);
  }
  if (!chunk.fits(LIST_END.length)) yield chunk.take(LIST_END.length);
  chunk.add(LIST_END);
  yield chunk.take(0);
}

async function protobufList({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const itemType = typeByName(shape.schema.replace(/List$/, ''));
  // The items are the last field of every list: they can follow what was encoded without them.
  const head = encodeProtobuf(typeByName(shape.schema), shape.head);
  let length = head.length;
  const items = await eachInTurns(entries, turns, (entry) => {
    const item = presenter.message(entry, () => encodeProtobuf(itemType, shape.item(entry)));
    length += listItemHeadLength(item.length) + item.length;
    return item;
  });
  const { apiVersion, kind } = shape.head;
  const envelope = envelopeHead(apiVersion, kind, length);
  const whole = envelope.length + length + ENVELOPE_END.length;
  const chunk = new Chunk(whole);
  return {
    kind: 'pieces',
    pieces: protobufPieces(chunk, [envelope, head], items),
    length: whole,
    release: (piece: Uint8Array) => chunk.release(piece),
  } as const;
}

function* protobufPieces(
  chunk: Chunk,
  heads: readonly Uint8Array[],
  items: readonly Uint8Array[],
): Generator<Uint8Array> {
  for (const head of heads) chunk.add(head);
  for (const item of items) {
    const bytes = item.length + LIST_ITEM_HEAD_MAX;
    if (!chunk.fits(bytes)) yield chunk.take(bytes);
    chunk.addListItem(item);
  }
  if (!chunk.fits(ENVELOPE_END.length)) yield chunk.take(ENVELOPE_END.length);
  chunk.add(ENVELOPE_END);
  yield chunk.take(0);
}

async function listForPeople({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const items = await eachInTurns(entries, turns, (entry) => shape.item(entry));
  const bytes = presenter.encode({ ...shape.head, [shape.itemsField]: items }, shape.schema);
  return { kind: 'bytes', bytes } as const;
}

async function eachInTurns<T>(
  entries: readonly Entry[],
  turns: Turns,
  make: (entry: Entry) => T,
): Promise<T[]> {
  const made: T[] = [];
  let isLong = false;
  for (const entry of entries) {
    if (turns.isOver()) {
      await turns.next();
      isLong = true;
    }
    made.push(make(entry));
  }
  // What follows writes at once: a turn of its own for that.
  if (isLong) await turns.next();
  return made;
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}\n');

/**
 * Gathers small pieces into one large one. Ask `fits` before each, and `take` what there is if not.
 *
 * Memory that the reader has done with is written again: half a gigabyte in new pieces would have
 * the garbage collector go through the whole heap, several times a list.
 */
class Chunk {
  #made: Buffer | undefined;
  #size = 0;
  readonly #length: number;
  /** What the reader has given back. It holds a piece or two at a time: so many there are. */
  readonly #free: ArrayBuffer[] = [];

  /** `length`: of all that will be gathered. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Made when somebody reads: a list that waits to be sent holds none. */
  get #bytes(): Buffer {
    this.#made ??= Buffer.allocUnsafeSlow(Math.min(this.#length + SLACK_BYTES, PIECE_BYTES));
    return this.#made;
  }

  fits(length: number): boolean {
    return this.#size + length <= this.#bytes.length;
  }
  /** What was gathered; afterwards there is room for `length` bytes. */
  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#size);
    this.#size = 0;
    // What was taken is still on its way out: it is not written to before it is given back.
    if (length > 0) this.#made = this.#room(length);
    return taken;
  }
  #room(length: number): Buffer {
    const free = length <= PIECE_BYTES ? this.#free.pop() : undefined;
    return free === undefined
      ? Buffer.allocUnsafeSlow(Math.max(length, PIECE_BYTES))
      : Buffer.from(free);
  }
  /** A piece that `take` gave may be written again. */
  release({ buffer }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === PIECE_BYTES) this.#free.push(buffer);
  }
  add(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#size);
    this.#size += piece.length;
  }

  addEntry(entry: Entry, from: number): void {
    this.#size = writeWire(entry, this.#bytes, this.#size, from);
  }

  addListItem(item: Uint8Array): void {
    this.#size = writeListItemHead(item.length, this.#bytes, this.#size);
    this.add(item);
  }
}
