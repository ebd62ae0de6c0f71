/**
 * What a signer may issue for a PodCertificateRequest: certificates alone, the first of them for the
 * key that was asked for, and times that agree with it.
 *
 * Source: upstream pkg/apis/certificates/validation/validation.go; net/mail of Go for addresses.
 */
import { X509Certificate } from 'node:crypto';
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
  PodCertificateRequestStatus,
} from '#api/gen/certificates-v1beta1.ts';
import { certificateNames } from '#base/csr.ts';
import { parseIp } from '#base/ip.ts';
import { type PemBlock, pemBlocks } from '#base/pem.ts';
import { FieldError, fieldPath, invalidValue, required, tooLong } from '../meta/field.ts';
import { timeText } from '../meta/time.ts';
import { requestedKey } from './pod-certificate-key.ts';

const STATUS = fieldPath('status');
const CHAIN = STATUS.child('certificateChain');
const CHAIN_BYTES_MAX = 100 * 1024;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NANOSECONDS_PER_MS = 1e6;
const SKEW_MS = 5 * MINUTE_MS;
/** How far from both ends of its time a certificate is to be renewed. */
const REFRESH_MARGIN_MS = 10 * MINUTE_MS;

/** `undefined` where the block is no certificate. */
function readCertificate({ der }: PemBlock) {
  try {
    const certificate = new X509Certificate(der);
    // What stands behind it would be passed over.
    if (certificate.raw.length !== der.length) return undefined;
    return { certificate, ...certificateNames(der) };
  } catch {
    return undefined;
  }
}

type Leaf = NonNullable<ReturnType<typeof readCertificate>>;

/** What is wrong with an issued chain and its times: the first thing. `nowMs`: the server's time. */
export function validateIssued(
  next: PodCertificateRequest,
  old: PodCertificateRequest,
  nowMs: number,
): FieldError[] {
  const chain = next.status?.certificateChain ?? '';
  const wrong = (detail: string): FieldError[] => [invalidValue(CHAIN, chain, detail)];
  if (Buffer.byteLength(chain) > CHAIN_BYTES_MAX) return [tooLong(CHAIN, CHAIN_BYTES_MAX)];
  const [block, ...rest] = pemBlocks(chain);
  if (block === undefined)
    return wrong('issued certificate chain must contain at least one certificate');
  if (block.label !== 'CERTIFICATE')
    return wrong('issued certificate chain must consist entirely of CERTIFICATE PEM blocks');
  const leaf = readCertificate(block);
  if (leaf === undefined) return wrong('leaf certificate does not parse as valid X.509');
  const names = validateNames(leaf);
  const key = requestedKey(old.spec ?? ({} as PodCertificateRequestSpec));
  if (key instanceof FieldError) return [...names, key];
  if (!isFor(leaf, key))
    return [...names, ...wrong('leaf certificate was not issued to the requested public key')];
  const missing = [...names, ...validateTimesSet(next.status ?? {})];
  if (missing.length > 0) return missing;
  const times = validateTimes(next, leaf, nowMs);
  if (times.length > 0) return times;
  for (const other of rest) {
    // Upstream's spelling.
    if (other.label !== 'CERTIFICATE')
      return wrong('issued certificate chain must consist entirely of CERTFICATE PEM blocks');
    if (readCertificate(other) === undefined)
      return wrong('intermediate certificate does not parse as valid X.509');
  }
  return [];
}

function isFor({ certificate }: Leaf, key: Parameters<X509Certificate['publicKey']['equals']>[0]) {
  try {
    return certificate.publicKey.equals(key);
  } catch {
    return false;
  }
}

const ATOM = "[\\w!#$%&'*+/=?^`{|}~-]+";
const DOT_ATOM = `${ATOM}(?:\\.${ATOM})*`;
const QUOTED = '"(?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[\\t\\x20-\\x7e])+"';
const ADDRESS = `[ \\t]*(?:${DOT_ATOM}|${QUOTED})@[ \\t]*(?:${DOT_ATOM}|\\[([^\\][\\\\]*)\\])`;
/** A piece of a name: one at a time, so that no text can be taken apart in several ways. */
const PIECE = `(?:[\\w!#$%&'*+/=?^\`{|}~. \\t-]|${QUOTED})`;
const PLAIN = new RegExp(`^${ADDRESS}[ \\t]*$`);
const NAMED = new RegExp(`^${PIECE}*<${ADDRESS}>[ \\t]*$`);

/** One address (RFC 5322), with or without a name before it. */
function isMailAddress(text: string): boolean {
  const found = PLAIN.exec(text) ?? NAMED.exec(text);
  if (found === null) return false;
  return found[1] === undefined || parseIp(found[1]) !== undefined;
}

function validateNames({ dnsNames, emailAddresses }: Leaf): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of dnsNames) {
    const wrong = (detail: string): unknown => errors.push(invalidValue(CHAIN, name, detail));
    if (name === '') wrong('leaf certificate should not contain empty DNSName');
    if (name.includes('..')) wrong("leaf certificate's DNSName should not contain '..'");
    if (name.startsWith('.') || name.endsWith('.'))
      wrong("leaf certificate's DNSName should not start or end with '.'");
  }
  for (const address of emailAddresses) {
    const detail = 'leaf certificate should not contain invalid EmailAddress';
    if (!isMailAddress(address)) errors.push(invalidValue(CHAIN, address, detail));
  }
  return errors;
}

function validateTimesSet(status: PodCertificateRequestStatus): FieldError[] {
  const consistent = 'must be present and consistent with the issued certificate';
  const TABLE = [
    ['notBefore', consistent],
    ['notAfter', consistent],
    ['beginRefreshAt', 'must be present and in the range [notbefore+10min, notafter-10min]'],
  ] as const;
  return TABLE.flatMap(([field, detail]) =>
    status[field] ? [] : [required(STATUS.child(field), detail)],
  );
}

/** The first thing that is wrong with times that are all there. */
function validateTimes(
  { spec, status }: PodCertificateRequest,
  { certificate }: Leaf,
  nowMs: number,
): FieldError[] {
  const at = (field: 'notBefore' | 'notAfter' | 'beginRefreshAt'): number =>
    Date.parse(status?.[field] ?? '');
  const wrong = (field: Parameters<typeof at>[0], detail: string): FieldError[] => [
    invalidValue(STATUS.child(field), timeText(at(field)), detail),
  ];
  const [begin, end] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  if (at('notBefore') !== begin)
    return wrong('notBefore', 'must be set to the NotBefore time encoded in the leaf certificate');
  if (Math.abs(begin - nowMs) >= SKEW_MS)
    return wrong('notBefore', "must be set to within 5 minutes of kube-apiserver's current time");
  if (at('notAfter') !== end)
    return wrong('notAfter', 'must be set to the NotAfter time encoded in the leaf certificate');
  const life = (end - begin) * NANOSECONDS_PER_MS;
  if (end - begin < HOUR_MS)
    return [invalidValue(CHAIN, life, 'leaf certificate lifetime must be >= 1 hour')];
  const { maxExpirationSeconds = 0 } = spec ?? {};
  if (end - begin > maxExpirationSeconds * 1000) {
    const detail = `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${maxExpirationSeconds})`;
    return [invalidValue(CHAIN, life, detail)];
  }
  if (at('beginRefreshAt') < begin + REFRESH_MARGIN_MS)
    return wrong('beginRefreshAt', 'must be at least 10 minutes after status.notBefore');
  if (at('beginRefreshAt') > end - REFRESH_MARGIN_MS)
    return wrong('beginRefreshAt', 'must be at least 10 minutes before status.notAfter');
  return [];
}
