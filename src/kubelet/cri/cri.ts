/**
 * The container runtime interface as typed calls: `cri.call('runPodSandbox', { config })`.
 *
 * All calls have one shape, so they are a table. Source: k8s.io/cri-api runtime/v1 api.proto,
 * v0.36. Time limits as upstream's (staging/src/k8s.io/cri-client/pkg/remote_runtime.go): two
 * minutes, and none of our own for what takes as long as it takes.
 */
import { CRI_MESSAGES } from '#api/gen/cri.gen.ts';
import type * as m from '#api/gen/cri-v1.ts';
import type { GrpcCallOptions, GrpcChannel } from '#base/grpc.ts';
import { ProtoCodec } from '#base/proto3.ts';

const codec = new ProtoCodec(CRI_MESSAGES);

/** Request and answer of each call. */
export interface CriCalls {
  version: [m.VersionRequest, m.VersionResponse];
  status: [m.StatusRequest, m.StatusResponse];
  runtimeConfig: [m.RuntimeConfigRequest, m.RuntimeConfigResponse];
  updateRuntimeConfig: [m.UpdateRuntimeConfigRequest, m.UpdateRuntimeConfigResponse];
  runPodSandbox: [m.RunPodSandboxRequest, m.RunPodSandboxResponse];
  stopPodSandbox: [m.StopPodSandboxRequest, m.StopPodSandboxResponse];
  removePodSandbox: [m.RemovePodSandboxRequest, m.RemovePodSandboxResponse];
  podSandboxStatus: [m.PodSandboxStatusRequest, m.PodSandboxStatusResponse];
  listPodSandbox: [m.ListPodSandboxRequest, m.ListPodSandboxResponse];
  createContainer: [m.CreateContainerRequest, m.CreateContainerResponse];
  startContainer: [m.StartContainerRequest, m.StartContainerResponse];
  stopContainer: [m.StopContainerRequest, m.StopContainerResponse];
  updateContainerResources: [m.UpdateContainerResourcesRequest, m.UpdateContainerResourcesResponse];
  removeContainer: [m.RemoveContainerRequest, m.RemoveContainerResponse];
  listContainers: [m.ListContainersRequest, m.ListContainersResponse];
  containerStatus: [m.ContainerStatusRequest, m.ContainerStatusResponse];
  listContainerStats: [m.ListContainerStatsRequest, m.ListContainerStatsResponse];
  checkpointContainer: [m.CheckpointContainerRequest, m.CheckpointContainerResponse];
  reopenContainerLog: [m.ReopenContainerLogRequest, m.ReopenContainerLogResponse];
  execSync: [m.ExecSyncRequest, m.ExecSyncResponse];
  exec: [m.ExecRequest, m.ExecResponse];
  attach: [m.AttachRequest, m.AttachResponse];
  portForward: [m.PortForwardRequest, m.PortForwardResponse];
  listImages: [m.ListImagesRequest, m.ListImagesResponse];
  imageStatus: [m.ImageStatusRequest, m.ImageStatusResponse];
  pullImage: [m.PullImageRequest, m.PullImageResponse];
  removeImage: [m.RemoveImageRequest, m.RemoveImageResponse];
  imageFsInfo: [m.ImageFsInfoRequest, m.ImageFsInfoResponse];
}

export type CriCallName = keyof CriCalls;

/** Upstream's default of `runtimeRequestTimeout`. */
const CALL_TIMEOUT_MS = 120_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Calls that have so many times the usual limit: making a sandbox runs CNI, pulling takes its time. */
const TIMES: Partial<Record<CriCallName, number>> = {
  runPodSandbox: 2,
  pullImage: NO_LIMIT,
  stopContainer: NO_LIMIT,
  execSync: NO_LIMIT,
};

const IMAGE_CALLS: ReadonlySet<CriCallName> = new Set([
  'listImages',
  'imageStatus',
  'pullImage',
  'removeImage',
  'imageFsInfo',
]);

/** The runtime. Calls reject with GrpcError. */
export interface Cri {
  call<K extends CriCallName>(
    name: K,
    request: CriCalls[K][0],
    options?: GrpcCallOptions,
  ): Promise<CriCalls[K][1]>;
  /** Resolves when the runtime ends the stream; rejects with Unimplemented where it has none. */
  watchEvents(
    onEvent: (event: m.ContainerEventResponse) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface CriOptions {
  /** How long a call may take, where it is not one that takes its time; two minutes. */
  readonly timeoutMs?: number;
  /** Where images are asked for; the same as all else unless given. */
  readonly images?: GrpcChannel;
}

export function createCri(
  runtime: GrpcChannel,
  { timeoutMs: usualMs = CALL_TIMEOUT_MS, images = runtime }: CriOptions = {},
): Cri {
  return {
    async call(name, request, options = {}) {
      const method = `${name[0]?.toUpperCase()}${name.slice(1)}`;
      const isOfImages = IMAGE_CALLS.has(name);
      const service = isOfImages ? 'ImageService' : 'RuntimeService';
      const timeoutMs = options.timeoutMs ?? usualMs * (TIMES[name] ?? 1);
      const bytes = await (isOfImages ? images : runtime).unary(
        `/runtime.v1.${service}/${method}`,
        codec.encode(`${method}Request`, request),
        {
          ...(options.signal === undefined ? {} : { signal: options.signal }),
          ...(timeoutMs === NO_LIMIT ? {} : { timeoutMs }),
        },
      );
      // The table that decoded it is the one the type was generated from.
      return codec.decode(`${method}Response`, bytes) as CriCalls[typeof name][1];
    },
    watchEvents(onEvent, signal) {
      return runtime.serverStream(
        '/runtime.v1.RuntimeService/GetContainerEvents',
        codec.encode('GetEventsRequest', {}),
        (bytes) =>
          onEvent(codec.decode('ContainerEventResponse', bytes) as m.ContainerEventResponse),
        signal,
      );
    },
  };
}
