/** What the tests of the allocator share: a world in, what each claim gets out, as a line of text. */
import type { SelectableNode } from '#api/core/node-selector.ts';
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '#api/gen/resource-v1.ts';
import { Allocator } from '#scheduler/dynamic-resources/allocator.ts';
import { Catalog } from '#scheduler/dynamic-resources/pools.ts';
import { AllocationError } from '#scheduler/dynamic-resources/requests.ts';
import { DeviceUse } from '#scheduler/dynamic-resources/use.ts';
import { aClass } from './devices.ts';

export interface AllocatorWorld {
  readonly slices?: readonly ResourceSlice[];
  /** `gpu`, of every device, when absent. */
  readonly classes?: readonly DeviceClass[];
  /** What others have. */
  readonly allocated?: readonly AllocationResult[];
  readonly claims?: readonly ResourceClaim[];
  readonly node?: Partial<SelectableNode>;
}

export function allocateIn(world: AllocatorWorld): ReturnType<Allocator['allocate']> {
  const { slices = [], classes = [aClass('gpu')], allocated = [], claims = [] } = world;
  const inUse = new DeviceUse();
  for (const each of allocated) inUse.count(each, 1);
  let shares = 0;
  const allocator = new Allocator({
    catalog: new Catalog(slices),
    inUse,
    deviceClass: (name) => classes.find(({ metadata }) => metadata?.name === name),
    newShareId: () => `share-${++shares}`,
    step: () => undefined,
  });
  return allocator.allocate({ name: 'n1', labels: {}, ...world.node }, claims);
}

/** `request=pool/device` of each device, claims apart by ` | `; or why there is none. */
export function gives(world: AllocatorWorld): string {
  try {
    const given = allocateIn(world);
    return 'reason' in given ? given.reason : given.results.map(textOf).join(' | ');
  } catch (error) {
    if (error instanceof AllocationError) return `error: ${error.message}`;
    throw error;
  }
}

function textOf({ devices }: AllocationResult): string {
  return (devices?.results ?? [])
    .map(({ request, pool, device, consumedCapacity }) => {
      const taken = Object.entries(consumedCapacity ?? {}).map(([name, of]) => `${name}:${of}`);
      return `${request}=${pool}/${device}${taken.length === 0 ? '' : `(${taken.join(' ')})`}`;
    })
    .join(' ');
}

/** An allocation of devices of the test's driver, `pool/device` each. */
export function allocationOf(...names: string[]): AllocationResult {
  const results = names.map((name) => {
    const [pool = '', device = ''] = name.split('/');
    return { request: 'r', driver: 'gpu.example.com', pool, device };
  });
  return { devices: { results } };
}
