/**
 * What the proxy says of itself at its address of metrics, to anybody who reaches that:
 * `/metrics`, `/proxyMode`, `/configz`, `/healthz`.
 *
 * Source: upstream v1.36 cmd/kube-proxy/app/server.go (serveMetrics).
 */
import { observeStart } from '#apiserver/metrics/component-metrics.ts';
import { MetricsPage } from '#apiserver/metrics/page.ts';
import { errorResponse, jsonResponse, pageNotFound, textResponse } from '#apiserver/respond.ts';
import { methodNotAllowed } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { ProxyConfig } from './config.ts';

export function metricsPages(options: {
  readonly metrics: MetricRegistry;
  readonly config: ProxyConfig;
  readonly clock: Clock;
}): Handler {
  const { metrics, config, clock } = options;
  const slis = new MetricRegistry();
  observeStart(slis, clock.now());
  const page = new MetricsPage(metrics, slis);
  const pages = new Map<string, () => HttpResponse>([
    ['/metrics', () => page.answer('/metrics')],
    ['/metrics/slis', () => page.answer('/metrics/slis')],
    ['/proxyMode', () => textResponse(200, 'nftables')],
    ['/configz', () => jsonResponse(200, { 'kubeproxy.config.k8s.io': config })],
    ['/healthz', () => textResponse(200, 'ok')],
  ]);
  return ({ url, method }) => {
    const isRead = method === 'GET' || method === 'HEAD';
    const answer = pages.get(url.split('?')[0] ?? '') ?? pageNotFound;
    return Promise.resolve(isRead ? answer() : errorResponse(methodNotAllowed()));
  };
}
