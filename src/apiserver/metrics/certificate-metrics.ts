/**
 * Servers whose certificates are out of date: answers of them, and connections that were refused for
 * it.
 *
 * Source: upstream v1.36 apiserver/pkg/util/webhook/metrics.go, kube-aggregator/pkg/apiserver/
 * metrics.go.
 */
import type { CertificateFault } from '#base/http/message.ts';
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';

export class CertificateMetrics {
  readonly #counters: Readonly<Record<CertificateFault, Counter>>;

  constructor(registry: MetricRegistry, asks: 'webhooks' | 'kube_aggregator') {
    const counter = (what: string, help: string): Counter =>
      registry.counter(alpha(`apiserver_${asks}_x509_${what}_total`, help));
    this.#counters = {
      'missing-san': counter(
        'missing_san',
        'Requests to servers whose certificate has no subject alternative names, and connections that were refused for it.',
      ),
      'insecure-sha1': counter(
        'insecure_sha1',
        'Requests to servers whose certificate is signed over SHA-1, and connections that were refused for it.',
      ),
    };
  }

  noticed(fault: CertificateFault): void {
    this.#counters[fault].add([]);
  }
}
