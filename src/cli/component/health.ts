/**
 * A component's answers about its health, and the count of them that `/metrics/slis` shows.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/server/healthz/healthz.go and
 * component-base/metrics/prometheus/slis, v1.36.
 */
import { textResponse } from '#apiserver/respond.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { type Counter, type MetricRegistry, stable } from '#base/metrics.ts';

const RESULT = stable(
  'kubernetes_healthcheck',
  'What the last answer of a check was: 1 is well.',
  'name',
  'type',
);
const RESULTS = stable(
  'kubernetes_healthchecks_total',
  'Answers of checks.',
  'name',
  'type',
  'status',
);

/** Undefined: well. */
export type HealthCheck = () => string | undefined;

export class Health {
  readonly #result: Counter;
  readonly #results: Counter;

  constructor(registry: MetricRegistry) {
    this.#result = registry.gauge(RESULT);
    this.#results = registry.counter(RESULTS);
  }

  /** `type`: `healthz`, `livez` or `readyz`. */
  answer(
    type: string,
    checks: ReadonlyMap<string, HealthCheck>,
    query: URLSearchParams,
  ): HttpResponse {
    const excluded = new Set(query.getAll('exclude'));
    const results = [...checks]
      .filter(([check]) => !excluded.has(check))
      .map(([check, look]) => ({ check, problem: look() }));
    for (const { check, problem } of results) this.#count(check, type, problem === undefined);
    const isWell = results.every(({ problem }) => problem === undefined);
    if (isWell && !query.has('verbose')) return textResponse(200, 'ok');
    const lines = results.map(({ check, problem }) =>
      problem === undefined ? `[+]${check} ok` : `[-]${check} failed: ${problem}`,
    );
    const end = `${type} check ${isWell ? 'passed' : 'failed'}`;
    return textResponse(isWell ? 200 : 500, `${[...lines, end].join('\n')}\n`);
  }

  #count(check: string, type: string, isWell: boolean): void {
    this.#result.set([check, type], isWell ? 1 : 0);
    this.#results.add([check, type, isWell ? 'success' : 'error']);
  }
}
