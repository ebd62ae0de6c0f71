/**
 * Which addresses a Service takes and gives back when it is written, and what is said when it
 * cannot have them.
 *
 * Source: upstream pkg/registry/core/service/storage/alloc.go (allocClusterIPs, updateClusterIPs).
 */
import { needsClusterIp } from '#api/core/service-types.ts';
import type { IPFamily, Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import { internalError, invalid } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { type AddressAllocator, AllocationError } from './addresses.ts';
import { addressesOf, HEADLESS, isHeadless, staysAsItIs } from './ip-families.ts';

const KIND = { group: '', kind: 'Service' };

/** The addresses that one write takes. */
export class AddressTaking {
  /** Given out to this write. */
  readonly taken: string[] = [];
  readonly #allocator: AddressAllocator;
  readonly #dryRun: boolean;

  constructor(allocator: AddressAllocator, dryRun: boolean) {
    this.#allocator = allocator;
    this.#dryRun = dryRun;
  }

  /** Fills in the addresses of `service`. Throws a StatusError; the caller gives back `taken`. */
  async take(service: Service, old: ServiceSpec | undefined): Promise<void> {
    const { spec = {} } = service;
    if (!needsClusterIp(spec) || isHeadless(spec) || staysAsItIs(spec, old)) return;
    const had = old !== undefined && needsClusterIp(old);
    if (had && isHeadless(old)) return;
    const families = spec.ipFamilies ?? [];
    // A Service keeps the addresses it has; only a second family can be added.
    const from = had ? (old.ipFamilies ?? []).length : 0;
    if (had && (families.length !== 2 || from !== 1)) return;
    const addresses = [...(spec.clusterIPs ?? [])];
    for (const [index, family] of families.entries()) {
      if (index < from) continue;
      const asked = addresses[index] ?? '';
      addresses[index] = asked === '' ? await this.#any(service, family) : asked;
      if (asked !== '') await this.#one(service, asked);
    }
    spec.clusterIPs = addresses;
    spec.clusterIP = addresses[0] ?? HEADLESS;
  }

  async #any(service: Service, family: IPFamily): Promise<string> {
    try {
      if (this.#dryRun) return this.#allocator.placeholder(family);
      const address = await this.#allocator.takeAny(family, service);
      this.taken.push(address);
      return address;
    } catch (error) {
      const name = service.metadata?.name ?? '';
      if (error instanceof AllocationError && error.isFull) {
        const what = `failed to allocate a serviceIP for Service ${JSON.stringify(name)}`;
        throw internalError(`${what}: ${error.message}`);
      }
      throw refusal(service, `failed to allocate IP: ${messageOf(error)}`);
    }
  }

  async #one(service: Service, asked: string): Promise<void> {
    try {
      if (this.#dryRun) return this.#allocator.check(asked);
      await this.#allocator.take(asked, service);
      this.taken.push(asked);
    } catch (error) {
      throw refusal(service, `failed to allocate IP ${asked}: ${messageOf(error)}`);
    }
  }
}

function refusal({ metadata, spec }: Service, detail: string): Error {
  const at = fieldPath('spec').child('clusterIPs');
  return invalid(KIND, metadata?.name ?? '', [invalidValue(at, spec?.clusterIPs ?? [], detail)]);
}

/** What an update from `old` to `next` gives up. */
export function givenUp(next: ServiceSpec, old: ServiceSpec): readonly string[] {
  if (staysAsItIs(next, old)) return [];
  const before = addressesOf(old);
  if (!needsClusterIp(next)) return before;
  const isDowngrade = (old.ipFamilies ?? []).length === 2 && (next.ipFamilies ?? []).length === 1;
  return isDowngrade ? before.slice(1) : [];
}
