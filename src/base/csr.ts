/**
 * The subject of a certificate signing request.
 *
 * Reads as much DER (X.690) as a PKCS #10 request (RFC 2986) needs to show its subject; signatures
 * and extensions are the signer's business.
 */

export interface RequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const SEQUENCE = 0x30;
const OID_COMMON_NAME = '550403';
const OID_ORGANIZATION = '55040a';
/** BMPString: UTF-16, big endian. Other strings are read as UTF-8. */
const BMP_STRING = 0x1e;

/** `text`: PEM. Throws an Error that says what is wrong. */
export function requestSubject(text: string): RequestSubject {
  const match = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(text);
  if (match?.[1] === undefined) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const [request] = elements(Buffer.from(match[1], 'base64'));
  const [info] = elements(expectSequence(request));
  const [, subject] = elements(expectSequence(info));
  let commonName = '';
  const organizations: string[] = [];
  for (const set of elements(expectSequence(subject))) {
    for (const attribute of elements(set.content)) {
      const [type, value] = elements(attribute.content);
      if (type === undefined || value === undefined) throw new Error('malformed subject');
      const oid = type.content.toString('hex');
      if (oid === OID_COMMON_NAME) commonName = stringOf(value);
      else if (oid === OID_ORGANIZATION) organizations.push(stringOf(value));
    }
  }
  return { commonName, organizations };
}

function expectSequence(element: Element | undefined): Buffer {
  if (element?.tag !== SEQUENCE) throw new Error('malformed certificate request');
  return element.content;
}

function stringOf({ tag, content }: Element): string {
  return tag === BMP_STRING
    ? Buffer.from(content).swap16().toString('utf16le')
    : content.toString();
}

function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0;
    let length = bytes[at++];
    if (length !== undefined && length > 0x80) {
      const count = length & 0x7f;
      if (count > 4 || at + count > bytes.length) throw new Error('malformed length');
      length = bytes.readUIntBE(at, count);
      at += count;
    }
    if (length === undefined || length === 0x80 || at + length > bytes.length)
      throw new Error('truncated data');
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}
