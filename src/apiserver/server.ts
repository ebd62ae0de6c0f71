/**
 * The API server: a store in, a `Handler` out.
 *
 * No socket here: `src/edge/http-server.ts` puts the handler on the network, and components in the
 * same process call it directly (their identity comes as `peer.component`). What it is made of lies
 * in `assembly/`.
 */
import { type Environment, sleep } from '#base/env.ts';
import type { Handler, HttpRequest } from '#base/http/message.ts';
import { SERVICE } from '#api/core/service.ts';
import { ServiceAllocators } from './allocators/services.ts';
import { createAccess } from './assembly/access.ts';
import { createAggregation } from './assembly/aggregation.ts';
import { createCore, type ServerCore } from './assembly/core.ts';
import { createHandler } from './assembly/handler.ts';
import { createLoops, createServing } from './assembly/loops.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { bootstrap } from './bootstrap/bootstrap.ts';
import { KubernetesService } from './bootstrap/kubernetes-service.ts';
import type { Health } from './health.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';
import { isProxied } from './proxy/handlers.ts';
import { Registry } from './registry/registry.ts';
import { requestInfoOf } from './request-info.ts';
import type { ApiServerOptions } from './server-options.ts';

export interface ApiServer {
  readonly handler: Handler;
  /** Whether the handler passes on the body of such a request, and wants it as it comes. */
  streamsBody(request: Pick<HttpRequest, 'method' | 'url'>): boolean;
  readonly tokens: ServiceAccountTokens;
  readonly health: Health;
  /** Reads the store, makes what must exist, and is ready. */
  start(): Promise<void>;
  /**
   * `/readyz` fails first; after the delay watches end, and requests under way are waited for. The
   * store is the caller's to close.
   */
  stop(): Promise<void>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const core = createCore(options, (request) => handler(request));
  const { environment, limits, hub, health, shutdown } = core;
  const access = createAccess(core);
  const aggregation = createAggregation(core);
  const { aggregator } = aggregation;
  const services = createServiceAllocators(core);
  const registry = new Registry({
    hub,
    environment,
    allocators: new Map([[SERVICE.storagePrefix, services]]),
    timeToLiveSeconds: ({ timeToLiveSeconds }) =>
      timeToLiveSeconds === undefined ? undefined : limits.eventTtlSeconds,
  });
  const handler = createHandler({ core, access, aggregation, registry });
  const serving = createServing(core, aggregation);
  const loops = createLoops(core, { registry, serving });
  const kubernetes = new KubernetesService({ ...core, store: hub.store, system: options });
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    // Who asks before all objects are read waits: a part of them is no answer. Not who asks how it is.
    handler: (request) =>
      isOpen || HEALTH.test(request.url)
        ? handler(request)
        : opened.promise.then(() => handler(request)),
    streamsBody: ({ method, url }) =>
      aggregator.remoteOf(url.split('?', 1)[0] ?? '') !== undefined ||
      (url.includes('/proxy') && isProxied(requestInfoOf(method, url))),
    tokens: access.tokens,
    health,
    async start() {
      await core.encryption?.start(shutdown.signal);
      await hub.start();
      hub.onLost = (error) => {
        environment.log.error('the watch on the store ended', { error: error.message });
        health.fail('store', error.message);
      };
      services.start();
      serving.start();
      core.flowControl?.start();
      isOpen = true;
      opened.resolve();
      await bootstrap({ environment, handler, reader: core.reader, options, gates: core.gates });
      await aggregator.start();
      health.ready();
      await kubernetes.start();
      for (const loop of loops) loop.start();
    },
    async stop() {
      health.fail('shutdown', 'process is shutting down');
      await kubernetes.stop();
      if (limits.shutdownDelayMs > 0) await sleep(environment, limits.shutdownDelayMs);
      for (const loop of loops) await loop.stop();
      aggregator.stop();
      core.flowControl?.stop();
      shutdown.abort();
      await drained(core.metrics, environment, limits.requestTimeoutMs);
      await core.auditor?.stop();
      hub.stop();
    },
  };
}

const HEALTH = /^\/(healthz|livez|readyz)([/?]|$)/;

function createServiceAllocators(core: ServerCore): ServiceAllocators {
  const { options, environment, reader, client } = core;
  return new ServiceAllocators({
    reader,
    client,
    clock: environment.clock,
    log: environment.log,
    metricRegistry: core.metrics.registry,
    clusterIpRange: options.serviceClusterIpRange,
    nodePortRange: options.serviceNodePortRange,
    random: environment.random,
  });
}

/** Resolves when no request is under way, or when none can be any more. */
async function drained(
  metrics: ServerMetrics,
  environment: Environment,
  limitMs: number,
): Promise<void> {
  const over = new AbortController();
  const idle = metrics.whenIdle().then(() => over.abort());
  await Promise.race([idle, sleep(environment, limitMs, over.signal)]);
}
