/**
 * Registers the node, keeps its status, and tells which addresses its pods get.
 *
 * Upstream: pkg/kubelet/kubelet_node_status.go, v1.36: checked every nodeStatusUpdateFrequency,
 * written when it changed or nodeStatusReportFrequency has passed. With `registerNode: false`
 * somebody else makes the object; its status is kept all the same.
 */
import type { ContainerImage, Node, NodeStatus } from '#api/gen/core-v1.ts';
import { isStatus } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { isExtendedResource } from '#api/validation/resource-names.ts';
import { type Environment, sleep, type Timer } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { Cri } from '../cri/cri.ts';
import type { DeviceRoom } from '../devices/device-pool.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import type { KubeletEvents } from '../events.ts';
import { NODE } from '../resources.ts';
import type { RuntimeState } from '../runtime/runtime-state.ts';
import { milliseconds } from '../config/durations.ts';
import {
  annotationChanges,
  type NodeFacts,
  nodeObject,
  nodeStatus,
  sameNodeStatus,
} from './node-object.ts';

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 7000;
/** Until the node is ready it looks more often: its network may come any moment. */
const UNREADY_CHECK_FIRST_MS = 50;
const UNREADY_CHECK_MAX_MS = 2000;
const IMAGE_NAMES_MAX = 5;

export interface NodeAgentOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly cri: Cri;
  readonly runtime: RuntimeState;
  readonly events: KubeletEvents;
  readonly facts: NodeFacts;
  /** Conditions of pressure that hold. */
  readonly pressure: () => ReadonlySet<string>;
  readonly devices: Pick<NodeDevices, 'room' | 'isNew'>;
  /** The machine shuts down. */
  readonly isShuttingDown: () => boolean;
  /** Called when the ranges of pod addresses are known, and when they change. */
  readonly onPodCidrs: (cidrs: readonly string[]) => Promise<void>;
}

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #node: Node | undefined;
  #written: NodeStatus | undefined;
  #writtenMs = 0;
  #cidrs = '';
  #timer: Timer | undefined;
  #again: (() => void) | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  get node(): Node | undefined {
    return this.#node;
  }

  /** Runs until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { configuration } = this.#options.facts;
    const checkMs = milliseconds(configuration.nodeStatusUpdateFrequency);
    if (configuration.registerNode) await this.#register(signal);
    let unreadyMs = UNREADY_CHECK_FIRST_MS;
    while (!signal.aborted) {
      const ready = await this.#check().catch((error: unknown) => {
        this.#options.environment.log.debug('cannot report node', { error: String(error) });
        return false;
      });
      await this.#pause(ready ? checkMs : Math.min(unreadyMs, checkMs), signal);
      unreadyMs = ready ? UNREADY_CHECK_FIRST_MS : Math.min(unreadyMs * 2, UNREADY_CHECK_MAX_MS);
    }
    this.#timer?.cancel();
  }

  /** Looks now instead of at the next turn. */
  wake(): void {
    this.#again?.();
  }

  /** The Node object has changed (as an informer tells). */
  update(node: Node): void {
    this.#node = node;
    if (this.#cidrsOf(node) !== this.#cidrs) this.wake();
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#again = resolve;
    this.#timer = this.#options.environment.timers.after(delayMs, resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    return promise.finally(() => this.#timer?.cancel());
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { environment, facts } = this.#options;
    let retryMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      try {
        this.#node = await this.#createOrGet();
        environment.log.info('node registered', { node: facts.name });
        return;
      } catch (error) {
        environment.log.debug('cannot register node', { error: String(error), retryMs });
        await sleep(environment, retryMs, signal);
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      }
    }
  }

  async #createOrGet(): Promise<Node> {
    const { client, facts } = this.#options;
    const wanted = nodeObject(facts);
    try {
      return await client.create(NODE, { ...wanted, status: await this.#observe([]) });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    const found = await client.get(NODE, facts.name);
    await this.#forgetDevices(found);
    const labels = wanted.metadata?.labels ?? {};
    const differs = Object.entries(labels).some(
      ([key, value]) => found.metadata?.labels?.[key] !== value,
    );
    const annotations = annotationChanges(found, facts);
    if (!differs && Object.keys(annotations).length === 0) return found;
    const metadata = { labels, annotations };
    return client.patch(NODE, { name: facts.name }, 'strategic', { metadata });
  }

  /** Of a node that was made anew under an old name nobody offers any device yet. */
  async #forgetDevices(found: Node): Promise<void> {
    const { client, devices, facts } = this.#options;
    const names = Object.keys(found.status?.capacity ?? {}).filter(isExtendedResource);
    if (!devices.isNew || names.length === 0) return;
    const none = Object.fromEntries(names.map((name) => [name, '0']));
    const patch = { status: { capacity: none, allocatable: none } };
    const options = { subresource: 'status' };
    await client.patch(NODE, { name: facts.name }, 'strategic', patch, options);
  }

  /** True when the node is ready. */
  async #check(): Promise<boolean> {
    const { client, environment, facts, onPodCidrs } = this.#options;
    this.#node ??= await client.get(NODE, facts.name);
    const cidrs = this.#cidrsOf(this.#node);
    if (cidrs !== this.#cidrs) {
      await onPodCidrs(this.#node.spec?.podCIDRs ?? []);
      this.#cidrs = cidrs;
    }
    const before = this.#node.status?.conditions ?? [];
    const status = await this.#observe(before);
    const nowMs = environment.clock.now();
    const { nodeStatusReportFrequency } = facts.configuration;
    const due = nowMs - this.#writtenMs >= milliseconds(nodeStatusReportFrequency);
    if (due || this.#written === undefined || !sameNodeStatus(this.#written, status)) {
      this.#reportTransition(before, status);
      const patch = { status: withAllAddresses(status) };
      const options = { subresource: 'status' };
      this.#node = await client.patch(NODE, { name: facts.name }, 'strategic', patch, options);
      this.#written = status;
      this.#writtenMs = nowMs;
    }
    return readyOf(status) === 'True';
  }

  #cidrsOf(node: Node): string {
    return (node.spec?.podCIDRs ?? []).join(',');
  }

  #reportTransition(before: NodeStatus['conditions'], status: NodeStatus): void {
    const was = readyOf({ conditions: before ?? [] });
    const is = readyOf(status);
    const { events, facts } = this.#options;
    if (was === is || is === undefined) return;
    const reason = is === 'True' ? 'NodeReady' : 'NodeNotReady';
    const reference = { kind: 'Node', name: facts.name, uid: facts.name };
    const message = `Node ${facts.name} status is now: ${reason}`;
    events.event({ about: { reference }, type: 'Normal', reason, message });
  }

  async #observe(before: NonNullable<NodeStatus['conditions']>): Promise<NodeStatus> {
    const { cri, devices, environment, facts, pressure, runtime } = this.#options;
    const [notReady, images] = await Promise.all([
      this.#whyNotReady(),
      cri.call('listImages', {}).then(
        ({ images: found }) => imagesOf(found ?? [], facts.configuration.nodeStatusMaxImages),
        () => [],
      ),
    ]);
    const now = timeText(environment.clock.now());
    const { features, handlers } = runtime;
    const status = nodeStatus(facts, { pressure: pressure(), notReady }, before, now);
    return {
      ...withDevices(status, devices.room()),
      images,
      ...(handlers.length === 0 ? {} : { runtimeHandlers: handlers }),
      ...(features === undefined ? {} : { features }),
    };
  }

  async #whyNotReady(): Promise<string[]> {
    const shutdown = this.#options.isShuttingDown() ? ['node is shutting down'] : [];
    return [...(await this.#options.runtime.look()), ...shutdown];
  }
}

