/**
 * What a Service takes when it is written: cluster addresses and node ports.
 *
 * Source: upstream pkg/registry/core/service/storage/alloc.go for when something is taken, kept and
 * given back, and for the messages; KEP-3070 and KEP-3668 for where it is taken from.
 */
import type { Random } from '#base/env.ts';
import { formatIp, parseCidr, parseIp } from '#base/ip.ts';
import type { IPFamily, Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { needsClusterIp, needsHealthCheckPort, needsNodePort } from '#api/core/service-types.ts';
import { type FieldPath, fieldPath, invalidValue } from '#api/meta/field.ts';
import { internalError, invalid } from '#api/meta/status.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { SERVICES } from '../admission/targets.ts';
import type { ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Allocators } from '../verbs/write.ts';
import {
  HEADLESS,
  familyOf,
  initFamilyFields,
  isHeadless,
  normalizeClusterIps,
  staysAsItIs,
} from './ip-families.ts';
import { keepAllocated, requestedFor } from './kept-values.ts';
import { lowerBand, Pool } from './pool.ts';

const IP_BAND = { least: 16n, most: 256n, step: 16n };
const PORT_BAND = { least: 16n, most: 128n, step: 32n };
const KIND = { group: '', kind: 'Service' };
const SHORTEST_V6_PREFIX = 64;

export interface ServiceAllocatorOptions {
  readonly reader: ObjectReader;
  /** A CIDR, or one of each family joined by a comma; the first is the primary one. */
  readonly clusterIpRange: string;
  readonly nodePortRange: { readonly from: number; readonly to: number };
  readonly random: Random;
}

interface Holding {
  readonly pool: Pool;
  readonly number: bigint;
}

/** What one write has taken so far. */
interface Call {
  readonly service: Service;
  readonly spec: ServiceSpec;
  readonly taken: Holding[];
  readonly dryRun: boolean;
}

/** A dry run takes nothing: others may ask for the same at the same time. */
function take(call: Call, pool: Pool, number: bigint): void {
  if (call.dryRun) return;
  pool.hold(number);
  call.taken.push({ pool, number });
}

export class ServiceAllocators implements Allocators {
  readonly #reader: ObjectReader;
  /** In order: the primary family first. */
  readonly #addresses = new Map<IPFamily, Pool>();
  readonly #ports: Pool;
  readonly #portRange: string;
  /** What each Service (`namespace/name`) was last seen with. */
  readonly #seen = new Map<string, readonly Holding[]>();

  constructor(options: ServiceAllocatorOptions) {
    this.#reader = options.reader;
    const { random, nodePortRange } = options;
    for (const text of options.clusterIpRange.split(',')) this.#addRange(text.trim(), random);
    const first = BigInt(nodePortRange.from);
    const last = BigInt(nodePortRange.to);
    this.#ports = new Pool({
      first,
      last,
      lowerBand: lowerBand(last - first + 1n, PORT_BAND),
      random,
    });
    this.#portRange = `${nodePortRange.from}-${nodePortRange.to}`;
  }

  #addRange(text: string, random: Random): void {
    const range = parseCidr(text);
    if (range === undefined)
      throw new Error(`Cannot use Service range ${JSON.stringify(text)}: must be a CIDR`);
    if (range.family === 6 && range.prefix < SHORTEST_V6_PREFIX) {
      throw new Error(`shortest allowed prefix length for service CIDR is 64, got ${range.prefix}`);
    }
    const family = range.family === 6 ? 'IPv6' : 'IPv4';
    if (this.#addresses.has(family))
      throw new Error(`Cannot use Service range ${text}: there is one of ${family} already`);
    // The network's own address is never given out, nor is the broadcast address of IPv4.
    const first = range.first + 1n;
    const last = range.first + range.size - (range.family === 4 ? 2n : 1n);
    this.#addresses.set(
      family,
      new Pool({ first, last, lowerBand: lowerBand(range.size, IP_BAND), random }),
    );
  }

  /** Learns what is used, and follows the Services from here on. The caches are loaded. */
  start(): void {
    this.#reader.follow(SERVICES, ({ namespace, name, object }) =>
      this.#observe(`${namespace}/${name}`, object),
    );
    for (const service of this.#reader.list(SERVICES)) {
      this.#observe(
        `${service.metadata?.namespace ?? ''}/${service.metadata?.name ?? ''}`,
        service,
      );
    }
  }

  #observe(owner: string, object: ApiObject | undefined): void {
    const now = object === undefined ? [] : this.#holdingsOf((object as Service).spec ?? {});
    // First the new, so that a number that stays is never free in between.
    for (const { pool, number } of now) pool.use(number, owner);
    for (const { pool, number } of this.#seen.get(owner) ?? []) {
      if (!now.some((holding) => holding.pool === pool && holding.number === number))
        pool.release(number, owner);
    }
    if (object === undefined) this.#seen.delete(owner);
    else this.#seen.set(owner, now);
  }

  #holdingsOf(spec: ServiceSpec): Holding[] {
    const found: Holding[] = [];
    if (needsClusterIp(spec) && !isHeadless(spec)) {
      for (const ip of spec.clusterIPs ?? []) {
        const pool = this.#addresses.get(familyOf(ip));
        const address = parseIp(ip);
        if (pool !== undefined && address !== undefined)
          found.push({ pool, number: address.value });
      }
    }
    const ports = (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort);
    for (const port of [...ports, spec.healthCheckNodePort ?? 0]) {
      if (port !== 0) found.push({ pool: this.#ports, number: BigInt(port) });
    }
    return found;
  }

  async allocate(
    resource: Resource,
    next: ApiObject,
    old: ApiObject | undefined,
    dryRun: boolean,
  ): Promise<() => void> {
    if (resource.kind.plural !== SERVICES.plural || resource.kind.group !== SERVICES.group)
      return () => {};
    const service = next as Service;
    const spec = (service.spec ??= {});
    const before = (old as Service | undefined)?.spec;
    const call: Call = { service, spec, taken: [], dryRun };
    const giveBack = (): void => {
      for (const { pool, number } of call.taken) pool.giveBack(number);
    };
    try {
      await this.#allocate(call, before);
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  async #allocate(call: Call, old: ServiceSpec | undefined): Promise<void> {
    const { service, spec } = call;
    if (old !== undefined) keepAllocated(spec, old);
    normalizeClusterIps(spec, old);
    initFamilyFields(service, old, { families: [...this.#addresses.keys()] });
    if (!staysAsItIs(spec, old)) await this.#allocateAddresses(call, old);
    if (needsNodePort(spec)) await this.#allocatePorts(call, old);
    if (needsHealthCheckPort(spec) && !needsHealthCheckPort(old))
      await this.#allocateHealthPort(call);
  }

  async #allocateAddresses(call: Call, old: ServiceSpec | undefined): Promise<void> {
    const { spec } = call;
    if (!needsClusterIp(spec) || isHeadless(spec)) return;
    const had = old !== undefined && needsClusterIp(old);
    if (had && isHeadless(old)) return;
    const families = spec.ipFamilies ?? [];
    // A Service keeps the addresses it has; only a second family can be added.
    const from = had ? (old.ipFamilies ?? []).length : 0;
    if (had && (families.length !== 2 || from !== 1)) return;
    const addresses = [...(spec.clusterIPs ?? [])];
    for (const [index, family] of families.entries()) {
      if (index >= from)
        addresses[index] = await this.#address(call, family, addresses[index] ?? '');
    }
    spec.clusterIPs = addresses;
    spec.clusterIP = addresses[0] ?? HEADLESS;
  }

  /** The address asked for, or any. */
  async #address(call: Call, family: IPFamily, asked: string): Promise<string> {
    const pool = this.#addresses.get(family);
    const name = call.service.metadata?.name ?? '';
    if (pool === undefined)
      throw internalError(
        `failed to allocate a serviceIP for Service ${JSON.stringify(name)}: no range`,
      );
    if (asked === '') {
      const number = await this.#anyFrom(call, pool);
      if (number === undefined) {
        throw internalError(
          `failed to allocate a serviceIP for Service ${JSON.stringify(name)}: range is full`,
        );
      }
      return formatIp({ family: family === 'IPv6' ? 6 : 4, value: number });
    }
    const number = parseIp(asked)?.value ?? 0n;
    const inRange = pool.contains(number);
    if (inRange && (await this.#take(call, pool, number))) return asked;
    // With ServiceCIDRs (KEP-1880) upstream does not say the range any more.
    const wrong = inRange
      ? 'provided IP is already allocated'
      : 'the provided network does not match the current range';
    const at = fieldPath('spec').child('clusterIPs');
    throw refused(call, at, call.spec.clusterIPs, `failed to allocate IP ${asked}: ${wrong}`);
  }

  async #allocatePorts(call: Call, old: ServiceSpec | undefined): Promise<void> {
    const { spec } = call;
    const always = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
    const kept = new Set((old?.ports ?? []).map(({ nodePort = 0 }) => nodePort));
    /** Service port → node port: one number serves all protocols of a port. */
    const chosen = new Map<number, number>();
    const mine = new Set<number>();
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const asked = port.nodePort || requestedFor(spec.ports ?? [], port.port, old === undefined);
      if (asked !== 0) {
        // Upstream shares a number between ports of one Service more freely on update.
        const shared =
          old === undefined ? chosen.get(port.port) === asked : kept.has(asked) || mine.has(asked);
        if (!shared) await this.#takePort(call, index, asked);
        port.nodePort = asked;
      } else if (always) {
        port.nodePort = chosen.get(port.port) ?? (await this.#anyPort(call));
      }
      if (!port.nodePort) continue;
      mine.add(port.nodePort);
      if (old === undefined) chosen.set(port.port, port.nodePort);
    }
  }

  async #takePort(call: Call, index: number, port: number): Promise<void> {
    const wrong = await this.#portProblem(call, port);
    if (wrong === undefined) return;
    throw refused(
      call,
      fieldPath('spec').child('ports').index(index).child('nodePort'),
      port,
      wrong,
    );
  }

  async #portProblem(call: Call, port: number): Promise<string | undefined> {
    const number = BigInt(port);
    if (!this.#ports.contains(number)) {
      return `provided port is not in the valid range. The range of valid ports is ${this.#portRange}`;
    }
    return (await this.#take(call, this.#ports, number))
      ? undefined
      : 'provided port is already allocated';
  }

  async #anyPort(call: Call): Promise<number> {
    const number = await this.#anyFrom(call, this.#ports);
    if (number === undefined) throw internalError('failed to allocate a nodePort: range is full');
    return Number(number);
  }

  async #allocateHealthPort(call: Call): Promise<void> {
    const asked = call.spec.healthCheckNodePort ?? 0;
    if (asked === 0) {
      call.spec.healthCheckNodePort = await this.#anyPort(call);
      return;
    }
    const wrong = await this.#portProblem(call, asked);
    if (wrong !== undefined)
      throw internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${wrong}`);
  }

  /** Whether `number` is now held by this write. */
  async #take(call: Call, pool: Pool, number: bigint): Promise<boolean> {
    // What another write has just released may not show yet.
    if (!pool.isFree(number)) await this.#reader.catchUp();
    if (!pool.isFree(number)) return false;
    take(call, pool, number);
    return true;
  }

  async #anyFrom(call: Call, pool: Pool): Promise<bigint | undefined> {
    let number = pool.findFree();
    if (number === undefined) {
      await this.#reader.catchUp();
      number = pool.findFree();
    }
    if (number === undefined) return undefined;
    take(call, pool, number);
    return number;
  }
}

function refused({ service }: Call, at: FieldPath, value: unknown, detail: string): Error {
  return invalid(KIND, service.metadata?.name ?? '', [invalidValue(at, value, detail)]);
}
