/**
 * What is said of servers whose certificates are out of date.
 *
 * Source: upstream v1.36 apiserver/pkg/util/x509metrics/server_cert_deprecations.go.
 */
import type { Logger } from '#base/env.ts';
import { noticingFaults } from '#base/http/certificate-faults.ts';
import type { CertificateFault, Handler } from '#base/http/message.ts';
import type { CertificateMetrics } from '../metrics/certificate-metrics.ts';
import type { BackendConnector } from './transport.ts';

const REASONS: Readonly<Record<CertificateFault, string>> = {
  'missing-san':
    'relies on a legacy Common Name field instead of the SAN extension for subject validation',
  'insecure-sha1': 'uses an insecure SHA-1 signature',
};

/** Counts the faults of those who are asked for one purpose. */
export class FaultCounter {
  readonly #metrics: CertificateMetrics;
  readonly #log: Logger;

  constructor(metrics: CertificateMetrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  backends(backends: BackendConnector): BackendConnector {
    return {
      to: (backend) => this.handler(backends.to(backend), backend.tls?.serverName ?? backend.host),
    };
  }

  /** `server`: what the log calls it. */
  handler(handler: Handler, server: string): Handler {
    return noticingFaults(handler, (fault) => {
      this.#log.info('a server shows a certificate that is out of date', {
        server,
        reason: REASONS[fault],
      });
      this.#metrics.noticed(fault);
    });
  }
}

/** Key and value of the annotation of an audit event. `host`: the one that was asked. */
export function faultAnnotation(fault: CertificateFault, host: string): [string, string] {
  return [`${fault}.invalid-cert.kubernetes.io/${host}`, REASONS[fault]];
}
