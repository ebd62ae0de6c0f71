/** An ObjectReader over objects that a test puts in by hand: a watch cache without a store. */
import type { ObjectChange, ObjectReader } from '#apiserver/admission/admission.ts';
import type { ApiObject } from '#apiserver/api-object.ts';

interface Target {
  readonly group: string;
  readonly plural: string;
}

export class FakeReader implements ObjectReader {
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Map<string, ((change: ObjectChange) => void)[]>();
  /** Runs before `catchUp` resolves: what the cache had not seen yet. */
  beforeCatchUp: () => void = () => {};

  put(target: Target, object: object): void {
    const copy = structuredClone(object) as ApiObject;
    const { namespace = '', name = '' } = copy.metadata ?? {};
    this.#of(target).set(`${namespace}/${name}`, copy);
    this.#tell(target, { namespace, name, object: copy });
  }

  remove(target: Target, namespace: string, name: string): void {
    this.#of(target).delete(`${namespace}/${name}`);
    this.#tell(target, { namespace, name, object: undefined });
  }

  get(target: Target, namespace: string, name: string): ApiObject | undefined {
    return this.#of(target).get(`${namespace}/${name}`);
  }

  *list(target: Target, namespace = ''): Generator<ApiObject> {
    for (const [key, object] of this.#of(target))
      if (namespace === '' || key.startsWith(`${namespace}/`)) yield object;
  }

  count(target: Target, namespace: string): number {
    return [...this.list(target, namespace)].length;
  }

  revisionOf(target: Target, namespace: string, name: string): number | undefined {
    const object = this.get(target, namespace, name);
    return object === undefined ? undefined : Number(object.metadata?.resourceVersion ?? 1);
  }

  catchUp(): Promise<boolean> {
    this.beforeCatchUp();
    return Promise.resolve(true);
  }

  follow(target: Target, listener: (change: ObjectChange) => void): void {
    const key = `${target.plural}.${target.group}`;
    this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener]);
  }

  #of({ group, plural }: Target): Map<string, ApiObject> {
    const key = `${plural}.${group}`;
    let objects = this.#objects.get(key);
    if (objects === undefined) {
      objects = new Map();
      this.#objects.set(key, objects);
    }
    return objects;
  }

  #tell({ group, plural }: Target, change: ObjectChange): void {
    for (const listener of this.#listeners.get(`${plural}.${group}`) ?? []) listener(change);
  }
}
