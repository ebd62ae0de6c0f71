/**
 * What CoreDNS answers over HTTP, one handler for each of its ports: `/metrics` on 9153, `/health`
 * on 8080, `/ready` on 8181. Every other path is 404.
 */
import type { Handler, HttpResponse } from '#base/http/message.ts';
import type { MetricRegistry } from '#base/metrics.ts';

/** CoreDNS's ports. */
export const METRICS_PORT = 9153;
export const HEALTH_PORT = 8080;
export const READY_PORT = 8181;

const TEXT = 'text/plain; charset=utf-8';
const METRICS = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** `/metrics`: everything in `registry`. */
export function metricsPage(registry: MetricRegistry): Handler {
  return page('/metrics', () => text(200, registry.text(), METRICS));
}

/** `/health`: the process lives. */
export function healthPage(): Handler {
  return page('/health', () => text(200, 'OK'));
}

/** `/ready`: 200 when every name of the cluster can be answered, else 503 with who is not ready. */
export function readyPage(server: { readonly isReady: boolean }): Handler {
  return page('/ready', () => (server.isReady ? text(200, 'OK') : text(503, 'kubernetes')));
}

function page(path: string, answer: () => HttpResponse): Handler {
  return ({ url }) =>
    Promise.resolve(url.split('?', 1)[0] === path ? answer() : text(404, '404 page not found\n'));
}

function text(status: number, body: string, type = TEXT): HttpResponse {
  return {
    status,
    headers: { 'content-type': type },
    body: { kind: 'bytes', bytes: Buffer.from(body) },
  };
}
