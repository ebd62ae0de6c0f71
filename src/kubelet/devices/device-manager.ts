/**
 * Gives the devices of plug-ins to containers, and remembers whose they are.
 *
 *   admission ─▶ allocate ─▶ plug-in: Allocate ─▶ checkpoint ─▶ the container's configuration
 *
 * Devices are free again when their pod holds nothing of the node any more; that is looked at when
 * somebody asks. Upstream: pkg/kubelet/cm/devicemanager/manager.go, v1.36, without a topology manager.
 */
import { isSidecar } from '#api/core/pod-helpers.ts';
import { quantityValue } from '#api/codec/quantity.ts';
import type { Container, Node, Pod, ResourceStatus } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcSockets } from '#base/grpc.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import type { Rejection } from '../admission/rejection.ts';
import type { PluginHandler } from '../plugins/plugin-handler.ts';
import { StateFile } from '../state-file.ts';
import { DEFAULT_BUCKETS } from '../stats/default-buckets.ts';
import { chooseDevices } from './choose-devices.ts';
import { formatDeviceState, parseDeviceState } from './device-checkpoint.ts';
import { type DeviceGrant, HEALTHY } from './device-plugin-api.ts';
import { DevicePool, type DeviceRoom } from './device-pool.ts';
import { DeviceRegistration } from './device-registration.ts';
import { type DevicesByNode, idsOf, NO_NUMA_NODE, PodDevices } from './pod-devices.ts';

const CHECKPOINT = 'kubelet_internal_checkpoint';
const MS_PER_SECOND = 1000;

export interface DeviceManagerOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly sockets: GrpcSockets;
  /** Where sockets and checkpoint lie. */
  readonly directory: string;
  readonly registry: MetricRegistry;
  /** The pod is here, and has not given back what it holds. */
  readonly isActive: (podUid: string) => boolean;
  /** What the node has is another amount now. */
  readonly onRoom: () => void;
  /** The health of a device of the pod is another one now. */
  readonly onHealth: (podUid: string) => void;
}

/** Some devices of one resource, of NUMA nodes or of none that is told. */
export interface DeviceList {
  readonly resource: string;
  readonly byNode: DevicesByNode;
}

