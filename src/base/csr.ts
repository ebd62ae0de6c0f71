/**
 * A certificate signing request: whom it is for, under which names, and whether its signature is
 * good.
 *
 * Reads as much DER (X.690) as a PKCS #10 request (RFC 2986) needs for that, and the subject of a
 * certificate.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { element as derElement } from './der.ts';
import { pemBlocks } from './pem.ts';

export interface RequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** What a request asks for beside its subject. */
export interface RequestContent {
  readonly publicKey: KeyObject;
  /** Attributes of the subject in order: object identifier in hex, text. */
  readonly attributes: readonly (readonly [oid: string, text: string])[];
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  /** Bytes in network order. */
  readonly addresses: readonly Buffer[];
  readonly uris: readonly string[];
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];
const SEQUENCE = 0x30;
const OID_COMMON_NAME = '550403';
const OID_ORGANIZATION = '55040a';
/** The attribute that holds extensions (RFC 2985, 5.4.2). */
const OID_EXTENSION_REQUEST = '2a864886f70d01090e';
const OID_ALTERNATIVE_NAME = '551d11';
/** BMPString: UTF-16, big endian. Other strings are read as UTF-8. */
const BMP_STRING = 0x1e;

/** `text`: PEM. Throws an Error that says what is wrong. */
export function requestSubject(text: string): RequestSubject {
  const [info] = partsOf(text);
  const [, subject] = elements(expectSequence(info));
  const attributes = attributesOf(subject);
  const [commonName = ''] = valuesOf(attributes, OID_COMMON_NAME).toReversed();
  return { commonName, organizations: valuesOf(attributes, OID_ORGANIZATION) };
}

type Attributes = RequestContent['attributes'];

function valuesOf(attributes: Attributes, oid: string): string[] {
  return attributes.filter(([type]) => type === oid).map(([, text]) => text);
}

function attributesOf(subject: Element | undefined): [oid: string, text: string][] {
  return elements(expectSequence(subject)).flatMap((set) =>
    elements(set.content).map((attribute): [string, string] => {
      const [type, value] = elements(attribute.content);
      if (type === undefined || value === undefined) throw new Error('malformed subject');
      return [type.content.toString('hex'), stringOf(value)];
    }),
  );
}

/** `text`: PEM. Throws an Error that says what is wrong. */
export function requestContent(text: string): RequestContent {
  const [info] = partsOf(text);
  const [, subject, key, attributes] = elements(expectSequence(info));
  const names = alternativeNames(attributes?.content ?? Buffer.alloc(0));
  const texts = (tag: number): string[] =>
    names.filter((name) => name.tag === tag).map(({ content }) => content.toString('latin1'));
  return {
    publicKey: createPublicKey({
      key: derElement(SEQUENCE, expectSequence(key)),
      format: 'der',
      type: 'spki',
    }),
    attributes: attributesOf(subject),
    emailAddresses: texts(0x81),
    dnsNames: texts(0x82),
    uris: texts(0x86),
    addresses: names.filter(({ tag }) => tag === 0x87).map(({ content }) => content),
  };
}

/** The general names (RFC 5280, 4.2.1.6) that the attribute of wanted extensions lists. */
function alternativeNames(attributes: Buffer): Element[] {
  for (const attribute of elements(attributes)) {
    const [type, values] = elements(attribute.content);
    if (type?.content.toString('hex') !== OID_EXTENSION_REQUEST) continue;
    const [list] = elements(values?.content ?? Buffer.alloc(0));
    for (const extension of elements(expectSequence(list))) {
      const [oid, ...rest] = elements(extension.content);
      if (oid?.content.toString('hex') !== OID_ALTERNATIVE_NAME) continue;
      const [names] = elements(rest.at(-1)?.content ?? Buffer.alloc(0));
      return elements(expectSequence(names));
    }
  }
  return [];
}

/** The subject of a certificate as it stands in its DER: what those that it signs name as issuer. */
export function certificateSubject(certificate: Buffer): Buffer {
  const [body] = elements(expectSequence(elements(certificate)[0]));
  // Behind the version that every certificate of today has: serial, algorithm, issuer, validity.
  const [, , , , , subject] = elements(expectSequence(body));
  return derElement(SEQUENCE, expectSequence(subject));
}

/** Information, algorithm, signature. */
function partsOf(text: string): Element[] {
  const block = pemBlocks(text).find(({ label }) => LABELS.includes(label));
  if (block === undefined) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const [request] = elements(block.der);
  return elements(expectSequence(request));
}

/** Hashes by the end of the object identifiers of RSA (PKCS #1) and ECDSA signatures. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
const OID_RSA_PSS = '2a864886f70d01010a';
const OID_ED25519 = '2b6570';
/** Within the parameters of RSA-PSS. */
const PSS_HASHES: readonly (readonly [oid: string, hash: string])[] = [
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
];

/**
 * `text`: PEM. Throws an Error in the words of Go's crypto/x509 when the request was not signed by
 * the key that it is for.
 */
export function checkRequestSignature(text: string): void {
  const [info, algorithm, signature] = partsOf(text);
  const [, , key] = elements(expectSequence(info));
  const [type, parameters] = elements(expectSequence(algorithm));
  const signed = derElement(SEQUENCE, expectSequence(info));
  const publicKey = createPublicKey({
    key: derElement(SEQUENCE, expectSequence(key)),
    format: 'der',
    type: 'spki',
  });
  // The first byte of a bit string counts the bits that are not used.
  const bytes = signature?.content.subarray(1) ?? Buffer.alloc(0);
  const oid = type?.content.toString('hex') ?? '';
  const pss = oid === OID_RSA_PSS ? (parameters?.content.toString('hex') ?? '') : '';
  const hash = SIGNATURES[oid] ?? PSS_HASHES.find(([name]) => pss.includes(name))?.[1];
  if (hash === undefined && oid !== OID_ED25519)
    throw new Error('x509: cannot verify signature: algorithm unimplemented');
  const padding = pss === '' ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING };
  if (!verify(hash, signed, { key: publicKey, ...padding }, bytes))
    throw new Error(failureOf(publicKey));
}

function failureOf({ asymmetricKeyType }: KeyObject): string {
  if (asymmetricKeyType === 'ec') return 'x509: ECDSA verification failure';
  if (asymmetricKeyType === 'ed25519') return 'x509: Ed25519 verification failure';
  return 'crypto/rsa: verification error';
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
