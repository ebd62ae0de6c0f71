/**
 * The devices of a node, of whatever kind: puts together device plug-ins, claims, the search for
 * plug-ins and what other programs are told of it all.
 *
 *   <root>/device-plugins/kubelet.sock ◀─ device plug-ins ─┐
 *   <root>/plugins_registry/ ─▶ found by their sockets ────┼─▶ admission, containers, status of the node
 *                                    └─ drivers of claims ─┘
 *   <root>/pod-resources/kubelet.sock ◀─ who wants to know
 */
import type { Container, ContainerStatus, Node, Pod, PodStatus } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcServer, GrpcSockets } from '#base/grpc.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import type { Rejection } from '../admission/rejection.ts';
import { ClaimManager } from '../dra/claim-manager.ts';
import { DevicesHealth } from '../dra/device-health.ts';
import { DraPlugins } from '../dra/dra-plugins.ts';
import { SliceWiper } from '../dra/slice-wiper.ts';
import { PluginWatcher } from '../plugins/plugin-watcher.ts';
import { podResourcesMethods } from '../pod-resources/pod-resources-server.ts';
import { type ContainerDevices, containerDevices } from './container-devices.ts';
import { DeviceManager } from './device-manager.ts';
import type { DeviceRoom } from './device-pool.ts';

/** How often claims of pods that are gone are looked for. */
const RETAIN_MS = 60_000;

/** What workers of pods ask. */
export interface PodDeviceSource {
  /** Before the sandbox. Rejects with an Error that says why the pod cannot start yet. */
  prepare(pod: Pod): Promise<void>;
  /** When nothing of the pod runs any more, before its last status. */
  unprepare(pod: Pod): Promise<void>;
  /** Before each start of a container. */
  ofContainer(pod: Pod, container: Container): Promise<ContainerDevices>;
  /** The status with the health of the devices of its containers. */
  withHealth(pod: Pod, status: PodStatus): PodStatus;
}

export interface NodeDevicesOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly sockets: GrpcSockets;
  readonly client: Client;
  readonly registry: MetricRegistry;
  readonly nodeName: string;
  readonly rootDirectory: string;
  readonly isRegistered: () => boolean;
  /** Those that hold something of the node. */
  readonly activePods: () => readonly Pod[];
  readonly findPod: (namespace: string, name: string) => Pod | undefined;
  /** What the node has is another amount now. */
  readonly onRoom: () => void;
  readonly wake: (podUid: string) => void;
  /** Resolves when all pods of the node are known. */
  readonly ready: () => Promise<void>;
}

export class NodeDevices implements PodDeviceSource {
  readonly #options: NodeDevicesOptions;
  readonly #abort = new AbortController();
  readonly #devices: DeviceManager;
  readonly #claims: ClaimManager;
  readonly #drivers: DraPlugins;
  readonly #slices: SliceWiper;
  readonly #watcher: PluginWatcher;
  #server: GrpcServer | undefined;
  #retaining: Promise<void> = Promise.resolve();

  constructor(options: NodeDevicesOptions) {
    const { environment, rootDirectory, wake } = options;
    this.#options = options;
    this.#devices = new DeviceManager({
      ...options,
      directory: `${rootDirectory}/device-plugins`,
      isActive: (uid) => this.#isActive(uid),
      onHealth: wake,
    });
    const health = new DevicesHealth(environment.clock);
    this.#slices = new SliceWiper({ ...options, signal: this.#abort.signal });
    this.#drivers = new DraPlugins({
      ...options,
      slices: this.#slices,
      onHealth: (driver, reports) => {
        const changed = health.tell(driver, reports);
        for (const uid of this.#claims.podsUsing(driver, changed)) wake(uid);
      },
      onHealthLost: (driver) => health.forget(driver),
    });
    this.#claims = new ClaimManager({
      ...options,
      directory: rootDirectory,
      plugin: (driver) => this.#drivers.get(driver),
      health,
    });
    this.#watcher = new PluginWatcher({
      ...options,
      directory: `${rootDirectory}/plugins_registry`,
      handlers: { DRAPlugin: this.#drivers, DevicePlugin: this.#devices.handler },
    });
  }

  /** Before any pod. Rejects when it is not known whose claims are prepared. */
  async start(): Promise<void> {
    await this.#claims.load();
    // A path that is too long for a socket must not keep the node from running.
    await this.#tried('device plug-ins cannot register', this.#devices.start());
    await this.#tried('who has which devices cannot be asked', this.#serve());
    await this.#watcher.start();
    this.#slices.wipeAll();
    this.#retaining = this.#retain();
  }

  async #tried(problem: string, work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      this.#options.environment.log.error(problem, { error: messageOf(error) });
    });
  }

  async #serve(): Promise<void> {
    const { environment, fileSystem, rootDirectory, sockets } = this.#options;
    const directory = `${rootDirectory}/pod-resources`;
    await fileSystem.makeDirectory(directory, 0o750);
    const methods = podResourcesMethods({
      ...this.#options,
      clock: environment.clock,
      devicesOf: (uid, container) => this.#devices.devicesOf(uid, container),
      claimsOf: (pod, container) => this.#claims.claimsOf(pod, container),
      allocatable: () => this.#devices.allocatable(),
    });
    this.#server = await sockets.serve(`${directory}/kubelet.sock`, methods);
  }

  /** Plug-ins and what they have given stay as they are. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#drivers.stop();
    await Promise.all([this.#watcher.stop(), this.#devices.stop(), this.#server?.close()]);
    await this.#retaining;
  }

  /** For a pod that is new to the node. */
  allocate(pod: Pod): Promise<Rejection | undefined> {
    return this.#devices.allocate(pod);
  }

  /** The node with at least what was given away. */
  withAllocated(node: Node): Node {
    return this.#devices.withAllocated(node);
  }

  room(): DeviceRoom {
    return this.#devices.room();
  }

  /** No kubelet has ever kept devices here. */
  get isNew(): boolean {
    return this.#devices.isNew;
  }

  prepare(pod: Pod): Promise<void> {
    return this.#claims.prepare(pod);
  }

  unprepare(pod: Pod): Promise<void> {
    return this.#claims.unprepare(pod);
  }

  async ofContainer(pod: Pod, container: Container): Promise<ContainerDevices> {
    const claimed = this.#claims.cdiDevices(pod, container);
    return containerDevices(await this.#devices.grants(pod, container), claimed);
  }

  withHealth(pod: Pod, status: PodStatus): PodStatus {
    const { containerStatuses } = status;
    if (containerStatuses === undefined) return status;
    return {
      ...status,
      containerStatuses: containerStatuses.map((one) => this.#healthy(pod, one)),
    };
  }

  #healthy(pod: Pod, status: ContainerStatus): ContainerStatus {
    const container = pod.spec?.containers?.find(({ name }) => name === status.name);
    if (container === undefined) return status;
    const allocatedResourcesStatus = [
      ...this.#devices.health(pod.metadata?.uid ?? '', container.name),
      ...this.#claims.healthOf(pod, container),
    ];
    return allocatedResourcesStatus.length === 0 ? status : { ...status, allocatedResourcesStatus };
  }

  #isActive(uid: string): boolean {
    return this.#options.activePods().some(({ metadata }) => metadata?.uid === uid);
  }

  /** Never rejects. */
  async #retain(): Promise<void> {
    const { environment, ready } = this.#options;
    const { signal } = this.#abort;
    await ready();
    while (!signal.aborted) {
      await this.#claims.retain((uid) => this.#isActive(uid));
      await sleep(environment, RETAIN_MS, signal);
    }
  }
}
