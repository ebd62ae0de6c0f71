/**
 * Gives Services of type LoadBalancer addresses from the pools, and takes them back.
 *
 * What is given out is in the status of Services and nowhere else: after a start it is read from
 * there, before anything is given. Of two Services that say the same address the older keeps it.
 *
 * Upstream: the service controller of the cloud provider (staging/src/k8s.io/cloud-provider/
 * controllers/service), v1.36, for the finalizer and the events; its role in RBAC is used.
 */
import { SERVICE } from '#api/core/service.ts';
import type { Service } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { allocate, ingressOf, isOlder, type Problem, usesPools } from './allocate.ts';
import type { Pool } from './pools.ts';

const NAME = 'service-controller';
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
/** Between one event of a problem and the next: doubled up to the second. */
const RETRY_MS = 10_000;
const RETRY_MS_MAX = 600_000;

/** One pass at a time: two must not take the same address. */
export function addressPoolController(pools: readonly Pool[]): Controller {
  return defineKeyController({
    name: NAME,
    queue: 'service',
    concurrency: 1,
    create: (setup) => {
      const pass = new AddressPass(setup, pools);
      return (key, { client }) => pass.reconcile(key, client);
    },
  });
}

interface Waiting {
  readonly message: string;
  readonly retryMs: number;
  /** When the next event of it is due, by the clock that never goes back. */
  readonly dueMs: number;
}

class AddressPass {
  readonly #setup: Setup;
  readonly #pools: readonly Pool[];
  readonly #services: Informer<Service>;
  /** By address, the key of the Service that got it in this process: the cache may not show it yet. */
  readonly #given = new Map<string, string>();
  /** Services without an address, by key. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(setup: Setup, pools: readonly Pool[]) {
    this.#setup = setup;
    this.#pools = pools;
    this.#services = setup.watch<Service>(SERVICE, ({ key, object, previous, type }) => {
      const now = type === 'deleted' ? [] : ingressOf(object);
      const isFreed = ingressOf(previous ?? object).some((address) => !now.includes(address));
      return isFreed ? [key, ...this.#waiting.keys()] : [key];
    });
    this.#services.index('address', (service) =>
      holdsAddresses(service) ? ingressOf(service) : [],
    );
  }

  async reconcile(key: string, client: Client): Promise<Result> {
    const service = this.#services.get(key);
    try {
      if (service === undefined) this.#forget(key);
      else if (usesPools(service)) return await this.#give(service, client);
      else await this.#takeBack(service, client);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#forget(key);
    }
    return {};
  }

  async #give(service: Service, client: Client): Promise<Result> {
    const key = keyOf(service);
    const allocation = allocate(service, this.#pools, (address) => this.#isTaken(address, service));
    const { addresses = [], problem } = allocation;
    for (const [address, owner] of this.#given)
      if (owner === key && !addresses.includes(address)) this.#given.delete(address);
    for (const address of addresses) this.#given.set(address, key);
    if (!service.metadata?.finalizers?.includes(FINALIZER))
      await this.#patch(client, service, { metadata: { finalizers: [FINALIZER] } });
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
    if (!equalValues(service.status?.loadBalancer?.ingress ?? [], ingress))
      await this.#setIngress(client, service, ingress);
    if (problem !== undefined) return this.#wait(service, problem);
    this.#waiting.delete(key);
    return {};
  }

  /** What is no longer ours: a Service that goes, or has become something else. */
  async #takeBack(service: Service, client: Client): Promise<void> {
    // Another class's load balancer has a status, and a finalizer, of its own.
    if (isOfAnotherClass(service)) return this.#forget(keyOf(service));
    if (service.metadata?.finalizers?.includes(FINALIZER) === true) {
      if (ingressOf(service).length > 0) await this.#setIngress(client, service, []);
      await this.#patch(client, service, {
        metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] },
      });
    }
    this.#forget(keyOf(service));
  }

  #isTaken(address: string, service: Service): boolean {
    const key = keyOf(service);
    const giver = this.#given.get(address);
    if (giver !== undefined) return giver !== key;
    const holds = ingressOf(service).includes(address);
    return this.#services
      .byIndex('address', address)
      .some((other) => keyOf(other) !== key && (!holds || isOlder(other, service)));
  }

  #forget(key: string): void {
    this.#waiting.delete(key);
    for (const [address, owner] of this.#given) if (owner === key) this.#given.delete(address);
  }

  /** Tells of it once, and again later and later as long as it lasts. */
  #wait(service: Service, { reason, message }: Problem): Result {
    const key = keyOf(service);
    const nowMs = this.#setup.environment.clock.monotonicMs();
    const known = this.#waiting.get(key);
    if (known?.message === message && nowMs < known.dueMs)
      return { requeueAfterMs: known.dueMs - nowMs };
    const retryMs =
      known?.message === message ? Math.min(known.retryMs * 2, RETRY_MS_MAX) : RETRY_MS;
    this.#waiting.set(key, { message, retryMs, dueMs: nowMs + retryMs });
    const about = { ...service, apiVersion: 'v1', kind: 'Service' };
    this.#setup.events.event({ about, type: 'Warning', reason, message });
    return { requeueAfterMs: retryMs };
  }

  #setIngress(client: Client, service: Service, ingress: readonly object[]): Promise<void> {
    return this.#patch(client, service, {
      // Only over what was seen: a list is replaced whole.
      metadata: { resourceVersion: service.metadata?.resourceVersion },
      status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } },
    });
  }

  async #patch(client: Client, { metadata }: Service, patch: object): Promise<void> {
    const target = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' };
    await client.patch(SERVICE, target, 'strategic', patch, { subresource: 'status' });
  }
}

function isOfAnotherClass(service: Service): boolean {
  const { type, loadBalancerClass } = service.spec ?? {};
  const isGoing = service.metadata?.deletionTimestamp !== undefined;
  return (
    type === 'LoadBalancer' && loadBalancerClass !== undefined && !isGoing && !usesPools(service)
  );
}

/** Whether the addresses of its status are its own: until its finalizer is gone. */
function holdsAddresses(service: Service): boolean {
  return usesPools(service) || service.metadata?.finalizers?.includes(FINALIZER) === true;
}
