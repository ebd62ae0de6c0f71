/**
 * The certificate that a request is answered with: its subject and names, the usages that were
 * asked for, and no other extension.
 *
 * Upstream: pkg/controller/certificates/authority/{authority,policies}.go and the durations of
 * pkg/controller/certificates/signer/signer.go, v1.36.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateSigningRequestSpec } from '#api/gen/certificates-v1.ts';
import { certificateSubject } from '#base/csr.ts';
import * as der from '#base/der.ts';
import { formatIp } from '#base/ip.ts';
import { createCertificate, type KeyPurposes } from '#base/x509.ts';
import type { ParsedRequest } from './requests.ts';

const MINUTE_MS = 60_000;
const DURATION_MS_DEFAULT = 365 * 24 * 60 * MINUTE_MS;
const DURATION_MS_MIN = 10 * MINUTE_MS;
/** Clocks of a cluster differ a little. */
const BACKDATE_MS = 5 * MINUTE_MS;
/** A life shorter than this is not shortened by the backdating. */
const SHORT_MS = 8 * 60 * MINUTE_MS;

const KEY_USAGES: ReadonlyMap<string, number> = new Map([
  ['signing', 0],
  ['digital signature', 0],
  ['content commitment', 1],
  ['key encipherment', 2],
  ['data encipherment', 3],
  ['key agreement', 4],
  ['cert sign', 5],
  ['crl sign', 6],
  ['encipher only', 7],
  ['decipher only', 8],
]);

/** In the order in which they stand in certificates. */
const EXTENDED_USAGES: readonly (readonly [usages: readonly string[], oid: string])[] = [
  [['any'], '2.5.29.37.0'],
  [['server auth'], '1.3.6.1.5.5.7.3.1'],
  [['client auth'], '1.3.6.1.5.5.7.3.2'],
  [['code signing'], '1.3.6.1.5.5.7.3.3'],
  [['email protection', 's/mime'], '1.3.6.1.5.5.7.3.4'],
  [['ipsec end system'], '1.3.6.1.5.5.7.3.5'],
  [['ipsec tunnel'], '1.3.6.1.5.5.7.3.6'],
  [['ipsec user'], '1.3.6.1.5.5.7.3.7'],
  [['timestamping'], '1.3.6.1.5.5.7.3.8'],
  [['ocsp signing'], '1.3.6.1.5.5.7.3.9'],
  [['microsoft sgc'], '1.3.6.1.4.1.311.10.3.3'],
  [['netscape sgc'], '2.16.840.1.113730.4.1'],
];

/** The attributes that a subject keeps, in the order in which they stand in certificates. */
const ATTRIBUTES: readonly (readonly [oid: string, hex: string])[] = [
  ['2.5.4.6', '550406'],
  ['2.5.4.10', '55040a'],
  ['2.5.4.11', '55040b'],
  ['2.5.4.7', '550407'],
  ['2.5.4.8', '550408'],
  ['2.5.4.9', '550409'],
  ['2.5.4.17', '550411'],
  ['2.5.4.3', '550403'],
  ['2.5.4.5', '550405'],
];
/** Common name and serial number: the last one counts. */
const ONCE = ['550403', '550405'];

/** The authority: PEM texts, and for how long it signs at most; a year unless given. */
export interface SigningCa {
  readonly certificate: string;
  readonly key: string;
  readonly durationMs?: number;
}

export interface Issuer {
  readonly name: Uint8Array;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly notAfterMs: number;
  /** For how long it signs at most. */
  readonly durationMs: number;
}

export function issuerOf({ certificate, key, durationMs }: SigningCa): Issuer {
  const read = new X509Certificate(certificate);
  const privateKey = createPrivateKey(key);
  return {
    name: certificateSubject(read.raw),
    publicKey: createPublicKey(privateKey),
    privateKey,
    notAfterMs: read.validToDate.getTime(),
    durationMs: durationMs ?? DURATION_MS_DEFAULT,
  };
}

export interface CertificateOrder {
  readonly request: ParsedRequest;
  readonly spec: Pick<CertificateSigningRequestSpec, 'expirationSeconds' | 'usages'>;
  readonly issuer: Issuer;
  readonly serial: Uint8Array;
  readonly nowMs: number;
}

/** PEM. Throws an Error when the issuer itself is no longer in force. */
export function certificateFor(order: CertificateOrder): string {
  const { request, spec, issuer, nowMs } = order;
  if (nowMs >= issuer.notAfterMs) {
    const until = new Date(issuer.notAfterMs).toISOString();
    throw new Error(`refusing to sign a certificate that expired in the past: NotAfter=${until}`);
  }
  const durationMs = durationOf(spec.expirationSeconds, issuer.durationMs);
  const endMs = nowMs + durationMs - (durationMs < SHORT_MS ? 0 : BACKDATE_MS);
  return createCertificate({
    subject: subjectOf(request),
    publicKey: request.publicKey,
    issuer,
    serial: order.serial,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: Math.min(endMs, issuer.notAfterMs),
    uses: [],
    purposes: purposesOf(spec.usages ?? []),
    dnsNames: request.dnsNames,
    emailAddresses: request.emailAddresses,
    addresses: request.addresses.map(addressText),
    uris: request.uris,
  });
}

function subjectOf({ attributes }: ParsedRequest): Buffer {
  return der.sequence(
    ...ATTRIBUTES.flatMap(([oid, hex]) => {
      const values = attributes.filter(([type]) => type === hex).map(([, text]) => text);
      const kept = ONCE.includes(hex) ? values.slice(-1) : values;
      return kept.map((text) => der.set(der.sequence(der.oid(oid), der.utf8String(text))));
    }),
  );
}

function addressText(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new Error(`x509: cannot parse IP address of length ${bytes.length}`);
  const value = BigInt(`0x${bytes.toString('hex')}`);
  return formatIp({ family: bytes.length === 4 ? 4 : 6, value });
}

function durationOf(expirationSeconds: number | undefined, durationMs: number): number {
  if (expirationSeconds === undefined) return durationMs;
  return Math.min(Math.max(expirationSeconds * 1000, DURATION_MS_MIN), durationMs);
}

function purposesOf(usages: readonly string[]): KeyPurposes {
  const bits = usages.flatMap((usage) => KEY_USAGES.get(usage) ?? []);
  return {
    bits: [...new Set(bits)],
    extended: EXTENDED_USAGES.filter(([names]) => names.some((name) => usages.includes(name))).map(
      ([, oid]) => oid,
    ),
  };
}
