/**
 * What a Service takes when it is written: cluster addresses and node ports.
 *
 * Source: upstream pkg/registry/core/service/storage (alloc.go, storage.go) for when something is
 * taken, kept and given back.
 */
import type { Clock, Logger, Random } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { parseCidr } from '#base/ip.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { IPFamily, Service } from '#api/gen/core-v1.ts';
import { familyLabel } from '#api/networking/service-ranges.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { ENDPOINTS } from '../admission/targets.ts';
import type { ApiObject } from '../api-object.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import type { AllocatingWrite, Allocator, Taken } from '../registry/allocators.ts';
import { AddressAllocator } from './addresses.ts';
import { addressesOf, initFamilyFields, normalizeClusterIps } from './ip-families.ts';
import { keepAllocated } from './kept-values.ts';
import { NodePorts, type PortRange } from './node-ports.ts';
import { AddressTaking, givenUp } from './service-addresses.ts';
import { takePorts } from './service-ports.ts';

const ENDPOINTS_TARGET = { ...ENDPOINTS, version: 'v1' };

export interface ServiceAllocatorOptions {
  readonly reader: ObjectReader;
  readonly client: Pick<LocalClient, 'create' | 'remove'>;
  /** A CIDR, or one of each family joined by a comma; the first is the primary one. */
  readonly clusterIpRange: string;
  readonly nodePortRange: PortRange;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metricRegistry: MetricRegistry;
}

export class ServiceAllocators implements Allocator {
  readonly #options: ServiceAllocatorOptions;
  /** Those of the flag, the primary one first; addresses come from any range of them. */
  readonly #families: readonly IPFamily[];
  readonly #addresses: AddressAllocator;
  readonly #ports: NodePorts;

  constructor(options: ServiceAllocatorOptions) {
    this.#options = options;
    this.#families = familiesOf(options.clusterIpRange);
    this.#addresses = new AddressAllocator(options);
    this.#ports = new NodePorts({ ...options, range: options.nodePortRange });
  }

  /** Learns what is used, and follows it from here on. The caches are loaded. */
  start(): void {
    this.#addresses.start();
    this.#ports.start();
  }

  async begin({ next, old, dryRun }: AllocatingWrite): Promise<Taken> {
    const service = next as Service;
    const spec = (service.spec ??= {});
    const before = (old as Service | undefined)?.spec;
    const addresses = new AddressTaking(this.#addresses, dryRun);
    const ports = this.#ports.begin(dryRun);
    const revert = async (): Promise<void> => {
      ports.revert();
      await this.#release(addresses.taken);
    };
    try {
      if (before !== undefined) keepAllocated(spec, before);
      normalizeClusterIps(spec, before);
      initFamilyFields(service, before, { families: this.#families });
      await addresses.take(service, before);
      await takePorts(service, before, ports);
    } catch (error) {
      await revert();
      throw error;
    }
    const over = before === undefined ? [] : givenUp(spec, before);
    return { commit: () => this.#release(over), revert };
  }

  async afterDelete(object: ApiObject): Promise<void> {
    const { metadata, spec } = object as Service;
    await this.#release(addressesOf(spec));
    // A Service of the same name must not find the old endpoints.
    await this.#quietly('endpoints of a deleted Service', () =>
      this.#options.client.remove(ENDPOINTS_TARGET, {
        metadata: { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' },
      }),
    );
  }

  async #release(addresses: readonly string[]): Promise<void> {
    for (const address of addresses)
      await this.#quietly('an address of a Service', () => this.#addresses.release(address));
  }

  /** The repair finds what could not be given back. */
  async #quietly(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn('cannot give back what a Service had', {
        what,
        error: messageOf(error),
      });
    }
  }
}

const SHORTEST_V6_PREFIX = 64;

function familiesOf(clusterIpRange: string): IPFamily[] {
  const families: IPFamily[] = [];
  for (const part of clusterIpRange.split(',')) {
    const text = part.trim();
    const range = parseCidr(text);
    if (range === undefined)
      throw new Error(`Cannot use Service range ${JSON.stringify(text)}: must be a CIDR`);
    if (range.family === 6 && range.prefix < SHORTEST_V6_PREFIX)
      throw new Error(`shortest allowed prefix length for service CIDR is 64, got ${range.prefix}`);
    const family = familyLabel(range.family);
    if (families.includes(family))
      throw new Error(`Cannot use Service range ${text}: there is one of ${family} already`);
    families.push(family);
  }
  return families;
}
