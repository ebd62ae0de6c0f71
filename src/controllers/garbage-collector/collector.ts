/**
 * What the garbage collector does to one object, always on fresh reads:
 *
 *   it waits for its dependents      they go first; when none holds it back, it is let go
 *   one owner lives                  references to dead or dying owners are taken off
 *   an owner goes in the foreground  it goes in the foreground too
 *   no owner lives                   it is deleted
 *
 * Upstream: pkg/controller/garbagecollector/{garbagecollector,operations}.go, v1.36.
 */
import { equalValues } from '#api/meta/equal.ts';
import { type KubeObject, type OwnerReference, parseApiVersion } from '#api/meta/object.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import type { Client, DeleteOptions, ResourceType } from '#client/client.ts';
import { TerminalError } from '#reconcile/controller.ts';
import { asError } from '#reconcile/slow-start.ts';
import type { AbsentOwners } from './absent-owners.ts';
import { FOREGROUND, type Graph, type GraphNode, ORPHAN } from './graph.ts';

export interface CollectorOptions {
  readonly client: Client;
  readonly graph: Graph;
  readonly absent: AbsentOwners;
  /** The resource that a reference names; undefined when the server serves no such kind. */
  readonly resourceOf: (group: string, kind: string) => ResourceType<KubeObject> | undefined;
  readonly check: (uid: string) => void;
}

interface Classified {
  readonly solid: OwnerReference[];
  readonly dangling: OwnerReference[];
  readonly waiting: OwnerReference[];
}

type Propagation = NonNullable<DeleteOptions['propagationPolicy']>;

export class Collector {
  readonly #options: CollectorOptions;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Looks at one object and does what its owners and dependents ask for. */
  async check(uid: string): Promise<void> {
    const { graph } = this.#options;
    const node = graph.node(uid);
    if (node === undefined || (node.beingDeleted && !node.deletingDependents)) return;
    const live = await this.#get(node.type, node);
    if (live?.metadata?.uid !== uid) {
      graph.remove(uid);
      return;
    }
    if (node.deletingDependents) return this.#letGoWhenAlone(node);
    const references = live.metadata.ownerReferences ?? [];
    if (references.length === 0) return;
    await this.#decide(node, live, await this.#classify(node, references));
  }

  /** Takes the owner's reference off all its dependents, then lets the owner go. */
  async orphan(uid: string): Promise<void> {
    const { graph } = this.#options;
    const owner = graph.node(uid);
    if (owner === undefined) return;
    const outcomes = await Promise.allSettled(
      graph.dependents(uid).map((dependent) => this.#removeReferences(dependent, [uid])),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw asError(failed.reason);
    await this.#removeFinalizer(owner, ORPHAN);
  }

  async #letGoWhenAlone(node: GraphNode): Promise<void> {
    const blocking = this.#options.graph.blockingDependents(node.uid);
    if (blocking.length === 0) return this.#removeFinalizer(node, FOREGROUND);
    for (const dependent of blocking) {
      if (!dependent.deletingDependents) this.#options.check(dependent.uid);
    }
  }

  async #decide(
    node: GraphNode,
    live: KubeObject,
    { solid, dangling, waiting }: Classified,
  ): Promise<void> {
    const { graph } = this.#options;
    if (solid.length > 0) {
      const gone = [...dangling, ...waiting].map(({ uid }) => uid);
      if (gone.length > 0) await this.#removeReferences(node, gone);
      return;
    }
    const dependents = graph.dependents(node.uid);
    if (waiting.length > 0 && dependents.length > 0) {
      // Owner and dependent that wait for each other would wait for ever.
      if (dependents.some(({ deletingDependents }) => deletingDependents))
        await this.#unblock(node);
      const fresh = await this.#get(node.type, node);
      if (fresh?.metadata?.uid === node.uid) await this.#delete(node, fresh, 'Foreground');
      return;
    }
    const finalizers = live.metadata?.finalizers ?? [];
    const policy = finalizers.includes(ORPHAN)
      ? 'Orphan'
      : finalizers.includes(FOREGROUND)
        ? 'Foreground'
        : 'Background';
    await this.#delete(node, live, policy);
  }

