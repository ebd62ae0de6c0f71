/**
 * The aggregation layer: requests for a group version that another server answers are passed on to
 * it, with the name of their user; all others are the router's.
 *
 * Source: upstream kube-aggregator/pkg/apiserver/handler_proxy.go.
 */
import { timeoutSignal } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { StatusError } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { discard } from '../proxy/forward.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import { textResponse } from '../respond.ts';
import { ApiServices, type RemoteApi } from './api-services.ts';
import { Availability } from './availability.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { type LocalGroupVersions, Registration } from './registration.ts';
import { pass, type RemoteServices } from './remote.ts';
import { RemoteDiscovery } from './remote-discovery.ts';

export interface AggregatorOptions extends RemoteServices {
  readonly client: LocalClient;
  readonly local: LocalGroupVersions;
  /** The road by which it is looked whether a server is there. */
  readonly checkBackends: BackendConnector;
}

/** For documents of discovery, which every client reads first. */
const DISCOVERY_TIMEOUT_MS = 5_000;
const REDIRECTED = 'the backend attempted to redirect this request, which is not permitted';

export class Aggregator {
  readonly apiServices: ApiServices;
  readonly registration: Registration;
  readonly discovery: RemoteDiscovery;
  readonly #services: RemoteServices;
  readonly #availability: Availability;

  constructor(options: AggregatorOptions) {
    this.#services = options;
    this.apiServices = new ApiServices(options.reader);
    this.registration = new Registration(options);
    this.discovery = new RemoteDiscovery(options, this.apiServices);
    const checks = { ...options, backends: options.checkBackends };
    this.#availability = new Availability(checks, this.apiServices, options.client);
  }

  /** When the caches are filled and this server answers. */
  async start(): Promise<void> {
    this.apiServices.refresh();
    await this.registration.start();
    this.#availability.start();
    this.discovery.start();
  }

  stop(): void {
    this.registration.stop();
    this.#availability.stop();
    this.discovery.stop();
  }

  /** Answers as the other server does, or 503 when it cannot. */
  async pass(context: RequestContext, remote: RemoteApi): Promise<HttpResponse> {
    if (!remote.isAvailable) return unavailable('service unavailable');
    let endpoint: Endpoint;
    try {
      endpoint = endpointOf(this.#services, remote);
    } catch {
      return unavailable('service unavailable');
    }
    try {
      return await this.#pass(context, remote, endpoint);
    } catch (error) {
      if (error instanceof StatusError) return unavailable(error.message);
      throw error;
    }
  }

  /** The other server that a path belongs to; undefined when it is this one that answers. */
  remoteOf(path: string): RemoteApi | undefined {
    // Asked for each request, of which most are of a cluster without other servers.
    if (!this.apiServices.hasRemote || !path.startsWith('/apis/')) return undefined;
    const segments = segmentsOf(path);
    const [root, group = '', version = ''] = segments;
    // What was authorized by its words is not to be read as another path by who cleans it.
    if (root !== 'apis' || segments.includes('..') || segments.includes('.')) return undefined;
    return this.apiServices.remote(group, version);
  }

  async #pass(
    context: RequestContext,
    remote: RemoteApi,
    endpoint: Endpoint,
  ): Promise<HttpResponse> {
    const { request, info, user, auditId } = context;
    const mark = request.url.indexOf('?');
    const call = {
      user,
      auditId,
      endpoint,
      path: decoded(info.path),
      query: mark < 0 ? '' : request.url.slice(mark),
      annotate: (key: string, value: string) => context.annotate(key, value),
    };
    if (segmentsOf(info.path).length > 3)
      return withoutRedirect(await pass(this.#services, remote, { ...call, request }));
    const { environment } = this.#services;
    const limit = timeoutSignal(environment, DISCOVERY_TIMEOUT_MS, request.signal);
    try {
      const limited = { ...request, signal: limit.signal };
      return withoutRedirect(await pass(this.#services, remote, { ...call, request: limited }));
    } finally {
      limit.release();
    }
  }
}

function segmentsOf(path: string): string[] {
  return decoded(path)
    .split('/')
    .filter((part) => part !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** In upstream's form, which is text. */
function unavailable(message: string): HttpResponse {
  const response = textResponse(503, `${message}\n`);
  return { ...response, headers: { ...response.headers, 'x-content-type-options': 'nosniff' } };
}

/** A client would take its credentials to wherever it is sent. */
function withoutRedirect(response: HttpResponse): HttpResponse {
  const { status, headers, body } = response;
  if (status < 300 || status > 399 || (headers['location'] ?? '') === '') return response;
  discard(body);
  return textResponse(502, REDIRECTED);
}
