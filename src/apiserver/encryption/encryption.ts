/**
 * Encryption at rest: the API server's store as it is configured now, and as it will be when the
 * configuration changes.
 *
 * Source: Kubernetes documentation, "Encrypting Confidential Data at Rest"; KEP-3299.
 */
import { type Environment, sleep, type Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import type { Live } from '#base/live.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { ValueTransformer } from '#store/transforming.ts';
import { ConfigMetrics } from '../metrics/config-metrics.ts';
import type { EncryptionConfig } from './config.ts';
import type { GroupResource } from './group-resource.ts';
import { EncryptionMetrics } from './metrics.ts';
import { ConfiguredTransformer } from './transformer.ts';

export interface EncryptionOptions {
  /** The `EncryptionConfiguration`, and what it becomes where the file is followed. */
  readonly config: Live<EncryptionConfig>;
  /** The road to a key service, by the path of its socket. */
  keyService(socketPath: string): GrpcChannel;
}

/** How long a new configuration's key services may take until they are well. */
const READY_WITHIN_MS = 10_000;
const READY_TRIES_MS = 100;
/** What is under way with the configuration before may still need its key services. */
const CLOSE_AFTER_MS = 10_000;
/** A configuration that could not be taken over is tried again after this. */
const AGAIN_MS = 60_000;

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
  readonly #configMetrics: ConfigMetrics;
  #current: ConfiguredTransformer | undefined;
  #again: Timer | undefined;

  constructor(options: EncryptionOptions, services: EncryptionServices) {
    const { environment, registry, serverId } = services;
    const { clock } = environment;
    this.#options = options;
    this.#services = services;
    this.#metrics = new EncryptionMetrics(registry, clock, serverId);
    const { source } = options.config;
    this.#configMetrics = new ConfigMetrics(registry, 'encryption', { clock, serverId, source });
  }

  /**
   * Takes the configuration over and waits until its key services are well: without them nothing of
   * theirs can be read. Throws ConfigError. `signal` ends the waiting and all that follows.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    signal.addEventListener('abort', () => this.#stop(), { once: true });
    await this.#load(config.current);
    while (!signal.aborted && (await this.#current?.check()) !== undefined)
      await sleep(this.#services.environment, READY_TRIES_MS, signal);
    if (signal.aborted) return;
    const unsubscribe = config.subscribe((change) => {
      if ('error' in change) this.#configMetrics.failed();
      else void this.#change();
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
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

  #stop(): void {
    this.#again?.cancel();
    this.#current?.stop();
  }

  /** Takes over what is wanted now, or tries again later. */
  async #change(): Promise<void> {
    const { environment } = this.#services;
    const { current, source } = this.#options.config;
    this.#again?.cancel();
    try {
      await this.#load(current);
      this.#configMetrics.reloaded(source);
    } catch (error) {
      environment.log.error('a changed encryption configuration cannot be used', {
        error: messageOf(error),
      });
      this.#configMetrics.failed();
      this.#again = environment.timers.after(AGAIN_MS, () => void this.#change());
    }
  }

  async #load(config: EncryptionConfig): Promise<void> {
    const { environment } = this.#services;
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
