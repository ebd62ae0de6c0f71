/**
 * What is said of certificates: until when they are in force, of which authority they are, and what
 * is wrong with them. Pure.
 *
 * Source of the columns: kubeadm certs check-expiration; upstream
 * cmd/kubeadm/app/cmd/certs.go, v1.36.
 */
import { X509Certificate } from 'node:crypto';
import { humanDuration } from '#api/meta/duration.ts';
import { isPair } from '#kubelet/bootstrap/key-pair.ts';
import { certificatesIn } from '../authority-files.ts';
import { tableLines } from '../table-lines.ts';

/** A certificate as it was found. */
export interface FoundCertificate {
  readonly name: string;
  /** PEM; undefined where it is missing. */
  readonly certificate: string | undefined;
  /** PEM; undefined where it is missing, null where none is asked for (an authority that is trusted). */
  readonly key: string | undefined | null;
  /** The name of the authority, and all certificates of it that are trusted (PEM). */
  readonly authority: { readonly name: string; readonly trusted: string };
}

export interface FoundCertificates {
  readonly authorities: readonly FoundCertificate[];
  readonly certificates: readonly FoundCertificate[];
}

/** What is said of one. */
export interface CertificateRow {
  readonly name: string;
  /** RFC 3339; absent where there is no certificate. */
  readonly expirationDate?: string;
  /** In seconds, less than none when it has expired. */
  readonly residualTimeSeconds?: number;
  readonly caName: string;
  /** Absent where all is well. */
  readonly problem?: string;
}

export interface CertificateReport {
  readonly certificates: readonly CertificateRow[];
  readonly certificateAuthorities: readonly CertificateRow[];
}

/** `nowMs`: in milliseconds since 1970. */
export function reportOn(found: FoundCertificates, nowMs: number): CertificateReport {
  const rows = (list: readonly FoundCertificate[]): CertificateRow[] =>
    list.map((each) => rowOf(each, nowMs));
  return {
    certificates: rows(found.certificates),
    certificateAuthorities: rows(found.authorities),
  };
}

/** Whether something is wrong with one of them. */
export function hasProblem({ certificates, certificateAuthorities }: CertificateReport): boolean {
  return [...certificates, ...certificateAuthorities].some(({ problem }) => problem !== undefined);
}

function rowOf(found: FoundCertificate, nowMs: number): CertificateRow {
  const { name, certificate: text } = found;
  const caName = found.authority.name;
  const certificate = readable(text);
  if (certificate === undefined)
    return { name, caName, problem: text === undefined ? 'is missing' : 'cannot be read' };
  const expiresMs = certificate.validToDate.getTime();
  const problem = problemOf(found, certificate, nowMs);
  return {
    name,
    expirationDate: new Date(expiresMs).toISOString(),
    residualTimeSeconds: Math.floor((expiresMs - nowMs) / 1000),
    caName,
    ...(problem === undefined ? {} : { problem }),
  };
}

function readable(text: string | undefined): X509Certificate | undefined {
  if (text === undefined) return undefined;
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function problemOf(
  { certificate = '', key, authority }: FoundCertificate,
  read: X509Certificate,
  nowMs: number,
): string | undefined {
  if (read.validToDate.getTime() <= nowMs) return 'has expired';
  if (read.validFromDate.getTime() > nowMs) return 'is not in force yet';
  if (key === undefined) return 'has no key';
  if (key !== null && !isPair({ certificate, key })) return 'is not of its key';
  const signers = certificatesIn(authority.trusted).map((pem) => new X509Certificate(pem));
  if (!signers.some((signer) => read.verify(signer.publicKey)))
    return `is not of the authority ${authority.name}`;
  return undefined;
}

/** The tables for people, with the problems below. Ends with a line break. */
export function reportText(report: CertificateReport): string {
  const { certificates, certificateAuthorities } = report;
  const problems = [...certificates, ...certificateAuthorities].flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${name} ${problem}`],
  );
  const lines = [
    ...tableLines([
      ['CERTIFICATE', 'EXPIRES', 'RESIDUAL TIME', 'CERTIFICATE AUTHORITY'],
      ...certificates.map((row) => [...cells(row), row.caName]),
    ]),
    '',
    ...tableLines([
      ['CERTIFICATE AUTHORITY', 'EXPIRES', 'RESIDUAL TIME'],
      ...certificateAuthorities.map(cells),
    ]),
    ...(problems.length === 0 ? [] : ['', ...problems]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function cells({ name, expirationDate, residualTimeSeconds = 0 }: CertificateRow): string[] {
  if (expirationDate === undefined) return [name, '<none>', '<none>'];
  return [
    name,
    expirationDate.replace(/T(\d\d:\d\d).*/, ' $1 UTC'),
    humanDuration(residualTimeSeconds * 1000),
  ];
}
