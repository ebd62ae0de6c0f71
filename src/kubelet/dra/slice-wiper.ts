/**
 * Removes the ResourceSlices of drivers that are gone: nothing of theirs may be given to pods.
 *
 * When a kubelet starts no driver has come yet, so all slices of the node go; those that come back
 * publish theirs again. Later a driver has half a minute to come back. Upstream:
 * pkg/kubelet/cm/dra/plugin/dra_plugin_manager.go (wipeResourceSlices), v1.36.
 */
import { type Environment, sleep, type Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { RESOURCE_SLICE } from '../resources.ts';

const DELAY_MS = 30_000;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 300_000;

export interface SliceWiperOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly nodeName: string;
  /** The Node object is there: before, the API does not know whose the slices are. */
  readonly isRegistered: () => boolean;
  readonly signal: AbortSignal;
}

export class SliceWiper {
  readonly #options: SliceWiperOptions;
  readonly #waiting = new Map<string, Timer>();

  constructor(options: SliceWiperOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => {
      for (const timer of this.#waiting.values()) timer.cancel();
    });
  }

  /** Of all drivers, now. */
  wipeAll(): void {
    void this.#wipe('');
  }

  /** Of this driver, half a minute after it was first said. */
  wipeLater(driver: string): void {
    if (this.#waiting.has(driver) || this.#options.signal.aborted) return;
    const timer = this.#options.environment.timers.after(DELAY_MS, () => {
      this.#waiting.delete(driver);
      void this.#wipe(driver);
    });
    this.#waiting.set(driver, timer);
  }

  /** The driver is there again. */
  keep(driver: string): void {
    this.#waiting.get(driver)?.cancel();
    this.#waiting.delete(driver);
  }

  async #wipe(driver: string): Promise<void> {
    const { environment, client, nodeName, isRegistered, signal } = this.#options;
    const ofDriver = driver === '' ? '' : `,spec.driver=${driver}`;
    const fieldSelector = `spec.nodeName=${nodeName}${ofDriver}`;
    for (let delayMs = RETRY_FIRST_MS; !signal.aborted; delayMs *= 2) {
      try {
        if (isRegistered()) return await client.deleteCollection(RESOURCE_SLICE, { fieldSelector });
      } catch (error) {
        const values = { fieldSelector, error: messageOf(error) };
        environment.log.warn('cannot delete slices of devices', values);
      }
      await sleep(environment, Math.min(RETRY_MAX_MS, delayMs), signal);
    }
  }
}
