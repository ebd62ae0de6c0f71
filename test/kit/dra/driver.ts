/**
 * A driver of devices in memory: what runs of a real one on a node. It registers at the kubelet,
 * publishes the devices of its node, and gives each claim CDI devices of their names.
 */
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { GRPC_CODE, GrpcError, type GrpcServer, type GrpcSockets } from '#base/grpc.ts';
import type { Client } from '#client/client.ts';
import {
  type ClaimReference,
  DRA,
  draPath,
  type PreparedDevice,
  type ReportedHealth,
  WATCH_HEALTH_PATH,
} from '#kubelet/dra/dra-api.ts';
import { GET_INFO_PATH, NOTIFY_PATH, REGISTRATION } from '#kubelet/plugins/plugin-api.ts';
import { aSlice, DRIVER } from '../devices.ts';

export interface DraDriverOptions {
  readonly sockets: GrpcSockets;
  /** The root directory of the kubelet. */
  readonly root: string;
  readonly node: string;
  readonly versions?: readonly string[];
  readonly type?: string;
}

export class SimulatedDraDriver {
  readonly #options: DraDriverOptions;
  readonly #servers: GrpcServer[] = [];
  /** What was asked of it, and what it was told. */
  readonly asked: string[] = [];
  /** By name of a claim, why it cannot be prepared or undone. */
  readonly faults = new Map<string, string>();
  /** Claims of these names are left out of the answers. */
  readonly skipped = new Set<string>();
  devicesOf: (claim: ClaimReference) => PreparedDevice[] = ({ name }) => [
    {
      requestNames: ['r'],
      poolName: this.#options.node,
      deviceName: 'gpu-0',
      cdiDeviceIds: [`${DRIVER}/claim=${name}`],
    },
  ];
  /** Undefined: it does not tell of health. */
  health: ReportedHealth[] | undefined;
  /** How often it was asked to tell. */
  healthAsked = 0;
  #tellHealth: ((message: Uint8Array) => Promise<void>) | undefined;

  constructor(options: DraDriverOptions) {
    this.#options = options;
  }

  get registrationPath(): string {
    return `${this.#options.root}/plugins_registry/${DRIVER}-reg.sock`;
  }

  get endpoint(): string {
    return `${this.#options.root}/plugins/${DRIVER}/dra.sock`;
  }

  async start(): Promise<void> {
    const { sockets, versions = ['v1.DRAPlugin', 'v1beta1.DRAPlugin'], type } = this.#options;
    const prepare = DRA.method(
      ['NodePrepareResourcesRequest', 'NodePrepareResourcesResponse'],
      async ({ claims = [] }) => ({
        claims: this.#answer('prepare', claims, (claim) => ({ devices: this.devicesOf(claim) })),
      }),
    );
    const unprepare = DRA.method(
      ['NodeUnprepareResourcesRequest', 'NodeUnprepareResourcesResponse'],
      async ({ claims = [] }) => ({ claims: this.#answer('unprepare', claims, () => ({})) }),
    );
    const [service = ''] = versions;
    this.#servers.push(
      await sockets.serve(this.endpoint, {
        unary: {
          [draPath(service, 'NodePrepareResources')]: prepare,
          [draPath(service, 'NodeUnprepareResources')]: unprepare,
        },
        serverStream: {
          [WATCH_HEALTH_PATH]: async (_request, send, { signal }) => {
            this.healthAsked++;
            if (this.health === undefined)
              throw new GrpcError(GRPC_CODE.unimplemented, 'unknown service');
            this.#tellHealth = send;
            await this.tellHealth();
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          },
        },
      }),
      await sockets.serve(this.registrationPath, {
        unary: {
          [GET_INFO_PATH]: REGISTRATION.method(['InfoRequest', 'PluginInfo'], async () => ({
            type: type ?? 'DRAPlugin',
            name: DRIVER,
            endpoint: this.endpoint,
            supportedVersions: versions,
          })),
          [NOTIFY_PATH]: REGISTRATION.method(
            ['RegistrationStatus', 'RegistrationStatusResponse'],
            async ({ pluginRegistered = false, error = '' }) => {
              this.asked.push(pluginRegistered ? 'registered' : error);
              return {};
            },
          ),
        },
      }),
    );
  }

  /** As after a crash: the slices stay. */
  async stop(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
  }

  /** The devices of the node. */
  async publish(client: Client, ...devices: string[]): Promise<void> {
    const nodeName = this.#options.node;
    const { spec } = aSlice('', { nodeName, devices });
    const slice: ResourceSlice = {
      metadata: { name: `${nodeName}-${DRIVER}` },
      ...(spec === undefined ? {} : { spec }),
    };
    await client.create(RESOURCE_SLICE, slice);
  }

  async tellHealth(): Promise<void> {
    const message = DRA.encode('NodeWatchResourcesResponse', { devices: this.health ?? [] });
    await this.#tellHealth?.(message);
  }

  #answer<T>(
    what: string,
    claims: readonly ClaimReference[],
    result: (claim: ClaimReference) => T,
  ): Record<string, T | { error: string }> {
    this.asked.push(`${what} ${claims.map(({ name }) => name).join(' ')}`);
    const answered = claims.filter(({ name = '' }) => !this.skipped.has(name));
    return Object.fromEntries(
      answered.map((claim) => {
        const error = this.faults.get(claim.name ?? '');
        return [claim.uid ?? '', error === undefined ? result(claim) : { error }];
      }),
    );
  }
}
