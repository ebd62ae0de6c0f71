/**
 * What is out of date in the certificates of servers, noted for each connection: names in the common
 * name alone, and signatures over SHA-1.
 *
 * Source: upstream apiserver/pkg/util/x509metrics, and the order in which Go's crypto/x509 looks for
 * what is wrong: dates, names, signatures.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { CertificateFault } from '#base/http/message.ts';

interface Seen {
  /** Of a connection that has come to be. */
  readonly shown: readonly CertificateFault[];
  /** Why upstream would refuse it: for its name, or, unless something else is wrong, its signature. */
  readonly refused?: CertificateFault;
}

/** By the socket. */
const seen = new WeakMap<object, Seen>();

const SHA1 = new Set(['1.2.840.113549.1.1.5', '1.3.14.3.2.29', '1.2.840.10045.4.1']);
/** OpenSSL's words; Node has no code for it. */
const WEAK_SIGNATURE = 'CA signature digest algorithm too weak';
const CHAIN_MAX = 10;

/** Looks at the certificate that a connection which is being made to `name` will show. */
export function watchCertificate(socket: TLSSocket, name: string): void {
  // Before Node's own listener: that breaks off what it does not believe.
  socket.prependListener('secure', () => {
    const leaf = socket.getPeerX509Certificate();
    if (leaf !== undefined) seen.set(socket, look(leaf, name));
  });
  socket.once('secureConnect', () => {
    seen.set(socket, { shown: shownFaults(socket) });
  });
}

/** Of the server at the other end. */
export function shownFaults(socket: object): readonly CertificateFault[] {
  return seen.get(socket)?.shown ?? [];
}

/** Why there is no connection: `error` is the platform's. */
export function refusedFaults(socket: object | null, error: Error): readonly CertificateFault[] {
  const refused = socket === null ? undefined : seen.get(socket)?.refused;
  if (refused === undefined) return [];
  return refused === 'missing-san' || error.message === WEAK_SIGNATURE ? [refused] : [];
}

function look(leaf: X509Certificate, name: string): Seen {
  const isUnnamed = leaf.subjectAltName === undefined;
  const isWeak = chainOf(leaf).some(
    (each) => SHA1.has(each.signatureAlgorithmOid ?? '') && each.issuer !== each.subject,
  );
  const shown: CertificateFault[] = [];
  if (isUnnamed) shown.push('missing-san');
  if (isWeak) shown.push('insecure-sha1');
  const now = Date.now();
  const isOver = now < leaf.validFromDate.getTime() || now > leaf.validToDate.getTime();
  if (isOver) return { shown };
  if (isUnnamed && fits(commonNameOf(leaf), name)) return { shown, refused: 'missing-san' };
  return isWeak && isFor(leaf, name) ? { shown, refused: 'insecure-sha1' } : { shown };
}

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (
    let at: X509Certificate | undefined = leaf;
    at !== undefined && chain.length < CHAIN_MAX;
    at = at.issuerCertificate
  )
    chain.push(at);
  return chain;
}

function isFor(leaf: X509Certificate, name: string): boolean {
  const found = isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) : leaf.checkIP(name);
  return found !== undefined;
}

function commonNameOf(leaf: X509Certificate): string {
  const { CN = '' } = leaf.toLegacyObject().subject;
  return [CN].flat().at(-1) ?? '';
}

/** A star stands for the first label of a name. */
function fits(pattern: string, name: string): boolean {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const parts = pattern.toLowerCase().split('.');
  return (
    pattern !== '' &&
    parts.length === labels.length &&
    parts.every((part, i) => (i === 0 && part === '*') || part === labels[i])
  );
}
