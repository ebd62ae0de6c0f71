/**
 * The scheduler's picture of the cluster: nodes and the pods on them, kept by deltas.
 *
 * A pod that was just placed is assumed to be there until the API says so, so that the next
 * decision counts it. Source: upstream pkg/scheduler/backend/cache.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { HostPort, NodeInfo, PodInfo } from './framework.ts';
import { hostPorts, nonZeroRequests, requestsOf, resourcesOf } from './resources.ts';

interface MutableNode {
  name: string;
  node: Node;
  allocatable: Map<string, number>;
  pods: Map<string, PodInfo>;
  requested: Map<string, number>;
  nonZeroRequested: { cpu: number; memory: number };
  ports: Set<string>;
}

export function podKey(pod: Pod): string {
  return `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`;
}

export function podInfo(pod: Pod): PodInfo {
  return {
    key: podKey(pod),
    pod,
    requests: requestsOf(pod),
    nonZeroRequests: nonZeroRequests(pod),
    ports: hostPorts(pod),
  };
}

function portKey({ protocol, ip, port }: HostPort): string {
  return `${protocol}/${ip}/${port}`;
}

export class Snapshot {
  readonly #nodes = new Map<string, MutableNode>();
  /** Pods whose node is not known (yet). */
  readonly #homeless = new Map<string, Map<string, PodInfo>>();
  /** Where each counted pod is counted. */
  readonly #placed = new Map<string, { node: string; uid: string }>();
  /** Pods that were placed by this scheduler and are not yet seen as bound. */
  readonly #assumed = new Set<string>();

  get nodes(): ReadonlyMap<string, NodeInfo> {
    return this.#nodes;
  }

  setNode(node: Node): void {
    const name = node.metadata?.name ?? '';
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      known.node = node;
      known.allocatable = allocatableOf(node);
      return;
    }
    const fresh: MutableNode = {
      name,
      node,
      allocatable: allocatableOf(node),
      pods: new Map(),
      requested: new Map(),
      nonZeroRequested: { cpu: 0, memory: 0 },
      ports: new Set(),
    };
    this.#nodes.set(name, fresh);
    for (const info of this.#homeless.get(name)?.values() ?? []) count(fresh, info);
    this.#homeless.delete(name);
  }

  removeNode(name: string): void {
    const known = this.#nodes.get(name);
    if (known === undefined) return;
    this.#nodes.delete(name);
    if (known.pods.size > 0) this.#homeless.set(name, known.pods);
  }

  /** A pod that is on a node, as the API shows it. Finished pods take nothing. */
  setPod(pod: Pod): void {
    const key = podKey(pod);
    const nodeName = pod.spec?.nodeName ?? '';
    const phase = pod.status?.phase;
    if (nodeName === '' || phase === 'Succeeded' || phase === 'Failed') {
      // An assumed pod is not yet bound in the API: keep it where it was placed.
      if (nodeName !== '' || !this.#assumed.has(key)) this.#remove(key);
      return;
    }
    this.#remove(key);
    this.#add(nodeName, podInfo(pod));
  }

  removePod(key: string): void {
    this.#remove(key);
  }

  /** Counts a pod on the node that was chosen for it. */
  assume(info: PodInfo, nodeName: string): void {
    this.#remove(info.key);
    this.#add(nodeName, info);
    this.#assumed.add(info.key);
  }

  /** The binding failed: the place is free again. */
  forget(key: string): void {
    if (this.#assumed.has(key)) this.#remove(key);
  }

  isAssumed(key: string): boolean {
    return this.#assumed.has(key);
  }

  #add(nodeName: string, info: PodInfo): void {
    this.#placed.set(info.key, { node: nodeName, uid: info.pod.metadata?.uid ?? '' });
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) {
      count(node, info);
      return;
    }
    const homeless = this.#homeless.get(nodeName) ?? new Map<string, PodInfo>();
    homeless.set(info.key, info);
    this.#homeless.set(nodeName, homeless);
  }

  #remove(key: string): void {
    this.#assumed.delete(key);
    const place = this.#placed.get(key);
    if (place === undefined) return;
    this.#placed.delete(key);
    this.#homeless.get(place.node)?.delete(key);
    const node = this.#nodes.get(place.node);
    const info = node?.pods.get(key);
    if (node === undefined || info === undefined) return;
    node.pods.delete(key);
    for (const [name, amount] of info.requests)
      node.requested.set(name, (node.requested.get(name) ?? 0) - amount);
    node.nonZeroRequested.cpu -= info.nonZeroRequests.cpu;
    node.nonZeroRequested.memory -= info.nonZeroRequests.memory;
    for (const port of info.ports) node.ports.delete(portKey(port));
  }
}

function count(node: MutableNode, info: PodInfo): void {
  node.pods.set(info.key, info);
  for (const [name, amount] of info.requests)
    node.requested.set(name, (node.requested.get(name) ?? 0) + amount);
  node.nonZeroRequested.cpu += info.nonZeroRequests.cpu;
  node.nonZeroRequested.memory += info.nonZeroRequests.memory;
  for (const port of info.ports) node.ports.add(portKey(port));
}

function allocatableOf(node: Node): Map<string, number> {
  return resourcesOf(node.status?.allocatable ?? node.status?.capacity ?? {});
}
