/**
 * One device plug-in at its socket, for one resource.
 *
 * Upstream: pkg/kubelet/cm/devicemanager/endpoint.go, plugin/v1beta1/client.go, v1.36. What takes as
 * long as it takes (Allocate) ends at the latest with the connection.
 */
import type { GrpcSocketChannel, GrpcSockets } from '#base/grpc.ts';
import {
  type Device,
  DEVICE_PLUGIN,
  type DeviceGrant,
  devicePluginPath,
  type DevicePluginOptions,
} from './device-plugin-api.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const PRE_START_TIMEOUT_MS = 30_000;

export interface PreferredDevices {
  readonly available: readonly string[];
  readonly mustInclude: readonly string[];
  readonly size: number;
}

export class DevicePlugin {
  readonly resource: string;
  readonly #channel: GrpcSocketChannel;
  #options: DevicePluginOptions = {};

  constructor(sockets: GrpcSockets, resource: string, path: string) {
    this.resource = resource;
    this.#channel = sockets.open(path);
  }

  /** As the plug-in said when it was connected. */
  get options(): DevicePluginOptions {
    return this.#options;
  }

  /** Rejects when the plug-in cannot be reached. */
  async connect(): Promise<void> {
    const bytes = await this.#channel.unary(
      devicePluginPath('GetDevicePluginOptions'),
      DEVICE_PLUGIN.encode('Empty', {}),
      { timeoutMs: CONNECT_TIMEOUT_MS },
    );
    this.#options = DEVICE_PLUGIN.decode('DevicePluginOptions', bytes);
  }

  /** Calls `onDevices` with all devices whenever one has changed, until the plug-in is gone. */
  watch(onDevices: (devices: readonly Device[]) => void): Promise<void> {
    return this.#channel.serverStream(
      devicePluginPath('ListAndWatch'),
      DEVICE_PLUGIN.encode('Empty', {}),
      (bytes) => onDevices(DEVICE_PLUGIN.decode('ListAndWatchResponse', bytes).devices ?? []),
    );
  }

  /** Undefined when the plug-in has answered for no container. */
  async allocate(devicesIds: readonly string[]): Promise<DeviceGrant | undefined> {
    const request = { containerRequests: [{ devicesIds }] };
    const bytes = await this.#channel.unary(
      devicePluginPath('Allocate'),
      DEVICE_PLUGIN.encode('AllocateRequest', request),
    );
    return DEVICE_PLUGIN.decode('AllocateResponse', bytes).containerResponses?.[0];
  }

  /** Which of those that are available the plug-in would take; empty when it does not care. */
  async preferred({ available, mustInclude, size }: PreferredDevices): Promise<readonly string[]> {
    if (this.#options.getPreferredAllocationAvailable !== true) return [];
    const request = {
      availableDeviceIDs: available,
      mustIncludeDeviceIDs: mustInclude,
      allocationSize: size,
    };
    const bytes = await this.#channel.unary(
      devicePluginPath('GetPreferredAllocation'),
      DEVICE_PLUGIN.encode('PreferredAllocationRequest', { containerRequests: [request] }),
    );
    const { containerResponses } = DEVICE_PLUGIN.decode('PreferredAllocationResponse', bytes);
    return containerResponses?.[0]?.deviceIDs ?? [];
  }

  async preStart(devicesIds: readonly string[]): Promise<void> {
    await this.#channel.unary(
      devicePluginPath('PreStartContainer'),
      DEVICE_PLUGIN.encode('PreStartContainerRequest', { devicesIds }),
      { timeoutMs: PRE_START_TIMEOUT_MS },
    );
  }

  close(): void {
    this.#channel.close();
  }
}