export class DeviceManager {
  readonly #options: DeviceManagerOptions;
  readonly #pool: DevicePool;
  readonly #pods = new PodDevices();
  readonly #file: StateFile;
  readonly #path: string;
  readonly #registration: DeviceRegistration;
  readonly #registrations: Counter;
  readonly #durations: Histogram;
  #isNew = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DeviceManagerOptions) {
    const { environment, fileSystem, directory, registry } = options;
    this.#options = options;
    this.#pool = new DevicePool(environment.clock);
    this.#path = `${directory}/${CHECKPOINT}`;
    this.#file = new StateFile({ fileSystem, path: this.#path, format: () => this.#format() });
    this.#registrations = registry.counter(
      alpha(
        'kubelet_device_plugin_registration_total',
        'Registrations of device plug-ins.',
        'resource_name',
      ),
    );
    this.#durations = registry.histogram(
      alpha(
        'kubelet_device_plugin_alloc_duration_seconds',
        'How long plug-ins took to allocate devices.',
        'resource_name',
      ),
      DEFAULT_BUCKETS,
    );
    this.#registration = new DeviceRegistration({
      ...options,
      onRegister: (resource) => this.#registrations.add([resource]),
      onConnected: (plugin) => this.#pool.connect(plugin),
      onDevices: (plugin, devices) => {
        const changed = this.#pool.list(plugin, devices);
        for (const uid of this.#pods.holders(plugin.resource, changed)) options.onHealth(uid);
        this.#save();
        options.onRoom();
      },
      onGone: (plugin) => {
        this.#pool.disconnect(plugin);
        options.onRoom();
      },
    });
  }

  /** Rejects when plug-ins could not reach it. */
  async start(): Promise<void> {
    const { environment, fileSystem } = this.#options;
    this.#isNew = (await fileSystem.stat(this.#path)) === undefined;
    if (!this.#isNew)
      try {
        const { allocated, registered } = parseDeviceState(await fileSystem.readText(this.#path));
        for (const entry of allocated) this.#pods.insert(entry);
        for (const resource of Object.keys(registered)) this.#pool.remember(resource);
      } catch (error) {
        environment.log.error('checkpoint of devices cannot be read: it is made anew', {
          path: this.#path,
          error: messageOf(error),
        });
      }
    await this.#registration.start();
  }

  stop(): Promise<void> {
    return this.#registration.stop();
  }

  /** For plug-ins that are found by their sockets. */
  get handler(): PluginHandler {
    return this.#registration;
  }

  /** No kubelet has ever kept devices here: what a node of this name said of them is of another one. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Amounts for the status of the node. */
  room(): DeviceRoom {
    if (this.#pool.expire()) this.#save();
    return this.#pool.room();
  }

  /** The node with at least what was given away: a plug-in that is gone must not drive out its pods. */
  withAllocated(node: Node): Node {
    this.#release();
    const before = node.status?.allocatable ?? node.status?.capacity ?? {};
    const allocatable = { ...before };
    for (const resource of this.#pods.resources()) {
      const held = this.#pods.inUse(resource).size;
      if (quantityValue(before[resource] ?? '0') < held) allocatable[resource] = String(held);
    }
    return { ...node, status: { ...node.status, allocatable } };
  }

  /** For a pod that is new to the node; undefined when its containers have what they ask for. */
  async allocate(pod: Pod): Promise<Rejection | undefined> {
    try {
      await this.#alone(() => this.#allocatePod(pod));
      return undefined;
    } catch (error) {
      const message = `Allocate failed due to ${messageOf(error)}, which is unexpected`;
      return { reason: 'UnexpectedAdmissionError', message };
    }
  }

  /** What the container is given with its devices; rejects when its plug-in does not want it to start. */
  async grants(pod: Pod, container: Container): Promise<DeviceGrant[]> {
    const uid = pod.metadata?.uid ?? '';
    let isMissing = false;
    for (const [resource, amount] of this.#wanted(container)) {
      if (amount === 0) continue;
      await this.#preStart(uid, container.name, resource);
      isMissing ||= this.#pods.ids(uid, container.name, resource) === undefined;
    }
    // The checkpoint was lost, or the plug-in came after the pod.
    if (isMissing) await this.#alone(() => this.#allocateContainer(pod, container, new Map()));
    return this.#pods.of(uid, container.name).map(({ grant }) => grant);
  }

  devicesOf(podUid: string, container: string): readonly DeviceList[] {
    return this.#pods.of(podUid, container);
  }

  /** All healthy ones, given away or not. */
  allocatable(): DeviceList[] {
    return this.#pool.resources.map((resource) => ({
      resource,
      byNode: this.#byNode(resource, [...this.#pool.healthy(resource)]),
    }));
  }

  /** KEP-4680. Upstream: UpdateAllocatedResourcesStatus. */
  health(podUid: string, container: string): ResourceStatus[] {
    return this.#pods.of(podUid, container).map((entry) => ({
      name: entry.resource,
      resources: [...idsOf(entry)].toSorted().map((id) => {
        const { health = HEALTHY } = this.#pool.device(entry.resource, id) ?? {};
        return { resourceID: id, health: health === HEALTHY ? HEALTHY : 'Unhealthy' };
      }),
    }));
  }

  /** What pods that are over held is free; called by all that look at what is. */
  #release(): void {
    this.#pods.retain(this.#options.isActive);
  }

  /** Resources of plug-ins that the container asks for, but for those that claims bring. */
  #wanted(container: Container): [string, number][] {
    const given = this.#pods.resources();
    return Object.entries(container.resources?.limits ?? {})
      .filter(([resource]) => this.#pool.has(resource) || given.has(resource))
      .map(([resource, amount]) => [resource, quantityValue(amount)]);
  }

  /** What an init container has is free for those behind it, unless it goes on running. */
  async #allocatePod(pod: Pod): Promise<void> {
    const uid = pod.metadata?.uid ?? '';
    const reusable = new Map<string, Set<string>>();
    const { initContainers = [], containers = [] } = pod.spec ?? {};
    for (const container of [...initContainers, ...containers]) {
      await this.#allocateContainer(pod, container, reusable);
      const isOver = initContainers.includes(container) && !isSidecar(container);
      for (const entry of this.#pods.of(uid, container.name)) {
        const before = reusable.get(entry.resource) ?? new Set<string>();
        const ids = idsOf(entry);
        reusable.set(entry.resource, isOver ? before.union(ids) : before.difference(ids));
      }
    }
  }

  async #allocateContainer(
    pod: Pod,
    container: Container,
    reusable: ReadonlyMap<string, ReadonlySet<string>>,
  ): Promise<void> {
    const podUid = pod.metadata?.uid ?? '';
    let isChanged = false;
    for (const [resource, required] of this.#wanted(container)) {
      if (isOfClaim(pod, container.name, resource)) continue;
      this.#release();
      const pool = this.#pool;
      const ids = await chooseDevices({
        podUid,
        container: container.name,
        resource,
        required,
        held: this.#pods.ids(podUid, container.name, resource),
        healthy: pool.has(resource) ? pool.healthy(resource) : undefined,
        inUse: this.#pods.inUse(resource),
        reusable: reusable.get(resource) ?? new Set(),
        preferred: (devices) => preferredOf(pool.plugin(resource)?.preferred(devices)),
      });
      if (ids.length === 0) continue;
      const grant = await this.#askPlugin(resource, ids);
      const byNode = this.#byNode(resource, ids);
      this.#pods.insert({ podUid, container: container.name, resource, byNode, grant });
      isChanged = true;
    }
    if (isChanged) await this.#file.write();
  }

  async #askPlugin(resource: string, ids: readonly string[]): Promise<DeviceGrant> {
    const plugin = this.#pool.plugin(resource);
    if (plugin === undefined) throw new Error(`endpoint of ${resource} has been stopped`);
    const { clock } = this.#options.environment;
    const startMs = clock.monotonicMs();
    try {
      const grant = await plugin.allocate(ids);
      if (grant === undefined) throw new Error('no containers return in allocation response');
      return grant;
    } finally {
      this.#durations.observe([resource], (clock.monotonicMs() - startMs) / MS_PER_SECOND);
    }
  }

  async #preStart(podUid: string, container: string, resource: string): Promise<void> {
    const plugin = this.#pool.plugin(resource);
    if (plugin?.options.preStartRequired !== true) return;
    const ids = this.#pods.ids(podUid, container, resource);
    if (ids === undefined)
      throw new Error(
        `no devices found allocated in local cache for pod ${podUid}, container ${container}, resource ${resource}`,
      );
    try {
      await plugin.preStart([...ids]);
    } catch (error) {
      const text = messageOf(error);
      throw new Error(`device plugin PreStartContainer rpc failed with err: ${text}`, {
        cause: error,
      });
    }
  }

  #byNode(resource: string, ids: readonly string[]): DevicesByNode {
    const byNode: Record<string, string[]> = {};
    for (const id of ids) {
      const nodes = this.#pool.device(resource, id)?.topology?.nodes ?? [];
      const keys = nodes.length === 0 ? [NO_NUMA_NODE] : nodes.map(({ ID = 0 }) => String(ID));
      for (const key of keys) (byNode[key] ??= []).push(id);
    }
    return byNode;
  }

  #format(): string {
    const { resources } = this.#pool;
    const registered = resources.map((each) => [each, [...this.#pool.healthy(each)]]);
    return formatDeviceState({
      allocated: this.#pods.all(),
      registered: Object.fromEntries(registered),
    });
  }

  #save(): void {
    this.#file.write().catch((error: unknown) => {
      const values = { path: this.#path, error: messageOf(error) };
      this.#options.environment.log.error('cannot write checkpoint of devices', values);
    });
  }

  /** One allocation at a time: two that look at the same devices would both take them. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

async function preferredOf(
  asked: Promise<readonly string[]> | undefined,
): Promise<readonly string[]> {
  try {
    return (await asked) ?? [];
  } catch (error) {
    const text = messageOf(error);
    throw new Error(`device plugin GetPreferredAllocation rpc failed with err: ${text}`, {
      cause: error,
    });
  }
}

/** Such a resource comes with a claim that the scheduler made. Source: KEP-5004. */
function isOfClaim(pod: Pod, containerName: string, resourceName: string): boolean {
  const { requestMappings = [] } = pod.status?.extendedResourceClaimStatus ?? {};
  return requestMappings.some(
    (each) => each.containerName === containerName && each.resourceName === resourceName,
  );
}
