/**
 * The service proxy: watches Services, EndpointSlices and, where the network of pods is ours, the
 * node's own pods (host ports), and keeps an nftables table for each family of IP in step.
 *
 *   informers ─▶ names of what changed ─▶ plan (pure) ─▶ elements ─▶ nft: the changes alone
 *
 * Changes that arrive together go in together, of both families in one transaction. After a failure
 * the tables are written anew, and so is one that somebody removed (a firewall that starts again).
 */
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { POD } from '#api/core/pod.ts';
import { NODE } from '#api/core/node.ts';
import { SERVICE } from '#api/core/service.ts';
import { SERVICE_CIDR } from '#api/networking/service-cidr.ts';
import type { Node, Pod, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { WriteLoop } from '#base/write-loop.ts';
import type { EventRecorder } from '#client/events.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { ProxyHealth } from './health.ts';
import { HealthChecks, type Listen } from './health-checks.ts';
import { familyOf, NAMES } from './ip-family.ts';
import { ProxyMetrics } from './metrics.ts';
import type { TableOptions } from './nftables.ts';
import { HEADLESS_LABEL, PROXY_NAME_LABEL } from './proxied.ts';
import { noLocalEndpoints, planHostPorts, planService, type ProxyNode } from './plan.ts';
import { ProxyTable, runNft } from './table.ts';

const BY_SERVICE = 'service';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Upstream's: how often it is looked whether the tables are still there. */
const SYNC_PERIOD_MS = 30_000;
/** Upstream's: changes that wait for so many periods make the proxy unhealthy. */
const UNHEALTHY_PERIODS = 2;

export interface ProxyOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  /** Its zone is learnt from the API, its families are those of the tables. */
  readonly node: Omit<ProxyNode, 'zone' | 'family'>;
  /** One for each family that is served; all have one name. */
  readonly tables: readonly [TableOptions, ...TableOptions[]];
  readonly events: EventRecorder;
  /** Opens the health-check node ports. */
  readonly listen: Listen;
  /** Whether the ranges of Service addresses are those of the API, and not those of the tables. */
  readonly watchServiceRanges?: boolean;
  /** Between one write and the next, at least; 0 unless given. */
  readonly minSyncPeriodMs?: number;
  readonly syncPeriodMs?: number;
  /** Where it is counted; nobody looks unless given. */
  readonly metrics?: MetricRegistry;
}

export class Proxy {
  readonly #options: ProxyOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  /** Undefined: host ports are somebody else's. */
  readonly #pods: Informer<Pod> | undefined;
  /** This one alone. */
  readonly #nodes: Informer<Node>;
  readonly #serviceRanges: Informer<ServiceCIDR> | undefined;
  readonly #tables: readonly ProxyTable[];
  readonly #healthChecks: HealthChecks;
  readonly #metrics: ProxyMetrics;
  readonly #dirty = new Set<string>();
  /** Services whose traffic has to stay here, where nobody is: by key, those of `noLocalEndpoints`. */
  readonly #noLocal = new Map<string, readonly string[]>();
  readonly #loop: WriteLoop;
  readonly #syncPeriodMs: number;
  /** Whether the kernel has the tables is to be looked at. */
  #mustLook = false;
  #zone = '';
  /** The health of the proxy, and of its node as a target of load balancers. */
  readonly health: ProxyHealth;

