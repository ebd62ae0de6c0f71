/**
 * Encryption at rest: the API server's store as it is configured now, and as it will be when the
 * configuration changes.
 *
 * Source: Kubernetes documentation, "Encrypting Confidential Data at Rest"; KEP-3299.
 */
import { type Environment, sleep } from '#base/env.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { ValueTransformer } from '#store/transforming.ts';
import { ConfigFollower } from '../config-follower.ts';
import { readEncryptionConfig } from './config.ts';
import type { GroupResource } from './group-resource.ts';
import { EncryptionMetrics, hashOf } from './metrics.ts';
import { ConfiguredTransformer } from './transformer.ts';

export interface EncryptionOptions {
  /** The text of the file with the `EncryptionConfiguration`. */
  read(): Promise<string>;
  /** `--encryption-provider-config-automatic-reload` */
  readonly reloads: boolean;
  /** The road to a key service, by the path of its socket. */
  keyService(socketPath: string): GrpcChannel;
}

/** How long a new configuration's key services may take until they are well. */
const READY_WITHIN_MS = 10_000;
const READY_TRIES_MS = 100;
/** What is under way with the configuration before may still need its key services. */
const CLOSE_AFTER_MS = 10_000;

export interface EncryptionServices {
  readonly environment: Environment;
  readonly registry: MetricRegistry;
  /** The name of this server's Lease. */
  readonly serverId: string;
  /** Of which resource the object at a key of the store is. */
  resourceOf(key: string): GroupResource | undefined;
}

export class Encryption implements ValueTransformer {
  readonly #options: EncryptionOptions;
  readonly #services: EncryptionServices;
  readonly #metrics: EncryptionMetrics;
  readonly #follower: ConfigFollower;
  #current: ConfiguredTransformer | undefined;

  constructor(options: EncryptionOptions, services: EncryptionServices) {
    const { environment, registry, serverId } = services;
    this.#options = options;
    this.#services = services;
    this.#metrics = new EncryptionMetrics(registry, environment.clock, serverId);
    this.#follower = new ConfigFollower({
      environment,
      registry,
      subsystem: 'apiserver_encryption_config_controller',
      what: 'encryption',
      serverHash: hashOf(serverId),
      read: () => options.read(),
      load: (text) => this.#load(text),
    });
  }

  /**
   * Reads the configuration and waits until its key services are well: without them nothing of
   * theirs can be read. Throws ConfigError. `signal` ends the waiting and all that follows.
   */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#current?.stop(), { once: true });
    await this.#follower.start();
    while (!signal.aborted && (await this.#current?.check()) !== undefined)
      await sleep(this.#services.environment, READY_TRIES_MS, signal);
    if (this.#options.reloads) void this.#follower.follow(signal);
  }

  /** What is wrong with the key services; undefined: nothing. */
  get wrong(): string | undefined {
    return this.#current?.wrong;
  }

  toStorage(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#transformer.toStorage(key, value);
  }

  fromStorage(key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#transformer.fromStorage(key, stored);
  }

  isStale(key: string, stored: Uint8Array): boolean {
    return this.#transformer.isStale(key, stored);
  }

  get #transformer(): ConfiguredTransformer {
    if (this.#current === undefined) throw new Error('the encryption is not configured yet');
    return this.#current;
  }

  async #load(text: string): Promise<void> {
    const { environment } = this.#services;
    const config = readEncryptionConfig(text);
    const { secretbox } = await import('./secretbox.ts');
    const next = new ConfiguredTransformer(
      config,
      {
        environment,
        metrics: this.#metrics,
        keyService: (socketPath) => this.#options.keyService(socketPath),
        secretbox,
      },
      (key) => this.#services.resourceOf(key),
    );
    await next.start();
    const before = this.#current;
    if (before !== undefined) {
      const wrong = await this.#wrongAfterAll(next);
      if (wrong !== undefined) {
        next.stop();
        throw new Error(`health check for new transformers failed: ${wrong}`);
      }
      environment.timers.after(CLOSE_AFTER_MS, () => before.stop());
    }
    this.#current = next;
  }

  /** What is still wrong with the key services of a new configuration when their time is over. */
  async #wrongAfterAll(next: ConfiguredTransformer): Promise<string | undefined> {
    const { environment } = this.#services;
    const endMs = environment.clock.monotonicMs() + READY_WITHIN_MS;
    for (;;) {
      const wrong = await next.check();
      if (wrong === undefined || environment.clock.monotonicMs() >= endMs) return wrong;
      await sleep(environment, READY_TRIES_MS);
    }
  }
}