function withDevices(status: NodeStatus, { capacity, allocatable }: DeviceRoom): NodeStatus {
  return {
    ...status,
    capacity: { ...status.capacity, ...capacity },
    allocatable: { ...status.allocatable, ...allocatable },
  };
}

function readyOf({ conditions = [] }: NodeStatus): string | undefined {
  return conditions.find(({ type }) => type === 'Ready')?.status;
}

/** The largest first; `max` of them (-1: all), with a bounded number of names. */
/**
 * For a strategic merge patch: addresses are merged by their type, and a node may have two of one
 * (upstream: component-helpers' node status patch, fixupPatchForNodeStatusAddresses).
 */
function withAllAddresses(status: NodeStatus): object {
  return { ...status, addresses: [...(status.addresses ?? []), { $patch: 'replace' }] };
}

function imagesOf(
  images: readonly { repoTags?: string[]; repoDigests?: string[]; size?: number }[],
  max: number,
): ContainerImage[] {
  return images
    .toSorted((a, b) => (b.size ?? 0) - (a.size ?? 0))
    .slice(0, max < 0 ? undefined : max)
    .map(({ repoTags = [], repoDigests = [], size = 0 }) => ({
      names: [...repoDigests, ...repoTags].slice(0, IMAGE_NAMES_MAX),
      sizeBytes: size,
    }));
}
