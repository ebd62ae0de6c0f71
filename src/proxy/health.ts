/**
 * The health of the proxy of this node, and whether load balancers shall still send it new
 * connections: `/healthz` says both, `/livez` the health alone.
 *
 * Changes that wait too long for the kernel make it unhealthy; a node that is about to go is not
 * eligible (KEP-3836). Upstream: pkg/proxy/healthcheck/proxy_health.go, v1.36.
 */
import type { Node } from '#api/gen/core-v1.ts';
import type { Clock } from '#base/env.ts';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import type { Counter, MetricRegistry } from '#base/metrics.ts';
import { alpha } from '#base/metrics.ts';

/** What the cluster autoscaler puts on a node before it takes it away. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';

const HEALTHZ = alpha('kubeproxy_proxy_healthz_total', 'Answers of /healthz, by status.', 'code');
const LIVEZ = alpha('kubeproxy_proxy_livez_total', 'Answers of /livez, by status.', 'code');

export class ProxyHealth {
  readonly #clock: Clock;
  /** How long a change may wait for the kernel, in milliseconds. */
  readonly #timeoutMs: number;
  readonly #healthz: Counter;
  readonly #livez: Counter;
  /** When the oldest change came that the kernel has not; undefined: it has all. */
  #queuedMs: number | undefined;
  #updated = 0;
  #isEligible = true;

  constructor(clock: Clock, timeoutMs: number, metrics: MetricRegistry) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#healthz = metrics.counter(HEALTHZ);
    this.#livez = metrics.counter(LIVEZ);
  }

  /** A change came that the kernel is to have. */
  queued(): void {
    this.#queuedMs ??= this.#clock.monotonicMs();
  }

  /** The kernel has all changes. */
  updated(): void {
    this.#queuedMs = undefined;
    this.#updated = this.#clock.now();
  }

  /** The Node of this proxy; undefined: it was deleted. */
  node(node: Node | undefined): void {
    const isGoing =
      node === undefined ||
      node.metadata?.deletionTimestamp !== undefined ||
      (node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT);
    this.#isEligible = !isGoing;
  }

  /** Before the first update too: a proxy that starts is well. */
  get isHealthy(): boolean {
    const queuedMs = this.#queuedMs;
    if (queuedMs === undefined || this.#updated === 0) return true;
    return this.#clock.monotonicMs() - queuedMs < this.#timeoutMs;
  }

  /** The pages, for plain HTTP: anybody may ask. */
  get handler(): Handler {
    return ({ url }) => Promise.resolve(this.#answer(url.split('?')[0] ?? ''));
  }

  #answer(path: string): HttpResponse {
    if (path !== '/healthz' && path !== '/livez') return notFound();
    const isHealthz = path === '/healthz';
    const isWell = this.isHealthy && (!isHealthz || this.#isEligible);
    const now = this.#clock.now();
    // As of now, when all is well: whoever looks at its age looks at the health.
    const lastUpdated = timeText(isWell ? now : this.#updated);
    const times = `{"lastUpdated": "${lastUpdated}","currentTime": "${timeText(now)}"`;
    const status = isWell ? 200 : 503;
    (isHealthz ? this.#healthz : this.#livez).add([String(status)]);
    return {
      status,
      headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' },
      body: {
        kind: 'bytes',
        bytes: Buffer.from(
          isHealthz ? `${times}, "nodeEligible": ${this.#isEligible}}` : `${times}}`,
        ),
      },
    };
  }
}

function notFound(): HttpResponse {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  return {
    status: 404,
    headers,
    body: { kind: 'bytes', bytes: Buffer.from('404 page not found\n') },
  };
}

/** As Go prints a time in UTC: `2026-11-22 19:07:25.5 +0000 UTC`. */
function timeText(ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T');
  return `${date} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}
