/**
 * The health-check node ports: where a load balancer asks whether this node has endpoints of a
 * Service whose traffic stays on its node (`externalTrafficPolicy: Local`).
 *
 * A port is open while a Service wants it. Each request is answered from what is known then: 200
 * when there is a ready endpoint here and the rules are in the kernel, 503 else.
 *
 * Upstream: pkg/proxy/healthcheck/service_health.go, v1.36.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import type { EventRecorder } from '#client/events.ts';
import { keyOf } from '#client/informer.ts';
import { localReadyCount } from './endpoints.ts';
import { isProxied } from './proxied.ts';

/** Serves plain HTTP on this port of every address of the node; rejects when it is taken. */
export type Listen = (port: number, handler: Handler) => Promise<{ close(): Promise<void> }>;

export interface HealthCheckOptions {
  readonly environment: Environment;
  readonly listen: Listen;
  readonly events: EventRecorder;
  readonly nodeName: string;
  /** Whether the rules that the kernel has are those of now. */
  readonly isProxyHealthy: () => boolean;
}

interface Check {
  readonly service: Service;
  readonly port: number;
  readonly localEndpoints: number;
}

export class HealthChecks {
  readonly #options: HealthCheckOptions;
  /**
   * By `namespace/name` of the Service. The API server gives a port to one Service alone, but the
   * next may be seen before the last is gone.
   */
  readonly #checks = new Map<string, Check>();
  readonly #listeners = new Map<number, { close(): Promise<void> }>();
  /** Opening and closing, one after the other. */
  #work = Promise.resolve();

  constructor(options: HealthCheckOptions) {
    this.#options = options;
  }

  /** What the Service under this key is now; undefined: it is gone. */
  update(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const port = service === undefined ? 0 : healthCheckPort(service);
    const before = this.#checks.get(key);
    if (service === undefined || port === 0) this.#checks.delete(key);
    else {
      const localEndpoints = localReadyCount(slices, this.#options.nodeName);
      this.#checks.set(key, { service, port, localEndpoints });
    }
    if (before?.port === port) return;
    for (const changed of [before?.port ?? 0, port]) if (changed !== 0) this.#arrange(changed);
  }

  /** Closes every port; resolves when all are. */
  async stop(): Promise<void> {
    const ports = [...this.#checks.values()].map(({ port }) => port);
    this.#checks.clear();
    for (const port of ports) this.#arrange(port);
    await this.#work;
  }

  /** Opens the port if a Service wants it, closes it if none does, once what is under way has ended. */
  #arrange(port: number): void {
    const step = async (): Promise<void> => {
      const check = this.#checkOf(port);
      const listener = this.#listeners.get(port);
      if (check !== undefined && listener === undefined) await this.#open(check);
      if (check === undefined && listener !== undefined) {
        this.#listeners.delete(port);
        await listener.close();
      }
    };
    this.#work = this.#work.then(step).catch((error: unknown) => {
      this.#options.environment.log.error('health-check port', { port, error: messageOf(error) });
    });
  }

  async #open({ port, service }: Check): Promise<void> {
    const { listen, nodeName, events } = this.#options;
    try {
      this.#listeners.set(port, await listen(port, () => Promise.resolve(this.#answer(port))));
    } catch (error) {
      events.event({
        // Objects in lists come without their kind; a reference needs it.
        about: { ...service, apiVersion: 'v1', kind: 'Service' },
        type: 'Warning',
        reason: 'FailedToStartServiceHealthcheck',
        message: `node ${nodeName} failed to start healthcheck ${JSON.stringify(keyOf(service))} on port ${port}: ${messageOf(error)}`,
      });
    }
  }

  #checkOf(port: number): Check | undefined {
    return [...this.#checks.values()].findLast((check) => check.port === port);
  }

  #answer(port: number): HttpResponse {
    const check = this.#checkOf(port);
    const { name = '', namespace = '' } = check?.service.metadata ?? {};
    const localEndpoints = check?.localEndpoints ?? 0;
    const serviceProxyHealthy = this.#options.isProxyHealthy();
    const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy };
    return {
      status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
      headers: {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(localEndpoints),
      },
      body: { kind: 'bytes', bytes: Buffer.from(`${JSON.stringify(body)}\n`) },
    };
  }
}

/** 0: it has none. */
function healthCheckPort(service: Service): number {
  const { type, externalTrafficPolicy, healthCheckNodePort = 0 } = service.spec ?? {};
  const isLocal = type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
  return isLocal && isProxied(service) ? healthCheckNodePort : 0;
}
