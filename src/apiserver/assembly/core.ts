/** What all parts of an API server share: its kinds and their caches, the state of its life. */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { chosenKinds } from '#api/chosen-kinds.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { AnyKind } from '#api/kind.ts';
import { CacheReader } from '../admission/reader.ts';
import { Auditor } from '../audit/auditor.ts';
import { LocalClient } from '../bootstrap/local-client.ts';
import { FlowControl } from '../flow-control/flow-control.ts';
import { Health } from '../health.ts';
import { ServerMetrics } from '../metrics/server-metrics.ts';
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
  readonly health: Health;
  readonly metrics: ServerMetrics;
  /** Priority and fairness; undefined where it is off. */
  readonly flowControl: FlowControl | undefined;
  /** Undefined where nothing is audited. */
  readonly auditor: Auditor | undefined;
  /** Aborted when watches and other long requests must end. */
  readonly shutdown: AbortController;
}

/** `handler`: the server's own; it is asked once the server is whole. */
export function createCore(options: ApiServerOptions, handler: Handler): ServerCore {
  const { environment, store } = options;
  const gates = options.featureGates ?? new FeatureGates();
  const hub = new WatchHub(store, environment, new ParsedCache(options.onParsed));
  const builtIn = chosenKinds(gates, options.runtimeConfig);
  const resources = new ResourceSet(
    builtIn.map((kind) => new Resource({ kind, cache: hub.cache(kind.storagePrefix), hub })),
  );
  const metrics = new ServerMetrics({ resources, gates, startMs: environment.clock.now() });
  const limits = { ...LIMITS, ...options.limits };
  const reader = new CacheReader(hub, resources);
  return {
    options,
    environment,
    limits,
    gates,
    hub,
    builtIn,
    resources,
    reader,
    client: new LocalClient(handler),
    health: new Health(),
    metrics,
    flowControl:
      options.priorityAndFairness === false
        ? undefined
        : new FlowControl({
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
          }),
    auditor:
      options.audit === undefined
        ? undefined
        : new Auditor(options.audit, { environment, metrics: metrics.registry }),
    shutdown: new AbortController(),
  };
}
