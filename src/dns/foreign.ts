/**
 * DNS messages on the wire: answers of other servers. They are not taken apart, but walked over,
 * changed in place where they must be (id, question, TTLs) and cut where they are too long.
 *
 * Sources: RFC 1035, 2181 (TTLs, 8), 2308 (negative answers), 6840 (AD, 5.7), 6891 (OPT is between
 * two neighbours alone).
 */
import { OPT_BYTES } from './encode.ts';
import {
  type DnsRecord,
  FLAG,
  HEADER,
  LABEL_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  NAME_BYTES_MAX,
  type Query,
  RCODE,
  type RawRecord,
  readName,
  type RecordData,
  recordAt,
  TYPE,
  UDP_BYTES_OURS,
  viewOf,
} from './wire.ts';

/** What one must know of another server's answer to pass it on and to keep it. */
export interface ForeignAnswer {
  readonly id: number;
  /** With the upper bits of EDNS0. */
  readonly rcode: number;
  readonly truncated: boolean;
  /** The question: its name in lower case, its type, and its bytes. */
  readonly name: string;
  readonly type: number;
  readonly question: Uint8Array;
  /** Where the TTLs of all records but OPT stand. */
  readonly ttlOffsets: readonly number[];
  /** The smallest TTL in seconds, and of a SOA how long a "no" holds; undefined: no record. */
  readonly ttlSeconds: number | undefined;
  /** How many records the answer section has. */
  readonly answers: number;
  /** The authority section says where the zone is. */
  readonly hasSoa: boolean;
  /** Where the OPT record begins, and how many additional records stand before it. */
  readonly opt: { readonly at: number; readonly before: number } | undefined;
  /** Where the last record ends: what follows is no part of the message. */
  readonly end: number;
}

/** Walks over an answer; undefined when it is none, or broken. */
export function readForeignAnswer(bytes: Uint8Array): ForeignAnswer | undefined {
  if (bytes.length < HEADER || bytes.length > MESSAGE_BYTES_MAX) return undefined;
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  if ((flags & FLAG.response) === 0 || view.getUint16(4) !== 1) return undefined;
  const name = readName(bytes, HEADER);
  if (name === undefined || name.end + 4 > bytes.length) return undefined;
  const answers = view.getUint16(6);
  const authorities = answers + view.getUint16(8);
  const records = authorities + view.getUint16(10);
  const ttlOffsets: number[] = [];
  let ttlSeconds: number | undefined;
  let hasSoa = false;
  let upperRcode = 0;
  let opt: ForeignAnswer['opt'];
  let at = name.end + 4;
  for (let index = 0; index < records; index++) {
    const record = recordAt(bytes, view, at);
    if (record === undefined) return undefined;
    if (record.type === TYPE.OPT) {
      // It may come once, among the additional records.
      if (opt !== undefined || index < authorities) return undefined;
      opt = { at, before: index - authorities };
      upperRcode = record.ttl >>> 24;
    } else {
      const isSoa = record.type === TYPE.SOA && index >= answers && index < authorities;
      hasSoa ||= isSoa;
      ttlOffsets.push(record.ttlAt);
      const ttl = isSoa ? negativeTtl(view, record) : ttlOf(record.ttl);
      ttlSeconds = Math.min(ttlSeconds ?? ttl, ttl);
    }
    at = record.end;
  }
  return {
    id: view.getUint16(0),
    rcode: (flags & 15) | (upperRcode << 4),
    truncated: (flags & FLAG.truncated) !== 0,
    name: name.text,
    type: view.getUint16(name.end),
    question: bytes.subarray(HEADER, name.end + 4),
    ttlOffsets,
    ttlSeconds,
    answers,
    hasSoa,
    opt,
    end: at,
  };
}

/** A TTL with the first bit set counts as none (RFC 2181, 8). */
function ttlOf(ttl: number): number {
  return ttl > 0x7fffffff ? 0 : ttl;
}

/** The last number of a SOA limits how long a "no" may be kept (RFC 2308, 5). */
function negativeTtl(view: DataView, { ttl, dataAt, end }: RawRecord): number {
  const minimum = end - dataAt >= 4 ? view.getUint32(end - 4) : 0;
  return Math.min(ttlOf(ttl), ttlOf(minimum));
}

/**
 * `bytes` without its OPT record. What stands behind that goes too, for its names may point to
 * places that have moved: additional records may be left out.
 */
export function withoutEdns(bytes: Uint8Array, { opt, end }: ForeignAnswer): Uint8Array {
  if (opt === undefined) return bytes.subarray(0, end);
  const copy = Buffer.from(bytes.subarray(0, opt.at));
  copy.writeUInt16BE(opt.before, 10);
  return copy;
}

