/**
 * The API server's own metrics, with upstream's names, labels and buckets.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go; the metrics
 * reference of v1.36.
 */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { AnyKind } from '#api/kind.ts';
import type { RequestInfo } from '../request-info.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { Counter, Histogram } from '#base/metrics.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { hasSubresource } from '../discovery/subresources.ts';
import { observeComponent } from './component-metrics.ts';

const COMPONENT = 'apiserver';
/** Paths of no resource that upstream counts. */
const COUNTED = new Set(['/healthz', '/livez', '/readyz', '/metrics', '/version']);
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45,
  60,
];
/** Of what the server is held to: below that nobody has anything to say. */
const OWN_DURATION_BUCKETS = DURATION_BUCKETS.filter((seconds) => seconds >= 0.05);
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const REQUEST = ['dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'];

export interface ServerMetricsOptions {
  readonly registry: MetricRegistry;
  readonly resources: ResourceSet;
  readonly gates: FeatureGates;
  readonly startMs: number;
}

export class ServerMetrics {
  readonly registry: MetricRegistry;
  readonly requests: Counter;
  readonly durations: Histogram;
  /** Without what requests have waited for by the will of others. */
  readonly ownDurations: Histogram;
  readonly sizes: Histogram;
  readonly longRunning: Counter;
  readonly terminations: Counter;
  readonly deprecated: Counter;
  readonly #resources: ResourceSet;
  readonly #inFlight = { readOnly: 0, mutating: 0 };
  #onIdle: (() => void)[] = [];

  constructor(options: ServerMetricsOptions) {
    const { registry } = options;
    this.registry = registry;
    this.#resources = options.resources;
    this.requests = registry.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      stability: 'STABLE',
      labels: ['code', 'component', ...REQUEST],
    });
    this.durations = registry.histogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
        stability: 'STABLE',
        labels: ['component', ...REQUEST],
      },
      DURATION_BUCKETS,
    );
    this.ownDurations = registry.histogram(
      {
        name: 'apiserver_request_sli_duration_seconds',
        help: 'Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
        stability: 'ALPHA',
        labels: ['component', ...REQUEST.slice(1)],
      },
      OWN_DURATION_BUCKETS,
    );
    this.sizes = registry.histogram(
      {
        name: 'apiserver_response_sizes',
        help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
        stability: 'STABLE',
        labels: ['component', ...REQUEST.slice(1)],
      },
      SIZE_BUCKETS,
    );
    this.longRunning = registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      stability: 'STABLE',
      labels: ['component', ...REQUEST.slice(1)],
    });
    this.terminations = registry.counter({
      name: 'apiserver_request_terminations_total',
      help: 'Number of requests which apiserver terminated in self-defense.',
      stability: 'ALPHA',
      labels: ['code', 'component', ...REQUEST.slice(1)],
    });
    this.deprecated = registry.gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: 'Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
      stability: 'STABLE',
      labels: ['group', 'removed_release', 'resource', 'subresource', 'version'],
    });
    this.#observe(options);
  }

  /**
   * Whether the request has a route: only then are its labels ours, and not words of a client that
   * would be kept for ever (CVE-2020-8552).
   */
  hasRoute({ group, version, resource, subresource, path }: RequestInfo): boolean {
    if (COUNTED.has(path)) return true;
    const found = this.#resources.find(group, version, resource);
    if (found === undefined || subresource === '') return found !== undefined;
    return hasSubresource(found.kind, subresource);
  }

  /** The server has ended a request in its own defence, with this code. */
  terminated(code: number, info: RequestInfo, method: string): void {
    const nowhere = [COMPONENT, '', '', '', '', '', knownMethod(method), ''];
    const labels = this.hasRoute(info) ? requestLabels(info, method, '') : nowhere;
    const [component = '', , ...rest] = labels;
    this.terminations.add([String(code), component, ...rest]);
  }

  /** A request begins; answers how to say that it ended. */
  begin(kind: 'readOnly' | 'mutating'): () => void {
    this.#inFlight[kind] += 1;
    return () => {
      this.#inFlight[kind] -= 1;
      if (this.#inFlightCount() > 0) return;
      for (const wake of this.#onIdle.splice(0)) wake();
    };
  }

  /** Resolves when no request is being answered, but for those that run long. */
  whenIdle(): Promise<void> {
    if (this.#inFlightCount() === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #inFlightCount(): number {
    return this.#inFlight.readOnly + this.#inFlight.mutating;
  }

  #observe({ resources, gates, startMs }: ServerMetricsOptions): void {
    const { registry } = this;
    registry.observed(
      {
        name: 'apiserver_current_inflight_requests',
        help: 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
        stability: 'STABLE',
        labels: ['request_kind'],
      },
      () => Object.entries(this.#inFlight).map(([kind, count]) => [[kind], count] as const),
    );
    registry.observed(
      {
        name: 'apiserver_storage_objects',
        help: '[DEPRECATED, consider using apiserver_resource_objects instead] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
        stability: 'STABLE',
        labels: ['resource'],
      },
      () => stored(resources).map(({ kind, count }) => [[nameOf(kind)], count] as const),
    );
    registry.observed(
      {
        name: 'apiserver_resource_objects',
        help: 'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
        stability: 'ALPHA',
        labels: ['group', 'resource'],
      },
      () => stored(resources).map(({ kind, count }) => [[kind.group, kind.plural], count] as const),
    );
    observeComponent(registry, { gates, startMs });
  }
}

function stored(resources: ResourceSet): { kind: AnyKind; count: number }[] {
  const seen = new Set<string>();
  return resources.kinds().flatMap((kind) => {
    const resource = resources.find(kind.group, kind.version, kind.plural);
    if (resource === undefined || seen.has(kind.storagePrefix) || !kind.verbs.includes('watch'))
      return [];
    seen.add(kind.storagePrefix);
    return [{ kind, count: resource.cache.size }];
  });
}

function nameOf({ group, plural }: AnyKind): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** `component dry_run group resource scope subresource verb version`, as upstream names them. */
export function requestLabels(info: RequestInfo, method: string, dryRun: string): string[] {
  if (!info.isResourceRequest)
    return [COMPONENT, '', '', '', '', info.path, knownMethod(method), ''];
  const { group, resource, subresource, version } = info;
  return [
    COMPONENT,
    dryRun,
    group,
    resource,
    scopeOf(info),
    subresource,
    verbOf(info, method),
    version,
  ];
}

function scopeOf({ name, namespace }: RequestInfo): string {
  if (name !== '') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

const VERBS: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};
const CONNECTS = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

function verbOf({ verb, subresource }: RequestInfo, method: string): string {
  if (subresource !== 'log' && CONNECTS.has(subresource)) return 'CONNECT';
  return VERBS[verb] ?? knownMethod(method);
}

const METHODS = new Set(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT']);

/** Each value of a label is kept for ever, and in HTTP/2 any word is a method (CVE-2020-8552). */
function knownMethod(method: string): string {
  return METHODS.has(method) ? method : 'other';
}
