/** The pods of each node with what they refer to, kept up to date by the watch cache. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { PODS } from '../admission/targets.ts';
import { isMirrorPod, type PodReferences, podReferences } from '#api/core/pod-references.ts';

export interface NodePod {
  readonly namespace: string;
  readonly name: string;
  readonly references: PodReferences;
}

/** A static pod gives its node no rights on other objects. */
const NOTHING: PodReferences = {
  secrets: new Set(),
  configMaps: new Set(),
  claims: new Set(),
  resourceClaims: new Set(),
  serviceAccount: undefined,
};

export class NodePods {
  readonly #reader: ObjectReader;
  /** Node → pod (`namespace/name`) → references. As large as the pods of the cluster. */
  readonly #byNode = new Map<string, Map<string, NodePod>>();
  readonly #nodeOf = new Map<string, string>();
  #following = false;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  of(node: string): Iterable<NodePod> {
    this.#begin();
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** At the first question: before, the caches may not be loaded. */
  #begin(): void {
    if (this.#following) return;
    this.#following = true;
    this.#reader.follow(PODS, ({ namespace, name, object }) => {
      const path = `${namespace}/${name}`;
      this.#forget(path);
      if (object !== undefined) this.#add(path, object);
    });
    for (const pod of this.#reader.list(PODS)) {
      this.#add(`${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`, pod);
    }
  }

  #add(path: string, object: KubeObject): void {
    const pod: Pod = object;
    const node = pod.spec?.nodeName ?? '';
    if (node === '') return;
    let pods = this.#byNode.get(node);
    if (pods === undefined) {
      pods = new Map();
      this.#byNode.set(node, pods);
    }
    const { namespace = '', name = '' } = pod.metadata ?? {};
    pods.set(path, {
      namespace,
      name,
      references: isMirrorPod(pod) ? NOTHING : podReferences(pod),
    });
    this.#nodeOf.set(path, node);
  }

  #forget(path: string): void {
    const node = this.#nodeOf.get(path);
    if (node === undefined) return;
    this.#nodeOf.delete(path);
    const pods = this.#byNode.get(node);
    pods?.delete(path);
    if (pods?.size === 0) this.#byNode.delete(node);
  }
}
