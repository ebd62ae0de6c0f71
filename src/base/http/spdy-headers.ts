/**
 * Header blocks of SPDY/3.1: names and values, compressed with a dictionary that both ends know.
 *
 * Source: draft-mbelshe-httpbis-spdy-00, section 2.6.10. One compressed stream runs through all
 * blocks of a direction. We write it in stored blocks, which need no state and no compressor;
 * what we read is inflated from its beginning each time, for there are few blocks and they are
 * small.
 */
import { constants, inflateSync } from 'node:zlib';

/** Words with their length before them, then text that is likely to come. */
const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status|200 OK|version HTTP/1.1 url public set-cookie keep-alive origin';
const TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

const DICTIONARY = Buffer.concat([...dictionaryWords().map(withLength), Buffer.from(TEXT)]);

/** All blocks of one direction of one connection; more is refused. */
const COMPRESSED_BYTES_MAX = 1024 * 1024;
const INFLATED_BYTES_MAX = 4 * 1024 * 1024;
const STORED_BLOCK_BYTES_MAX = 65_535;

function dictionaryWords(): string[] {
  const [before = '', status = '', after = ''] = WORDS.split('|');
  return [...before.split(' '), status, ...after.split(' ')];
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  const framed = Buffer.alloc(4 + bytes.length);
  framed.writeUInt32BE(bytes.length);
  bytes.copy(framed, 4);
  return framed;
}

export type SpdyHeaders = Readonly<Record<string, string>>;

export class SpdyHeaderWriter {
  #begun = false;

  encode(headers: SpdyHeaders): Uint8Array {
    const entries = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(entries.length);
    const pairs = entries.flatMap(([name, value]) => [
      withLength(name.toLowerCase()),
      withLength(value),
    ]);
    const plain = Buffer.concat([count, ...pairs]);
    const pieces: Uint8Array[] = this.#begun ? [] : [streamHead()];
    this.#begun = true;
    for (let i = 0; i < plain.length; i += STORED_BLOCK_BYTES_MAX) {
      const part = plain.subarray(i, i + STORED_BLOCK_BYTES_MAX);
      pieces.push(storedHead(part.length), part);
    }
    // An empty block is a flush: readers give out what they have when they see it, not before.
    pieces.push(storedHead(0));
    return Buffer.concat(pieces);
  }
}

/** RFC 1950: deflate with a window of 32 KiB, and a dictionary, named by its checksum. */
function streamHead(): Uint8Array {
  const head = Buffer.from([0x78, 0xbb, 0, 0, 0, 0]);
  head.writeUInt32BE(adler32(DICTIONARY), 2);
  return head;
}

/** RFC 1951, 3.2.4: not the last block, stored. */
function storedHead(length: number): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(length, 1);
  head.writeUInt16LE(~length & 0xffff, 3);
  return head;
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

export class SpdyHeaderReader {
  #compressed = Buffer.alloc(0);
  #consumed = 0;

  /** Throws an Error when the block is none. Several values of a name are joined with ", ". */
  decode(block: Uint8Array): Record<string, string> {
    this.#compressed = Buffer.concat([this.#compressed, block]);
    if (this.#compressed.length > COMPRESSED_BYTES_MAX) {
      throw new RangeError(`Cannot read SPDY headers: more than ${COMPRESSED_BYTES_MAX} bytes`);
    }
    const plain = inflateSync(this.#compressed, {
      dictionary: DICTIONARY,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: INFLATED_BYTES_MAX,
    });
    const headers = readPairs(plain.subarray(this.#consumed));
    this.#consumed = plain.length;
    return headers;
  }
}

function readPairs(plain: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  let position = 4;
  const text = (): string => {
    const length = plain.readUInt32BE(position);
    const value = plain.subarray(position + 4, position + 4 + length);
    position += 4 + length;
    return value.toString();
  };
  for (let left = plain.readUInt32BE(0); left > 0; left--) {
    const name = text();
    headers[name] = text().replaceAll('\0', ', ');
  }
  return headers;
}
