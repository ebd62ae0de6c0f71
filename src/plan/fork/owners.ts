/** To which workload a pod belongs: the one at the top, that people know. */
import { controllerOf, type KubeObject, type OwnerReference } from '#api/meta/object.ts';

/** An object by kind and name. */
export interface Workload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Owners of owners of owners: a chain that is longer has a circle. */
const DEPTH_MAX = 8;

/** What controls what, by uid. It remembers what is gone. */
export class Owners {
  readonly #controllers = new Map<string, OwnerReference | undefined>();

  /** Notes who controls `object`. */
  see(object: KubeObject): void {
    const uid = object.metadata?.uid;
    if (uid !== undefined) this.#controllers.set(uid, controllerOf(object));
  }

  /** The topmost controller of `object`; undefined when nothing controls it. */
  topOf(object: KubeObject): Workload | undefined {
    let top = controllerOf(object);
    for (let depth = 0; top !== undefined && depth < DEPTH_MAX; depth++) {
      const above = this.#controllers.get(top.uid);
      if (above === undefined) break;
      top = above;
    }
    if (top === undefined) return undefined;
    const { apiVersion, kind, name } = top;
    return { apiVersion, kind, namespace: object.metadata?.namespace ?? '', name };
  }
}

/** `Deployment shop/web` */
export function workloadText({ kind, namespace, name }: Omit<Workload, 'apiVersion'>): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}
