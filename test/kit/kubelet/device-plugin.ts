/** A device plug-in in memory: devices by id, and what was asked of it. */
import { GRPC_CODE, GrpcError, type GrpcServer, type GrpcSockets } from '#base/grpc.ts';
import {
  type Device,
  DEVICE_PLUGIN,
  type DeviceGrant,
  type DevicePluginOptions,
  devicePluginPath,
  REGISTER_PATH,
} from '#kubelet/devices/device-plugin-api.ts';

export class SimulatedDevicePlugin {
  readonly #sockets: GrpcSockets;
  readonly #directory: string;
  readonly resource: string;
  devices: Device[];
  options: DevicePluginOptions = {};
  /** What a container gets with these. */
  grant: (ids: readonly string[]) => DeviceGrant = (ids) => ({ envs: { DEVICES: ids.join(' ') } });
  /** Set: calls of this name fail. */
  readonly faults = new Map<string, string>();
  readonly asked: string[] = [];
  preferred: readonly string[] = [];
  #send: ((message: Uint8Array) => Promise<void>) | undefined;
  #server: GrpcServer | undefined;

  constructor(sockets: GrpcSockets, directory: string, resource: string, ids: readonly string[]) {
    this.#sockets = sockets;
    this.#directory = directory;
    this.resource = resource;
    this.devices = ids.map((ID) => ({ ID, health: 'Healthy' }));
  }

  get path(): string {
    return `${this.#directory}/${this.resource.replace('/', '-')}.sock`;
  }

  async listen(): Promise<void> {
    const called = (name: string, ids: readonly string[]): void => {
      this.asked.push(`${name} ${ids.join(' ')}`.trim());
      const fault = this.faults.get(name);
      if (fault !== undefined) throw new GrpcError(GRPC_CODE.unknown, fault);
    };
    const unary = {
      [devicePluginPath('GetDevicePluginOptions')]: DEVICE_PLUGIN.method(
        ['Empty', 'DevicePluginOptions'],
        () => Promise.resolve(this.options),
      ),
      [devicePluginPath('Allocate')]: DEVICE_PLUGIN.method(
        ['AllocateRequest', 'AllocateResponse'],
        async ({ containerRequests = [] }) => {
          const containerResponses = containerRequests.map(({ devicesIds = [] }) => {
            called('Allocate', devicesIds);
            return this.grant(devicesIds);
          });
          return { containerResponses };
        },
      ),
      [devicePluginPath('PreStartContainer')]: DEVICE_PLUGIN.method(
        ['PreStartContainerRequest', 'PreStartContainerResponse'],
        async ({ devicesIds = [] }) => {
          called('PreStartContainer', devicesIds);
          return {};
        },
      ),
      [devicePluginPath('GetPreferredAllocation')]: DEVICE_PLUGIN.method(
        ['PreferredAllocationRequest', 'PreferredAllocationResponse'],
        async ({ containerRequests = [] }) => {
          const {
            availableDeviceIDs = [],
            mustIncludeDeviceIDs = [],
            allocationSize,
          } = containerRequests[0] ?? {};
          const must = mustIncludeDeviceIDs.join(' ');
          called(`Preferred ${allocationSize} with (${must}) of`, availableDeviceIDs);
          return { containerResponses: [{ deviceIDs: this.preferred }] };
        },
      ),
    };
    this.#server = await this.#sockets.serve(this.path, {
      unary,
      serverStream: {
        [devicePluginPath('ListAndWatch')]: async (_request, send, { signal }) => {
          this.#send = send;
          await this.tell();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      },
    });
  }

  /** Rejects as the kubelet refuses it. */
  async register(version = 'v1beta1'): Promise<void> {
    const channel = this.#sockets.open(`${this.#directory}/kubelet.sock`);
    const endpoint = this.path.slice(this.#directory.length + 1);
    const request = { version, endpoint, resourceName: this.resource };
    await channel
      .unary(REGISTER_PATH, DEVICE_PLUGIN.encode('RegisterRequest', request))
      .finally(() => channel.close());
  }

  async tell(): Promise<void> {
    const message = DEVICE_PLUGIN.encode('ListAndWatchResponse', { devices: this.devices });
    await this.#send?.(message);
  }

  async setHealth(id: string, health: string): Promise<void> {
    this.devices = this.devices.map((each) => (each.ID === id ? { ...each, health } : each));
    await this.tell();
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }
}
