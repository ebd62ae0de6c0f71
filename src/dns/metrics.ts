/**
 * Metrics with the names, labels and buckets of CoreDNS's plug-ins `prometheus`, `cache`, `forward`
 * and `kubernetes`, for a server of the one zone "." on port 53. What they say they are (the help) is
 * in our words.
 *
 * Counted for each query, so counters are numbers in an array, read when somebody asks.
 */
import {
  exponentialBuckets,
  type Histogram,
  type MetricHead,
  type MetricRegistry,
} from '#base/metrics.ts';
import type { CacheType } from './cache.ts';

export type Transport = 'udp' | 'tcp';
/** Which part of the server made an answer; empty: none did, it is an error. */
export type Plugin = '' | 'hosts' | 'kubernetes' | 'cache' | 'forward' | 'loop';

/** Of a query, what is counted. */
export interface Asked {
  readonly type: number;
  readonly transport: Transport;
  /** Of the client's address. */
  readonly family: 4 | 6;
  readonly bytes: number;
  readonly dnssecOk: boolean;
  /** Monotonic. */
  readonly startedMs: number;
}

const ZONE = '.';
/** The zone of what was refused before anybody looked at its name. */
const DROPPED = 'dropped';
const ZONES = [ZONE, DROPPED] as const;
const VIEW = '';
const TRANSPORTS = ['udp', 'tcp'] as const;
const PLUGINS: readonly Plugin[] = ['', 'hosts', 'kubernetes', 'cache', 'forward', 'loop'];

/** Types with a label of their own; all others are "other". */
const TYPE_LABELS: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  50: 'NSEC3',
  65: 'HTTPS',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
};
const OTHER = 'other';
const TYPE_NAMES = [OTHER, ...Object.values(TYPE_LABELS)];
/** By type: where its name stands in `TYPE_NAMES`. */
const TYPE_INDEX = new Map(
  Object.entries(TYPE_LABELS).map(([type, name]) => [Number(type), TYPE_NAMES.indexOf(name)]),
);

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const RCODES_MAX = 16;

const TIME_BUCKETS = exponentialBuckets(0.00025, 2, 16);
const SIZE_BUCKETS = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3];
const PROGRAMMING_BUCKETS = exponentialBuckets(0.001, 2, 20);

function head(name: string, help: string, ...labels: readonly string[]): MetricHead {
  return { name: `coredns_${name}`, help, labels };
}

