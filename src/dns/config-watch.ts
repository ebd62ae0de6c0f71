/**
 * Keeps the configuration of cluster DNS as its ConfigMap says, while the server runs. Bad data is
 * told by an Event and a line in the log, and changes nothing: the last good configuration stays.
 * Without the ConfigMap the defaults hold.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { type ConfigOptions, DEFAULT_CONFIG, type DnsConfig, parseConfig } from './config.ts';

const CONFIG_NAMESPACE = 'kube-system';
export const CONFIG_NAME = 'cluster-dns';

export interface ConfigWatchOptions extends ConfigOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  /** Where bad data is told; without: in the log alone. */
  readonly events?: Pick<EventRecorder, 'event'>;
  /** Called after the configuration has become another one. */
  readonly changed: () => void;
}

export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  #current = DEFAULT_CONFIG;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    const informer = options.informers.for(CONFIG_MAP, {
      namespace: CONFIG_NAMESPACE,
      fieldSelector: `metadata.name=${CONFIG_NAME}`,
    });
    informer.onChange(({ type, object }) => {
      if (type === 'deleted') this.#apply(DEFAULT_CONFIG);
      else this.#read(object);
    });
  }

  get current(): DnsConfig {
    return this.#current;
  }

  #read(object: ConfigMap): void {
    const { environment, events } = this.#options;
    try {
      this.#apply(parseConfig(object.data ?? {}, this.#options));
    } catch (error) {
      const problem = messageOf(error);
      environment.log.error('configuration of cluster DNS is not applied', { problem });
      events?.event({
        // Objects in lists come without their kind; a reference needs it.
        about: { ...object, apiVersion: 'v1', kind: 'ConfigMap' },
        type: 'Warning',
        reason: 'InvalidConfiguration',
        message: `The last good configuration stays: ${problem}`,
      });
    }
  }

  #apply(config: DnsConfig): void {
    this.#current = config;
    this.#options.environment.log.info('configuration of cluster DNS is applied', {
      stubDomains: [...config.stubDomains.keys()],
      cacheSeconds: config.cacheSeconds,
    });
    this.#options.changed();
  }
}
