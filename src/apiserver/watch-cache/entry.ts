/**
 * A cached object: bytes first.
 *
 * The bytes are the JSON as stored, without resourceVersion (a revision is unknown until the
 * commit); it is spliced in right behind `"metadata":{` when the bytes go out. The parsed form is
 * made on demand and kept in a bounded cache (`ParsedCache`).
 */
import { toGoJson } from '#api/codec/canonical.ts';
import type { JsonObject, KubeObject } from '#api/meta/object.ts';
import type { TypeSchema } from '#api/schema/schema.ts';

export interface Entry {
  /** The key in the store. */
  readonly key: string;
  readonly revision: number;
  /** The revision that made the object. */
  readonly createRevision: number;
  readonly bytes: Uint8Array;
  /** The parsed form, while anybody holds it. `ParsedCache` alone reads and writes this. */
  parsed?: WeakRef<JsonObject>;
}

/** The same object as it stood at `revision`. */
export function atRevision({ key, createRevision, bytes }: Entry, revision: number): Entry {
  return { key, revision, createRevision, bytes };
}

const METADATA = Buffer.from('"metadata":{');
const UID = Buffer.from('"uid":"');
const QUOTE = 0x22;

/** The object's JSON with its resourceVersion, in two or three pieces that are not copied. */
export function wireBytes(entry: Pick<Entry, 'bytes' | 'revision'>): Uint8Array {
  const bytes = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  const uid = bytes.indexOf(UID, bytes.indexOf(METADATA)) + UID.length;
  const at = bytes.indexOf(QUOTE, uid) + 1;
  const version = `,"resourceVersion":"${entry.revision}"`;
  const result = Buffer.allocUnsafe(bytes.length + version.length);
  bytes.copy(result, 0, 0, at);
  result.write(version, at, 'latin1');
  bytes.copy(result, at + version.length, at);
  return result;
}

/** Parses stored bytes and puts the resourceVersion where clients expect it. */
function parseEntry(entry: Pick<Entry, 'bytes' | 'revision'>): JsonObject {
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
export function storedBytes(type: TypeSchema, object: KubeObject): Uint8Array {
  const metadata = { ...object.metadata, resourceVersion: '' };
  return Buffer.from(toGoJson(type, { ...object, metadata }));
}

/** So many parsed objects are kept whether or not anybody else holds them: the last parsed ones. */
const PARSED_MAX = 4096;

/**
 * Parsed forms of entries, each made once as long as somebody holds it: informers of this process
 * hold the same objects (docs/adr/0005), so what they know costs the server nothing.
 *
 * What it gives out is shared: callers that change an object copy it first (`Resource.copy`).
 */
export class ParsedCache {
  readonly #recent: JsonObject[] = [];
  #next = 0;
  readonly #onParsed: (object: JsonObject) => void;

  /** `onParsed` sees each new object before anybody else does; tests freeze it there. */
  constructor(onParsed: (object: JsonObject) => void = () => {}) {
    this.#onParsed = onParsed;
  }

  get(entry: Entry): JsonObject {
    const hit = entry.parsed?.deref();
    if (hit !== undefined) return hit;
    const object = parseEntry(entry);
    this.#onParsed(object);
    entry.parsed = new WeakRef(object);
    this.#recent[this.#next] = object;
    this.#next = (this.#next + 1) % PARSED_MAX;
    return object;
  }
}
