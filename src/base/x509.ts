/**
 * X.509 certificates (RFC 5280, version 3), signed with ECDSA P-256 or RSA and SHA-256.
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

export interface CertificateOptions {
  readonly subject: Name;
  readonly publicKey: KeyObject;
  /** Who signs: for a self-signed authority, its own name and key. */
  readonly issuer: {
    readonly name: Name;
    readonly publicKey: KeyObject;
    readonly privateKey: KeyObject;
  };
  /** At most 20 bytes, random (RFC 5280, 4.1.2.2). */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly uses: readonly CertificateUse[];
  readonly dnsNames?: readonly string[];
  /** IPv4 or IPv6 addresses in text. */
  readonly addresses?: readonly string[];
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
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
  const algorithm = signatureAlgorithm(options.issuer.privateKey);
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
  const signature = sign('sha256', body, options.issuer.privateKey);
  return toPem('CERTIFICATE', der.sequence(body, algorithm, der.bitString(signature)));
}

function toPem(label: string, bytes: Uint8Array): string {
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

function signatureAlgorithm(key: KeyObject): Buffer {
  // RSA has an explicit NULL parameter (RFC 4055, 5), ECDSA none (RFC 5758, 3.2).
  if (key.asymmetricKeyType === 'rsa') {
    return der.sequence(der.oid(OID.rsaWithSha256), der.element(0x05));
  }
  return der.sequence(der.oid(OID.ecdsaWithSha256));
}

/** Groups first, then the user, in the order that upstream's tools write. */
function nameOf(name: Name): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    der.set(der.sequence(der.oid(type), der.utf8String(value)));
  return der.sequence(
    ...(name.organizations ?? []).map((group) => attribute(OID.organization, group)),
    attribute(OID.commonName, name.commonName),
  );
}

function extensionsOf(options: CertificateOptions): Buffer[] {
  const isAuthority = options.uses.includes('authority');
  const extensions = [
    extension(OID.keyUsage, keyUsage(isAuthority), true),
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
  const purposes = [
    ...(options.uses.includes('server') ? [der.oid(OID.serverAuth)] : []),
    ...(options.uses.includes('client') ? [der.oid(OID.clientAuth)] : []),
  ];
  if (purposes.length > 0)
    extensions.push(extension(OID.extendedKeyUsage, der.sequence(...purposes)));
  const names = alternativeNames(options);
  if (names.length > 0) extensions.push(extension(OID.subjectAltName, der.sequence(...names)));
  return extensions;
}

function extension(type: string, value: Uint8Array, critical = false): Buffer {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(type), ...flag, der.octetString(value));
}

/** Bits from the left (RFC 5280, 4.2.1.3): 0 digitalSignature, 2 keyEncipherment, 5 keyCertSign. */
function keyUsage(isAuthority: boolean): Buffer {
  return isAuthority
    ? der.bitString(Buffer.from([0xa4]), 2)
    : der.bitString(Buffer.from([0xa0]), 5);
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

function alternativeNames(options: CertificateOptions): Buffer[] {
  const dns = (options.dnsNames ?? []).map((name) => der.implicit(2, Buffer.from(name, 'latin1')));
  const addresses = (options.addresses ?? []).map((address) =>
    der.implicit(7, addressBytes(address)),
  );
  return [...dns, ...addresses];
}

/** 4 or 16 bytes in network order. */
export function addressBytes(address: string): Uint8Array {
  const ip = parseIp(address);
  if (ip === undefined) throw new RangeError(`Cannot read address ${JSON.stringify(address)}`);
  const digits = ip.family === 4 ? 8 : 32;
  return Buffer.from(ip.value.toString(16).padStart(digits, '0'), 'hex');
}
