/**
 * Cluster addresses of Services: any free one of the ranges that are ready (ServiceCIDR).
 *
 * The IPAddress object is the lock: who could create it has the address, so that several servers
 * never give one out twice. The caches of IPAddresses and Services say where to try; a Service whose
 * IPAddress somebody has deleted keeps its address until it is made anew (`repair/`).
 *
 * Source: KEP-1880, KEP-3070; upstream pkg/registry/core/service/ipallocator.
 */
import type { IPFamily, Service } from '#api/gen/core-v1.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import {
  familyLabel,
  givesAddresses,
  ipAddressFor,
  rangesOf,
  usableAddresses,
} from '#api/networking/service-ranges.ts';
import type { Clock, Random } from '#base/env.ts';
import { formatCidr, formatIp, type IpAddress, type IpRange, parseIp } from '#base/ip.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from '../admission/targets.ts';
import type { ApiObject } from '../api-object.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { addressesOf } from './ip-families.ts';
import { AddressMetrics } from './metrics.ts';
import { Holders, lowerBand, Pool } from './pool.ts';

const BAND = { least: 16n, most: 256n, step: 16n };
const SHORTEST_V6_PREFIX = 64;
export const IP_ADDRESS_TARGET = { ...IP_ADDRESSES, version: 'v1' };

/** Why there is no address. */
export class AllocationError extends Error {
  readonly isFull: boolean;
  constructor(message: string, isFull = false) {
    super(message);
    this.isFull = isFull;
  }
}

const full = (): AllocationError => new AllocationError('range is full', true);

export interface AddressAllocatorOptions {
  readonly reader: ObjectReader;
  readonly client: Pick<LocalClient, 'create' | 'remove'>;
  readonly random: Random;
  readonly clock: Clock;
  readonly metricRegistry: MetricRegistry;
}

/** A range, which several ServiceCIDRs may name. */
interface OpenRange {
  readonly range: IpRange;
  readonly cidr: string;
  readonly pool: Pool;
  readonly isReady: boolean;
}

export class AddressAllocator {
  readonly #options: AddressAllocatorOptions;
  readonly #metrics: AddressMetrics;
  readonly #holders4 = new Holders();
  readonly #holders6 = new Holders();
  readonly #cidrs = new Map<string, ServiceCIDR>();
  #ranges: readonly OpenRange[] = [];
  /** What each Service (`namespace/name`) was last seen with. */
  readonly #seen = new Map<string, readonly string[]>();

