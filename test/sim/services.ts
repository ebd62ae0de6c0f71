/**
 * Services in front of Pods that come and go, one of them with endpoints that a user writes.
 *
 *   while it runs   no EndpointSlice has more than 100 endpoints
 *   at the end      the slices of a Service, and its Endpoints, have each Pod that it selects once,
 *                   and nothing else; those of a Service that is gone are gone
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Endpoints, Pod, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PART = 'served';
const SLICE_MAX = 100;
const SERVICE_NAME = 'kubernetes.io/service-name';
const TIERS = ['front', 'back'] as const;
const NAMES = ['both', 'one', 'headless'] as const;
const WRITTEN = 'written';
/** Few worlds have so many Pods that one slice is not enough. */
const MANY = 110;
const MANY_RATIO = 0.05;

export class Services implements Cast {
  readonly actions = [
    [4, () => this.#scale()],
    [2, () => this.#select()],
    [2, () => this.#write()],
    [2, () => this.#meddle()],
    [2, () => this.#recreate()],
    [1, () => this.#setPorts()],
  ] as const;
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random } = this.#stage;
    for (const tier of TIERS) {
      const labels = { part: PART, tier };
      const replicas = random.chance(MANY_RATIO) ? MANY : random.below(6);
      const containers = [{ name: 'main', image: 'v1' }];
      this.#stage.say(`create ${tier} replicas=${replicas}`);
      await cluster.create(DEPLOYMENT, {
        metadata: { name: tier, namespace: 'default' },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      });
    }
    for (const name of NAMES) await this.#expose(name);
    await this.#exposeWritten();
  }

  async #expose(name: (typeof NAMES)[number]): Promise<void> {
    const tier = this.#stage.random.pick(TIERS);
    this.#stage.say(`create service ${name} for ${name === 'both' ? 'both' : tier}`);
    await this.#stage.cluster.create(SERVICE, {
      metadata: { name, namespace: 'default' },
      spec: {
        ports: [{ port: 80 }],
        selector: name === 'both' ? { part: PART } : { part: PART, tier },
        ...(name === 'headless' ? { clusterIP: 'None', publishNotReadyAddresses: true } : {}),
      },
    });
  }

  async #exposeWritten(): Promise<void> {
    await this.#stage.cluster.create(SERVICE, {
      metadata: { name: WRITTEN, namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    });
  }

  disturb(): void {}

  saw({ resource, type, key, object }: StoreChange): void {
    if (resource !== 'endpointslices' || type === 'delete') return;
    const { endpoints }: EndpointSlice = object as EndpointSlice;
    // None are written as null.
    const { length } = endpoints ?? [];
    if (length > SLICE_MAX) this.#stage.violated(`${key} has ${length} endpoints`);
  }

  async #scale(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const tier = random.pick(TIERS);
    const replicas = random.below(8);
    say(`scale ${tier} to ${replicas}`);
    await cluster.patch(DEPLOYMENT, named(tier), { spec: { replicas } });
  }

  async #select(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const tier = random.pick(TIERS);
    say(`one is for ${tier}`);
    await cluster.patch(SERVICE, named('one'), { spec: { selector: { tier } } }).catch(unlessGone);
  }

  async #setPorts(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = random.pick(NAMES);
    const targetPort = 80 + random.below(3);
    say(`${name} is at port ${targetPort}`);
    const ports = [{ port: 80, targetPort }];
    await cluster.patch(SERVICE, named(name), { spec: { ports } }).catch(unlessGone);
  }

  /** The user's own endpoints. */
  async #write(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const addresses = Array.from({ length: random.below(4) }, (_, nth) => ({
      ip: `203.0.113.${1 + nth * 10 + random.below(9)}`,
    }));
    say(`write endpoints ${addresses.map(({ ip }) => ip).join()}`);
    const subsets = addresses.length === 0 ? [] : [{ addresses, ports: [{ port: 80 }] }];
    const all = await cluster.list(ENDPOINTS, 'default');
    const [current] = all.filter(({ metadata }) => metadata?.name === WRITTEN);
    if (current === undefined) await cluster.create(ENDPOINTS, { ...named(WRITTEN), subsets });
    else if (random.chance(0.2)) await cluster.delete(ENDPOINTS, current);
    else await cluster.patch(ENDPOINTS, current, { subsets });
  }

  /** Somebody changes or takes away what the controllers wrote. */
  async #meddle(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const slices = (await cluster.list(ENDPOINT_SLICE, 'default')).filter(isOurs);
    if (slices.length === 0) return;
    const victim = random.pick(slices);
    const how = random.pick(['delete', 'empty', 'endpoints'] as const);
    say(`${how} ${victim.metadata?.name}`);
    if (how === 'delete') await cluster.delete(ENDPOINT_SLICE, victim);
    else if (how === 'empty') await cluster.patch(ENDPOINT_SLICE, victim, { endpoints: [] });
    else await cluster.delete(ENDPOINTS, named(random.pick(NAMES))).catch(unlessGone);
  }

  /** A Service goes, or goes and comes anew at once, or comes back. */
  async #recreate(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = random.pick(NAMES);
    const services = await cluster.list(SERVICE, 'default');
    const isThere = services.some(({ metadata }) => metadata?.name === name);
    if (isThere) {
      say(`delete service ${name}`);
      await cluster.delete(SERVICE, named(name));
    }
    if (!isThere || random.chance(0.5)) await this.#expose(name);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const { cluster } = this.#stage;
    const services = await cluster.list(SERVICE, 'default');
    const slices = (await cluster.list(ENDPOINT_SLICE, 'default')).filter(isOurs);
    const endpoints = await cluster.list(ENDPOINTS, 'default');
    for (const name of [...NAMES, WRITTEN]) {
      const service = services.find(({ metadata }) => metadata?.name === name);
      const own = slices.filter(({ metadata }) => metadata?.labels?.[SERVICE_NAME] === name);
      const written = endpoints.find(({ metadata }) => metadata?.name === name);
      if (name === WRITTEN) checkMirror(own, written);
      else checkService({ name, service, pods, slices: own, endpoints: written });
    }
    return pods.filter(({ metadata }) => metadata?.labels?.['part'] === PART);
  }
}

