/**
 * Objects as Kubernetes' protobuf, byte for byte as upstream writes it.
 *
 * Upstream: the generated.pb.go files of k8s.io/api, and apimachinery's hand-written forms of
 * Time, MicroTime and Quantity, v0.36. Fields come in the order of their numbers; a scalar that is
 * no pointer is written even when zero, maps are sorted, and a struct that Go inlines is a nested
 * message of its own. Encoders and decoders are made of the schema on the first use of a type.
 */
import type { JsonObject } from '../meta/object.ts';
import type { TypeSchema } from '../schema/types.ts';
import { decoderFor } from './protobuf-decode.ts';
import { encoderFor } from './protobuf-encode.ts';
import { WireReader, WireWriter } from './wire.ts';

/** What stands before every object in protobuf: "k8s" and a zero byte. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

const writer = new WireWriter();

/**
 * The message of an object, without envelope.
 *
 * A `rawExtension` field may hold JSON, or `{ raw: Uint8Array }` for bytes that are ready (the
 * envelope of the object in a WatchEvent).
 */
export function encodeProtobuf(type: TypeSchema, object: object): Uint8Array {
  writer.reset();
  // Fields are looked up by name; what the schema does not know is not read.
  encoderFor(type)(writer, object as JsonObject);
  return writer.result();
}

/**
 * The object of a message, without `apiVersion` and `kind`, which only the envelope knows.
 * Throws WireError when the bytes are no message. Unknown fields are dropped.
 */
export function decodeProtobuf(type: TypeSchema, bytes: Uint8Array): JsonObject {
  const object: JsonObject = {};
  decoderFor(type)(new WireReader(bytes), object);
  return object;
}

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The message. Shares memory with the bytes it was decoded from. */
  readonly raw: Uint8Array;
}

/** `k8s\0` and runtime.Unknown around a message. */
export function encodeEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const head = envelopeHead(apiVersion, kind, raw.length);
  const bytes = new Uint8Array(head.length + raw.length + ENVELOPE_END.length);
  bytes.set(head);
  bytes.set(raw, head.length);
  bytes.set(ENVELOPE_END, head.length + raw.length);
  return bytes;
}

/** What an envelope has in front of its message, which has `rawLength` bytes. */
export function envelopeHead(apiVersion: string, kind: string, rawLength: number): Uint8Array {
  writer.reset();
  writer.varint(rawLength);
  writer.byte(0x12);
  const before = writer.size();
  writer.stringField(0x12, kind);
  writer.stringField(0x0a, apiVersion);
  writer.varint(writer.size() - before);
  writer.byte(0x0a);
  writer.bytes(MAGIC);
  return writer.result();
}

/** What an envelope has behind its message: contentEncoding and contentType, both empty. */
export const ENVELOPE_END: Uint8Array = Buffer.from([0x1a, 0x00, 0x22, 0x00]);

/** Opens an envelope; undefined when the bytes do not begin with one. Throws WireError. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length < 4 || MAGIC.compare(bytes, 0, 4) !== 0) return undefined;
  const reader = new WireReader(bytes.subarray(4));
  let [apiVersion, kind] = ['', ''];
  let raw: Uint8Array = new Uint8Array(0);
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag === 0x0a) {
      const outer = reader.enter();
      while (reader.position < reader.end) {
        const inner = reader.uint32();
        if (inner === 0x0a) apiVersion = reader.string();
        else if (inner === 0x12) kind = reader.string();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else if (tag === 0x12) raw = reader.bytes();
    else reader.skip(tag & 7);
  }
  return { apiVersion, kind, raw };
}

/** The most bytes that stand before an item of a list: a tag, and a length below 2^32. */
export const LIST_ITEM_HEAD_MAX = 6;

/** How many bytes `writeListItemHead` writes. */
export function listItemHeadLength(length: number): number {
  let bytes = 2;
  for (let rest = length >>> 7; rest !== 0; rest >>>= 7) bytes++;
  return bytes;
}

/**
 * What stands before an item of a list: the field number of `items`, and the item's length. Writes
 * it into `target` at `at` and answers where it ends.
 */
export function writeListItemHead(length: number, target: Uint8Array, at: number): number {
  let end = at;
  target[end++] = LIST_ITEMS_TAG;
  let rest = length;
  for (; rest > 127; rest >>>= 7) target[end++] = (rest & 127) | 128;
  target[end++] = rest;
  return end;
}

/** `items` is field 2 of every list (length-delimited). */
const LIST_ITEMS_TAG = 0x12;
