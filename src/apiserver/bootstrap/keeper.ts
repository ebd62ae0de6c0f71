/**
 * Makes objects of the server's own anew when somebody deletes or changes them while it runs.
 *
 * Upstream: pkg/controlplane/controller/{systemnamespaces,clusterauthenticationtrust,
 * kubernetesservice}, which look at their objects again and again.
 */
import { messageOf } from '#base/error.ts';
import type { Environment, Timer } from '#base/env.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { ensure, type Wanted } from './ensure.ts';
import type { LocalClient } from './local-client.ts';

const RETRY_MS = 1_000;

export interface KeeperOptions {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
  readonly wanted: readonly Wanted[];
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #dirty = new Set<Wanted>();
  #failed: Wanted[] = [];
  #running = false;
  #started = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    for (const wanted of options.wanted) {
      const { namespace = '', name = '' } = wanted.object.metadata ?? {};
      options.reader.follow(wanted.target, (change) => {
        if (change.name === name && change.namespace === namespace) this.#look(wanted);
      });
    }
  }

  /** When the objects have been made for the first time. */
  start(): void {
    this.#started = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #look(wanted: Wanted): void {
    if (!this.#started || this.#stopped) return;
    this.#dirty.add(wanted);
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Never rejects. What cannot be made (its namespace is going) is tried again. */
  async #run(): Promise<void> {
    const failed: Wanted[] = [];
    for (const wanted of this.#dirty) {
      this.#dirty.delete(wanted);
      if (this.#stopped) return;
      try {
        await ensure(this.#options, wanted);
      } catch (error) {
        const { name = '' } = wanted.object.metadata ?? {};
        this.#options.environment.log.warn('cannot keep an object of the system', {
          name,
          error: messageOf(error),
        });
        failed.push(wanted);
      }
    }
    this.#running = false;
    if (failed.length === 0) return;
    this.#failed = [...this.#failed, ...failed];
    this.#timer?.cancel();
    this.#timer = this.#options.environment.timers.after(RETRY_MS, () => {
      for (const wanted of this.#failed.splice(0)) this.#look(wanted);
    });
  }
}