  constructor(options: ProxyOptions) {
    const { informers, node, environment, processes, tables } = options;
    const { metrics = new MetricRegistry(), syncPeriodMs = SYNC_PERIOD_MS } = options;
    this.#options = options;
    this.#syncPeriodMs = syncPeriodMs;
    this.#services = informers.for(SERVICE);
    this.#slices = informers.for(ENDPOINT_SLICE);
    this.#nodes = informers.for(NODE, { fieldSelector: `metadata.name=${node.name}` });
    if (tables.some(({ pods }) => pods !== undefined))
      this.#pods = informers.for(POD, { fieldSelector: `spec.nodeName=${node.name}` });
    if (options.watchServiceRanges === true) this.#serviceRanges = informers.for(SERVICE_CIDR);
    this.#slices.index(BY_SERVICE, serviceOf);
    this.#tables = tables.map((table) => new ProxyTable(table, processes));
    this.health = new ProxyHealth(environment.clock, UNHEALTHY_PERIODS * syncPeriodMs, metrics);
    this.#metrics = new ProxyMetrics(metrics, environment.clock, {
      families: tables.map(({ family }) => family),
      noLocal: () => this.#noLocalCounts(),
    });
    this.#loop = new WriteLoop({
      environment,
      what: 'service rules',
      write: () => this.#write(),
      minPeriodMs: options.minSyncPeriodMs ?? 0,
    });
    this.#healthChecks = new HealthChecks({
      ...options,
      nodeName: node.name,
      isProxyHealthy: () => this.#tables.every((table) => table.isWritten),
    });
  }

  /** Works until `signal` is aborted; the tables stay, so that traffic flows on. */
  async start(signal: AbortSignal): Promise<void> {
    this.#services.onChange(({ key }) => {
      this.#metrics.serviceChanged();
      this.#wake(`service ${key}`);
    });
    this.#slices.onChange(({ object, previous }) => {
      const keys = [object, previous].flatMap((slice) =>
        slice === undefined ? [] : serviceOf(slice),
      );
      if (keys.length > 0) this.#metrics.sliceChanged(object);
      for (const key of keys) this.#wake(`service ${key}`);
    });
    this.#pods?.onChange(({ key }) => this.#wake(`pod ${key}`));
    this.#nodes.onChange(({ type, object }) => {
      this.health.node(type === 'deleted' ? undefined : object);
      if (type !== 'deleted') this.#moveTo(object.metadata?.labels?.[ZONE_LABEL] ?? '');
    });
    this.#serviceRanges?.onChange(() => this.#refuseServiceRanges());
    // Not the ranges of Services: an older API server has none, and says so for ever.
    const caches = [this.#services, this.#slices, this.#nodes, ...(this.#pods ? [this.#pods] : [])];
    await Promise.all(caches.map((cache) => cache.synced()));
    signal.addEventListener('abort', () => {
      this.#healthChecks.stop().catch(() => {});
    });
    this.#lookEvery(signal);
    await this.#loop.start(signal);
  }

  /** After the signal: resolves when nothing is written to the kernel any more. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  #lookEvery(signal: AbortSignal): void {
    const timer = this.#options.environment.timers.after(this.#syncPeriodMs, () => {
      this.#mustLook = true;
      this.#loop.wake();
      this.#lookEvery(signal);
    });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  /** What is near is another now. */
  #moveTo(zone: string): void {
    if (zone === this.#zone) return;
    this.#zone = zone;
    for (const service of this.#services.list()) this.#wake(`service ${keyOf(service)}`);
  }

  #refuseServiceRanges(): void {
    const ranges = (this.#serviceRanges?.list() ?? []).flatMap(({ spec }) => spec?.cidrs ?? []);
    for (const table of this.#tables)
      table.refuse([...new Set(ranges.filter((range) => familyOf(range) === table.family))]);
    this.#loop.wake();
  }

  #wake(key: string): void {
    this.#dirty.add(key);
    this.health.queued();
    this.#loop.wake();
  }

  async #write(): Promise<void> {
    const { clock, log } = this.#options.environment;
    const startMs = clock.monotonicMs();
    try {
      if (this.#mustLook) await this.#look();
      for (const key of this.#dirty) this.#take(key);
      this.#dirty.clear();
      const steps = [];
      for (const table of this.#tables) steps.push({ table, ...(await table.step()) });
      const todo = steps.filter(({ script }) => script !== '');
      if (todo.length > 0) {
        await runNft(
          this.#options.processes,
          ['-f', '-'],
          todo.map(({ script }) => script).join(''),
        );
        const seconds = (clock.monotonicMs() - startMs) / 1000;
        this.#metrics.written(
          seconds,
          todo.some(({ isWhole }) => isWhole),
        );
      }
      if (this.#dirty.size === 0) this.health.updated();
      for (const { table } of steps) {
        await table.written().catch((error: unknown) => {
          log.warn('cannot forget old connections', { error: String(error) });
        });
      }
    } catch (error) {
      for (const table of this.#tables) table.invalidate();
      this.#metrics.failed();
      throw error;
    }
  }

  /** A table that is gone is written anew. */
  async #look(): Promise<void> {
    this.#mustLook = false;
    const { processes, tables } = this.#options;
    const { exitCode, stdout } = await processes.run('nft', ['list', 'tables']);
    if (exitCode !== 0) return;
    const there = new Set(Buffer.from(stdout).toString('utf8').split('\n'));
    const isGone = tables.map(({ family, table }) => !there.has(`table ${family} ${table}`));
    for (const [at, table] of this.#tables.entries()) if (isGone[at] === true) table.invalidate();
  }

  /** Takes over what the caches have under this key now. */
  #take(key: string): void {
    const [kind = '', name = ''] = key.split(' ');
    if (kind === 'pod') {
      const pod = this.#pods?.get(name);
      for (const { elements, family } of this.#tables)
        elements.replace(key, pod === undefined ? [] : planHostPorts(pod, family));
      return;
    }
    const service = this.#services.get(name);
    const slices = this.#slices.byIndex(BY_SERVICE, name);
    const noLocal: string[] = [];
    for (const { elements, family } of this.#tables) {
      const node = { ...this.#options.node, family, zone: this.#zone };
      elements.replace(key, service === undefined ? [] : planService(service, slices, node));
      for (const policy of service === undefined ? [] : noLocalEndpoints(service, slices, node))
        noLocal.push(`${NAMES[family].slices} ${policy}`);
    }
    if (noLocal.length === 0) this.#noLocal.delete(name);
    else this.#noLocal.set(name, noLocal);
    this.#healthChecks.update(name, service, slices);
  }

  *#noLocalCounts(): Iterable<readonly [readonly [string, string], number]> {
    const all = [...this.#noLocal.values()].flat();
    for (const { family } of this.#tables) {
      for (const policy of ['internal', 'external'] as const) {
        const labels = [NAMES[family].slices, policy] as const;
        yield [labels, all.filter((each) => each === labels.join(' ')).length];
      }
    }
  }
}

/** `namespace/name` of the Service that a slice belongs to; none when it is not for this proxy. */
function serviceOf(slice: EndpointSlice): string[] {
  const labels = slice.metadata?.labels ?? {};
  const name = labels[SERVICE_NAME_LABEL];
  const isOurs = labels[PROXY_NAME_LABEL] === undefined && labels[HEADLESS_LABEL] === undefined;
  return name === undefined || !isOurs ? [] : [`${slice.metadata?.namespace ?? ''}/${name}`];
}
