/** What a kubelet is given: its doors, its node and its settings. */
import type { FileSystem, Network, PrivateKeys, Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { GrpcChannel, GrpcSockets } from '#base/grpc.ts';
import type { Client } from '#client/client.ts';
import type { KubeletConfiguration } from './config/types.ts';
import type { KubeletEvents } from './events.ts';
import type { ImageCredentials } from './images/pull-credentials.ts';

export interface KubeletOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly network: Network;
  readonly client: Client;
  /** For the Lease and the status of the node, which no limit of requests may hold back. */
  readonly heartbeats?: Client;
  readonly events: KubeletEvents;
  /** To the socket of the runtime. Closed by `stop`. */
  readonly runtime: GrpcChannel;
  /** The same of the service of images, where that is another one. */
  readonly images?: GrpcChannel;
  /** To the address of a pod, for gRPC probes. */
  readonly openGrpc: (address: { readonly host: string; readonly port: number }) => GrpcChannel;
  /** Of the certificates of pods. */
  readonly keys: PrivateKeys;
  /** For plug-ins on this node, which reach the kubelet and are reached at unix sockets. */
  readonly sockets: GrpcSockets;
  readonly node: {
    readonly name: string;
    readonly hostname: string;
    /** The first is the main one. */
    readonly ips: readonly string[];
    readonly architecture: 'amd64' | 'arm64';
    readonly labels: Readonly<Record<string, string>>;
  };
  /** Valid, with its defaults. */
  readonly configuration: KubeletConfiguration;
  /** For what must outlive the kubelet: volumes, hosts files. */
  readonly rootDirectory: string;
  /** Where credentials of registries come from besides pull secrets. */
  readonly imageCredentials?: ImageCredentials;
  /** Name of the image of every sandbox. */
  readonly sandboxImage: string;
  /** Called when the ranges of pod addresses are known, and when they change. */
  readonly onPodCidrs: (cidrs: readonly string[]) => Promise<void>;
  /** Called with the addresses of each new sandbox, before its first container starts. */
  readonly onPodAddresses?: (addresses: readonly string[]) => Promise<void>;
  /** Id of the runtime's process; undefined: not known, and no stats are given of it. */
  readonly runtimePid?: () => Promise<number | undefined>;
}
