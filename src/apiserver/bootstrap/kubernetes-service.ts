/**
 * The Service `kubernetes` and the addresses behind it: those of all API servers that are alive.
 *
 * Looks every ten seconds, and when somebody touches one of the three objects. A server that ends
 * takes its address away; of one that dies the lease runs out, and the others do it.
 *
 * Source: upstream pkg/controlplane/controller/kubernetesservice, pkg/controlplane/reconcilers.
 */
import type { EndpointSubset } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Store } from '#store/store.ts';
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from '../admission/targets.ts';
import { ensure, type KeepingServices, type Wanted } from './ensure.ts';
import { wantedEndpoints, wantedEndpointSlice } from './own-endpoints.ts';
import { ServerLease } from './server-lease.ts';
import { OWN, ownService, type SystemOptions } from './system-objects.ts';

/** Upstream's DefaultEndpointReconcilerInterval. */
const EVERY_MS = 10_000;
/** Between what somebody did and the answer to it. */
const SOON_MS = 500;

export interface KubernetesServiceOptions extends KeepingServices {
  readonly store: Store;
  readonly system: SystemOptions;
}

export class KubernetesService {
  readonly #options: KubernetesServiceOptions;
  readonly #lease: ServerLease;
  readonly #service: Wanted;
  #timer: Timer | undefined;
  #dueMs = 0;
  /** One look at a time. */
  #running: Promise<void> = Promise.resolve();
  #started = false;
  #stopped = false;
  /** What was said last: the same trouble is told once. */
  #told = '';

  constructor(options: KubernetesServiceOptions) {
    this.#options = options;
    this.#lease = new ServerLease(options.store, options.system.advertise.address);
    const { target, object } = ownService(options.system);
    this.#service = { target, object };
  }

  /** Resolves when the server is published. Never rejects: pods stay away, clients do not. */
  async start(): Promise<void> {
    this.#started = true;
    for (const target of [SERVICES, ENDPOINTS, ENDPOINT_SLICES]) {
      this.#options.reader.follow(target, ({ namespace, name }) => {
        if (namespace === OWN.namespace && name === OWN.name) this.#wake(SOON_MS);
      });
    }
    await this.#look(true);
  }

  /** Takes the address of this server away. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    if (!this.#started || this.#options.system.publishesAddress === false) return;
    await this.#run(async () => {
      await this.#lease.end();
      const { reader } = this.#options;
      if (reader.get(ENDPOINTS, OWN.namespace, OWN.name) === undefined) return;
      await this.#publish(await this.#lease.list(), true);
    });
  }

  #wake(afterMs: number): void {
    const { clock, timers } = this.#options.environment;
    const dueMs = clock.monotonicMs() + afterMs;
    if (this.#stopped || (this.#timer !== undefined && this.#dueMs <= dueMs)) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = timers.after(afterMs, () => {
      this.#timer = undefined;
      void this.#look(false);
    });
  }

  async #look(fixesPorts: boolean): Promise<void> {
    await this.#run(async () => {
      if (this.#stopped) return;
      await this.#keep(this.#service);
      if (this.#options.system.publishesAddress === false) return;
      await this.#publish(await this.#lease.renew(), fixesPorts);
    });
    this.#wake(EVERY_MS);
  }

  async #publish(addresses: readonly string[], fixesPorts: boolean): Promise<void> {
    const { port } = this.#options.system.advertise;
    let subsets: readonly EndpointSubset[] = [];
    const wanted = wantedEndpoints({ addresses, port, fixesPorts }, (found) => (subsets = found));
    subsets = wanted.object.subsets ?? [];
    await this.#keep(wanted);
    await this.#keep(wantedEndpointSlice(subsets));
  }

  #keep<T extends KubeObject>(wanted: Wanted<T>): Promise<void> {
    return ensure(this.#options, wanted);
  }

  #run(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).then(
      () => this.#tell(''),
      (error: unknown) => this.#tell(messageOf(error)),
    );
    return this.#running;
  }

  #tell(error: string): void {
    if (error !== '' && error !== this.#told) {
      const message = 'the address of this server cannot be published to pods';
      this.#options.environment.log.warn(message, { error });
    }
    this.#told = error;
  }
}
