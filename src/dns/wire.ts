/**
 * DNS messages on the wire: reading queries, writing answers, and walking over the answers of other
 * servers. By hand, because a node answers tens of thousands a second on one thread.
 *
 * Everything read is bounded by the message; nothing here throws on bytes from the network.
 * Sources: RFC 1035 (messages), 2782 (SRV), 3596 (AAAA), 6891 (EDNS0).
 */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const CLASS_IN = 1;

export const RCODE = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVersion: 16,
} as const;

const HEADER = 12;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
/** A message over TCP has a length of two bytes. */
export const MESSAGE_BYTES_MAX = 65_535;
/** What a client without EDNS0 takes over UDP. */
export const UDP_BYTES_DEFAULT = 512;

const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  wanted: 0x0100,
  available: 0x0080,
  checkingOff: 0x0010,
};

export interface Query {
  readonly id: number;
  /** Lower case, without the dot at its end; the root is empty. A dot inside a label is "\\.". */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** The question as asked, which the answer repeats byte for byte. */
  readonly question: Uint8Array;
  readonly edns:
    | { readonly udpBytesMax: number; readonly version: number; readonly dnssecOk: boolean }
    | undefined;
}

/** A query that cannot be answered but by an error; `question` when it could be read. */
export interface BadQuery {
  readonly id: number;
  readonly rcode: number;
  readonly recursionDesired: boolean;
}

/** The query in `bytes`; undefined when it deserves no answer (not a query, shorter than a header). */
export function decodeQuery(bytes: Uint8Array): Query | BadQuery | undefined {
  if (bytes.length < HEADER || bytes.length > MESSAGE_BYTES_MAX) return undefined;
  const view = viewOf(bytes);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if ((flags & FLAG.response) !== 0) return undefined;
  const recursionDesired = (flags & FLAG.wanted) !== 0;
  if (((flags >> 11) & 15) !== 0) return { id, rcode: RCODE.notImp, recursionDesired };
  const bad: BadQuery = { id, rcode: RCODE.formErr, recursionDesired };
  if (view.getUint16(4) !== 1 || view.getUint16(6) !== 0) return bad;
  const name = readName(bytes, HEADER);
  if (name === undefined || name.end + 4 > bytes.length) return bad;
  const end = name.end + 4;
  const edns = readEdns(bytes, view, end);
  if (edns === 'bad') return bad;
  return {
    id,
    name: name.text,
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
    recursionDesired,
    checkingDisabled: (flags & FLAG.checkingOff) !== 0,
    question: bytes.subarray(HEADER, end),
    edns,
  };
}

/** A name without compression, as questions have it. */
function readName(bytes: Uint8Array, start: number): { text: string; end: number } | undefined {
  let at = start;
  let text = '';
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    at++;
    if (length === 0) return { text, end: at };
    if (at + length > bytes.length || at + length - start > NAME_BYTES_MAX - 1) return undefined;
    if (text !== '') text += '.';
    for (const last = at + length; at < last; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === 0x2e || byte === 0x5c) text += '\\';
      text += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
    }
  }
}

/** The OPT record among the additional ones; undefined: none. */
function readEdns(bytes: Uint8Array, view: DataView, start: number): Query['edns'] | 'bad' {
  const counts = view.getUint16(8) + view.getUint16(10);
  let found: Query['edns'];
  let at = start;
  for (let index = 0; index < counts; index++) {
    const record = recordAt(bytes, view, at);
    if (record === undefined) return 'bad';
    if (record.type === TYPE.OPT) {
      if (found !== undefined) return 'bad';
      found = {
        udpBytesMax: Math.max(UDP_BYTES_DEFAULT, record.class),
        version: (record.ttl >>> 16) & 0xff,
        dnssecOk: (record.ttl & 0x8000) !== 0,
      };
    }
    at = record.end;
  }
  return found;
}

interface RawRecord {
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly ttlAt: number;
  readonly end: number;
}