interface Facts {
  readonly name: string;
  readonly service: Service | undefined;
  readonly pods: readonly Pod[];
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | undefined;
}

function checkService({ name, service, pods, slices, endpoints }: Facts): void {
  const { selector = {}, ports = [] } = service?.spec ?? {};
  const wanted = service === undefined ? [] : pods.filter((pod) => isSelected(pod, selector));
  const addresses = wanted.map(({ status }) => status?.podIP ?? '').sort();
  const port = Number(ports[0]?.targetPort ?? ports[0]?.port);
  const inSlices = slices.flatMap(({ endpoints: each }) =>
    (each ?? []).flatMap(({ addresses: ips, conditions }) =>
      conditions?.ready === true ? ips : ips.map((ip) => `${ip} (not ready)`),
    ),
  );
  expectSame(`slices of ${name}`, inSlices, addresses);
  const subsets = endpoints?.subsets ?? [];
  expectSame(
    `Endpoints of ${name}`,
    subsets.flatMap(({ addresses: each }) => (each ?? []).map(({ ip }) => ip)),
    addresses,
  );
  const found = [...slices, ...subsets].flatMap((each) => (each.ports ?? []).map((at) => at.port));
  const other = found.find((each) => each !== port);
  if (addresses.length > 0 && other !== undefined)
    throw new Error(`endpoints of ${name} are at port ${other}, not ${port}`);
  if (service === undefined && (slices.length > 0 || endpoints !== undefined))
    throw new Error(`service ${name} is gone, its endpoints are not`);
}

function isSelected(pod: Pod, selector: Readonly<Record<string, string>>): boolean {
  const { labels = {} } = pod.metadata ?? {};
  const fits = Object.entries(selector).every(([key, value]) => labels[key] === value);
  return fits && isPodActive(pod) && isPodReady(pod);
}

function checkMirror(slices: readonly EndpointSlice[], written: Endpoints | undefined): void {
  const mirrored = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).flatMap(({ addresses }) => addresses),
  );
  const wanted = (written?.subsets ?? []).flatMap(({ addresses }) =>
    (addresses ?? []).map(({ ip }) => ip),
  );
  expectSame(`mirrored slices`, mirrored, wanted);
}

function expectSame(what: string, found: readonly string[], wanted: readonly string[]): void {
  const [is, should] = [found.toSorted().join(), wanted.toSorted().join()];
  if (is !== should) throw new Error(`${what} have ${is}, not ${should}`);
}

function isOurs({ metadata }: EndpointSlice): boolean {
  const name = metadata?.labels?.[SERVICE_NAME] ?? '';
  return [...NAMES, WRITTEN].some((each) => each === name);
}

function named(name: string): { readonly metadata: { readonly name: string; namespace: string } } {
  return { metadata: { name, namespace: 'default' } };
}
