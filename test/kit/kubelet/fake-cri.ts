/**
 * A container runtime in memory and virtual time: sandboxes and containers that do as the test
 * says. It keeps CRI's rules: a name is taken while its container exists, a stop waits for the
 * grace period, an exited container stays until it is removed.
 */
import type * as m from '#api/gen/cri-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import type { Cri, CriCallName, CriCalls } from '#kubelet/cri/cri.ts';
import { CONTAINER_STATE, SANDBOX_STATE } from '#kubelet/cri/enums.ts';
import { POD_UID_LABEL } from '#kubelet/cri/labels.ts';

/** Of the image of this name. */
function imageId({ image = '' }: m.ImageSpec = {}): string {
  return `sha256:${image}`;
}

export interface FakeContainer {
  readonly status: m.ContainerStatus;
  readonly sandboxId: string;
}

export class FakeCri implements Cri {
  readonly #environment: Environment;
  readonly sandboxes = new Map<string, m.PodSandboxStatus>();
  readonly containers = new Map<string, FakeContainer>();
  /** How long a container takes to end after it was told to; longer than the grace: killed. */
  stopMs = 0;
  /** By id of container: what it was made from. */
  readonly configs = new Map<string, m.ContainerConfig>();
  /** Bytes that each container uses. */
  memoryUsage = 0;
  /** By id of container: what it wrote. */
  readonly writableLayers = new Map<string, m.FilesystemUsage>();
  /** Where images and containers lie. */
  fileSystems: m.ImageFsInfoResponse = {};
  /** Set: containers cannot be checkpointed. */
  checkpointFault: GrpcError | undefined;
  readonly checkpoints: m.CheckpointContainerRequest[] = [];
  /** Set: containers cannot be updated. */
  updateFault: string | undefined;
  /** Each update of a container: its name and its new resources. */
  readonly updates: (readonly [string, m.LinuxContainerResources])[] = [];
  /** Called after a container was started: the test may let it end. */
  onStart: (id: string, name: string) => void = () => {};
  /** Set: the runtime dies in the next such call, does what it asks for, and never answers. */
  crash: { readonly call: CriCallName; readonly downMs: number } | undefined;
  /** What the runtime says of itself. */
  status: m.StatusResponse = {};
  version: m.VersionResponse = {};
  /** Each sandbox that was asked for, and each container. */
  readonly sandboxRequests: m.RunPodSandboxRequest[] = [];
  readonly containerRequests: m.CreateContainerRequest[] = [];
  /** Handlers besides the runtime's own choice. */
  readonly handlers = new Set<string>();
  #ids = 0;
  #isDownUntilMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Lets a container end by itself. */
  exit(id: string, exitCode: number): void {
    const container = this.containers.get(id);
    if (container === undefined || container.status.state !== CONTAINER_STATE.running) return;
    const ended = {
      ...container.status,
      state: CONTAINER_STATE.exited,
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      finishedAt: this.#nanos(),
    };
    this.containers.set(id, { ...container, status: ended });
  }

  watchEvents(): Promise<void> {
    return Promise.reject(new GrpcError(GRPC_CODE.unimplemented, 'no events'));
  }

  async call<K extends CriCallName>(
    name: K,
    request: CriCalls[K][0],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<CriCalls[K][1]> {
    this.#refuseWhileDown();
    const answer = await this.#answer(name, request, options.signal);
    if (this.crash?.call === name) {
      this.#isDownUntilMs = this.#environment.clock.now() + this.crash.downMs;
      this.crash = undefined;
    }
    this.#refuseWhileDown();
    // Each answer is of the type that the table gives for the call.
    return answer as CriCalls[K][1];
  }

  #refuseWhileDown(): void {
    if (this.#environment.clock.now() < this.#isDownUntilMs)
      throw new GrpcError(GRPC_CODE.unavailable, 'connection refused');
  }

  async #answer(name: CriCallName, request: object, signal?: AbortSignal): Promise<object> {
    switch (name) {
      case 'version':
        return this.version;
      case 'status':
        return this.status;
      case 'runPodSandbox':
        return this.#runSandbox(request as m.RunPodSandboxRequest);
      case 'stopPodSandbox':
        return this.#stopSandbox((request as m.StopPodSandboxRequest).podSandboxId ?? '');
      case 'removePodSandbox':
        this.sandboxes.delete((request as m.RemovePodSandboxRequest).podSandboxId ?? '');
        return {};
      case 'listPodSandbox':
        return { items: [...this.sandboxes.values()] };
      case 'podSandboxStatus':
        return {
          status: this.sandboxes.get((request as m.PodSandboxStatusRequest).podSandboxId ?? ''),
        };
      case 'createContainer':
        return this.#create(request as m.CreateContainerRequest);
      case 'startContainer':
        return this.#start((request as m.StartContainerRequest).containerId ?? '');
      case 'stopContainer':
        return this.#stop(request as m.StopContainerRequest, signal);
      case 'updateContainerResources':
        return this.#updateResources(request as m.UpdateContainerResourcesRequest);
      case 'imageFsInfo':
        return this.fileSystems;
      case 'checkpointContainer':
        if (this.checkpointFault !== undefined) throw this.checkpointFault;
        this.checkpoints.push(request as m.CheckpointContainerRequest);
        return {};
      case 'listContainerStats':
        return { stats: this.#stats() };
      case 'removeContainer':
        this.containers.delete((request as m.RemoveContainerRequest).containerId ?? '');
        return {};
      case 'listContainers':
        return {
          containers: [...this.containers.values()].map(({ status, sandboxId }) => ({
            ...status,
            podSandboxId: sandboxId,
          })),
        };
      case 'containerStatus':
        return {
          status: this.containers.get((request as m.ContainerStatusRequest).containerId ?? '')
            ?.status,
        };
      case 'imageStatus':
        // Every image is there.
        return { image: { id: imageId((request as m.ImageStatusRequest).image), size: 1 } };
      default:
        return {};
    }
  }

  #nanos(): number {
    return this.#environment.clock.now() * 1e6;
  }

