/**
 * The plug-ins of drivers of devices, in the order in which they came: a driver may have several
 * while it is updated.
 *
 *   registered ─▶ connected ⇄ broken ─▶ deregistered
 *                                └─ no plug-in of the driver for half a minute: its slices go
 *
 * Upstream: pkg/kubelet/cm/dra/plugin/dra_plugin_manager.go, v1.36.
 */
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcSockets } from '#base/grpc.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { PluginFacts, PluginHandler } from '../plugins/plugin-handler.ts';
import { DRA_SERVICES, type ReportedHealth } from './dra-api.ts';
import { DraPlugin } from './dra-plugin.ts';
import type { SliceWiper } from './slice-wiper.ts';

const RECONNECT_FIRST_MS = 1000;
const RECONNECT_MAX_MS = 120_000;
const HEALTH_RETRY_MS = 5000;
const PLUGINS_MAX = 1000;

export interface DraPluginsOptions {
  readonly environment: Environment;
  readonly sockets: GrpcSockets;
  readonly registry: MetricRegistry;
  readonly slices: Pick<SliceWiper, 'wipeLater' | 'keep'>;
  readonly onHealth: (driver: string, devices: readonly ReportedHealth[]) => void;
  /** Nobody tells of the driver's devices any more. */
  readonly onHealthLost: (driver: string) => void;
}

export class DraPlugins implements PluginHandler {
  readonly #options: DraPluginsOptions;
  #plugins: readonly DraPlugin[] = [];

  constructor(options: DraPluginsOptions) {
    this.#options = options;
  }

  /** The newest that is connected, or the newest. Throws an Error when the driver has none. */
  get(driver: string): DraPlugin {
    const own = this.#of(driver);
    const found = own.findLast(({ isConnected }) => isConnected) ?? own.at(-1);
    if (found === undefined) throw new Error(`DRA driver ${driver} is not registered`);
    return found;
  }

  validate({ name, endpoint, versions }: PluginFacts): void {
    serviceOf(name, endpoint, versions);
  }

  register(facts: PluginFacts): Promise<void> {
    return Promise.resolve().then(() => this.#add(facts));
  }

  deregister({ name, endpoint }: PluginFacts): void {
    const found = this.#of(name).find((plugin) => plugin.endpoint === endpoint);
    if (found === undefined) return;
    this.#plugins = this.#plugins.filter((plugin) => plugin !== found);
    found.close();
    this.#weigh(name);
  }

  stop(): void {
    const plugins = this.#plugins;
    this.#plugins = [];
    for (const plugin of plugins) plugin.close();
  }

  #of(driver: string): DraPlugin[] {
    return this.#plugins.filter((plugin) => plugin.driver === driver);
  }

  #add({ name, endpoint, versions }: PluginFacts): void {
    const service = serviceOf(name, endpoint, versions);
    if (this.#of(name).some((plugin) => plugin.endpoint === endpoint))
      throw new Error(`endpoint ${endpoint} already registered for DRA driver plugin ${name}`);
    if (this.#plugins.length >= PLUGINS_MAX)
      throw new Error(`${PLUGINS_MAX} plugins are registered: no more are taken`);
    const plugin = new DraPlugin({ ...this.#options, driver: name, endpoint, service });
    this.#plugins = [...this.#plugins, plugin];
    this.#weigh(name);
    void this.#stayConnected(plugin);
    void this.#watchHealth(plugin);
  }

  /** Slices of a driver that cannot be used go, after a while. */
  #weigh(driver: string): void {
    const { slices } = this.#options;
    if (this.#of(driver).some(({ isConnected }) => isConnected)) slices.keep(driver);
    else slices.wipeLater(driver);
  }

  /** Never rejects. */
  async #stayConnected(plugin: DraPlugin): Promise<void> {
    const { environment } = this.#options;
    let delayMs = RECONNECT_FIRST_MS;
    while (!plugin.closed.aborted) {
      try {
        const { closed } = await plugin.connected();
        delayMs = RECONNECT_FIRST_MS;
        this.#isNow(plugin, true);
        await closed;
      } catch (error) {
        const values = { driver: plugin.driver, error: messageOf(error) };
        environment.log.debug('driver of devices cannot be reached', values);
      }
      this.#isNow(plugin, false);
      await sleep(environment, delayMs, plugin.closed);
      delayMs = Math.min(RECONNECT_MAX_MS, delayMs * 2);
    }
  }

  #isNow(plugin: DraPlugin, isConnected: boolean): void {
    plugin.isConnected = isConnected;
    if (this.#plugins.includes(plugin)) this.#weigh(plugin.driver);
  }

  /** Never rejects. A driver that does not know of health is not asked again. */
  async #watchHealth(plugin: DraPlugin): Promise<void> {
    const { environment, onHealth, onHealthLost } = this.#options;
    while (!plugin.closed.aborted) {
      const isKnown = await plugin.watchHealth((devices) => onHealth(plugin.driver, devices));
      if (!isKnown) return;
      onHealthLost(plugin.driver);
      await sleep(environment, HEALTH_RETRY_MS, plugin.closed);
    }
  }
}

/** The first of the plug-in's services that the kubelet knows. Throws an Error when there is none. */
function serviceOf(driver: string, endpoint: string, versions: readonly string[]): string {
  const quoted = (names: readonly string[]): string =>
    `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
  const found = versions.find((version) => DRA_SERVICES.includes(version));
  if (found !== undefined) return found;
  const why =
    versions.length === 0
      ? 'empty list of supported gRPC services (aka supported versions)'
      : `none of services supported by the plugin (${quoted(versions)}) are supported by the kubelet (${quoted(DRA_SERVICES)})`;
  throw new Error(
    `invalid supported gRPC versions of DRA driver plugin ${driver} at endpoint ${endpoint}: ${why}`,
  );
}
