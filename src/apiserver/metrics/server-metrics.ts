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
  #inFlight = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: ServerMetricsOptions) {
    const { registry } = options;
    this.registry = registry;
    this.#resources = options.resources;
    this.requests = registry.counter({
      name: 'apiserver_request_total',
      help: 'How many requests were answered, by what they asked for and the code of the answer.',
      stability: 'STABLE',
      labels: ['code', 'component', ...REQUEST],
    });
    this.durations = registry.histogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Seconds from a request to the head of its answer.',
        stability: 'STABLE',
        labels: ['component', ...REQUEST],
      },
      DURATION_BUCKETS,
    );
    this.ownDurations = registry.histogram(
      {
        name: 'apiserver_request_sli_duration_seconds',
        help: 'Seconds that requests took the server itself: without what they waited for webhooks and in queues.',
        stability: 'ALPHA',
        labels: ['component', ...REQUEST.slice(1)],
      },
      OWN_DURATION_BUCKETS,
    );
    this.sizes = registry.histogram(
      {
        name: 'apiserver_response_sizes',
        help: 'Bytes in the bodies of answers to reads.',
        stability: 'STABLE',
        labels: ['component', ...REQUEST.slice(1)],
      },
      SIZE_BUCKETS,
    );
    this.longRunning = registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'How many watches, streams and proxied requests go on.',
      stability: 'STABLE',
      labels: ['component', ...REQUEST.slice(1)],
    });
    this.terminations = registry.counter({
      name: 'apiserver_request_terminations_total',
      help: 'How many requests the server ended to protect itself.',
      stability: 'ALPHA',
      labels: ['code', 'component', ...REQUEST.slice(1)],
    });
    this.deprecated = registry.gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: 'Deprecated APIs that somebody has asked for (1), and the release that has them no more.',
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
  begin(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
      if (this.#inFlight > 0) return;
      for (const wake of this.#onIdle.splice(0)) wake();
    };
  }

  /** Resolves when no request is being answered, but for those that run long. */
  whenIdle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #observe({ resources, gates, startMs }: ServerMetricsOptions): void {
    const { registry } = this;
    registry.observed(
      {
        name: 'apiserver_storage_objects',
        help: 'Stored objects of each resource. Deprecated: apiserver_resource_objects tells the group too.',
        stability: 'STABLE',
        labels: ['resource'],
      },
      () => stored(resources).map(({ kind, count }) => [[nameOf(kind)], count] as const),
    );
    registry.observed(
      {
        name: 'apiserver_resource_objects',
        help: 'Stored objects of each resource.',
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