  constructor(options: AddressAllocatorOptions) {
    const { metricRegistry, clock } = options;
    this.#options = options;
    this.#metrics = new AddressMetrics(metricRegistry, clock, () =>
      this.#ranges.map(({ cidr, pool }) => [cidr, pool.fill()] as const),
    );
  }

  /** Learns ranges and holders, and follows them from here on. The caches are loaded. */
  start(): void {
    const { reader } = this.#options;
    const follow = (target: typeof SERVICES, observe: typeof this.observeService): void => {
      reader.follow(target, ({ namespace, name, object }) => observe(namespace, name, object));
      for (const object of reader.list(target))
        observe(object.metadata?.namespace ?? '', object.metadata?.name ?? '', object);
    };
    follow(SERVICE_CIDRS, (_, name, object) => this.#observeRange(name, object));
    follow(IP_ADDRESSES, (_, name, object) => this.#observeAddress(name, object !== undefined));
    follow(SERVICES, (namespace, name, object) => this.observeService(namespace, name, object));
  }

  #observeRange(name: string, object: ApiObject | undefined): void {
    if (object === undefined) this.#cidrs.delete(name);
    else this.#cidrs.set(name, object as ServiceCIDR);
    const open = new Map<string, OpenRange>();
    for (const cidr of this.#cidrs.values()) {
      const isReady = givesAddresses(cidr);
      for (const range of rangesOf(cidr)) {
        if (range.family === 6 && range.prefix < SHORTEST_V6_PREFIX) continue;
        const text = formatCidr(range);
        const before = open.get(text);
        open.set(text, {
          range,
          cidr: text,
          pool: before?.pool ?? this.#poolOf(range),
          isReady: isReady || before?.isReady === true,
        });
      }
    }
    this.#ranges = [...open.values()];
  }

  #poolOf(range: IpRange): Pool {
    return new Pool({
      ...usableAddresses(range),
      lowerBand: lowerBand(range.size, BAND),
      random: this.#options.random,
      holders: this.#holdersOf(range),
    });
  }

  #observeAddress(name: string, isThere: boolean): void {
    const address = parseIp(name);
    if (address === undefined) return;
    const holders = this.#holdersOf(address);
    if (isThere) holders.use(address.value, name);
    else holders.release(address.value, name);
  }

  observeService(namespace: string, name: string, object: ApiObject | undefined): void {
    const owner = `${namespace}/${name}`;
    const now = object === undefined ? [] : addressesOf((object as Service).spec);
    const each = (addresses: readonly string[], change: 'use' | 'release'): void => {
      for (const text of addresses) {
        const address = parseIp(text);
        if (address !== undefined) this.#holdersOf(address)[change](address.value, owner);
      }
    };
    const before = this.#seen.get(owner) ?? [];
    // First the new, so that an address that stays is never free in between.
    each(now, 'use');
    each(
      before.filter((address) => !now.includes(address)),
      'release',
    );
    if (now.length === 0) this.#seen.delete(owner);
    else this.#seen.set(owner, now);
  }

  #holdersOf({ family }: { readonly family: 4 | 6 }): Holders {
    return family === 6 ? this.#holders6 : this.#holders4;
  }

  #ready(family: IPFamily): OpenRange[] {
    return this.#ranges.filter(
      ({ range, isReady }) => isReady && familyLabel(range.family) === family,
    );
  }

  /** Takes the address that `service` asks for. Throws AllocationError. */
  async take(text: string, service: Service): Promise<void> {
    const address = parseIp(text);
    if (address === undefined) throw new AllocationError(`failed to parse service IP ${text}`);
    const family = familyLabel(address.family);
    const found = this.#ready(family).find(({ pool }) => pool.contains(address.value));
    if (found === undefined)
      throw new AllocationError('the provided network does not match the current range');
    const startMs = this.#metrics.nowMs;
    try {
      await this.#lock(address, service);
    } catch (error) {
      this.#metrics.failed(found.cidr, 'static');
      throw error;
    }
    this.#metrics.took(found.cidr, 'static', startMs);
  }

  async #lock(address: IpAddress, service: Service): Promise<void> {
    const taken = new AllocationError('provided IP is already allocated');
    const { reader, client } = this.#options;
    const holders = this.#holdersOf(address);
    // What another write has just released may not show yet.
    if (!holders.isFree(address.value)) await reader.catchUp();
    if (!holders.isFree(address.value)) throw taken;
    holders.hold(address.value);
    try {
      const made = await client.create(IP_ADDRESS_TARGET, ipAddressFor(address, ownerOf(service)));
      if (!made) throw taken;
    } catch (error) {
      holders.giveBack(address.value);
      throw error;
    }
  }

  /** Takes any address for `service`. Throws AllocationError. */
  async takeAny(family: IPFamily, service: Service): Promise<string> {
    const address = await this.#tryAny(family, service);
    if (address !== undefined) return address;
    // What has just been released may not show yet.
    await this.#options.reader.catchUp();
    const second = await this.#tryAny(family, service);
    if (second !== undefined) return second;
    for (const { cidr } of this.#ready(family)) this.#metrics.failed(cidr, 'dynamic');
    throw full();
  }

  async #tryAny(family: IPFamily, service: Service): Promise<string | undefined> {
    for (const { pool, range, cidr } of this.#ready(family)) {
      const startMs = this.#metrics.nowMs;
      for (let value = pool.findFree(); value !== undefined; value = pool.findFree()) {
        pool.holders.hold(value);
        const object = ipAddressFor({ family: range.family, value }, ownerOf(service));
        try {
          if (await this.#options.client.create(IP_ADDRESS_TARGET, object)) {
            this.#metrics.took(cidr, 'dynamic', startMs);
            return object.metadata?.name;
          }
          this.#metrics.failed(cidr, 'dynamic');
        } catch (error) {
          this.#metrics.failed(cidr, 'dynamic');
          pool.holders.giveBack(value);
          throw error;
        }
        // Another server has it. It stays held until the cache shows it.
      }
    }
    return undefined;
  }

  /** What a dry run says of an address: whether it is in a range. Throws AllocationError. */
  check(text: string): void {
    const address = parseIp(text);
    const ranges = this.#ranges.filter(({ isReady }) => isReady);
    if (address === undefined || ranges.length === 0)
      throw new AllocationError('allocator not ready');
    const holds = ({ range, pool }: OpenRange): boolean =>
      range.family === address.family && pool.contains(address.value);
    if (ranges.some(holds)) return;
    const first = ranges.find(({ range }) => range.family === address.family) ?? ranges[0];
    throw new AllocationError(
      `the provided IP (${text}) is not in the valid range. The range of valid IPs is ${first === undefined ? '' : formatCidr(first.range)}`,
    );
  }

  /** What a dry run gets: no address that a Service could have. Throws AllocationError. */
  placeholder(family: IPFamily): string {
    const [first] = this.#ready(family);
    if (first === undefined) throw new AllocationError('allocator not ready');
    return formatIp({ family: first.range.family, value: first.range.first });
  }

  /** Gives an address back. What is not there is given back already. */
  async release(text: string): Promise<void> {
    const address = parseIp(text);
    if (address === undefined) return;
    await this.#options.client.remove(IP_ADDRESS_TARGET, { metadata: { name: formatIp(address) } });
  }
}

function ownerOf({ metadata }: Service): { namespace: string; name: string } {
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
}
