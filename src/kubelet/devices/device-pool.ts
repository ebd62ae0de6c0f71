/**
 * The devices of the node, by resource: which there are, which are healthy, and who offers them.
 *
 *   connected ─▶ listed ─▶ disconnected: all unhealthy ─5 minutes─▶ removed: nothing is left of it
 *
 * Upstream: pkg/kubelet/cm/devicemanager/manager.go (GetCapacity, genericDeviceUpdateCallback), v1.36.
 */
import type { Clock } from '#base/env.ts';
import { type Device, HEALTHY } from './device-plugin-api.ts';
import type { DevicePlugin } from './device-plugin.ts';

/** How long the devices of a plug-in that is gone are still counted. */
const GRACE_MS = 5 * 60_000;

interface Resource {
  /** As last told; also after the plug-in was forgotten. */
  devices: ReadonlyMap<string, Device>;
  healthy: ReadonlySet<string>;
  plugin?: DevicePlugin;
  /** Since when its plug-in is gone. */
  stoppedMs?: number;
}

/** Amounts by resource. */
export interface DeviceRoom {
  readonly capacity: Readonly<Record<string, string>>;
  /** Without those that are unhealthy. */
  readonly allocatable: Readonly<Record<string, string>>;
}

export class DevicePool {
  readonly #clock: Clock;
  readonly #resources = new Map<string, Resource>();
  /** Resources whose plug-in has been gone for too long. */
  readonly #removed = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A resource that an earlier kubelet had, whose plug-in has not come yet. */
  remember(resource: string): void {
    const stoppedMs = this.#clock.monotonicMs();
    this.#resources.set(resource, { devices: new Map(), healthy: new Set(), stoppedMs });
  }

  /** Its devices stay as they were until it tells them. */
  connect(plugin: DevicePlugin): void {
    const known = this.#resources.get(plugin.resource);
    this.#removed.delete(plugin.resource);
    this.#resources.set(plugin.resource, {
      devices: known?.devices ?? new Map(),
      healthy: known?.healthy ?? new Set(),
      plugin,
    });
  }

  /** The plug-in is gone, and no other has come in its place. */
  disconnect(plugin: DevicePlugin): void {
    const known = this.#resources.get(plugin.resource);
    if (known?.plugin !== plugin) return;
    const stoppedMs = this.#clock.monotonicMs();
    this.#resources.set(plugin.resource, {
      devices: known.devices,
      healthy: new Set(),
      stoppedMs,
    });
  }

  /** Gives the ids of the devices that came, or whose health is another one now. */
  list(plugin: DevicePlugin, listed: readonly Device[]): string[] {
    const known = this.#resources.get(plugin.resource);
    if (known?.plugin !== plugin) return [];
    const devices = new Map(listed.map((device) => [device.ID ?? '', device]));
    const healthy = listed.filter(({ health }) => health === HEALTHY).map(({ ID = '' }) => ID);
    this.#resources.set(plugin.resource, { devices, healthy: new Set(healthy), plugin });
    return [...devices.keys()].filter(
      (id) => known.devices.get(id)?.health !== devices.get(id)?.health,
    );
  }

  has(resource: string): boolean {
    return this.#resources.has(resource);
  }

  get resources(): string[] {
    return [...this.#resources.keys()];
  }

  plugin(resource: string): DevicePlugin | undefined {
    return this.#resources.get(resource)?.plugin;
  }

  healthy(resource: string): ReadonlySet<string> {
    return this.#resources.get(resource)?.healthy ?? new Set();
  }

  device(resource: string, id: string): Device | undefined {
    return this.#resources.get(resource)?.devices.get(id);
  }

  /** Forgets resources whose plug-in is gone for too long: they count 0 from then on. */
  expire(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const gone = [...this.#resources].filter(
      ([, { stoppedMs }]) => stoppedMs !== undefined && nowMs - stoppedMs > GRACE_MS,
    );
    for (const [resource] of gone) {
      this.#resources.delete(resource);
      this.#removed.add(resource);
    }
    return gone.length > 0;
  }

  room(): DeviceRoom {
    const capacity: Record<string, string> = {};
    const allocatable: Record<string, string> = {};
    for (const resource of this.#removed) capacity[resource] = allocatable[resource] = '0';
    for (const [resource, { devices, healthy }] of this.#resources) {
      capacity[resource] = String(devices.size);
      allocatable[resource] = String(healthy.size);
    }
    return { capacity, allocatable };
  }
}
