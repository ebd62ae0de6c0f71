/** `/metrics` and `/metrics/slis`. */
import type { HttpResponse } from '#base/http/message.ts';
import { bytesResponse } from '../respond.ts';
import type { MetricRegistry } from '#base/metrics.ts';

const MEDIA = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

export class MetricsPage {
  readonly #metrics: MetricRegistry;
  readonly #slis: MetricRegistry;

  constructor(metrics: MetricRegistry, slis: MetricRegistry) {
    this.#metrics = metrics;
    this.#slis = slis;
  }

  answer(path: '/metrics' | '/metrics/slis'): HttpResponse {
    const registry = path === '/metrics' ? this.#metrics : this.#slis;
    return bytesResponse(200, MEDIA, Buffer.from(registry.text()));
  }
}