function recordAt(bytes: Uint8Array, view: DataView, start: number): RawRecord | undefined {
  const at = skipName(bytes, start);
  if (at === undefined || at + 10 > bytes.length) return undefined;
  const end = at + 10 + view.getUint16(at + 8);
  if (end > bytes.length) return undefined;
  return {
    type: view.getUint16(at),
    class: view.getUint16(at + 2),
    ttl: view.getUint32(at + 4),
    ttlAt: at + 4,
    end,
  };
}

/** The offset after a name, which may end in a pointer (RFC 1035, 4.1.4). */
function skipName(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > LABEL_BYTES_MAX) return undefined;
    at += length + 1;
  }
  return undefined;
}

export type RecordData =
  | { readonly type: typeof TYPE.A; readonly address: Uint8Array }
  | { readonly type: typeof TYPE.AAAA; readonly address: Uint8Array }
  | { readonly type: typeof TYPE.CNAME | typeof TYPE.NS | typeof TYPE.PTR; readonly target: string }
  | { readonly type: typeof TYPE.TXT; readonly text: string }
  | {
      readonly type: typeof TYPE.SRV;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly type: typeof TYPE.SOA;
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      /** Seconds. */
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly negativeTtl: number;
    };

export interface DnsRecord {
  /** Without the dot at its end. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

export interface Response {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

/**
 * The answer to `query` in at most `bytesMax` bytes: additional records are left out first; when
 * the rest is still too long, the answer is empty and says so (TC), and the client asks over TCP.
 */
export function encodeResponse(query: Query, response: Response, bytesMax: number): Uint8Array {
  const whole = encode(query, response, false);
  if (whole.length <= bytesMax) return whole;
  const short = encode(query, { ...response, additional: [] }, false);
  if (short.length <= bytesMax) return short;
  return encode(query, { ...response, answers: [], authority: [], additional: [] }, true);
}

/** An answer that is an error and nothing else. */
export function encodeError(query: Query | BadQuery, rcode: number): Uint8Array {
  if ('question' in query) {
    return encode(
      query,
      { rcode, authoritative: false, answers: [], authority: [], additional: [] },
      false,
    );
  }
  const header = new Uint8Array(HEADER);
  const view = viewOf(header);
  view.setUint16(0, query.id);
  view.setUint16(
    2,
    FLAG.response | FLAG.available | (query.recursionDesired ? FLAG.wanted : 0) | rcode,
  );
  return header;
}

function encode(query: Query, response: Response, truncated: boolean): Uint8Array {
  const writer = new Writer();
  writer.uint16(query.id);
  writer.uint16(
    FLAG.response |
      FLAG.available |
      (response.authoritative ? FLAG.authoritative : 0) |
      (truncated ? FLAG.truncated : 0) |
      (query.recursionDesired ? FLAG.wanted : 0) |
      (query.checkingDisabled ? FLAG.checkingOff : 0) |
      (response.rcode & 15),
  );
  writer.uint16(1);
  writer.uint16(response.answers.length);
  writer.uint16(response.authority.length);
  writer.uint16(response.additional.length + (query.edns === undefined ? 0 : 1));
  writer.question(query);
  for (const record of response.answers) writer.record(record);
  for (const record of response.authority) writer.record(record);
  for (const record of response.additional) writer.record(record);
  if (query.edns !== undefined) writer.edns(query.edns.dnssecOk, response.rcode >> 4);
  return writer.bytes();
}

/** What we take over UDP: fits the smallest path of the internet (RFC 9715). */
export const UDP_BYTES_OURS = 1232;

class Writer {
  #buffer = Buffer.allocUnsafe(512);
  #length = 0;
  /** Where a name, or the tail of one, was written first. */
  readonly #names = new Map<string, number>();

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  uint8(value: number): void {
    this.#grow(1);
    this.#buffer[this.#length++] = value;
  }

