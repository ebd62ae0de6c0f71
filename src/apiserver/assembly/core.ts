/** What all parts of an API server share: its kinds and their caches, the state of its life. */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { chosenKinds } from '#api/chosen-kinds.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { AnyKind } from '#api/kind.ts';
import { TransformingStore } from '#store/transforming.ts';
import { CacheReader } from '../admission/reader.ts';
import { Auditor } from '../audit/auditor.ts';
import { serverIdentity } from '../bootstrap/identity-lease.ts';
import { LocalClient } from '../bootstrap/local-client.ts';
import { Encryption } from '../encryption/encryption.ts';
import { resourcesByKey } from '../encryption/transformer.ts';
import { FlowControl } from '../flow-control/flow-control.ts';
import { Health } from '../health.ts';
import { CertificateMetrics } from '../metrics/certificate-metrics.ts';
import { ServerMetrics } from '../metrics/server-metrics.ts';
import { FaultCounter } from '../proxy/certificate-faults.ts';
import { type BackendConnector, NO_BACKENDS } from '../proxy/transport.ts';
import { Resource } from '../registry/resource.ts';
import { ResourceSet } from '../registry/resource-set.ts';
import { type ApiServerLimits, type ApiServerOptions, LIMITS } from '../server-options.ts';
import { ParsedCache } from '../watch-cache/entry.ts';
import { WatchHub } from '../watch-cache/hub.ts';

export interface ServerCore {
  readonly options: ApiServerOptions;
  readonly environment: Environment;
  readonly limits: ApiServerLimits;
  readonly gates: FeatureGates;
  readonly hub: WatchHub;
  /** The kinds that are served from the start; custom resources come and go. */
  readonly builtIn: readonly AnyKind[];
  readonly resources: ResourceSet;
  readonly reader: CacheReader;
  /** Asks this server itself, as system:apiserver. */
  readonly client: LocalClient;
  /** The road to pods and other servers. */
  readonly backends: BackendConnector;
  /** The same to webhooks of all kinds. */
  readonly webhookBackends: BackendConnector;
  readonly health: Health;
  readonly metrics: ServerMetrics;
  /** Undefined where values lie in the store as they are. */
  readonly encryption: Encryption | undefined;
  /** Priority and fairness; undefined where it is off. */
  readonly flowControl: FlowControl | undefined;
  /** Undefined where nothing is audited. */
  readonly auditor: Auditor | undefined;
  /** Aborted when watches and other long requests must end. */
  readonly shutdown: AbortController;
}

/** `handler`: the server's own; it is asked once the server is whole. */
export function createCore(options: ApiServerOptions, handler: Handler): ServerCore {
  const { environment, backends = NO_BACKENDS } = options;
  const gates = options.featureGates ?? new FeatureGates();
  const builtIn = chosenKinds(gates, options.runtimeConfig);
  const registry = new MetricRegistry();
  const encryption = createEncryption(options, builtIn, registry);
  const store =
    encryption === undefined ? options.store : new TransformingStore(options.store, encryption);
  const hub = new WatchHub(store, environment, new ParsedCache(options.onParsed));
  const faults = new FaultCounter(new CertificateMetrics(registry, 'webhooks'), environment.log);
  const resources = new ResourceSet(
    builtIn.map((kind) => new Resource({ kind, cache: hub.cache(kind.storagePrefix), hub })),
  );
  const base = {
    options,
    environment,
    limits: { ...LIMITS, ...options.limits },
    gates,
    hub,
    builtIn,
    resources,
    reader: new CacheReader(hub, resources),
    client: new LocalClient(handler),
    backends,
    webhookBackends: faults.backends(backends),
    health: createHealth(encryption),
    metrics: new ServerMetrics({
      registry,
      resources,
      gates,
      startMs: environment.clock.now(),
    }),
    encryption,
    shutdown: new AbortController(),
  };
  return { ...base, flowControl: createFlowControl(base), auditor: createAuditor(base, faults) };
}

type BaseCore = Omit<ServerCore, 'flowControl' | 'auditor'>;

function createHealth(encryption: Encryption | undefined): Health {
  const health = new Health();
  if (encryption !== undefined) health.addHealthCheck('kms-providers', () => encryption.wrong);
  return health;
}

function createFlowControl(core: BaseCore): FlowControl | undefined {
  const { options, environment, reader, metrics, limits, gates, resources } = core;
  if (options.priorityAndFairness === false) return undefined;
  return new FlowControl({
    environment,
    reader,
    metrics: metrics.registry,
    seats: limits.readsInFlight + limits.writesInFlight,
    sizeOf: ({ group, version, resource }) => {
      const found = resources.find(group, version, resource)?.cache;
      return found && { objects: found.size, bytes: found.bytes };
    },
    bySize: gates.enabled('SizeBasedListCostEstimate'),
    watchList: gates.enabled('WatchList'),
  });
}

function createAuditor(
  { options, environment, metrics }: BaseCore,
  faults: FaultCounter,
): Auditor | undefined {
  const { audit } = options;
  if (audit === undefined) return undefined;
  const { webhook } = audit;
  const counted = webhook && {
    webhook: { ...webhook, handler: faults.handler(webhook.handler, 'the audit webhook') },
  };
  return new Auditor({ ...audit, ...counted }, { environment, metrics: metrics.registry });
}

function createEncryption(
  { encryption, environment, hostname = 'localhost' }: ApiServerOptions,
  builtIn: readonly AnyKind[],
  registry: MetricRegistry,
): Encryption | undefined {
  if (encryption === undefined) return undefined;
  const serverId = serverIdentity(hostname);
  return new Encryption(encryption, {
    environment,
    registry,
    serverId,
    resourceOf: resourcesByKey(builtIn),
  });
}
