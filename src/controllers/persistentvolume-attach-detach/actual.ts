/**
 * What is attached, as far as the controller knows: from what nodes report, from VolumeAttachments,
 * and from what it has done itself.
 *
 * Upstream: pkg/controller/volume/attachdetach/cache/actual_state_of_world.go, v1.36.
 */

import type { AttachableVolume } from './pod-volumes.ts';

interface Attachment {
  /** Known for certain; otherwise something was tried, and what came of it is not known. */
  isConfirmed: boolean;
  /** Nodes must know what they may mount. */
  isReported: boolean;
  detachRequestedMs?: number;
}

export class Actual {
  /** By volume and node; as many as there are attachments in the cluster. */
  readonly #volumes = new Map<string, Map<string, Attachment>>();
  readonly #byNode = new Map<string, Set<string>>();
  /** What is known of the volumes beyond their names. */
  readonly #details = new Map<string, AttachableVolume>();
  readonly #inUse = new Map<string, Set<string>>();

  get volumes(): Iterable<string> {
    return this.#volumes.keys();
  }

  /** `isConfirmed`: it is attached; otherwise it may be. A node may use what is new to it. */
  add(volume: string, node: string, isConfirmed: boolean): void {
    const nodes = this.#volumes.get(volume) ?? new Map<string, Attachment>();
    this.#volumes.set(volume, nodes);
    const known = nodes.get(node);
    if (known === undefined) {
      nodes.set(node, { isConfirmed, isReported: isConfirmed });
      insert(this.#byNode, node, volume);
      insert(this.#inUse, node, volume);
      return;
    }
    known.isConfirmed = isConfirmed;
    if (isConfirmed) known.isReported = true;
  }

  remove(volume: string, node: string): void {
    const nodes = this.#volumes.get(volume);
    nodes?.delete(node);
    if (nodes?.size === 0) {
      this.#volumes.delete(volume);
      this.#details.delete(volume);
    }
    const ofNode = this.#byNode.get(node);
    ofNode?.delete(volume);
    if (ofNode?.size === 0) this.#byNode.delete(node);
  }

  describe(volume: AttachableVolume): void {
    if (this.#volumes.has(volume.uniqueName)) this.#details.set(volume.uniqueName, volume);
  }

  /** Undefined: nothing but the name is known, from a node's report. */
  details(volume: string): AttachableVolume | undefined {
    return this.#details.get(volume);
  }

  get(volume: string, node: string): Readonly<Attachment> | undefined {
    return this.#volumes.get(volume)?.get(node);
  }

  /** The nodes that have it, or may have it. */
  nodesOf(volume: string): string[] {
    return [...(this.#volumes.get(volume)?.keys() ?? [])];
  }

  volumesOf(node: string): Iterable<string> {
    return this.#byNode.get(node) ?? [];
  }

  setReported(volume: string, node: string, isReported: boolean): void {
    const known = this.#volumes.get(volume)?.get(node);
    if (known !== undefined) known.isReported = isReported;
  }

  reportedOn(node: string): string[] {
    return [...this.volumesOf(node)].filter((volume) => this.get(volume, node)?.isReported);
  }

  /** What the node says that it uses, or is about to. */
  setInUse(node: string, volumes: readonly string[]): void {
    if (volumes.length === 0) this.#inUse.delete(node);
    else this.#inUse.set(node, new Set(volumes));
  }

  isInUse(volume: string, node: string): boolean {
    return this.#inUse.get(node)?.has(volume) === true;
  }

  /** Milliseconds since the volume is not wanted on the node any more. */
  unwantedForMs(volume: string, node: string, nowMs: number): number {
    const known = this.#volumes.get(volume)?.get(node);
    if (known === undefined) return 0;
    known.detachRequestedMs ??= nowMs;
    return nowMs - known.detachRequestedMs;
  }

  /** It is wanted again. */
  touch(volume: string, node: string): void {
    delete this.#volumes.get(volume)?.get(node)?.detachRequestedMs;
  }
}

function insert(sets: Map<string, Set<string>>, key: string, value: string): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([value]));
  else known.add(value);
}
