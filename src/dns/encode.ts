/**
 * DNS messages on the wire: writing answers, and queries of our own.
 *
 * Sources: RFC 1035 (compression of names, 4.1.4), 2181 (what may be left out, 9), 2782 (SRV), 6891
 * (EDNS0).
 */
import {
  type BadQuery,
  CLASS_IN,
  type DnsRecord,
  FLAG,
  HEADER,
  LABEL_BYTES_MAX,
  type Query,
  type RecordData,
  type Response,
  TYPE,
  UDP_BYTES_OURS,
  viewOf,
} from './wire.ts';

/** Bytes of an OPT record without options. */
export const OPT_BYTES = 11;

/**
 * The answer to `query` in at most `bytesMax` bytes. Additional records that do not fit are left
 * out. When answers do not fit, those that do are given and the message says that there are more
 * (TC): most clients then ask over TCP, and those that cannot have some addresses at least.
 */
export function encodeResponse(query: Query, response: Response, bytesMax: number): Uint8Array {
  const writer = new Writer();
  const roomMax = query.edns === undefined ? bytesMax : bytesMax - OPT_BYTES;
  writer.uint16(query.id);
  writer.uint16(0);
  writer.uint16(1);
  writer.uint16(0);
  writer.uint32(0);
  writer.question(query);
  const answers = writer.records(response.answers, roomMax);
  const hasAnswers = answers === response.answers.length;
  const authority = hasAnswers ? writer.records(response.authority, roomMax) : 0;
  const isWhole = hasAnswers && authority === response.authority.length;
  const additional = isWhole ? writer.records(response.additional, roomMax) : 0;
  if (query.edns !== undefined) writer.edns(query.edns.dnssecOk, response.rcode >> 4);
  writer.patch(
    2,
    FLAG.response |
      FLAG.available |
      (response.authoritative ? FLAG.authoritative : 0) |
      (isWhole ? 0 : FLAG.truncated) |
      (query.recursionDesired ? FLAG.wanted : 0) |
      (query.checkingDisabled ? FLAG.checkingOff : 0) |
      (response.rcode & 15),
  );
  writer.patch(6, answers);
  writer.patch(8, authority);
  writer.patch(10, additional + (query.edns === undefined ? 0 : 1));
  return writer.bytes();
}

const NOTHING = { authoritative: false, answers: [], authority: [], additional: [] } as const;

/** An answer that is an error and nothing else. */
export function encodeError(query: Query | BadQuery, rcode: number): Uint8Array {
  // A question and an OPT record have at most 270 bytes: they fit any client.
  if ('question' in query) return encodeResponse(query, { rcode, ...NOTHING }, 512);
  const header = new Uint8Array(HEADER);
  const view = viewOf(header);
  view.setUint16(0, query.id);
  view.setUint16(
    2,
    FLAG.response | FLAG.available | (query.recursionDesired ? FLAG.wanted : 0) | rcode,
  );
  return header;
}

/** A query of our own for `name`, without the dot at its end; the root is empty. */
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

/**
 * The query that asks another server for what `query` asks: its question and flags under another
 * `id`, with EDNS0 where the client has it, and nothing else of the client's. Its options (cookies,
 * its subnet) are between the client and us.
 */
export function encodeForwarded(query: Query, id: number): Buffer {
  const writer = new Writer();
  writer.uint16(id);
  writer.uint16(
    (query.recursionDesired ? FLAG.wanted : 0) |
      (query.authenticDataWanted ? FLAG.authenticData : 0) |
      (query.checkingDisabled ? FLAG.checkingOff : 0),
  );
  writer.uint16(1);
  writer.uint32(0);
  writer.uint16(query.edns === undefined ? 0 : 1);
  writer.raw(query.question);
  if (query.edns !== undefined) writer.edns(query.edns.dnssecOk, 0);
  return writer.bytes();
}

/** Writes one message, whatever its length. */
class Writer {
  #buffer = Buffer.allocUnsafe(512);
  #length = 0;
  /** Where a name, or the tail of one, was written first. */
  readonly #names = new Map<string, number>();

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  uint8(value: number): void {
    this.#grow(1);
    this.#buffer[this.#length++] = value;
  }

  /** Writes over two bytes that are there. */
  patch(at: number, value: number): void {
    this.#buffer.writeUInt16BE(value, at);
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

  /** As many of `records` as fit into `bytesMax`; answers how many did. */
  records(records: readonly DnsRecord[], bytesMax: number): number {
    for (let index = 0; index < records.length; index++) {
      const start = this.#length;
      // Sound: the index is that of a record.
      this.#record(records[index] as DnsRecord);
      if (this.#length <= bytesMax) continue;
      this.#length = start;
      return index;
    }
    return records.length;
  }

  #record({ name, ttlSeconds, data }: DnsRecord): void {
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
