/**
 * How devices are, as their drivers tell: what was told too long ago is not known any more.
 *
 * Source: KEP-4680. Upstream: pkg/kubelet/cm/dra/healthinfo.go, v1.36.
 */
import type { Clock } from '#base/env.ts';
import { HEALTH_VALUE, type ReportedHealth } from './dra-api.ts';

const TIMEOUT_MS = 30_000;
const MESSAGE_MAX = 1024;
/** So many devices of a driver are kept in mind. */
const DEVICES_MAX = 10_000;

export interface DeviceHealth {
  readonly health: 'Healthy' | 'Unhealthy' | 'Unknown';
  readonly message: string;
}

interface Told extends DeviceHealth {
  readonly atMs: number;
  readonly timeoutMs: number;
}

const UNKNOWN: DeviceHealth = { health: 'Unknown', message: '' };

export class DevicesHealth {
  readonly #clock: Clock;
  readonly #drivers = new Map<string, Map<string, Told>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives the keys (`pool/device`) of the devices that are otherwise now. */
  tell(driver: string, reports: readonly ReportedHealth[]): Set<string> {
    const known = this.#drivers.get(driver) ?? new Map<string, Told>();
    this.#drivers.set(driver, known);
    const changed = new Set<string>();
    for (const report of reports) {
      const key = `${report.device?.poolName ?? ''}/${report.device?.deviceName ?? ''}`;
      const told = this.#read(report);
      const before = known.get(key);
      if (before === undefined && known.size >= DEVICES_MAX) continue;
      known.set(key, told);
      if (before?.health !== told.health || before.message !== told.message) changed.add(key);
    }
    for (const [key, { atMs, timeoutMs }] of known) {
      if (this.#clock.monotonicMs() - atMs <= timeoutMs) continue;
      known.delete(key);
      changed.add(key);
    }
    return changed;
  }

  of(driver: string, poolName: string, deviceName: string): DeviceHealth {
    const told = this.#drivers.get(driver)?.get(`${poolName}/${deviceName}`);
    if (told === undefined || this.#clock.monotonicMs() - told.atMs > told.timeoutMs)
      return UNKNOWN;
    return told;
  }

  /** Nobody tells of its devices any more. */
  forget(driver: string): void {
    this.#drivers.delete(driver);
  }

  #read({ health, message = '', healthCheckTimeoutSeconds = 0 }: ReportedHealth): Told {
    return {
      health:
        health === HEALTH_VALUE.healthy
          ? 'Healthy'
          : health === HEALTH_VALUE.unhealthy
            ? 'Unhealthy'
            : 'Unknown',
      message: message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX - 3)}...` : message,
      atMs: this.#clock.monotonicMs(),
      timeoutMs: healthCheckTimeoutSeconds > 0 ? healthCheckTimeoutSeconds * 1000 : TIMEOUT_MS,
    };
  }
}