  uint16(value: number): void {
    this.#grow(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  uint32(value: number): void {
    this.#grow(4);
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  question(query: Query): void {
    this.#remember(query.name, this.#length);
    this.raw(query.question);
  }

  /**
   * Points to an earlier occurrence of the name, or of its tail, where there is one; in the target
   * of an SRV record that is not allowed (RFC 2782).
   */
  name(name: string, compressed = true): void {
    let rest = name;
    while (rest !== '') {
      const known = compressed ? this.#names.get(rest.toLowerCase()) : undefined;
      if (known !== undefined) return this.uint16(0xc000 | known);
      if (compressed && this.#length < 0x3fff) this.#names.set(rest.toLowerCase(), this.#length);
      const dot = rest.indexOf('.');
      const label = Buffer.from(dot < 0 ? rest : rest.slice(0, dot), 'latin1');
      if (label.length === 0 || label.length > LABEL_BYTES_MAX) {
        throw new RangeError(
          `Cannot write name ${JSON.stringify(name)}: label of ${label.length} bytes`,
        );
      }
      this.uint8(label.length);
      this.raw(label);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.uint8(0);
  }

  record({ name, ttlSeconds, data }: DnsRecord): void {
    this.name(name);
    this.uint16(data.type);
    this.uint16(CLASS_IN);
    this.uint32(ttlSeconds);
    const lengthAt = this.#length;
    this.uint16(0);
    this.#data(data);
    this.#buffer.writeUInt16BE(this.#length - lengthAt - 2, lengthAt);
  }

  edns(dnssecOk: boolean, extendedRcode: number): void {
    this.uint8(0);
    this.uint16(TYPE.OPT);
    this.uint16(UDP_BYTES_OURS);
    this.uint32(((extendedRcode << 24) | (dnssecOk ? 0x8000 : 0)) >>> 0);
    this.uint16(0);
  }

  #data(data: RecordData): void {
    switch (data.type) {
      case TYPE.A:
      case TYPE.AAAA:
        return this.raw(data.address);
      case TYPE.CNAME:
      case TYPE.NS:
      case TYPE.PTR:
        return this.name(data.target);
      case TYPE.TXT: {
        const text = Buffer.from(data.text, 'latin1').subarray(0, 255);
        this.uint8(text.length);
        return this.raw(text);
      }
      case TYPE.SRV:
        this.uint16(data.priority);
        this.uint16(data.weight);
        this.uint16(data.port);
        return this.name(data.target, false);
      case TYPE.SOA:
        this.name(data.primary);
        this.name(data.mailbox);
        for (const value of [data.serial, data.refresh, data.retry, data.expire, data.negativeTtl])
          this.uint32(value);
        return;
    }
  }

  #remember(name: string, at: number): void {
    // A name with an escaped byte has no simple tails; it is not pointed at.
    if (name.includes('\\')) return;
    let offset = at;
    for (let rest = name; rest !== ''; ) {
      this.#names.set(rest, offset);
      const dot = rest.indexOf('.');
      if (dot < 0) return;
      offset += dot + 1;
      rest = rest.slice(dot + 1);
    }
  }

  #grow(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const next = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + count));
    this.#buffer.copy(next, 0, 0, this.#length);
    this.#buffer = next;
  }
}

/** What one must know of another server's answer to pass it on and to keep it. */
export interface ForeignAnswer {
  readonly id: number;
  readonly rcode: number;
  readonly truncated: boolean;
  /** Bytes of the question. */
  readonly question: Uint8Array;
  /** Where the TTLs of all records but OPT stand. */
  readonly ttlOffsets: readonly number[];
  /** The smallest TTL in seconds; undefined when there is no record. */
  readonly ttlSeconds: number | undefined;
  readonly answers: number;
}

/** Walks over an answer; undefined when it is none, or broken. */
export function readForeignAnswer(bytes: Uint8Array): ForeignAnswer | undefined {
  if (bytes.length < HEADER || bytes.length > MESSAGE_BYTES_MAX) return undefined;
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  if ((flags & FLAG.response) === 0 || view.getUint16(4) !== 1) return undefined;
  const name = readName(bytes, HEADER);
  if (name === undefined || name.end + 4 > bytes.length) return undefined;
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  const ttlOffsets: number[] = [];
  let ttlSeconds: number | undefined;
  let at = name.end + 4;
  for (let index = 0; index < records; index++) {
    const record = recordAt(bytes, view, at);
    if (record === undefined) return undefined;
    if (record.type !== TYPE.OPT) {
      ttlOffsets.push(record.ttlAt);
      // A TTL with the first bit set counts as none (RFC 2181, 8).
      ttlSeconds = Math.min(
        ttlSeconds ?? Number.POSITIVE_INFINITY,
        record.ttl > 0x7fffffff ? 0 : record.ttl,
      );
    }
    at = record.end;
  }
  return {
    id: view.getUint16(0),
    rcode: flags & 15,
    truncated: (flags & FLAG.truncated) !== 0,
    question: bytes.subarray(HEADER, name.end + 4),
    ttlOffsets,
    ttlSeconds,
    answers: view.getUint16(6),
  };
}

/** Pointers followed in one name: each must lead back, so a name ends; this bounds the work. */
const POINTERS_MAX = 32;

/** The addresses and aliases in the answer section; what is broken or of another type is left out. */
export function readForeignRecords(bytes: Uint8Array): DnsRecord[] {
  const parsed = readForeignAnswer(bytes);
  if (parsed === undefined) return [];
  const view = viewOf(bytes);
  const records: DnsRecord[] = [];
  let at = HEADER + parsed.question.length;
  for (let index = 0; index < parsed.answers; index++) {
    const raw = recordAt(bytes, view, at);
    const name = readPointedName(bytes, at);
    const dataAt = (skipName(bytes, at) ?? bytes.length) + 10;
    if (raw === undefined || name === undefined) break;
    at = raw.end;
    const data = dataOf(bytes, raw, dataAt);
    if (data !== undefined) records.push({ name, ttlSeconds: raw.ttl, data });
  }
  return records;
}

function dataOf(bytes: Uint8Array, raw: RawRecord, at: number): RecordData | undefined {
  const own = Uint8Array.from(bytes.subarray(at, raw.end));
  if (raw.type === TYPE.A && own.length === 4) return { type: TYPE.A, address: own };
  if (raw.type === TYPE.AAAA && own.length === 16) return { type: TYPE.AAAA, address: own };
  if (raw.type !== TYPE.CNAME) return undefined;
  const target = readPointedName(bytes, at);
  return target === undefined ? undefined : { type: TYPE.CNAME, target };
}

/** A name that may be compressed; undefined when it is broken or has bytes that we do not write. */
function readPointedName(bytes: Uint8Array, start: number): string | undefined {
  const labels: string[] = [];
  let at = start;
  let length = 0;
  for (let pointers = 0; pointers <= POINTERS_MAX; ) {
    const size = bytes[at];
    if (size === undefined) return undefined;
    if (size === 0) return labels.join('.');
    if (size >= 0xc0) {
      const next = bytes[at + 1];
      if (next === undefined) return undefined;
      at = ((size & 0x3f) << 8) | next;
      pointers++;
      continue;
    }
    const label = Buffer.from(bytes.subarray(at + 1, at + 1 + size)).toString('latin1');
    length += size + 1;
    if (
      size > LABEL_BYTES_MAX ||
      label.length !== size ||
      length >= NAME_BYTES_MAX ||
      /[.\\]/.test(label)
    )
      return undefined;
    labels.push(label.toLowerCase());
    at += size + 1;
  }
  return undefined;
}

/** A query of our own for `name`. */
export function encodeQuery(query: {
  readonly id: number;
  readonly name: string;
  readonly type: number;
}): Uint8Array {
  const writer = new Writer();
  writer.uint16(query.id);
  writer.uint16(FLAG.wanted);
  writer.uint16(1);
  writer.uint16(0);
  writer.uint16(0);
  writer.uint16(1);
  writer.name(query.name);
  writer.uint16(query.type);
  writer.uint16(CLASS_IN);
  writer.edns(false, 0);
  return writer.bytes();
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
