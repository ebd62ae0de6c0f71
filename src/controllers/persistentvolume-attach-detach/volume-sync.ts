/**
 * One pass of one volume: looks what has become of what was begun, then begins what the plan says.
 *
 * Upstream: GenerateAttachVolumeFunc, GenerateDetachVolumeFunc in
 * pkg/volume/util/operationexecutor/operation_generator.go and Attach, Detach in
 * pkg/volume/csi/csi_attacher.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { attachmentName, csiVolumeOf } from '#api/storage/attachment-names.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import { nodeCondition } from '../shared/nodes.ts';
import type { Actual } from './actual.ts';
import type { Desired, Wanted } from './desired.ts';
import type { AttachMetrics } from './metrics.ts';
import { operationKey, Operations, type Pending } from './operations.ts';
import { attachOutcome, detachOutcome } from './outcomes.ts';
import { type AttachedTo, planVolume, type Step } from './plan.ts';
import { attachFailed, attachSucceeded, multiAttachError, timedOut } from './words.ts';

/** How long a driver may take. */
const DRIVER_MS_MAX = 120_000;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

export interface VolumeSyncOptions {
  readonly events: EventRecorder;
  readonly clock: Environment['clock'];
  readonly desired: Desired;
  readonly actual: Actual;
  readonly nodes: Informer<Node>;
  readonly attachments: Informer<VolumeAttachment>;
  readonly neverForces: boolean;
  readonly metrics: Pick<AttachMetrics, 'detachForced' | 'ended'>;
  /** Writes what is attached to the node into its status. */
  readonly tellNode: (node: string, client: Client) => Promise<void>;
}

export interface SyncResult {
  readonly requeueAfterMs?: number;
  /** Those that must be told what is attached to them. */
  readonly nodes: readonly string[];
}

export class VolumeSync {
  readonly #options: VolumeSyncOptions;
  readonly #operations = new Operations();
  /** Volumes and nodes whose Pods were told that another node has the volume. */
  readonly #refused = new Map<string, Set<string>>();

  constructor(options: VolumeSyncOptions) {
    this.#options = options;
  }

  async sync(uniqueName: string, client: Client): Promise<SyncResult> {
    const { desired, actual, clock, neverForces } = this.#options;
    const wanted = desired.of(uniqueName);
    const nodes = this.#nodesOf(uniqueName, wanted);
    const told = nodes.filter((node) => this.#settle(uniqueName, node, wanted));
    const nowMs = clock.monotonicMs();
    const isShared = (wanted?.volume ?? actual.details(uniqueName))?.isShared ?? true;
    const keyOf = (node: string): string => operationKey(uniqueName, node, isShared);
    this.#forgetRefusals(uniqueName, wanted);
    const plan = planVolume({
      isShared,
      neverForces,
      attached: actual
        .nodesOf(uniqueName)
        .map((node) => this.#attachedTo(uniqueName, node, { key: keyOf(node), nowMs })),
      wanted: [...(wanted?.pods.keys() ?? [])].map((node) => ({
        node,
        mayAttach: this.#operations.mayStart(keyOf(node), 'attach', nowMs),
      })),
    });
    for (const step of plan.steps)
      if (await this.#take(step, { uniqueName, key: keyOf(step.node), wanted, client }))
        told.push(step.node);
    const waits = [...nodes.map(keyOf), ...nodes.map((node) => `${uniqueName} ${node}`)]
      .map((key) => this.#waitMs(key))
      .concat(plan.waitMs ?? Number.POSITIVE_INFINITY);
    const waitMs = Math.min(...waits);
    return { nodes: told, ...(Number.isFinite(waitMs) ? { requeueAfterMs: waitMs } : {}) };
  }

  #nodesOf(uniqueName: string, wanted: Wanted | undefined): string[] {
    const attached = this.#options.actual.nodesOf(uniqueName);
    const going = this.#operations.nodesOf(uniqueName);
    return [...new Set([...attached, ...(wanted?.pods.keys() ?? []), ...going])];
  }

  #attachedTo(
    uniqueName: string,
    name: string,
    { key, nowMs }: { readonly key: string; readonly nowMs: number },
  ): AttachedTo {
    const { actual, desired, nodes } = this.#options;
    const node = nodes.get(name);
    const isWanted = desired.isWantedOn(uniqueName, name);
    const isConfirmed = actual.get(uniqueName, name)?.isConfirmed === true;
    if (isWanted && isConfirmed) actual.touch(uniqueName, name);
    return {
      node: name,
      isWanted,
      isConfirmed,
      // What nobody here can detach is left alone.
      mayDetach:
        csiVolumeOf(uniqueName) !== undefined && this.#operations.mayStart(key, 'detach', nowMs),
      isInUse: actual.isInUse(uniqueName, name),
      unwantedForMs: isWanted ? 0 : actual.unwantedForMs(uniqueName, name, nowMs),
      isNodeReady: node !== undefined && nodeCondition(node, 'Ready')?.status === 'True',
      isOutOfService: node?.spec?.taints?.some((taint) => taint.key === OUT_OF_SERVICE) ?? false,
    };
  }

  /** Looks what has become of what goes on. True: the node must be told. */
  #settle(uniqueName: string, node: string, wanted: Wanted | undefined): boolean {
    for (const key of [uniqueName, `${uniqueName} ${node}`]) {
      const pending = this.#operations.pending(key);
      if (pending?.node === node) return this.#settleOne({ uniqueName, key, wanted }, pending);
    }
    return false;
  }

  #settleOne({ uniqueName, key, wanted }: Going, { kind, node, startedMs }: Pending): boolean {
    const { actual, attachments, clock } = this.#options;
    const volume = csiVolumeOf(uniqueName);
    if (volume === undefined) return false;
    const attachment = attachments.get(attachmentName(volume, node));
    const nowMs = clock.monotonicMs();
    const outcome = kind === 'attach' ? attachOutcome(attachment) : detachOutcome(attachment);
    const isLate = nowMs - startedMs >= DRIVER_MS_MAX;
    const error = outcome.error ?? (isLate ? timedOut(volume, kind) : undefined);
    if (outcome.isDone) {
      this.#succeeded(uniqueName, key);
      if (kind === 'attach') this.#attached(uniqueName, node, wanted);
      else actual.remove(uniqueName, node);
      return true;
    }
    if (error === undefined) return false;
    this.#fail({ uniqueName, key, wanted }, { kind, node, error });
    return false;
  }

