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
import { errorResponse, jsonResponse, pageNotFound } from '#apiserver/respond.ts';
import { ZPages } from '#apiserver/zpages.ts';
import { observeStart } from '#apiserver/metrics/component-metrics.ts';
import { MetricsPage } from '#apiserver/metrics/page.ts';
import { methodNotAllowed } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { PageAccess } from './access.ts';
import { Health, type HealthCheck } from './health.ts';

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
  observeStart(slis, environment.clock.now());
  const health = new Health(slis);
  const page = new MetricsPage(metrics, slis);
  const all = new Map([...checks, ...readyChecks]);
  const pages = new Map<string, (query: URLSearchParams) => HttpResponse>([
    ['/healthz', (query) => health.answer('healthz', checks, query)],
    ['/livez', (query) => health.answer('livez', checks, query)],
    ['/readyz', (query) => health.answer('readyz', all, query)],
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
