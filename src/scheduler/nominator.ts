/**
 * Pods that have a node kept for them, while others that run there come to their end.
 *
 * A nomination is known here before the API shows it. Source: upstream
 * pkg/scheduler/backend/queue/nominator.go.
 */
import type { Nominations } from './filter-run.ts';
import type { PodInfo } from './framework.ts';

export class Nominator implements Nominations {
  readonly #byKey = new Map<string, { readonly node: string; readonly info: PodInfo }>();
  readonly #byNode = new Map<string, Map<string, PodInfo>>();

  get size(): number {
    return this.#byKey.size;
  }

  on(node: string): readonly PodInfo[] {
    const pods = this.#byNode.get(node);
    return pods === undefined ? [] : [...pods.values()];
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
    const pods = this.#byNode.get(node) ?? new Map<string, PodInfo>();
    pods.set(info.key, info);
    this.#byNode.set(node, pods);
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
    const pods = this.#byNode.get(known.node);
    pods?.delete(key);
    if (pods?.size === 0) this.#byNode.delete(known.node);
  }

  clear(): void {
    this.#byKey.clear();
    this.#byNode.clear();
  }
}
