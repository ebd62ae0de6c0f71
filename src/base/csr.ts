/**
 * A certificate signing request: whom it is for, under which names, and whether its signature is
 * good.
 *
 * Reads as much DER (X.690) as a PKCS #10 request (RFC 2986) needs for that, and the names of a
 * certificate.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type Element, elements } from './der-reader.ts';
import { element as derElement } from './der.ts';
import { pemBlocks } from './pem.ts';
import { readPublicKey } from './public-key.ts';

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

const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];
const SEQUENCE = 0x30;
const OID_COMMON_NAME = '550403';
const OID_ORGANIZATION = '55040a';
/** The attribute that holds extensions (RFC 2985, 5.4.2). */
const OID_EXTENSION_REQUEST = '2a864886f70d01090e';
const OID_ALTERNATIVE_NAME = '551d11';
/** `[3] EXPLICIT`: the extensions of a certificate. */
const EXTENSIONS = 0xa3;
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
    const names = namesOf(expectSequence(list));
    if (names !== undefined) return names;
  }
  return [];
}

/** The general names among `extensions`. */
function namesOf(extensions: Buffer): Element[] | undefined {
  for (const extension of elements(extensions)) {
    const [oid, ...rest] = elements(extension.content);
    if (oid?.content.toString('hex') !== OID_ALTERNATIVE_NAME) continue;
    const [names] = elements(rest.at(-1)?.content ?? Buffer.alloc(0));
    return elements(expectSequence(names));
  }
  return undefined;
}

/** Whom a certificate in DER is for, beside its subject. Throws an Error that says what is wrong. */
export function certificateNames(
  certificate: Buffer,
): Pick<RequestContent, 'dnsNames' | 'emailAddresses'> {
  const [body] = elements(expectSequence(elements(certificate)[0]));
  const explicit = elements(expectSequence(body)).find(({ tag }) => tag === EXTENSIONS);
  const [list] = explicit === undefined ? [] : elements(explicit.content);
  const names = list === undefined ? [] : (namesOf(expectSequence(list)) ?? []);
  const texts = (tag: number): string[] =>
    names.filter((name) => name.tag === tag).map(({ content }) => asciiOf(content));
  return { emailAddresses: texts(0x81), dnsNames: texts(0x82) };
}

/** IA5String: seven bits. */
function asciiOf(content: Buffer): string {
  if (content.some((byte) => byte >= 0x80)) throw new Error('malformed alternative name');
  return content.toString('latin1');
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
  const [request] = elements(requestDer(text));
  return elements(expectSequence(request));
}

function requestDer(text: string): Buffer {
  const block = pemBlocks(text).find(({ label }) => LABELS.includes(label));
  if (block === undefined) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  return block.der;
}

/** Version, subject, key and attributes: what each begins with. */
const INFO_TAGS = [0x02, SEQUENCE, SEQUENCE, 0xa0];
/** The information, the algorithm, and the signature as a bit string. */
const REQUEST_TAGS = [SEQUENCE, SEQUENCE, 0x03];

/**
 * The key that a whole request in DER is for; undefined where nobody knows its algorithm. Throws an
 * Error when it is no request.
 */
export function requestKey(request: Buffer): KeyObject | undefined {
  const [whole, ...behind] = elements(request);
  const parts = elements(expectSequence(whole));
  const inside = elements(expectSequence(parts[0]));
  const hasAll =
    REQUEST_TAGS.every((tag, i) => parts[i]?.tag === tag) &&
    INFO_TAGS.every((tag, i) => inside[i]?.tag === tag);
  if (!hasAll || behind.length > 0) throw new Error('malformed certificate request');
  const [, subject, key, attributes] = inside;
  const publicKey = readPublicKey(derElement(SEQUENCE, expectSequence(key)));
  attributesOf(subject);
  alternativeNames(attributes?.content ?? Buffer.alloc(0));
  return publicKey;
}

type SignatureKind = 'rsa' | 'ec' | 'ed25519';

/** Hashes and keys by the object identifiers of RSA (PKCS #1), ECDSA and Ed25519 signatures. */
const SIGNATURES: Readonly<
  Record<string, { readonly hash?: string; readonly kind: SignatureKind } | undefined>