/** How a foreign answer is given to a client. */
export interface Delivery {
  readonly bytesMax: number;
  /** Where TTLs stand, and the seconds that all of them become; without: they stay. */
  readonly ttl?: { readonly offsets: readonly number[]; readonly seconds: number };
}

/**
 * A foreign answer (without OPT) as `query` must get it: its id, its question letter by letter, an
 * OPT record of ours where the client has EDNS0, and in at most `bytesMax` bytes.
 */
export function delivered(bytes: Uint8Array, query: Query, delivery: Delivery): Uint8Array {
  const optBytes = query.edns === undefined ? 0 : OPT_BYTES;
  const roomMax = delivery.bytesMax - optBytes;
  const cut = bytes.length <= roomMax ? undefined : cutAt(bytes, roomMax);
  const body = cut === undefined ? bytes : bytes.subarray(0, cut.end);
  const copy = Buffer.allocUnsafe(body.length + optBytes);
  copy.set(body, 0);
  copy.writeUInt16BE(query.id, 0);
  copy.set(query.question, HEADER);
  for (const offset of delivery.ttl?.offsets ?? []) {
    if (offset < body.length) copy.writeUInt32BE(delivery.ttl?.seconds ?? 0, offset);
  }
  if (cut !== undefined) writeCounts(copy, cut);
  const wantsAd = query.authenticDataWanted || query.edns?.dnssecOk === true;
  if (!wantsAd) copy.writeUInt16BE(copy.readUInt16BE(2) & ~FLAG.authenticData, 2);
  if (query.edns !== undefined) writeOpt(copy, body.length, query.edns.dnssecOk);
  return copy;
}

interface Cut {
  readonly end: number;
  /** Records of each section that stay. */
  readonly counts: readonly [number, number, number];
  readonly truncated: boolean;
}

/** As many records as fit; only additional ones may be missing without a word. */
function cutAt(bytes: Uint8Array, bytesMax: number): Cut {
  const view = viewOf(bytes);
  const name = readName(bytes, HEADER);
  const counts: [number, number, number] = [0, 0, 0];
  let end = (name?.end ?? HEADER) + 4;
  for (const section of [0, 1, 2] as const) {
    const wanted = view.getUint16(6 + 2 * section);
    for (; counts[section] < wanted; counts[section]++) {
      const record = recordAt(bytes, view, end);
      if (record === undefined || record.end > bytesMax)
        return { end, counts, truncated: section < 2 };
      end = record.end;
    }
  }
  return { end, counts, truncated: false };
}

function writeCounts(message: Buffer, { counts, truncated }: Cut): void {
  for (const [section, count] of counts.entries()) message.writeUInt16BE(count, 6 + 2 * section);
  if (truncated) message.writeUInt16BE(message.readUInt16BE(2) | FLAG.truncated, 2);
}

function writeOpt(message: Buffer, at: number, dnssecOk: boolean): void {
  message.fill(0, at, at + OPT_BYTES);
  message.writeUInt16BE(TYPE.OPT, at + 1);
  message.writeUInt16BE(UDP_BYTES_OURS, at + 3);
  message.writeUInt16BE(dnssecOk ? 0x8000 : 0, at + 7);
  message.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
}

/** What a cache may do with an answer: keep it as a "yes", as a "no", as a failure, or not at all. */
export function kindOf(answer: ForeignAnswer): 'success' | 'denial' | 'failure' | undefined {
  if (answer.truncated) return undefined;
  if (answer.rcode === RCODE.servFail) return 'failure';
  if (answer.rcode === RCODE.nxDomain) return answer.hasSoa ? 'denial' : undefined;
  if (answer.rcode !== RCODE.noError) return undefined;
  return answer.answers === 0 && answer.hasSoa ? 'denial' : 'success';
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

    if (raw === undefined || name === undefined) break;
    at = raw.end;
    const data = dataOf(bytes, raw);
    if (data !== undefined) records.push({ name, ttlSeconds: raw.ttl, data });
  }
  return records;
}

function dataOf(bytes: Uint8Array, raw: RawRecord): RecordData | undefined {
  const own = Uint8Array.from(bytes.subarray(raw.dataAt, raw.end));
  if (raw.type === TYPE.A && own.length === 4) return { type: TYPE.A, address: own };
  if (raw.type === TYPE.AAAA && own.length === 16) return { type: TYPE.AAAA, address: own };
  if (raw.type !== TYPE.CNAME) return undefined;
  const target = readPointedName(bytes, raw.dataAt);
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
