/**
 * A cached object: bytes first.
 *
 * The bytes are the JSON as stored, without resourceVersion (a revision is unknown until the
 * commit); it is spliced in right behind `"metadata":{` when the bytes go out. The parsed form is
 * made on demand and kept in a bounded cache (`ParsedCache`).
 */
import { toStoredGoJson } from '#api/codec/canonical.ts';
import { parseStored, parseStoredShared } from '#api/codec/stored.ts';
import { cloneJson } from '#api/meta/json.ts';
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
  /** The protobuf message, without envelope. `MessageCache` alone reads and writes this. */
  message?: Uint8Array;
  /** Where in `bytes` the resourceVersion goes, once somebody has looked. */
  versionAt?: number;
}

/** The same object as it stood at `revision`. */
export function atRevision({ key, createRevision, bytes }: Entry, revision: number): Entry {
  return { key, revision, createRevision, bytes };
}

const METADATA = Buffer.from('"metadata":{');
const UID = Buffer.from('"uid":"');
const QUOTE = 0x22;
const OPEN = 0x7b;
const VERSION_HEAD = ',"resourceVersion":"';
const VERSION_END = '"';

/** The object's JSON with its resourceVersion. */
export function wireBytes(entry: Entry): Buffer {
  const result = Buffer.allocUnsafe(wireLength(entry));
  writeWire(entry, result, 0);
  return result;
}

/** How many bytes `writeWire` writes. */
export function wireLength(entry: Entry, from = 0): number {
  const version = VERSION_HEAD.length + digitsOf(entry.revision) + VERSION_END.length;
  return entry.bytes.length - from + version;
}

/**
 * Writes the object's JSON with its resourceVersion into `target`, from `at` on. Answers the end.
 * `from`: where a comma between members stands, from which on the object is written.
 */
export function writeWire(entry: Entry, target: Buffer, at: number, from = 0): number {
  const bytes = viewOf(entry.bytes);
  entry.versionAt ??= versionPlace(bytes);
  const place = entry.versionAt;
  let end = at + bytes.copy(target, at, from, place);
  target[at] = OPEN;
  end += target.write(VERSION_HEAD, end, 'latin1');
  end += target.write(String(entry.revision), end, 'latin1');
  end += target.write(VERSION_END, end, 'latin1');
  return end + bytes.copy(target, end, place);
}

/** Behind the uid, where Go has the resourceVersion. */
function versionPlace(bytes: Buffer): number {
  const uid = bytes.indexOf(UID, bytes.indexOf(METADATA)) + UID.length;
  return bytes.indexOf(QUOTE, uid) + 1;
}

function digitsOf(revision: number): number {
  let digits = 1;
  for (let limit = 10; limit <= revision; limit *= 10) digits++;
  return digits;
}

function viewOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Parses stored bytes and puts the resourceVersion where clients expect it. */
function parseEntry(
  entry: Pick<Entry, 'bytes' | 'revision'>,
  parse: (text: string) => JsonObject,
): JsonObject {
  const object = parse(viewOf(entry.bytes).toString());
  const metadata = object['metadata'];
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) {
    metadata['resourceVersion'] = String(entry.revision);
  }
  return object;
}

/** What is stored for `object`: kind and apiVersion first, no resourceVersion. */
export function storedBytes(type: TypeSchema, object: KubeObject): Uint8Array {
  const metadata = { ...object.metadata, resourceVersion: '' };
  const text = toStoredGoJson(type, { ...object, metadata });
  // Memory of its own: what is kept for long must not keep a block that others had a share of.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/**
 * So many parsed objects are kept whether or not anybody else holds them: the last parsed ones, and
 * fewer where they were made of more bytes than this.
 */
const PARSED_MAX = 4096;
const PARSED_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Parsed forms of entries, each made once as long as somebody holds it: informers of this process
 * hold the same objects (docs/adr/0005), so what they know costs the server nothing.
 *
 * What it gives out is shared: callers that change an object copy it first (`Resource.copy`).
 */
export class ParsedCache {
  /** A ring: `#kept` objects up to `#next`, made of `#keptBytes`. */
  readonly #recent: (JsonObject | undefined)[] = [];
  readonly #sizes = new Uint32Array(PARSED_MAX);
  #next = 0;
  #kept = 0;
  #keptBytes = 0;
  readonly #onParsed: (object: JsonObject) => void;

  /** `onParsed` sees each new object before anybody else does; tests freeze it there. */
  constructor(onParsed: (object: JsonObject) => void = () => {}) {
    this.#onParsed = onParsed;
  }

  /** The parsed form for this once: made anew, and not kept, where nobody has it. */
  once(entry: Entry): JsonObject {
    const hit = entry.parsed?.deref();
    if (hit !== undefined) return hit;
    const object = parseEntry(entry, parseStoredShared);
    this.#onParsed(object);
    return object;
  }

  /** A form that is the caller's alone. */
  own(entry: Entry): JsonObject {
    const shared = entry.parsed?.deref();
    return shared === undefined ? parseEntry(entry, parseStored) : cloneJson(shared);
  }

  get(entry: Entry): JsonObject {
    const hit = entry.parsed?.deref();
    if (hit !== undefined) return hit;
    const object = parseEntry(entry, parseStoredShared);
    this.#onParsed(object);
    entry.parsed = new WeakRef(object);
    this.#keep(object, entry.bytes.length);
    return object;
  }

  /** Of the stored forms of what it keeps. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  #keep(object: JsonObject, size: number): void {
    while (
      this.#kept === PARSED_MAX ||
      (this.#kept > 0 && this.#keptBytes + size > PARSED_MAX_BYTES)
    ) {
      const oldest = (this.#next - this.#kept + PARSED_MAX) % PARSED_MAX;
      this.#recent[oldest] = undefined;
      this.#keptBytes -= this.#sizes[oldest] ?? 0;
      this.#kept--;
    }
    this.#recent[this.#next] = object;
    this.#sizes[this.#next] = size;
    this.#keptBytes += size;
    this.#kept++;
    this.#next = (this.#next + 1) % PARSED_MAX;
  }
}

/** Protobuf messages are kept up to so many bytes in all; those beyond are made each time. */
const MESSAGES_MAX_BYTES = 512 * 1024 * 1024;

/** The protobuf messages of entries, each made once while there is room and the entry is current. */
export class MessageCache {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MESSAGES_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** `isCurrent`: the entry is what the cache shows, and will be given to `forget` one day. */
  get(entry: Entry, isCurrent: boolean, make: () => Uint8Array): Uint8Array {
    if (entry.message !== undefined) return entry.message;
    const message = make();
    if (isCurrent && this.#bytes + message.length <= this.#maxBytes) {
      entry.message = message;
      this.#bytes += message.length;
    }
    return message;
  }

  /** The entry has been replaced or deleted. */
  forget(entry: Entry): void {
    if (entry.message === undefined) return;
    this.#bytes -= entry.message.length;
    delete entry.message;
  }
}
