/**
 * Views: what a plug-in counts over the whole cluster, kept by deltas.
 *
 * The first pod that asks for a view pays for a walk over all nodes and pods; from then on every
 * pod and node that comes or goes is told to it, and the next pod of the same kind finds its
 * answer ready. The least recently used view goes when there are too many.
 */
import type { NodeInfo, PodInfo } from './framework.ts';

/** Views that are kept: each one costs a call for each pod that comes or goes. */
const VIEWS_MAX = 512;

export interface View {
  addNode?(node: NodeInfo): void;
  removeNode?(node: NodeInfo): void;
  /** A pod comes to (+1) or leaves (-1) a node that is known. */
  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void;
}

export class Views {
  readonly #views = new Map<string, View>();

  /** The view of this name (which says all that it depends on), made when there is none. */
  get<V extends View>(name: string, make: () => V, nodes: Iterable<NodeInfo>): V {
    const known = this.#views.get(name);
    if (known !== undefined) {
      this.#views.delete(name);
      this.#views.set(name, known);
      // One name is always asked for with one kind of view.
      return known as V;
    }
    const fresh = make();
    for (const node of nodes) {
      fresh.addNode?.(node);
      for (const pod of node.pods.values()) fresh.count(pod, node, 1);
    }
    const oldest = this.#views.keys().next().value;
    if (this.#views.size >= VIEWS_MAX && oldest !== undefined) this.#views.delete(oldest);
    this.#views.set(name, fresh);
    return fresh;
  }

  addNode(node: NodeInfo): void {
    for (const view of this.#views.values()) {
      view.addNode?.(node);
      for (const pod of node.pods.values()) view.count(pod, node, 1);
    }
  }

  /** Before the node, or what of it views look at, changes. */
  removeNode(node: NodeInfo): void {
    for (const view of this.#views.values()) {
      for (const pod of node.pods.values()) view.count(pod, node, -1);
      view.removeNode?.(node);
    }
  }

  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    for (const view of this.#views.values()) view.count(pod, node, delta);
  }
}