  #succeeded(uniqueName: string, key: string): void {
    this.#time(uniqueName, key, true);
    this.#operations.succeeded(key);
  }

  /** Counts how long what goes on has taken, as it ends. */
  #time(uniqueName: string, key: string, isDone: boolean): void {
    const { actual, clock, metrics } = this.#options;
    const pending = this.#operations.pending(key);
    if (pending === undefined) return;
    // Who detaches a volume of which no more than the name is known does not look for its driver.
    const isKnown = pending.kind === 'attach' || actual.details(uniqueName) !== undefined;
    metrics.ended({
      operation: `volume_${pending.kind}`,
      driver: isKnown ? (csiVolumeOf(uniqueName)?.driver ?? '') : '',
      ms: clock.monotonicMs() - pending.startedMs,
      isDone,
    });
  }

  #attached(uniqueName: string, node: string, wanted: Wanted | undefined): void {
    const { actual, events } = this.#options;
    actual.add(uniqueName, node, true);
    if (wanted === undefined) return;
    actual.describe(wanted.volume);
    const message = attachSucceeded(wanted.volume);
    for (const pod of wanted.pods.get(node) ?? [])
      events.event({ about: pod, type: 'Normal', reason: 'SuccessfulAttachVolume', message });
  }

  /** What came of it is not known: it may be attached or not. */
  #fail(
    { uniqueName, key, wanted }: Going,
    { kind, node, error }: Pick<Pending, 'kind' | 'node'> & { readonly error: string },
  ): void {
    const { actual, events, clock } = this.#options;
    actual.add(uniqueName, node, false);
    if (wanted !== undefined) actual.describe(wanted.volume);
    this.#time(uniqueName, key, false);
    this.#operations.failed(key, clock.monotonicMs());
    if (kind === 'detach' || wanted === undefined) return;
    const message = attachFailed(wanted.volume, error);
    for (const pod of wanted.pods.get(node) ?? [])
      events.event({ about: pod, type: 'Warning', reason: 'FailedAttachVolume', message });
  }

  /** True: the node must be told, because something ended at once. */
  async #take(step: Step, going: Going & { readonly client: Client }): Promise<boolean> {
    if (step.do === 'attach') return this.#attach(step.node, going);
    if (step.do === 'detach') return this.#detach(step, going);
    this.#refuse(step, going);
    return false;
  }

  #refuse(
    { node, others }: Extract<Step, { readonly do: 'refuse' }>,
    { uniqueName, wanted }: Going,
  ): void {
    const refused = this.#refused.get(uniqueName) ?? new Set();
    if (wanted === undefined || refused.has(node)) return;
    this.#refused.set(uniqueName, refused.add(node));
    const users = others.flatMap((other) => wanted.pods.get(other) ?? []);
    for (const pod of wanted.pods.get(node) ?? []) {
      const message = multiAttachError(wanted.volume, pod, users);
      const event = { about: pod, type: 'Warning', reason: 'FailedAttachVolume', message } as const;
      this.#options.events.event(event);
    }
  }

  /** A node whose Pods are gone is told anew when others come. */
  #forgetRefusals(uniqueName: string, wanted: Wanted | undefined): void {
    const refused = this.#refused.get(uniqueName);
    for (const node of refused ?? []) if (!wanted?.pods.has(node)) refused?.delete(node);
    if (refused?.size === 0) this.#refused.delete(uniqueName);
  }

  async #attach(node: string, going: Going & { readonly client: Client }): Promise<boolean> {
    const { wanted, client, key } = going;
    if (wanted === undefined) return false;
    const { driver, name: persistentVolumeName } = wanted.volume;
    const name = attachmentName(wanted.volume, node);
    const startedMs = this.#options.clock.monotonicMs();
    const volume = going.uniqueName;
    this.#operations.start(key, { volume, kind: 'attach', node, startedMs });
    try {
      if (this.#options.attachments.get(name) === undefined)
        await client.create(VOLUME_ATTACHMENT, {
          metadata: { name },
          spec: { attacher: driver, nodeName: node, source: { persistentVolumeName } },
        });
    } catch (error) {
      if (!isAlreadyExists(error)) {
        const text = `kubernetes.io/csi: attacher.Attach failed: ${messageOf(error)}`;
        this.#fail(going, { kind: 'attach', node, error: text });
      }
      return false;
    }
    return this.#settle(going.uniqueName, node, wanted);
  }

  async #detach(
    { node, force }: Extract<Step, { readonly do: 'detach' }>,
    going: Going & { readonly client: Client },
  ): Promise<boolean> {
    const { actual, clock, tellNode } = this.#options;
    const { uniqueName, client, key, wanted } = going;
    const wasReported = actual.get(uniqueName, node)?.isReported === true;
    actual.setReported(uniqueName, node, false);
    try {
      await tellNode(node, client);
    } catch (error) {
      actual.setReported(uniqueName, node, wasReported);
      throw error;
    }
    const startedMs = clock.monotonicMs();
    this.#operations.start(key, { volume: uniqueName, kind: 'detach', node, startedMs });
    try {
      if (force === 'none') await verifyUnused(uniqueName, node, client);
      else this.#options.metrics.detachForced(force);
      const volume = csiVolumeOf(uniqueName);
      if (volume === undefined) throw new Error('volumeName missing expected data');
      await client.delete(VOLUME_ATTACHMENT, { name: attachmentName(volume, node) });
    } catch (error) {
      if (isNotFound(error)) {
        this.#succeeded(uniqueName, key);
        actual.remove(uniqueName, node);
        return true;
      }
      this.#fail({ uniqueName, key, wanted }, { kind: 'detach', node, error: messageOf(error) });
    }
    return false;
  }

  /** Until an operation is late, or may be tried again. */
  #waitMs(key: string): number {
    const nowMs = this.#options.clock.monotonicMs();
    const pending = this.#operations.pending(key);
    if (pending !== undefined) return Math.max(1, pending.startedMs + DRIVER_MS_MAX - nowMs);
    return this.#operations.retryInMs(key, nowMs) ?? Number.POSITIVE_INFINITY;
  }
}

/** An operation of a volume. */
interface Going {
  readonly uniqueName: string;
  readonly key: string;
  readonly wanted: Wanted | undefined;
}

/** The cache may be behind: the node is asked itself. One that is gone uses nothing. */
async function verifyUnused(uniqueName: string, name: string, client: Client): Promise<void> {
  try {
    const node = await client.get(NODE, name);
    if (node.status?.volumesInUse?.includes(uniqueName))
      throw new Error('volume is still in use by node, according to Node status');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
