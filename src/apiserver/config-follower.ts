/**
 * Follows a configuration file while the server runs: what has changed is taken over whole, or not
 * at all, and then it is tried again.
 *
 * Source: upstream apiserver/pkg/server/options/encryptionconfig/controller and its metrics, which
 * those of authentication and authorization are like.
 */
import { createHash } from 'node:crypto';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Counter, MetricRegistry } from '#base/metrics.ts';

const FOLLOW_MS = 60_000;

export interface ConfigFollowerOptions {
  readonly environment: Environment;
  readonly registry: MetricRegistry;
  /** Of metrics: `apiserver_encryption_config_controller`. */
  readonly subsystem: string;
  /** What is configured, in logs: `encryption`. */
  readonly what: string;
  /** Of this server, hashed. */
  readonly serverHash: string;
  /** The text of the file. */
  read(): Promise<string>;
  /** Takes a text over, or throws and leaves everything as it was. */
  load(text: string): Promise<void>;
}

export class ConfigFollower {
  readonly #options: ConfigFollowerOptions;
  readonly #reloads: Counter;
  readonly #times: Counter;
  #hash = '';

  constructor(options: ConfigFollowerOptions) {
    this.#options = options;
    const { registry, subsystem, what, serverHash } = options;
    const head = { stability: 'ALPHA', labels: ['apiserver_id_hash', 'status'] } as const;
    this.#reloads = registry.counter({
      ...head,
      name: `${subsystem}_automatic_reloads_total`,
      help: `How often a changed configuration of ${what} was loaded, or could not be.`,
    });
    this.#times = registry.gauge({
      ...head,
      name: `${subsystem}_automatic_reload_last_timestamp_seconds`,
      help: `When a changed configuration of ${what} was last loaded, or could not be.`,
    });
    registry.observed(
      {
        name: `${subsystem}_last_config_info`,
        help: `The hash of the configuration of ${what} that is in use.`,
        stability: 'ALPHA',
        labels: ['apiserver_id_hash', 'hash'],
      },
      () => (this.#hash === '' ? [] : [[[serverHash, this.#hash], 1]]),
    );
  }

  /** The first time: throws what is wrong. */
  async start(): Promise<void> {
    const text = await this.#options.read();
    await this.#options.load(text);
    this.#hash = hashOf(text);
  }

  /** Looks at the file every minute until `signal` is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#options.environment, FOLLOW_MS, signal);
      if (signal.aborted) return;
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { environment, what } = this.#options;
    try {
      const text = await this.#options.read();
      const hash = hashOf(text);
      if (hash === this.#hash) return;
      await this.#options.load(text);
      this.#hash = hash;
      this.#note('success');
      environment.log.info('a changed configuration is in use', { of: what, hash });
    } catch (error) {
      this.#note('failure');
      environment.log.error('a changed configuration cannot be used', {
        of: what,
        error: messageOf(error),
      });
    }
  }

  #note(status: 'success' | 'failure'): void {
    const labels = [this.#options.serverHash, status];
    this.#reloads.add(labels);
    this.#times.set(labels, this.#options.environment.clock.now() / 1000);
  }
}

function hashOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