  async #classify(node: GraphNode, references: readonly OwnerReference[]): Promise<Classified> {
    const classified: Classified = { solid: [], dangling: [], waiting: [] };
    for (const reference of references) {
      const owner = await this.#owner(node, reference);
      if (owner === undefined) classified.dangling.push(reference);
      else if (waitsForDependents(owner)) classified.waiting.push(reference);
      else classified.solid.push(reference);
    }
    return classified;
  }

  /** The owner as the server has it; undefined when there is no such object. */
  async #owner(node: GraphNode, reference: OwnerReference): Promise<KubeObject | undefined> {
    const { absent, resourceOf } = this.#options;
    if (absent.has(reference, '') || absent.has(reference, node.namespace)) return undefined;
    const { group } = parseApiVersion(reference.apiVersion);
    const type = resourceOf(group, reference.kind);
    if (type === undefined) {
      throw new Error(`unable to get REST mapping for ${reference.apiVersion}/${reference.kind}.`);
    }
    if (type.namespaced && node.namespace === undefined) {
      // Nobody knows where to look for the owner: the object is left alone.
      throw new TerminalError('cluster-scoped objects cannot refer to namespaced owners');
    }
    const namespace = type.namespaced ? node.namespace : undefined;
    const owner = await this.#get(type, { name: reference.name, namespace });
    if (owner?.metadata?.uid === reference.uid) return owner;
    absent.add(reference, namespace);
    return undefined;
  }

  async #get(
    type: ResourceType<KubeObject>,
    { name, namespace }: { readonly name: string; readonly namespace: string | undefined },
  ): Promise<KubeObject | undefined> {
    try {
      return await this.#options.client.get(type, name, namespace);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Only the object that was read; of a changed one only if its owners are the same. */
  async #delete(node: GraphNode, live: KubeObject, propagationPolicy: Propagation): Promise<void> {
    const { client, graph } = this.#options;
    const { uid, resourceVersion } = live.metadata ?? {};
    const preconditions = uid === undefined ? {} : { uid };
    const exact = {
      ...preconditions,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    try {
      await client
        .delete(node.type, targetOf(node), { propagationPolicy, preconditions: exact })
        .catch(async (error: unknown) => {
          if (!isConflict(error)) throw error;
          const now = await this.#get(node.type, node);
          const same = now?.metadata?.uid === uid;
          if (!same || !equalValues(now?.metadata?.ownerReferences, live.metadata?.ownerReferences))
            throw error;
          await client.delete(node.type, targetOf(node), { propagationPolicy, preconditions });
        });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      graph.remove(node.uid);
    }
  }

  async #removeReferences(node: GraphNode, uids: readonly string[]): Promise<void> {
    await this.#patchReferences(node, (owners) => owners.filter(({ uid }) => !uids.includes(uid)));
  }

  async #unblock(node: GraphNode): Promise<void> {
    await this.#patchReferences(node, (owners) =>
      owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
    );
  }

  async #patchReferences(
    node: GraphNode,
    change: (owners: readonly OwnerReference[]) => OwnerReference[],
  ): Promise<void> {
    const live = await this.#get(node.type, node);
    if (live?.metadata?.uid !== node.uid) return;
    const { resourceVersion, ownerReferences = [] } = live.metadata;
    const next = change(ownerReferences);
    if (equalValues(next, ownerReferences)) return;
    const metadata = { uid: node.uid, resourceVersion, ownerReferences: next };
    await this.#patch(node, metadata);
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#get(node.type, node);
    if (live?.metadata?.uid !== node.uid) return;
    const { resourceVersion, finalizers = [] } = live.metadata;
    if (!finalizers.includes(finalizer)) return;
    const metadata = {
      resourceVersion,
      finalizers: finalizers.filter((name) => name !== finalizer),
    };
    await this.#patch(node, metadata);
  }

  async #patch(node: GraphNode, metadata: object): Promise<void> {
    await this.#options.client
      .patch(node.type, targetOf(node), 'merge', { metadata })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

function targetOf({ name, namespace }: GraphNode): { name: string; namespace?: string } {
  return namespace === undefined ? { name } : { name, namespace };
}

function waitsForDependents({ metadata }: KubeObject): boolean {
  return (
    metadata?.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND)
  );
}
