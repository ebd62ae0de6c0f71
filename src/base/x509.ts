/**
 * X.509 certificates (RFC 5280, version 3), signed with ECDSA, RSA or Ed25519.
 *
 * A cluster needs a dozen of them before its first second is over, so they are written here in DER
 * over node:crypto, synchronously: no ASN.1 library, no thread pool. Reading is node:crypto's own
 * (`X509Certificate`). Pure: times, serial numbers and keys come from the caller.
 */
import { createHash, type KeyObject, sign } from 'node:crypto';
import * as der from './der.ts';
import { parseIp } from './ip.ts';

export interface Name {
  /** CN: the user, for a client certificate. */
  readonly commonName: string;
  /** O, once for each: the groups, for a client certificate. */
  readonly organizations?: readonly string[];
}

export type CertificateUse = 'authority' | 'server' | 'client';

/** What the key may be used for (RFC 5280, 4.2.1.3 and 4.2.1.12), instead of what `uses` stands for. */
export interface KeyPurposes {
  /** Bit 0 is digitalSignature, bit 8 decipherOnly. */
  readonly bits: readonly number[];
  /** Object identifiers of the extended key usages. */
  readonly extended: readonly string[];
}

/** A name as DER, where it is to stand as it came. */
export type EncodedName = Uint8Array;

/** Names beside the subject. */
export interface AlternativeNames {
  readonly dnsNames?: readonly string[];
  /** IPv4 or IPv6 addresses in text. */
  readonly addresses?: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly uris?: readonly string[];
}

export interface CertificateOptions extends AlternativeNames {
  readonly subject: Name | EncodedName;
  readonly publicKey: KeyObject;
  /** Who signs: for a self-signed authority, its own name and key. */
  readonly issuer: {
    readonly name: Name | EncodedName;
    readonly publicKey: KeyObject;
    readonly privateKey: KeyObject;
  };
  /** At most 20 bytes, random (RFC 5280, 4.1.2.2). */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly uses: readonly CertificateUse[];
  readonly purposes?: KeyPurposes;
}

/** How keys sign by the larger curves: ECDSA with a digest of their size, as Go's crypto/x509. */
const ECDSA: Readonly<Record<string, { readonly oid: string; readonly digest: string }>> = {
  secp384r1: { oid: '1.2.840.10045.4.3.3', digest: 'sha384' },
  secp521r1: { oid: '1.2.840.10045.4.3.4', digest: 'sha512' },
};
const ECDSA_SHA256 = { oid: '1.2.840.10045.4.3.2', digest: 'sha256' };

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  rsaWithSha256: '1.2.840.113549.1.1.11',
  ed25519: '1.3.101.112',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};

/** The certificate as PEM. Throws a RangeError for an address that is none. */
export function createCertificate(options: CertificateOptions): string {
  const { algorithm, digest } = signatureOf(options.issuer.privateKey);
  const body = der.sequence(
    der.explicit(0, der.unsigned(Buffer.from([2]))),
    der.unsigned(positiveSerial(options.serial)),
    algorithm,
    nameOf(options.issuer.name),
    der.sequence(der.time(options.notBeforeMs), der.time(options.notAfterMs)),
    nameOf(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensionsOf(options))),
  );
  const signature = sign(digest, body, options.issuer.privateKey);
  return toPem('CERTIFICATE', der.sequence(body, algorithm, der.bitString(signature)));
}

