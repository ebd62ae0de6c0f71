/**
 * Lists in the form that the client asked for.
 *
 * A list is made item by item, in turns of the event loop, so that ten thousand objects stall
 * nobody; the items are not joined. YAML and indented JSON are for people, and are made in one go.
 */
import type { Body } from '#base/http/message.ts';
import { encodeEnvelope, encodeProtobuf, listItemPrefix } from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { ListMeta, ListShape, Presenter } from './presenter.ts';
import type { Turns } from './turns.ts';
import { type Entry, wireBytes } from './watch-cache/entry.ts';

interface ListOptions {
  readonly presenter: Presenter;
  readonly entries: readonly Entry[];
  readonly metadata: ListMeta;
  readonly turns: Turns;
}

export function listBody(options: ListOptions): Promise<Body> {
  const { presenter } = options;
  const shape = presenter.listShape(options.metadata);
  if (presenter.givesObjects) return objectList(options, shape);
  const { encoding, pretty } = presenter.wanted;
  if (encoding === 'protobuf') return protobufList(options, shape);
  return encoding === 'yaml' || pretty ? listForPeople(options, shape) : jsonList(options, shape);
}

/** The cache's own objects, for a reader in this process. */
async function objectList({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const items = await eachInTurns(entries, turns, (entry) => presenter.value(entry));
  return { kind: 'object', object: { ...shape.head, [shape.itemsField]: items } } as const;
}

async function jsonList({ presenter, entries, turns }: ListOptions, shape: ListShape) {
  const bytesOf = (entry: Entry): Uint8Array =>
    presenter.sendsCached(entry)
      ? wireBytes(entry)
      : Buffer.from(JSON.stringify(shape.item(entry)));
  const items = await eachInTurns(entries, turns, bytesOf);
  const pieces: Uint8Array[] = [
    Buffer.from(`${JSON.stringify(shape.head).slice(0, -1)},"${shape.itemsField}":[`),
  ];
  for (const [index, item] of items.entries()) {
    if (index > 0) pieces.push(COMMA);
    pieces.push(item);
  }
  pieces.push(LIST_END);
  return { kind: 'pieces', pieces, length: totalLength(pieces) } as const;
}

async function protobufList({ entries, turns }: ListOptions, shape: ListShape) {
  const type = typeByName(shape.schema);
  const itemType = typeByName(shape.schema.replace(/List$/, ''));
  const items = await eachInTurns(entries, turns, (entry) =>
    encodeProtobuf(itemType, shape.item(entry)),
  );
  // The items are the last field of every list: they can follow what was encoded without them.
  const pieces = [encodeProtobuf(type, shape.head)];
  for (const item of items) pieces.push(listItemPrefix(item.length), item);
  const { apiVersion, kind } = shape.head;
  const bytes = encodeEnvelope(apiVersion, kind, Buffer.concat(pieces, totalLength(pieces)));
  return { kind: 'bytes', bytes } as const;
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
  for (const entry of entries) {
    if (turns.isOver()) await turns.next();
    made.push(make(entry));
  }
  return made;
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}\n');

function totalLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
