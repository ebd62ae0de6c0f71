/**
 * The scheduler's picture of the cluster: nodes and the pods on them, and everything that is
 * counted over them, kept by deltas.
 *
 * A pod that was just placed is assumed to be there until the API says so, so that the next
 * decision counts it. Source: upstream pkg/scheduler/backend/cache.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { AssumedObjects } from './assumed-objects.ts';
import type { Cluster, Objects } from './cluster.ts';
import { DeviceLedger, type Moment } from './dynamic-resources/ledger.ts';
import type { NodeInfo, PodInfo } from './framework.ts';
import { NodeEntry } from './node-entry.ts';
import { nodesInOrder } from './node-order.ts';
import { countsTheSame, podInfo, podKey } from './pod-info.ts';
import { PodGroups } from './pod-groups.ts';
import { TermIndex } from './term-index.ts';
import { type View, Views } from './views.ts';

export class Snapshot implements Cluster {
  readonly objects: AssumedObjects;
  readonly devices: DeviceLedger;
  readonly podGroups: PodGroups;
  readonly antiAffinityTerms = new TermIndex();
  readonly affinityTerms = new TermIndex();
  readonly preferredTerms = new TermIndex();
  readonly imageNodes = new Map<string, number>();
  readonly claimUsers = new Map<string, number>();
  readonly #nodes = new Map<string, NodeEntry>();
  readonly #views = new Views();
  /** Pods whose node is not known (yet). */
  readonly #homeless = new Map<string, Map<string, PodInfo>>();
  /** Where each counted pod is counted. */
  readonly #placed = new Map<string, { readonly node: string; info: PodInfo }>();
  /** Pods that were placed by this scheduler and are not yet seen as bound. */
  readonly #assumed = new Set<string>();
  #order: readonly NodeEntry[] | undefined;

  constructor(objects: Objects, moment: Moment) {
    this.objects = new AssumedObjects(objects);
    this.devices = new DeviceLedger(objects, moment);
    this.podGroups = new PodGroups(objects);
  }

  get nodes(): readonly NodeEntry[] {
    this.#order ??= nodesInOrder([...this.#nodes.values()]);
    return this.#order;
  }

  node(name: string): NodeEntry | undefined {
    return this.#nodes.get(name);
  }

  view<V extends View>(name: string, make: () => V): V {
    return this.#views.get(name, make, this.#nodes.values());
  }

  setNode(node: Node): void {
    const name = node.metadata?.name ?? '';
    const known = this.#nodes.get(name);
    if (known === undefined) this.#addNode(name, node);
    else if (looksTheSame(known.node, node)) known.set(node);
    else {
      this.#uncount(known);
      known.set(node);
      this.#count(known);
      this.#order = undefined;
    }
  }

  removeNode(name: string): void {
    const known = this.#nodes.get(name);
    if (known === undefined) return;
    this.#uncount(known);
    this.#nodes.delete(name);
    this.#order = undefined;
    if (known.pods.size > 0) this.#homeless.set(name, known.pods);
  }

  /** A pod that is on a node, as the API shows it. Finished pods take nothing. */
  setPod(pod: Pod): void {
    const key = podKey(pod);
    const nodeName = pod.spec?.nodeName ?? '';
    const phase = pod.status?.phase;
    if (nodeName === '' || phase === 'Succeeded' || phase === 'Failed') {
      // An assumed pod is not yet bound in the API: keep it where it was placed.
      if (nodeName !== '' || !this.#assumed.has(key)) this.removePod(key);
      return;
    }
    const known = this.#placed.get(key);
    if (known !== undefined && known.node === nodeName && countsTheSame(known.info, pod)) {
      this.#assumed.delete(key);
      known.info = { ...known.info, pod };
      const node = this.#nodes.get(nodeName);
      if (node === undefined) this.#homeless.get(nodeName)?.set(key, known.info);
      else node.replace(known.info);
      return;
    }
    this.removePod(key);
    this.#add(nodeName, podInfo(pod));
  }

  removePod(key: string): void {
    this.#assumed.delete(key);
    const place = this.#placed.get(key);
    if (place === undefined) return;
    this.#placed.delete(key);
    this.podGroups.displaced(place.info.pod);
    const homeless = this.#homeless.get(place.node);
    homeless?.delete(key);
    if (homeless?.size === 0) this.#homeless.delete(place.node);
    const node = this.#nodes.get(place.node);
    if (node === undefined) return;
    this.#countPod(place.info, node, -1);
    node.remove(place.info);
  }

  /** Counts a pod on the node that was chosen for it. */
  assume(info: PodInfo, nodeName: string): void {
    this.removePod(info.key);
    this.#add(nodeName, info);
    this.#assumed.add(info.key);
  }

  /** The binding failed: the place is free again. */
  forget({ key, uid }: Pick<PodInfo, 'key' | 'uid'>): void {
    if (this.#assumed.has(key) && this.placedPod(key)?.uid === uid) this.removePod(key);
  }

  counts(): { readonly nodes: number; readonly pods: number; readonly assumedPods: number } {
    return {
      nodes: this.#nodes.size,
      pods: this.#placed.size,
      assumedPods: this.#assumed.size,
    };
  }

  isAssumed(key: string): boolean {
    return this.#assumed.has(key);
  }

  /** The node on which the pod is counted. */
  placeOf(key: string): string | undefined {
    return this.#placed.get(key)?.node;
  }

  /** The pod as it is counted. */
  placedPod(key: string): PodInfo | undefined {
    return this.#placed.get(key)?.info;
  }

  #addNode(name: string, node: Node): void {
    const fresh = new NodeEntry(name);
    fresh.set(node);
    for (const info of this.#homeless.get(name)?.values() ?? []) fresh.add(info);
    this.#homeless.delete(name);
    this.#nodes.set(name, fresh);
    this.#order = undefined;
    this.#count(fresh);
  }

  #add(nodeName: string, info: PodInfo): void {
    this.#placed.set(info.key, { node: nodeName, info });
    this.podGroups.placed(info.pod);
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) {
      node.add(info);
      this.#countPod(info, node, 1);
      return;
    }
    const homeless = this.#homeless.get(nodeName) ?? new Map<string, PodInfo>();
    homeless.set(info.key, info);
    this.#homeless.set(nodeName, homeless);
  }

  /** Counts a node and its pods in all that is counted over the cluster. */
  #count(node: NodeEntry): void {
    this.#views.addNode(node);
    this.#countImages(node, 1);
    for (const info of node.pods.values()) this.#countTerms(info, node, 1);
  }

  /** Before what is counted of a node changes. */
  #uncount(node: NodeEntry): void {
    this.#views.removeNode(node);
    this.#countImages(node, -1);
    for (const info of node.pods.values()) this.#countTerms(info, node, -1);
  }

  #countImages(node: NodeEntry, delta: 1 | -1): void {
    for (const name of node.images.keys()) add(this.imageNodes, name, delta);
  }

  #countPod(info: PodInfo, node: NodeEntry, delta: 1 | -1): void {
    this.#views.count(info, node, delta);
    this.#countTerms(info, node, delta);
  }

  #countTerms({ terms, pod, namespace }: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    for (const { persistentVolumeClaim } of pod.spec?.volumes ?? [])
      if (persistentVolumeClaim !== undefined)
        add(this.claimUsers, `${namespace}/${persistentVolumeClaim.claimName}`, delta);
    if (terms === undefined) return;
    const { labels } = node;
    for (const term of terms.requiredAnti)
      this.antiAffinityTerms.count({ term, weight: 1, labels, delta });
    for (const term of terms.required) this.affinityTerms.count({ term, weight: 1, labels, delta });
    for (const { term, weight } of terms.preferred)
      this.preferredTerms.count({ term, weight, labels, delta });
  }
}

function add(counts: Map<string, number>, name: string, delta: 1 | -1): void {
  const next = (counts.get(name) ?? 0) + delta;
  if (next > 0) counts.set(name, next);
  else counts.delete(name);
}

/** Whether two versions of a node are the same for all that is counted over nodes. */
function looksTheSame(before: Node, after: Node): boolean {
  return (
    equalValues(before.metadata?.labels, after.metadata?.labels) &&
    equalValues(before.spec?.taints, after.spec?.taints) &&
    equalValues(before.status?.images, after.status?.images)
  );
}
