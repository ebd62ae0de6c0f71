/**
 * `/stats/summary` and the pages of metrics.
 *
 * Upstream: pkg/kubelet/server/server.go, pkg/kubelet/server/stats/handler.go, v1.36.
 */
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { type CadvisorFacts, cadvisorMetrics } from '../stats/cadvisor-metrics.ts';
import type { KubeletMetrics } from '../stats/kubelet-metrics.ts';
import type { NodeStats } from '../stats/node-stats.ts';
import { resourceMetrics } from '../stats/resource-metrics.ts';
import { fullSummary, usageSummary } from '../stats/summary.ts';
import { jsonResponse, metricsResponse, notFound, textResponse } from './responses.ts';

export interface StatsPagesOptions {
  readonly environment: Environment;
  readonly stats: Pick<NodeStats, 'usage' | 'full'>;
  readonly metrics: KubeletMetrics;
  readonly facts: CadvisorFacts;
}

export async function serveSummary(
  query: URLSearchParams,
  { environment, stats }: StatsPagesOptions,
): Promise<HttpResponse> {
  const wanted = query.getAll('only_cpu_and_memory');
  const isUsageAlone = wanted.length === 1 && wanted[0] === 'true';
  try {
    return jsonResponse(
      isUsageAlone ? usageSummary(await stats.usage()) : fullSummary(await stats.full()),
    );
  } catch (error) {
    environment.log.error('cannot make summary', { error: messageOf(error) });
    return textResponse(500, `Internal Error: ${messageOf(error)}`);
  }
}

/** `page`: what comes after `/metrics/`; empty for `/metrics`. */
export async function serveMetrics(
  page: string,
  { environment, stats, metrics, facts }: StatsPagesOptions,
): Promise<HttpResponse> {
  // Who reads metrics is told of a failure by a metric.
  const orNothing = (error: unknown): undefined => {
    environment.log.error('cannot read stats', { page, error: messageOf(error) });
    return undefined;
  };
  switch (page) {
    case '':
      return metricsResponse(metrics.registry.text());
    case 'probes':
      return metricsResponse(metrics.probes.registry.text());
    case 'resource':
      return metricsResponse(resourceMetrics(await stats.usage().catch(orNothing)));
    case 'cadvisor':
      return metricsResponse(cadvisorMetrics(await stats.full().catch(orNothing), facts));
    default:
      return notFound();
  }
}
