/**
 * DNS messages on the wire: what they are made of, and reading queries. By hand, because a node
 * answers tens of thousands a second on one thread. Answers are written by `encode.ts`, those of
 * other servers are read by `foreign.ts`.
 *
 * Everything read is bounded by the message; nothing here throws on bytes from the network.
 * Sources: RFC 1035 (messages), 2782 (SRV), 3596 (AAAA), 6840 (AD), 6891 (EDNS0).
 */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
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

export const HEADER = 12;
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
/** A message over TCP has a length of two bytes. */
export const MESSAGE_BYTES_MAX = 65_535;
/** What a client without EDNS0 takes over UDP. */
export const UDP_BYTES_DEFAULT = 512;
/** What we take over UDP: fits the smallest path of the internet (RFC 9715). */
export const UDP_BYTES_OURS = 1232;

export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  wanted: 0x0100,
  available: 0x0080,
  authenticData: 0x0020,
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
  /** The client wants to know whether a validating resolver found the answer authentic (RFC 6840, 5.7). */
  readonly authenticDataWanted: boolean;
  /** The question as asked, which the answer repeats byte for byte. */
  readonly question: Uint8Array;
  readonly edns:
    | { readonly udpBytesMax: number; readonly version: number; readonly dnssecOk: boolean }
    | undefined;
}

/** A query that cannot be answered but by an error. */
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
  const type = view.getUint16(name.end);
  if (type === TYPE.OPT) return bad;
  return {
    id,
    name: name.text,
    type,
    class: view.getUint16(name.end + 2),
    recursionDesired,
    checkingDisabled: (flags & FLAG.checkingOff) !== 0,
    authenticDataWanted: (flags & FLAG.authenticData) !== 0,
    question: bytes.subarray(HEADER, end),
    edns,
  };
}

/** A name without compression, as questions have it. */
export function readName(
  bytes: Uint8Array,
  start: number,
): { text: string; end: number } | undefined {
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
      const isOfRoot = bytes[at] === 0;
      if (found !== undefined || !isOfRoot || !hasWholeOptions(view, record.dataAt, record.end))
        return 'bad';
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

/** Options are not looked at, but for where they end (RFC 6891, 6.1.2). */
function hasWholeOptions(view: DataView, start: number, end: number): boolean {
  let at = start;
  while (at + 4 <= end) at += 4 + view.getUint16(at + 2);
  return at === end;
}

/** One record of a message: where its parts stand. */
export interface RawRecord {
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly end: number;
}

/** The record at `start`; undefined when it is not whole. */
export function recordAt(bytes: Uint8Array, view: DataView, start: number): RawRecord | undefined {
  const at = skipName(bytes, start);
  if (at === undefined || at + 10 > bytes.length) return undefined;
  const end = at + 10 + view.getUint16(at + 8);
  if (end > bytes.length) return undefined;
  return {
    type: view.getUint16(at),
    class: view.getUint16(at + 2),
    ttl: view.getUint32(at + 4),
    ttlAt: at + 4,
    dataAt: at + 10,
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

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
