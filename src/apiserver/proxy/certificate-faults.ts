/**
 * What is said of servers whose certificates are out of date.
 *
 * Source: upstream v1.36 apiserver/pkg/util/x509metrics/server_cert_deprecations.go.
 */
import type { Logger } from '#base/env.ts';
import { noticingFaults } from '#base/http/certificate-faults.ts';
import type { CertificateFault } from '#base/http/message.ts';
import type { CertificateMetrics } from '../metrics/certificate-metrics.ts';
import type { BackendConnector } from './transport.ts';

const REASONS: Readonly<Record<CertificateFault, string>> = {
  'missing-san':
    'relies on a legacy Common Name field instead of the SAN extension for subject validation',
  'insecure-sha1': 'uses an insecure SHA-1 signature',
};

/** `backends`, with their faults counted. */
export function countingFaults(
  backends: BackendConnector,
  metrics: CertificateMetrics,
  log: Logger,
): BackendConnector {
  return {
    to(backend) {
      const server = backend.tls?.serverName ?? backend.host;
      return noticingFaults(backends.to(backend), (fault) => {
        log.info('a server shows a certificate that is out of date', {
          server,
          reason: REASONS[fault],
        });
        metrics.noticed(fault);
      });
    },
  };
}

/** Key and value of the annotation of an audit event. `host`: the one that was asked. */
export function faultAnnotation(fault: CertificateFault, host: string): [string, string] {
  return [`${fault}.invalid-cert.kubernetes.io/${host}`, REASONS[fault]];
}
