/**
 * How device plug-ins come: they call the kubelet at `kubelet.sock`, and it calls them back.
 *
 *   plug-in ─ Register(resource, socket) ─▶ kubelet ─ options, ListAndWatch ─▶ plug-in's socket
 *
 * A plug-in lives as long as its stream of devices. A later one for the same resource takes its
 * place. When the kubelet starts it removes all sockets of the directory: plug-ins see that, and
 * register again. Upstream: pkg/kubelet/cm/devicemanager/plugin/v1beta1, v1.36.
 */
import { isExtendedResource } from '#api/validation/resource-names.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { GRPC_CODE, GrpcError, type GrpcServer, type GrpcSockets } from '#base/grpc.ts';
import type { PluginFacts, PluginHandler } from '../plugins/plugin-handler.ts';
import {
  type Device,
  DEVICE_PLUGIN,
  DEVICE_PLUGIN_VERSION,
  REGISTER_PATH,
  type RegisterRequest,
} from './device-plugin-api.ts';
import { DevicePlugin } from './device-plugin.ts';

const SOCKET = 'kubelet.sock';
/** So many resources may have plug-ins. */
const PLUGINS_MAX = 1000;

export interface DeviceRegistrationOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly sockets: GrpcSockets;
  /** Where the sockets of the kubelet and of plug-ins lie. */
  readonly directory: string;
  readonly onRegister: (resource: string) => void;
  readonly onConnected: (plugin: DevicePlugin) => void;
  readonly onDevices: (plugin: DevicePlugin, devices: readonly Device[]) => void;
  readonly onGone: (plugin: DevicePlugin) => void;
}

export class DeviceRegistration implements PluginHandler {
  readonly #options: DeviceRegistrationOptions;
  readonly #plugins = new Map<string, DevicePlugin>();
  #server: GrpcServer | undefined;

  constructor(options: DeviceRegistrationOptions) {
    this.#options = options;
  }

  /** Rejects when it cannot listen. */
  async start(): Promise<void> {
    const { directory, fileSystem, sockets } = this.#options;
    await fileSystem.makeDirectory(directory, 0o750);
    for (const name of await fileSystem.list(directory)) {
      const path = `${directory}/${name}`;
      const stat = await fileSystem.stat(path, { noFollow: true });
      if (stat?.kind === 'socket') await fileSystem.remove(path);
    }
    const register = DEVICE_PLUGIN.method(['RegisterRequest', 'Empty'], async (request) => {
      await this.#registered(request);
      return {};
    });
    this.#server = await sockets.serve(`${directory}/${SOCKET}`, {
      unary: { [REGISTER_PATH]: register },
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    for (const plugin of this.#plugins.values()) plugin.close();
    this.#plugins.clear();
  }

  validate({ name, versions }: PluginFacts): void {
    if (!versions.includes(DEVICE_PLUGIN_VERSION))
      throw new Error(
        `manager version, ${DEVICE_PLUGIN_VERSION}, is not among plugin supported versions [${versions.join(' ')}]`,
      );
    if (!isExtendedResource(name))
      throw new Error(`invalid name of device plugin socket: ${invalidName(name)}`);
  }

  register({ name, endpoint }: PluginFacts): Promise<void> {
    return this.#connect(name, endpoint);
  }

  deregister({ name }: PluginFacts): void {
    this.#plugins.get(name)?.close();
  }

  async #registered(request: RegisterRequest): Promise<void> {
    const { version = '', endpoint = '', resourceName = '' } = request;
    this.#options.onRegister(resourceName);
    if (version !== DEVICE_PLUGIN_VERSION)
      throw new Error(
        `requested API version "${version}" is not supported by kubelet. Supported version is ["${DEVICE_PLUGIN_VERSION}"]`,
      );
    if (!isExtendedResource(resourceName)) throw new Error(invalidName(resourceName));
    await this.#connect(resourceName, `${this.#options.directory}/${endpoint}`);
  }

  async #connect(resource: string, path: string): Promise<void> {
    const before = this.#plugins.get(resource);
    if (before === undefined && this.#plugins.size >= PLUGINS_MAX)
      throw new GrpcError(
        GRPC_CODE.resourceExhausted,
        `${PLUGINS_MAX} device plugins are registered: no more are taken`,
      );
    const { environment, sockets, onConnected, onDevices, onGone } = this.#options;
    const plugin = new DevicePlugin(sockets, resource, path);
    try {
      await plugin.connect();
    } catch (error) {
      plugin.close();
      throw new Error(`failed to get device plugin options: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#plugins.set(resource, plugin);
    onConnected(plugin);
    before?.close();
    plugin
      .watch((devices) => onDevices(plugin, devices))
      .catch((error: unknown) =>
        environment.log.warn('device plug-in is gone', { resource, error: messageOf(error) }),
      )
      .finally(() => {
        plugin.close();
        if (this.#plugins.get(resource) === plugin) this.#plugins.delete(resource);
        onGone(plugin);
      });
  }
}

function invalidName(name: string): string {
  return `the ResourceName "${name}" is invalid`;
}
