/**
 * Pods that have a node kept for them, while others that run there come to their end.
 *
 * A nomination is known here before the API shows it. Source: upstream
 * pkg/scheduler/backend/queue/nominator.go.
 */
import type { Nominations } from './filter-run.ts';
import type { PodInfo } from './framework.ts';

const NOBODY: readonly PodInfo[] = Object.freeze([]);

export class Nominator implements Nominations {
  readonly #byKey = new Map<string, { readonly node: string; readonly info: PodInfo }>();
  /** A list is never changed, but replaced: who has seen it knows whether it is still the same. */
  readonly #byNode = new Map<string, readonly PodInfo[]>();

  get size(): number {
    return this.#byKey.size;
  }

  on(node: string): readonly PodInfo[] {
    return this.#byNode.get(node) ?? NOBODY;
  }

  /** Where the pod is nominated to. */
  nodeOf(key: string): string | undefined {
    return this.#byKey.get(key)?.node;
  }

  /** An empty node takes the nomination back. */
  set(info: PodInfo, node: string): void {
    this.remove(info.key);
    if (node === '') return;
    this.#byKey.set(info.key, { node, info });
    this.#byNode.set(node, [...this.on(node), info]);
  }

  /** A newer version of a pod: what the API does not show yet is kept. */
  update(before: PodInfo | undefined, info: PodInfo): void {
    const old = before?.pod.status?.nominatedNodeName ?? '';
    const now = info.pod.status?.nominatedNodeName ?? '';
    this.set(info, now === '' && old === '' ? (this.nodeOf(info.key) ?? '') : now);
  }

  remove(key: string): void {
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    const left = this.on(known.node).filter((info) => info !== known.info);
    if (left.length === 0) this.#byNode.delete(known.node);
    else this.#byNode.set(known.node, left);
  }

  clear(): void {
    this.#byKey.clear();
    this.#byNode.clear();
  }
}
