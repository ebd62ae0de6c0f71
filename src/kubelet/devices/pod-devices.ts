/**
 * Which container has which devices, and what its plug-in wants it to be given with them.
 *
 * Upstream: pkg/kubelet/cm/devicemanager/pod_devices.go, v1.36.
 */
import type { DeviceGrant } from './device-plugin-api.ts';

/** Ids by NUMA node; -1 for devices of which none is told. */
export type DevicesByNode = Readonly<Record<string, readonly string[]>>;

export const NO_NUMA_NODE = '-1';

export interface AllocatedDevices {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  readonly byNode: DevicesByNode;
  readonly grant: DeviceGrant;
}

export class PodDevices {
  #entries: AllocatedDevices[] = [];

  all(): readonly AllocatedDevices[] {
    return this.#entries;
  }

  of(podUid: string, container: string): AllocatedDevices[] {
    return this.#entries.filter(
      (entry) => entry.podUid === podUid && entry.container === container,
    );
  }

  /** Undefined when the container was given none of it. */
  ids(podUid: string, container: string, resource: string): ReadonlySet<string> | undefined {
    const found = this.of(podUid, container).find((entry) => entry.resource === resource);
    return found === undefined ? undefined : idsOf(found);
  }

  /** All ids of a resource that somebody has. */
  inUse(resource: string): ReadonlySet<string> {
    const entries = this.#entries.filter((entry) => entry.resource === resource);
    return new Set(entries.flatMap((entry) => [...idsOf(entry)]));
  }

  /** Resources of which somebody has something. */
  resources(): ReadonlySet<string> {
    return new Set(this.#entries.map(({ resource }) => resource));
  }

  holders(resource: string, ids: readonly string[]): Set<string> {
    const holding = this.#entries.filter((entry) => {
      const held = idsOf(entry);
      return entry.resource === resource && ids.some((id) => held.has(id));
    });
    return new Set(holding.map(({ podUid }) => podUid));
  }

  insert(added: AllocatedDevices): void {
    const others = this.#entries.filter(
      ({ podUid, container, resource }) =>
        podUid !== added.podUid || container !== added.container || resource !== added.resource,
    );
    this.#entries = [...others, added];
  }

  /** Forgets pods that hold nothing any more. */
  retain(isActive: (podUid: string) => boolean): void {
    this.#entries = this.#entries.filter(({ podUid }) => isActive(podUid));
  }
}

export function idsOf({ byNode }: Pick<AllocatedDevices, 'byNode'>): Set<string> {
  return new Set(Object.values(byNode).flat());
}