> = {
  '2a864886f70d010105': { hash: 'sha1', kind: 'rsa' },
  '2b0e03021d': { hash: 'sha1', kind: 'rsa' },
  '2a864886f70d01010b': { hash: 'sha256', kind: 'rsa' },
  '2a864886f70d01010c': { hash: 'sha384', kind: 'rsa' },
  '2a864886f70d01010d': { hash: 'sha512', kind: 'rsa' },
  '2a8648ce3d0401': { hash: 'sha1', kind: 'ec' },
  '2a8648ce3d040302': { hash: 'sha256', kind: 'ec' },
  '2a8648ce3d040303': { hash: 'sha384', kind: 'ec' },
  '2a8648ce3d040304': { hash: 'sha512', kind: 'ec' },
  '2b6570': { kind: 'ed25519' },
};
const OID_RSA_PSS = '2a864886f70d01010a';
/** Within the parameters of RSA-PSS. */
const PSS_HASHES: readonly (readonly [oid: string, hash: string])[] = [
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
];

/**
 * `request`: PEM, or DER. Throws an Error in the words of Go's crypto/x509 when the request was not
 * signed by the key that it is for.
 */
export function checkRequestSignature(request: string | Buffer): void {
  const [whole] = elements(typeof request === 'string' ? requestDer(request) : request);
  const [info, algorithm, signature] = elements(expectSequence(whole));
  const [, , key] = elements(expectSequence(info));
  const signed = derElement(SEQUENCE, expectSequence(info));
  const publicKey = createPublicKey({
    key: derElement(SEQUENCE, expectSequence(key)),
    format: 'der',
    type: 'spki',
  });
  // The first byte of a bit string counts the bits that are not used.
  const bytes = signature?.content.subarray(1) ?? Buffer.alloc(0);
  const { hash, kind, ...padding } = signatureOf(expectSequence(algorithm));
  const { asymmetricKeyType: type = '' } = publicKey;
  if (!Object.hasOwn(KEYS, type)) throw new Error(UNIMPLEMENTED);
  if (type !== kind) {
    const detail = `signature algorithm specifies an ${KEYS[kind]?.algorithm} public key, but have public key of type ${KEYS[type]?.type}`;
    throw new Error(`x509: ${detail}`);
  }
  if (!verify(hash, signed, { key: publicKey, ...padding }, bytes))
    throw new Error(KEYS[type]?.failure);
}

interface SignatureWords {
  readonly hash: string | undefined;
  readonly kind: SignatureKind;
  readonly padding?: number;
  readonly saltLength?: number;
}

/** `algorithm`: the contents of an AlgorithmIdentifier. */
function signatureOf(algorithm: Buffer): SignatureWords {
  const [type, parameters] = elements(algorithm);
  const oid = type?.content.toString('hex') ?? '';
  if (oid === OID_RSA_PSS) {
    const text = parameters?.content.toString('hex') ?? '';
    const hash = PSS_HASHES.find(([name]) => text.includes(name))?.[1];
    if (hash === undefined) throw new Error(UNIMPLEMENTED);
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
    return { hash, kind: 'rsa', padding, saltLength };
  }
  const known = Object.hasOwn(SIGNATURES, oid) ? SIGNATURES[oid] : undefined;
  if (known === undefined) throw new Error(UNIMPLEMENTED);
  return { hash: known.hash, kind: known.kind };
}

const UNIMPLEMENTED = 'x509: cannot verify signature: algorithm unimplemented';

/** What Go calls the keys that sign requests. */
const KEYS: Readonly<
  Record<string, { readonly algorithm: string; readonly type: string; readonly failure: string }>
> = {
  rsa: {
    algorithm: 'RSA',
    type: '*rsa.PublicKey',
    failure: 'crypto/rsa: verification error',
  },
  ec: {
    algorithm: 'ECDSA',
    type: '*ecdsa.PublicKey',
    failure: 'x509: ECDSA verification failure',
  },
  ed25519: {
    algorithm: 'Ed25519',
    type: 'ed25519.PublicKey',
    failure: 'x509: Ed25519 verification failure',
  },
};

function expectSequence(element: Element | undefined): Buffer {
  if (element?.tag !== SEQUENCE) throw new Error('malformed certificate request');
  return element.content;
}

function stringOf({ tag, content }: Element): string {
  return tag === BMP_STRING
    ? Buffer.from(content).swap16().toString('utf16le')
    : content.toString();
}
