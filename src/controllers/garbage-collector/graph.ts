/**
 * The graph of owners and dependents, as the watches show it. Pure: it keeps what was seen and says
 * which objects to look at. It never decides that an object goes: watches of different kinds run
 * at different speeds, so every such decision is made on fresh reads (`collector.ts`).
 *
 * Upstream: pkg/controller/garbagecollector/{graph,graph_builder}.go, v1.36.
 */
import type { KubeObject, OwnerReference } from '#api/meta/object.ts';
import { parseApiVersion } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export interface GraphNode {
  readonly uid: string;
  readonly type: ResourceType<KubeObject>;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly owners: readonly OwnerReference[];
  readonly beingDeleted: boolean;
  /** Waits for its dependents to go first. */
  readonly deletingDependents: boolean;
  /** Waits for its dependents to be set free. */
  readonly orphaning: boolean;
}

export interface GraphListener {
  /** Look at this object: it may have to go, or be let go. */
  check(uid: string): void;
  /** Set the dependents of this object free. */
  orphan(uid: string): void;
  /** An owner is gone for good. */
  absent(owner: GraphNode): void;
  /** A dependent names an owner that lives in another namespace. */
  invalidNamespace(dependent: GraphNode, owner: OwnerReference): void;
}

export class Graph {
  readonly #listener: GraphListener;
  readonly #nodes = new Map<string, GraphNode>();
  /** Owner's uid to the uids of its dependents, whether or not the owner was seen. */
  readonly #dependents = new Map<string, Set<string>>();
  #complete = false;

  constructor(listener: GraphListener) {
    this.#listener = listener;
  }

  node(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependents(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap(
      (dependent) => this.#nodes.get(dependent) ?? [],
    );
  }

  /** Dependents that hold their owner back when it goes in the foreground. */
  blockingDependents(uid: string): GraphNode[] {
    return this.dependents(uid).filter(({ owners }) =>
      owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
  }

  /**
   * All kinds have been listed: from now on an owner that is not in the graph is suspicious. Until
   * then it may only be of a kind that comes later.
   */
  complete(): void {
    this.#complete = true;
    for (const node of this.#nodes.values()) this.#checkOwners(node, node.owners);
  }

  /** An object as a watch shows it now. */
  observe(type: ResourceType<KubeObject>, object: KubeObject): void {
    const next = nodeOf(type, object);
    if (next === undefined) return;
    const previous = this.#nodes.get(next.uid);
    this.#nodes.set(next.uid, next);
    this.#moveReferences(previous, next);
    if (previous === undefined) this.#checkDependents(next);
    if (next.orphaning && previous?.orphaning !== true) this.#listener.orphan(next.uid);
    else if (next.deletingDependents && previous?.deletingDependents !== true) {
      for (const dependent of this.dependents(next.uid)) this.#listener.check(dependent.uid);
      this.#listener.check(next.uid);
    }
  }

  /** The object of this uid is gone. */
  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    for (const owner of node.owners) this.#unlink(owner.uid, uid);
    const dependents = this.dependents(uid);
    if (dependents.length > 0) this.#listener.absent(node);
    for (const dependent of dependents) this.#listener.check(dependent.uid);
    for (const owner of node.owners) {
      if (this.#nodes.get(owner.uid)?.deletingDependents === true) this.#listener.check(owner.uid);
    }
  }

  #moveReferences(previous: GraphNode | undefined, next: GraphNode): void {
    const before = new Map(previous?.owners.map((owner) => [owner.uid, owner]));
    const added: OwnerReference[] = [];
    for (const owner of next.owners) {
      const old = before.get(owner.uid);
      before.delete(owner.uid);
      if (old === undefined) {
        this.#link(owner.uid, next.uid);
        added.push(owner);
      } else if (old.blockOwnerDeletion === true && owner.blockOwnerDeletion !== true)
        this.#listener.check(owner.uid);
    }
    for (const [uid, owner] of before) {
      this.#unlink(uid, next.uid);
      if (owner.blockOwnerDeletion === true) this.#listener.check(uid);
    }
    if (this.#complete) this.#checkOwners(next, added);
  }

  /** Has a dependent looked at when one of its owners is not what it says, or is going. */
  #checkOwners(node: GraphNode, owners: readonly OwnerReference[]): void {
    let suspicious = false;
    for (const reference of owners) {
      const owner = this.#nodes.get(reference.uid);
      if (owner !== undefined && isElsewhere(node, owner))
        this.#listener.invalidNamespace(node, reference);
      if (owner === undefined || !isNamed(owner, reference, node) || owner.deletingDependents)
        suspicious = true;
    }
    if (suspicious) this.#listener.check(node.uid);
  }

  /** An owner appears: those who named it otherwise are looked at. */
  #checkDependents(owner: GraphNode): void {
    if (!this.#complete) return;
    for (const dependent of this.dependents(owner.uid)) {
      const references = dependent.owners.filter(({ uid }) => uid === owner.uid);
      if (references.some((reference) => !isNamed(owner, reference, dependent)))
        this.#checkOwners(dependent, references);
    }
  }

  #link(owner: string, dependent: string): void {
    const known = this.#dependents.get(owner);
    if (known === undefined) this.#dependents.set(owner, new Set([dependent]));
    else known.add(dependent);
  }

  #unlink(owner: string, dependent: string): void {
    const known = this.#dependents.get(owner);
    known?.delete(dependent);
    if (known?.size === 0) this.#dependents.delete(owner);
  }
}

function nodeOf(type: ResourceType<KubeObject>, { metadata }: KubeObject): GraphNode | undefined {
  if (metadata?.uid === undefined) return undefined;
  const beingDeleted = metadata.deletionTimestamp !== undefined;
  const waits = (finalizer: string): boolean =>
    beingDeleted && (metadata.finalizers ?? []).includes(finalizer);
  return {
    uid: metadata.uid,
    type,
    name: metadata.name ?? '',
    namespace: metadata.namespace,
    owners: metadata.ownerReferences ?? [],
    beingDeleted,
    deletingDependents: waits(FOREGROUND),
    orphaning: waits(ORPHAN),
  };
}

/** A namespaced owner can own only within its namespace. */
function isElsewhere(dependent: GraphNode, owner: GraphNode): boolean {
  return owner.type.namespaced && owner.namespace !== dependent.namespace;
}

function isNamed(owner: GraphNode, reference: OwnerReference, dependent: GraphNode): boolean {
  return (
    owner.name === reference.name &&
    owner.type.kind === reference.kind &&
    owner.type.group === parseApiVersion(reference.apiVersion).group &&
    !isElsewhere(dependent, owner)
  );
}
