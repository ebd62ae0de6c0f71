/**
 * The API server: a store in, a `Handler` out.
 *
 * No socket here: `src/edge/http-server.ts` puts the handler on the network, and components in the
 * same process call it directly (their identity comes as `peer.component`).
 */
import { type Environment, sleep } from '#base/env.ts';
import type { Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { AnyKind } from '#api/kind.ts';
import { SERVICE } from '#api/core/service.ts';
import { CEL_RULES } from '#api/structural/cel-rules.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { RuntimeConfig } from '#api/features/runtime-config.ts';
import { chosenKinds } from '#api/chosen-kinds.ts';
import type { Store } from '#store/store.ts';
import { AdmissionChain } from './admission/admission.ts';
import { admissionInOrder } from './admission/order.ts';
import { CacheReader } from './admission/reader.ts';
import { ServiceRepair } from './allocators/repair.ts';
import { ServiceAllocators } from './allocators/services.ts';
import {
  certificateAuthenticator,
  componentAuthenticator,
  composeAuthenticators,
} from './authn/authenticator.ts';
import { ServiceAccountTokens, tokenAuthenticator } from './authn/service-account-tokens.ts';
import { type Authorizer, composeAuthorizers, mastersAuthorizer } from './authz/authorizer.ts';
import { nodeAuthorizer } from './authz/node.ts';
import { rbacAuthorizer } from './authz/rbac.ts';
import { bootstrap, keptObjects } from './bootstrap/bootstrap.ts';
import { IdentityLease } from './bootstrap/identity-lease.ts';
import { FlowSchemaStatus } from './bootstrap/flow-schema-status.ts';
import { Keeper } from './bootstrap/keeper.ts';
import { LocalClient } from './bootstrap/local-client.ts';
import { RequestContext } from './context.ts';
import { DefinitionLoop } from './custom-resources/definition-loop.ts';
import { storagePrefixOf } from './custom-resources/definitions.ts';
import { CustomResourceServing } from './custom-resources/serving.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { pipeline } from './filters/filter.ts';
import { filtersInOrder } from './filters/order.ts';
import { Health } from './health.ts';
import { MetricsPage } from './metrics/page.ts';
import { MetricRegistry } from './metrics/registry.ts';
import { ServerMetrics } from './metrics/server-metrics.ts';
import { ZPages } from './zpages.ts';
import { Compactor } from './history/compactor.ts';
import { HISTORY_KINDS } from './history/paths.ts';
import { HISTORY_DEFAULTS, type HistoryPolicy } from './history/policy.ts';
import { createOpenApi } from './openapi/openapi.ts';
import { Registry } from './registry/registry.ts';
import { Resource } from './registry/resource.ts';
import { ResourceSet } from './registry/resource-set.ts';
import { Aggregator } from './aggregator/aggregator.ts';
import {
  REQUEST_HEADERS,
  requestHeaderAuthenticator,
  type RequestHeaderOptions,
} from './aggregator/identity.ts';
import type { GroupVersion } from './aggregator/registration.ts';
import { mergedDiscovery } from './aggregator/discovery.ts';
import { mergedOpenApi } from './aggregator/openapi.ts';
import type { FrontProxyIdentity, RemoteServices } from './aggregator/remote.ts';
import { AddressGuard } from './proxy/addresses.ts';
import { isProxied } from './proxy/handlers.ts';
import { type BackendConnector, NO_BACKENDS } from './proxy/transport.ts';
import { requestInfoOf } from './request-info.ts';
import { Router } from './router.ts';
import { locateWebhook } from './webhooks/locate.ts';
import type { KubeletConnector } from './subresources/kubelet.ts';
import { ParsedCache } from './watch-cache/entry.ts';
import { WatchHub } from './watch-cache/hub.ts';

export interface ApiServerOptions {
  readonly environment: Environment;
  readonly store: Store;
  /** Signs and checks service-account tokens: a PEM private key (EC P-256 or RSA). */
  readonly serviceAccountKey: string;
  readonly serviceAccountIssuer: string;
  /** PEM keys whose tokens are believed beside those of `serviceAccountKey`. */
  readonly trustedServiceAccountKeys?: readonly string[];
  /** CIDR of Service addresses; the first address is the `kubernetes` Service. */
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: { readonly from: number; readonly to: number };
  /** Where clients in the cluster reach this server. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** PEM bundle that clients check this server by; published as extension-apiserver-authentication. */
  readonly clientCa: string;
  /** The road to kubelets, for logs, exec, attach and port-forward. */
  readonly kubelets: KubeletConnector;
  /** The road to pods and to other API servers; without it there is none. */
  readonly backends?: BackendConnector;
  /** As whom this server speaks to other API servers; they believe it nothing without. */
  readonly frontProxy?: FrontProxyIdentity & {
    /** PEM bundle that other API servers check that certificate by. */
    readonly authority: string;
    /** What is believed of front proxies before this server; kubeadm's names unless given. */
    readonly requestHeaders?: Partial<RequestHeaderOptions>;
  };
  readonly limits?: Partial<ApiServerLimits>;
  readonly history?: Partial<HistoryPolicy>;
  /** `--feature-gates`; all at their defaults unless given. */
  readonly featureGates?: FeatureGates;
  /** Admission plug-ins that are switched off, by name. */
  readonly disabledAdmission?: readonly string[];
  /** Of the machine; the Lease of this server is named after it. `localhost` unless given. */
  readonly hostname?: string;
  /** False leaves the endpoints of the Service `kubernetes` to somebody else. */
  readonly publishesAddress?: boolean;
  /** What `/flagz` shows. */
  readonly flags?: ReadonlyMap<string, string>;
  /** `--runtime-config`: which versions are served. */
  readonly runtimeConfig?: RuntimeConfig;
  /** Sees each object that readers in this process will share; tests freeze it. */
  readonly onParsed?: (object: object) => void;
}

export interface ApiServerLimits {
  readonly readsInFlight: number;
  readonly writesInFlight: number;
  readonly requestTimeoutMs: number;
  readonly watches: number;
  readonly eventTtlSeconds: number;
  /** Between `/readyz` failing and the end of watches: load balancers look elsewhere meanwhile. */
  readonly shutdownDelayMs: number;
}

/** Upstream's defaults, but for the limit on watches, which upstream has not. */
const LIMITS: ApiServerLimits = {
  readsInFlight: 400,
  writesInFlight: 200,
  requestTimeoutMs: 60_000,
  watches: 10_000,
  eventTtlSeconds: 3_600,
  shutdownDelayMs: 0,
};

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
  const { environment, store } = options;
  const limits = { ...LIMITS, ...options.limits };
  const history = { ...HISTORY_DEFAULTS, ...options.history };
  const gates = options.featureGates ?? new FeatureGates();
  const hub = new WatchHub(store, environment, new ParsedCache(options.onParsed));
  const resourceOf = (kind: AnyKind): Resource =>
    new Resource({ kind, cache: hub.cache(kind.storagePrefix), hub });
  const cbor = gates.enabled('CBORServingAndStorage');
  const builtIn = chosenKinds(gates, options.runtimeConfig);
  const resources = new ResourceSet(builtIn.map(resourceOf));
  const reader = new CacheReader(hub, resources);
  const tokens = new ServiceAccountTokens({
    issuer: options.serviceAccountIssuer,
    audiences: [options.serviceAccountIssuer],
    key: options.serviceAccountKey,
    ...(options.trustedServiceAccountKeys === undefined
      ? {}
      : { trustedKeys: options.trustedServiceAccountKeys }),
  });
  const requestHeaders = { ...REQUEST_HEADERS, ...options.frontProxy?.requestHeaders };
  const authenticate = composeAuthenticators([
    componentAuthenticator(),
    requestHeaderAuthenticator(requestHeaders),
    certificateAuthenticator(gates.enabled('AllowParsingUserUIDFromCertAuth')),
    tokenAuthenticator(tokens, reader, () => environment.clock.now()),
  ]);
  const authorize: Authorizer = composeAuthorizers([
    mastersAuthorizer,
    nodeAuthorizer(reader),
    rbacAuthorizer(reader),
  ]);
  const client = new LocalClient((request) => handler(request));
  const services = new ServiceAllocators({
    reader,
    client,
    log: environment.log,
    clusterIpRange: options.serviceClusterIpRange,
    nodePortRange: options.serviceNodePortRange,
    random: environment.random,
  });
  const registry = new Registry({
    hub,
    environment,
    allocators: new Map([[SERVICE.storagePrefix, services]]),
    timeToLiveSeconds: ({ timeToLiveSeconds }) =>
      timeToLiveSeconds === undefined ? undefined : limits.eventTtlSeconds,
  });
  const backends = options.backends ?? NO_BACKENDS;
  const guard = new AddressGuard(options);
  const shutdown = new AbortController();
  const health = new Health();
  const remote: RemoteServices = {
    environment,
    reader,
    random: environment.random,
    guard,
    backends,
    identity: options.frontProxy,
  };
  const aggregator = new Aggregator({
    ...remote,
    client,
    local: {
      builtIn: groupVersionsOf(builtIn),
      custom: () => groupVersionsOf(resources.kinds().slice(builtIn.length)),
    },
  });
  resources.onChange = () => aggregator.registration.changed();
  const { apiServices } = aggregator;
  const startMs = environment.clock.now();
  const metrics = new ServerMetrics({ resources, gates, startMs });
  const router = new Router({
    environment,
    registry,
    resources,
    reader,
    tokens,
    authorize,
    health,
    admission: new AdmissionChain(
      admissionInOrder({ reader, authorize, environment, registry }).filter(
        ({ name }) => options.disabledAdmission?.includes(name) !== true,
      ),
    ),
    watchesMax: limits.watches,
    history,
    shutdown: shutdown.signal,
    discovery: mergedDiscovery({
      kinds: resources,
      others: HISTORY_KINDS,
      own: createDiscovery({
        kinds: resources,
        others: HISTORY_KINDS,
        serverAddress: `${options.advertise.address}:${options.advertise.port}`,
        versionHashes: gates.enabled('StorageVersionHash'),
      }),
      apiServices,
      remote: aggregator.discovery,
    }),
    openApi: mergedOpenApi({
      own: createOpenApi({
        kinds: resources,
        environment,
        enums: gates.enabled('OpenAPIEnums'),
        cbor,
      }),
      apiServices,
      services: remote,
    }),
    kubelets: options.kubelets,
    gates,
    zPages: new ZPages({
      environment,
      flags: options.flags ?? new Map(),
      statusz: gates.enabled('ComponentStatusz'),
      flagz: gates.enabled('ComponentFlagz'),
    }),
    metrics: new MetricsPage(metrics.registry, new MetricRegistry()),
    backends,
    guard,
  });
  const run = pipeline(
    filtersInOrder({
      authenticate: (context) => authenticate(context.request),
      authorize,
      inFlight: { reads: limits.readsInFlight, writes: limits.writesInFlight },
      requestTimeoutMs: limits.requestTimeoutMs,
      compresses: gates.enabled('APIResponseCompression'),
      metrics,
      isKnown: ({ info }) => resources.find(info.group, info.version, info.resource) !== undefined,
    }),
    (context) => {
      const other = aggregator.remoteOf(context.info.path);
      return other === undefined ? router.route(context) : aggregator.pass(context, other);
    },
  );
  const handler = (request: HttpRequest): Promise<HttpResponse> =>
    run(
      new RequestContext(request, requestInfoOf(request.method, request.url), environment, {
        cbor,
      }),
    );
  const compactor = new Compactor({ environment, hub, policy: history });
  const serving = new CustomResourceServing({
    hub,
    resources,
    reader,
    rules: CEL_RULES,
    conversion: {
      environment,
      locate: ({ clientConfig }) => locateWebhook(remote, clientConfig ?? {}),
    },
  });
  const definitions = new DefinitionLoop({
    environment,
    reader,
    client,
    instances: (definition) => hub.cache(storagePrefixOf(definition)),
  });
  const keeper = new Keeper({
    environment,
    reader,
    client,
    wanted: keptObjects(environment, options),
  });
  const identity = new IdentityLease({
    environment,
    client,
    reader,
    hostname: options.hostname ?? 'localhost',
    peerAddress: hostPort(options.advertise),
  });
  const flowSchemas = new FlowSchemaStatus({ environment, reader, client });
  const repair = new ServiceRepair({
    environment,
    reader,
    client,
    nodePortRange: options.serviceNodePortRange,
  });
  return {
    handler,
    streamsBody: ({ method, url }) =>
      aggregator.remoteOf(url.split('?', 1)[0] ?? '') !== undefined ||
      (url.includes('/proxy') && isProxied(requestInfoOf(method, url))),
    tokens,
    health,
    async start() {
      await hub.start();
      hub.onLost = (error) => {
        environment.log.error('the watch on the store ended', { error: error.message });
        health.fail('store', error.message);
      };
      services.start();
      serving.start();
      await bootstrap({ environment, handler, reader, options });
      keeper.start();
      await aggregator.start();
      health.ready();
      definitions.start();
      flowSchemas.start();
      repair.start();
      compactor.start();
      identity.start();
    },
    async stop() {
      health.fail('shutdown', 'process is shutting down');
      if (limits.shutdownDelayMs > 0) await sleep(environment, limits.shutdownDelayMs);
      keeper.stop();
      await identity.stop();
      flowSchemas.stop();
      repair.stop();
      compactor.stop();
      aggregator.stop();
      definitions.stop();
      shutdown.abort();
      await drained(metrics, environment, limits.requestTimeoutMs);
      hub.stop();
    },
  };
}

function hostPort({ address, port }: ApiServerOptions['advertise']): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
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

function groupVersionsOf(kinds: readonly AnyKind[]): GroupVersion[] {
  const all = kinds.map(
    ({ group, version }) => [`${group}/${version}`, { group, version }] as const,
  );
  return [...new Map(all).values()];
}
