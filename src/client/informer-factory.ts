/**
 * One informer for each selection of a collection, shared by all who ask for it in this process.
 *
 * Upstream: staging/src/k8s.io/client-go/informers/factory.go, v1.36.
 */
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import type { Environment } from '#base/env.ts';
import type { Client, ResourceType } from './client.ts';
import { Informer, type InformerOptions } from './informer.ts';

export class InformerFactory {
  readonly #client: Client;
  readonly #environment: Environment;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  #signal: AbortSignal | undefined;

  constructor(options: { readonly client: Client; readonly environment: Environment }) {
    this.#client = options.client;
    this.#environment = options.environment;
  }

  /**
   * The informer of this selection; the same one for the same selection. Runs at once when the
   * factory has been started. `transform` counts only for the first who asks.
   */
  for<T extends KubeObject>(type: ResourceType<T>, options: InformerOptions<T> = {}): Informer<T> {
    const key = [
      apiVersionOf(type),
      type.plural,
      options.namespace ?? '',
      options.labelSelector ?? '',
      options.fieldSelector ?? '',
      options.metadataOnly === true ? 'metadata' : '',
    ].join('|');
    const known = this.#informers.get(key);
    // The key names the resource, and a resource has one type.
    if (known !== undefined) return known as unknown as Informer<T>;
    const informer = new Informer<T>({
      client: this.#client,
      environment: this.#environment,
      type,
      selection: options,
    });
    this.#informers.set(key, informer as unknown as Informer<KubeObject>);
    if (this.#signal !== undefined) informer.start(this.#signal);
    return informer;
  }

  /** Starts all informers, and those to come, until `signal` is aborted. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const informer of this.#informers.values()) informer.start(signal);
  }

  /** Resolves when every informer that is known now has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced()));
  }

  get informers(): Informer<KubeObject>[] {
    return [...this.#informers.values()];
  }
}