export class DnsMetrics {
  readonly #registry: MetricRegistry;
  readonly #server: string;
  readonly #requests = new Float64Array(ZONES.length * 4 * TYPE_NAMES.length);
  readonly #responses = new Float64Array(ZONES.length * PLUGINS.length * RCODES_MAX);
  readonly #dnssec = new Float64Array(ZONES.length);
  readonly #durations: Histogram;
  readonly #requestSizes: Histogram;
  readonly #responseSizes: Histogram;
  /** Labels of the histograms: made once. */
  readonly #sizeLabels: readonly (readonly string[])[];
  readonly #durationLabels: readonly (readonly string[])[];
  readonly #cache = {
    requests: 0,
    misses: 0,
    hits: { success: 0, denial: 0 },
    evictions: { success: 0, denial: 0 },
  };

  /** `server`: as CoreDNS names where it listens, `dns://:53`. */
  constructor(registry: MetricRegistry, server: string) {
    this.#registry = registry;
    this.#server = server;
    this.#durations = registry.histogram(
      head(
        'dns_request_duration_seconds',
        'How long queries took.',
        'server',
        'zone',
        'view',
        'type',
      ),
      TIME_BUCKETS,
    );
    const sized = ['server', 'zone', 'view', 'proto'];
    this.#requestSizes = registry.histogram(
      head('dns_request_size_bytes', 'Sizes of queries.', ...sized),
      SIZE_BUCKETS,
    );
    this.#responseSizes = registry.histogram(
      head('dns_response_size_bytes', 'Sizes of answers.', ...sized),
      SIZE_BUCKETS,
    );
    this.#sizeLabels = ZONES.flatMap((zone) =>
      TRANSPORTS.map((proto) => [server, zone, VIEW, proto]),
    );
    this.#durationLabels = ZONES.flatMap((zone) =>
      TYPE_NAMES.map((type) => [server, zone, VIEW, type]),
    );
    this.#observeQueries();
    this.#observeCache();
    registry.counter(PANICS);
  }

  /** A query and its answer, at `nowMs` (monotonic). */
  answered(asked: Asked, answer: Uint8Array, plugin: Plugin, nowMs: number): void {
    const rcode = (answer[3] ?? 0) & 15;
    const zone = plugin === '' && rcode !== 2 ? 1 : 0;
    const transport = asked.transport === 'udp' ? 0 : 1;
    const type = TYPE_INDEX.get(asked.type) ?? 0;
    const line = (zone * 2 + transport) * 2 + (asked.family === 4 ? 0 : 1);
    bump(this.#requests, line * TYPE_NAMES.length + type);
    bump(this.#responses, (zone * PLUGINS.length + PLUGINS.indexOf(plugin)) * RCODES_MAX + rcode);
    if (asked.dnssecOk) bump(this.#dnssec, zone);
    const seconds = (nowMs - asked.startedMs) / 1000;
    this.#durations.observe(this.#durationLabels[zone * TYPE_NAMES.length + type] ?? [], seconds);
    const sizes = this.#sizeLabels[zone * 2 + transport] ?? [];
    this.#requestSizes.observe(sizes, asked.bytes);
    this.#responseSizes.observe(sizes, answer.length);
  }

  /** A query could not be answered for an error in the server. */
  panicked(): void {
    this.#registry.counter(PANICS).add([]);
  }

  /** A look into the cache; undefined: nothing was there. */
  looked(hit: CacheType | undefined): void {
    this.#cache.requests++;
    if (hit === undefined) this.#cache.misses++;
    else this.#cache.hits[hit]++;
  }

  evicted(type: CacheType): void {
    this.#cache.evictions[type]++;
  }

  /** An answer of another server, `to` (`10.0.0.1:53`). */
  forwarded(to: string, rcode: number, seconds: number): void {
    const name = rcodeName(rcode);
    this.#registry.counter(FORWARD_REQUESTS).add([to]);
    this.#registry.counter(FORWARD_RESPONSES).add([to, name]);
    this.#registry.histogram(FORWARD_DURATION, TIME_BUCKETS).observe([to, name], seconds);
    this.#registry.histogram(PROXY_DURATION, TIME_BUCKETS).observe(['forward', to, name], seconds);
  }

  /** A health check that `to` did not answer. */
  unhealthy(to: string): void {
    this.#registry.counter(FORWARD_UNHEALTHY).add([to]);
    this.#registry.counter(PROXY_UNHEALTHY).add(['forward', to]);
  }

  /** All servers that could be asked are down, and one was asked all the same. */
  allDown(): void {
    this.#registry.counter(FORWARD_BROKEN).add([]);
  }

  /** A query that was refused, because too many were under way. */
  rejected(): void {
    this.#registry.counter(FORWARD_REJECTS).add([]);
  }

  /** A headless Service's endpoints, so long after what changed them. */
  programmed(seconds: number): void {
    this.#registry
      .histogram(PROGRAMMING_DURATION, PROGRAMMING_BUCKETS)
      .observe(['headless_with_selector'], seconds);
  }

  /** Who this server is. */
  build(info: { readonly version: string; readonly revision?: string }): void {
    const heading = head(
      'build_info',
      'The version of this server.',
      'version',
      'revision',
      'goversion',
    );
    this.#registry.observed(heading, () => [[[info.version, info.revision ?? '', ''], 1]]);
  }

  /** `size`: how many answers a cache holds, asked for when somebody looks. */
  cacheSizes(size: (type: CacheType) => number): void {
    const heading = head(
      'cache_entries',
      'Answers that the cache holds.',
      'server',
      'type',
      'zones',
      'view',
    );
    this.#registry.observed(heading, () =>
      CACHE_TYPES.map((type) => [[this.#server, type, ZONE, VIEW], size(type)] as const),
    );
  }

  #observeQueries(): void {
    const server = this.#server;
    const requests = head(
      'dns_requests_total',
      'Queries.',
      'server',
      'zone',
      'view',
      'proto',
      'family',
      'type',
    );
    this.#registry.observed(
      requests,
      () =>
        counted(this.#requests, (index) => {
          const line = Math.floor(index / TYPE_NAMES.length);
          return [
            server,
            ZONES[line >> 2] ?? '',
            VIEW,
            TRANSPORTS[(line >> 1) & 1] ?? '',
            (line & 1) === 0 ? '1' : '2',
            TYPE_NAMES[index % TYPE_NAMES.length] ?? '',
          ];
        }),
      'counter',
    );
    const responses = head(
      'dns_responses_total',
      'Answers.',
      'server',
      'zone',
      'view',
      'rcode',
      'plugin',
    );
    this.#registry.observed(
      responses,
      () =>
        counted(this.#responses, (index) => {
          const line = Math.floor(index / RCODES_MAX);
          const plugin = PLUGINS[line % PLUGINS.length] ?? '';
          return [
            server,
            ZONES[Math.floor(line / PLUGINS.length)] ?? '',
            VIEW,
            rcodeName(index % RCODES_MAX),
            plugin,
          ];
        }),
      'counter',
    );
    const wanting = head(
      'dns_do_requests_total',
      'Queries that want DNSSEC.',
      'server',
      'view',
      'zone',
    );
    this.#registry.observed(
      wanting,
      () => counted(this.#dnssec, (zone) => [server, VIEW, ZONES[zone] ?? '']),
      'counter',
    );
  }

  #observeCache(): void {
    const plain = [this.#server, ZONE, VIEW];
    const byType = (values: Readonly<Record<CacheType, number>>) => () =>
      CACHE_TYPES.map((type) => [[this.#server, type, ZONE, VIEW], values[type]] as const);
    const observe = (
      heading: MetricHead,
      values: () => Iterable<readonly [readonly string[], number]>,
    ) => this.#registry.observed(heading, values, 'counter');
    observe(
      head('cache_requests_total', 'Looks into the cache.', 'server', 'zones', 'view'),
      () => [[plain, this.#cache.requests]],
    );
    observe(
      head('cache_misses_total', 'Looks that found nothing.', 'server', 'zones', 'view'),
      () => [[plain, this.#cache.misses]],
    );
    observe(
      head('cache_hits_total', 'Looks that found an answer.', 'server', 'type', 'zones', 'view'),
      byType(this.#cache.hits),
    );
    observe(
      head(
        'cache_evictions_total',
        'Answers that made room for others.',
        'server',
        'type',
        'zones',
        'view',
      ),
      byType(this.#cache.evictions),
    );
  }
}

const CACHE_TYPES = ['success', 'denial'] as const;

const PANICS = head('panics_total', 'Queries that broke the server.');
const FORWARD_REQUESTS = head('forward_requests_total', 'Questions to other servers.', 'to');
const FORWARD_RESPONSES = head(
  'forward_responses_total',
  'Answers of other servers.',
  'to',
  'rcode',
);
const FORWARD_DURATION = head(
  'forward_request_duration_seconds',
  'How long other servers took.',
  'to',
  'rcode',
);
const PROXY_DURATION = head(
  'proxy_request_duration_seconds',
  'How long other servers took.',
  'proxy_name',
  'to',
  'rcode',
);
const FORWARD_UNHEALTHY = head(
  'forward_healthcheck_failures_total',
  'Health checks that failed.',
  'to',
);
const PROXY_UNHEALTHY = head(
  'proxy_healthcheck_failures_total',
  'Health checks that failed.',
  'proxy_name',
  'to',
);
const FORWARD_BROKEN = head(
  'forward_healthcheck_broken_total',
  'Questions asked while all servers were down.',
);
const FORWARD_REJECTS = head(
  'forward_max_concurrent_rejects_total',
  'Queries refused, for too many were under way.',
);
const PROGRAMMING_DURATION = head(
  'kubernetes_dns_programming_duration_seconds',
  'How long after a change of its pods a headless Service is answered so.',
  'service_kind',
);

function bump(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

/** What has been counted at all. */
function* counted(
  counts: Float64Array,
  labelsOf: (index: number) => readonly string[],
): Iterable<readonly [readonly string[], number]> {
  for (const [index, count] of counts.entries()) if (count > 0) yield [labelsOf(index), count];
}

function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RCODE${rcode}`;
}
