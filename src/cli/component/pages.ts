/**
 * What a component says of itself over HTTP: health, metrics, its flags.
 *
 *   /healthz /livez /readyz   `ok`, or what is wrong, with 500
 *   /metrics                  Prometheus text
 *   /flagz /statusz           what it was started with, and since when
 *   /configz                  its configuration, of a component that has one
 *
 * Source: the kube-controller-manager and kube-scheduler references, v1.36; KEP-4827, KEP-4828.
 */
import { errorResponse, jsonResponse, pageNotFound, textResponse } from '#apiserver/respond.ts';
import { ZPages } from '#apiserver/zpages.ts';
import { MetricsPage } from '#apiserver/metrics/page.ts';
import { methodNotAllowed } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { PageAccess } from './access.ts';

/** Undefined: well. */
export type HealthCheck = () => string | undefined;

export interface PagesOptions {
  readonly environment: Pick<Environment, 'clock'>;
  readonly access: PageAccess;
  readonly metrics: MetricRegistry;
  /** By name; all of them make `/healthz`. */
  readonly checks: ReadonlyMap<string, HealthCheck>;
  /** Further ones that `/readyz` asks. */
  readonly readyChecks: ReadonlyMap<string, HealthCheck>;
  /** `kube-scheduler` */
  readonly name: string;
  readonly flags: ReadonlyMap<string, string>;
  /** What `/configz` shows; without it there is no such page. */
  readonly config?: object;
}

export function componentPages(options: PagesOptions): Handler {
  const { environment, name, access, checks, readyChecks, metrics, flags } = options;
  const slis = new MetricRegistry();
  slis.observed(
    {
      name: 'kubernetes_healthcheck',
      help: 'This metric records the result of all healthchecks.',
      stability: 'STABLE',
      labels: ['name', 'type'],
    },
    () => [...checks].map(([name, check]) => [[name, 'healthz'], check() === undefined ? 1 : 0]),
  );
  const page = new MetricsPage(metrics, slis);
  const all = new Map([...checks, ...readyChecks]);
  const pages = new Map<string, (query: URLSearchParams) => HttpResponse>([
    ['/healthz', (query) => health('healthz', checks, query)],
    ['/livez', (query) => health('livez', checks, query)],
    ['/readyz', (query) => health('readyz', all, query)],
    ['/metrics', () => page.answer('/metrics')],
    ['/metrics/slis', () => page.answer('/metrics/slis')],
  ]);
  if (options.config !== undefined) {
    const configs = { componentconfig: options.config };
    pages.set('/configz', () => jsonResponse(200, configs));
  }
  const paths = [...pages.keys(), '/flagz', '/statusz'].toSorted();
  const zPages = new ZPages({ environment, name, flags, paths, statusz: true, flagz: true });
  return async (request) => {
    try {
      await access.check(request);
      const { pathname, searchParams } = new URL(request.url, 'http://component');
      if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
      const answer = pages.get(pathname);
      if (answer !== undefined) return answer(searchParams);
      const header = (name: string): string => request.headers[name] ?? '';
      const context = { info: { path: pathname, query: searchParams }, header };
      return zPages.handle(context) ?? pageNotFound();
    } catch (error) {
      return errorResponse(error);
    }
  };
}

function health(
  name: string,
  checks: ReadonlyMap<string, HealthCheck>,
  query: URLSearchParams,
): HttpResponse {
  const excluded = new Set(query.getAll('exclude'));
  const results = [...checks]
    .filter(([check]) => !excluded.has(check))
    .map(([check, look]) => ({ check, problem: look() }));
  const isWell = results.every(({ problem }) => problem === undefined);
  if (isWell && !query.has('verbose')) return textResponse(200, 'ok');
  const lines = results.map(({ check, problem }) =>
    problem === undefined ? `[+]${check} ok` : `[-]${check} failed: ${problem}`,
  );
  const end = `${name} check ${isWell ? 'passed' : 'failed'}`;
  return textResponse(isWell ? 200 : 500, `${[...lines, end].join('\n')}\n`);
}