  #runSandbox(request: m.RunPodSandboxRequest): m.RunPodSandboxResponse {
    this.sandboxRequests.push(request);
    const { config, runtimeHandler = '' } = request;
    if (runtimeHandler !== '' && !this.handlers.has(runtimeHandler)) {
      const text = `failed to get sandbox runtime: no runtime for "${runtimeHandler}" is configured`;
      throw new GrpcError(GRPC_CODE.unknown, text);
    }
    const id = `s${++this.#ids}`;
    this.sandboxes.set(id, {
      id,
      metadata: config?.metadata ?? {},
      labels: config?.labels ?? {},
      state: SANDBOX_STATE.ready,
      createdAt: this.#nanos(),
      network: { ip: `10.0.0.${this.#ids}` },
      linux: {
        namespaces: { options: config?.linux?.securityContext?.namespaceOptions ?? {} },
      },
    });
    return { podSandboxId: id };
  }

  #stopSandbox(id: string): object {
    const sandbox = this.sandboxes.get(id);
    if (sandbox !== undefined)
      this.sandboxes.set(id, { ...sandbox, state: SANDBOX_STATE.notReady });
    return {};
  }

  #create(request: m.CreateContainerRequest): m.CreateContainerResponse {
    this.containerRequests.push(request);
    const { podSandboxId = '', config } = request;
    const { name, attempt = 0 } = config?.metadata ?? {};
    const taken = [...this.containers.values()].some(({ status }) => {
      return (
        status.metadata?.name === name &&
        (status.metadata?.attempt ?? 0) === attempt &&
        status.labels?.[POD_UID_LABEL] === config?.labels?.[POD_UID_LABEL]
      );
    });
    if (taken) throw new GrpcError(GRPC_CODE.unknown, `name "${name}" is reserved for "x"`);
    const id = `c${++this.#ids}`;
    const status: m.ContainerStatus = {
      id,
      metadata: { name: name ?? '', attempt },
      labels: config?.labels ?? {},
      annotations: config?.annotations ?? {},
      image: config?.image ?? {},
      state: CONTAINER_STATE.created,
      createdAt: this.#nanos() + this.#ids,
      resources: { linux: config?.linux?.resources ?? {} },
    };
    this.containers.set(id, { sandboxId: podSandboxId, status });
    this.configs.set(id, config ?? {});
    return { containerId: id };
  }

  #start(id: string): object {
    const container = this.containers.get(id);
    if (container === undefined) throw new GrpcError(GRPC_CODE.notFound, 'no such container');
    const status = {
      ...container.status,
      state: CONTAINER_STATE.running,
      startedAt: this.#nanos(),
    };
    this.containers.set(id, { ...container, status });
    this.onStart(id, status.metadata?.name ?? '');
    return {};
  }

  #updateResources({ containerId = '', linux = {} }: m.UpdateContainerResourcesRequest): object {
    if (this.updateFault !== undefined) throw new GrpcError(GRPC_CODE.unknown, this.updateFault);
    const container = this.containers.get(containerId);
    if (container === undefined) throw new GrpcError(GRPC_CODE.notFound, 'no such container');
    const { status } = container;
    this.updates.push([status.metadata?.name ?? '', linux]);
    // What is 0 stays as it is.
    const given = Object.entries(linux).filter(([, value]) => value !== 0);
    const resources = { linux: { ...status.resources?.linux, ...Object.fromEntries(given) } };
    this.containers.set(containerId, { ...container, status: { ...status, resources } });
    return {};
  }

  #stats(): m.ContainerStats[] {
    return [...this.containers.keys()].map((id) => {
      const writableLayer = this.writableLayers.get(id);
      return {
        attributes: { id },
        memory: { usageBytes: { value: this.memoryUsage } },
        ...(writableLayer === undefined ? {} : { writableLayer }),
      };
    });
  }

  async #stop(
    { containerId = '', timeout = 0 }: m.StopContainerRequest,
    signal?: AbortSignal,
  ): Promise<object> {
    const graceMs = timeout * 1000;
    await sleep(this.#environment, Math.min(this.stopMs, graceMs), signal);
    if (signal?.aborted) throw new GrpcError(GRPC_CODE.cancelled, 'context canceled');
    this.exit(containerId, this.stopMs > graceMs ? 137 : 0);
    return {};
  }
}
