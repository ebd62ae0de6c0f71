/**
 * When a certificate is replaced. Pure.
 *
 * Source: upstream staging/src/k8s.io/client-go/util/certificate/certificate_manager.go,
 * nextRotationDeadline, v1.36.
 */
import { X509Certificate } from 'node:crypto';
import type { AlternativeNames } from '#base/x509.ts';
import type { Validity } from './key-pair.ts';

const EARLIEST = 0.7;
const SPREAD = 0.2;

/**
 * Between 70 % and 90 % of its life, so that not all nodes come at once. `random`: from 0 to 1,
 * chosen once for each certificate.
 */
export function rotationDeadlineMs({ notBeforeMs, notAfterMs }: Validity, random: number): number {
  return notBeforeMs + (notAfterMs - notBeforeMs) * (EARLIEST + SPREAD * random);
}

/** Whether a certificate is for all these names and addresses. */
export function covers(certificate: string, names: AlternativeNames): boolean {
  const read = new X509Certificate(certificate);
  return (
    (names.dnsNames ?? []).every((name) => read.checkHost(name) !== undefined) &&
    (names.addresses ?? []).every((address) => read.checkIP(address) !== undefined)
  );
}

/** Whether the first certificate of `authority` has signed it. PEM texts. */
export function isSignedBy(certificate: string, authority: string): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey);
}
