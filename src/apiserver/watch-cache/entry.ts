/**
 * A cached object: bytes first.
 *
 * The bytes are the JSON as stored, without resourceVersion (a revision is unknown until the
 * commit); it is spliced in right behind `"metadata":{` when the bytes go out. The parsed form is
 * made on demand and kept in a bounded cache (`ParsedCache`).
 */
import type { JsonObject } from '#api/meta/object.ts';

export interface Entry {
  /** The key in the store. */
  readonly key: string;
  readonly revision: number;
  /** The revision that made the object. */
  readonly createRevision: number;
  readonly bytes: Uint8Array;
}

const METADATA = Buffer.from('"metadata":{');

/** The object's JSON with its resourceVersion, in two or three pieces that are not copied. */
export function wireBytes(entry: Pick<Entry, 'bytes' | 'revision'>): Uint8Array {
  const bytes = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  const at = bytes.indexOf(METADATA) + METADATA.length;
  const empty = bytes[at] === 0x7d;
  const version = `"resourceVersion":"${entry.revision}"${empty ? '' : ','}`;
  const result = Buffer.allocUnsafe(bytes.length + version.length);
  bytes.copy(result, 0, 0, at);
  result.write(version, at, 'latin1');
  bytes.copy(result, at + version.length, at);
  return result;
}

/** Parses stored bytes and puts the resourceVersion where clients expect it. */
export function parseEntry(entry: Pick<Entry, 'bytes' | 'revision'>): JsonObject {
  const text = Buffer.from(
    entry.bytes.buffer,
    entry.bytes.byteOffset,
    entry.bytes.byteLength,
  ).toString();
  const object = JSON.parse(text) as JsonObject;
  const metadata = object['metadata'];
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) {
    metadata['resourceVersion'] = String(entry.revision);
  }
  return object;
}

/** What is stored for `object`: kind and apiVersion first, no resourceVersion. */
export function storedBytes(object: object): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object as JsonObject;
  const { resourceVersion: _, ...meta } = (metadata ?? {}) as JsonObject;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: meta, ...rest }));
}

/** How many parsed objects are kept; the oldest used goes first. */
const PARSED_MAX = 8192;

/**
 * Parsed forms of entries. What it gives out is shared and frozen by agreement: callers that
 * change an object copy it first (`structuredClone`).
 */
export class ParsedCache {
  readonly #parsed = new Map<Entry, JsonObject>();
  get(entry: Entry): JsonObject {
    const hit = this.#parsed.get(entry);
    if (hit !== undefined) return hit;
    const object = parseEntry(entry);
    this.put(entry, object);
    return object;
  }
  put(entry: Entry, object: JsonObject): void {
    if (this.#parsed.size >= PARSED_MAX) {
      const oldest = this.#parsed.keys().next().value;
      if (oldest !== undefined) this.#parsed.delete(oldest);
    }
    this.#parsed.set(entry, object);
  }
  forget(entry: Entry): void {
    this.#parsed.delete(entry);
  }
}