/** DER as PEM, in lines of 64 characters (RFC 7468). */
export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The sign bit is cleared, so that random bytes are a positive number without one more byte. */
function positiveSerial(serial: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(serial);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/**
 * What `key` signs by: the algorithm as it stands in what is signed, and the digest for `sign`
 * (undefined: the key has its own).
 */
export function signatureOf(key: KeyObject): {
  readonly algorithm: Buffer;
  readonly digest: string | undefined;
} {
  // RSA has an explicit NULL parameter (RFC 4055, 5), the others none (RFC 5758, 3.2; RFC 8410, 3).
  if (key.asymmetricKeyType === 'rsa') {
    const algorithm = der.sequence(der.oid(OID.rsaWithSha256), der.element(0x05));
    return { algorithm, digest: 'sha256' };
  }
  if (key.asymmetricKeyType === 'ed25519')
    return { algorithm: der.sequence(der.oid(OID.ed25519)), digest: undefined };
  const { oid, digest } = ECDSA[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? ECDSA_SHA256;
  return { algorithm: der.sequence(der.oid(oid)), digest };
}

/** As DER. Groups first, then the user, in the order that upstream's tools write. */
export function nameOf(name: Name | EncodedName): Uint8Array {
  if (name instanceof Uint8Array) return name;
  const attribute = (type: string, value: string): Buffer =>
    der.set(der.sequence(der.oid(type), der.utf8String(value)));
  return der.sequence(
    ...(name.organizations ?? []).map((group) => attribute(OID.organization, group)),
    attribute(OID.commonName, name.commonName),
  );
}

function extensionsOf(options: CertificateOptions): Buffer[] {
  const isAuthority = options.uses.includes('authority');
  const { bits, extended } = options.purposes ?? purposesOf(options.uses);
  const extensions = [
    ...(bits.length === 0 ? [] : [extension(OID.keyUsage, keyUsage(bits), true)]),
    extension(
      OID.basicConstraints,
      der.sequence(...(isAuthority ? [der.boolean(true)] : [])),
      true,
    ),
    extension(
      OID.authorityKeyIdentifier,
      der.sequence(der.implicit(0, keyIdentifier(options.issuer.publicKey))),
    ),
    extension(OID.subjectKeyIdentifier, der.octetString(keyIdentifier(options.publicKey))),
  ];
  if (extended.length > 0)
    extensions.push(extension(OID.extendedKeyUsage, der.sequence(...extended.map(der.oid))));
  const names = alternativeNames(options);
  if (names.length > 0) extensions.push(extension(OID.subjectAltName, der.sequence(...names)));
  return extensions;
}

/** digitalSignature and keyEncipherment; for an authority keyCertSign too. */
function purposesOf(uses: readonly CertificateUse[]): KeyPurposes {
  return {
    bits: uses.includes('authority') ? [0, 2, 5] : [0, 2],
    extended: [
      ...(uses.includes('server') ? [OID.serverAuth] : []),
      ...(uses.includes('client') ? [OID.clientAuth] : []),
    ],
  };
}

function extension(type: string, value: Uint8Array, critical = false): Buffer {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(type), ...flag, der.octetString(value));
}

/** Bits from the left; what is behind the last one is not written (X.690, 11.2.2). */
function keyUsage(bits: readonly number[]): Buffer {
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc(Math.floor(highest / 8) + 1);
  for (const bit of bits) {
    const at = Math.floor(bit / 8);
    bytes[at] = (bytes[at] ?? 0) | (0x80 >> (bit % 8));
  }
  return der.bitString(bytes, 7 - (highest % 8));
}

/** SHA-1 of the key's bits, as RFC 5280, 4.2.1.2 (1) proposes: a name of the key, no protection. */
function keyIdentifier(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(subjectPublicKey(spki)).digest();
}

/** The bits of the BIT STRING that is the last member of a SubjectPublicKeyInfo. */
function subjectPublicKey(spki: Buffer): Buffer {
  const outer = contentsAt(spki, 0);
  const algorithm = contentsAt(spki, outer.start);
  const key = contentsAt(spki, algorithm.end);
  return spki.subarray(key.start + 1, key.end);
}

function contentsAt(bytes: Buffer, offset: number): { start: number; end: number } {
  const first = bytes[offset + 1] ?? 0;
  if (first < 0x80) return { start: offset + 2, end: offset + 2 + first };
  const count = first & 0x7f;
  const start = offset + 2 + count;
  return { start, end: start + bytes.readUIntBE(offset + 2, count) };
}

/** General names (RFC 5280, 4.2.1.6), each as DER. Throws a RangeError for an address that is none. */
export function alternativeNames(options: AlternativeNames): Buffer[] {
  const dns = (options.dnsNames ?? []).map((name) => der.implicit(2, Buffer.from(name, 'latin1')));
  const addresses = (options.addresses ?? []).map((address) =>
    der.implicit(7, addressBytes(address)),
  );
  const text = (tag: number, names: readonly string[] = []): Buffer[] =>
    names.map((name) => der.implicit(tag, Buffer.from(name, 'latin1')));
  return [...dns, ...text(1, options.emailAddresses), ...addresses, ...text(6, options.uris)];
}

/** 4 or 16 bytes in network order. */
export function addressBytes(address: string): Uint8Array {
  const ip = parseIp(address);
  if (ip === undefined) throw new RangeError(`Cannot read address ${JSON.stringify(address)}`);
  const digits = ip.family === 4 ? 8 : 32;
  return Buffer.from(ip.value.toString(16).padStart(digits, '0'), 'hex');
}
