/** Makes an object be there, and be right. */
import type { KubeObject } from '#api/meta/object.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { LocalClient, VersionedTarget } from './local-client.ts';

export interface Wanted<T extends KubeObject = KubeObject> {
  readonly target: VersionedTarget;
  readonly object: T;
  /**
   * What the existing object must become: undefined when it is right, `replace` when it must be
   * deleted and made anew. Without it, an object that exists is left alone.
   */
  reconcile?(existing: T): T | 'replace' | undefined;
}

/** How often others may get in between. */
const TRIES = 4;

export async function ensure<T extends KubeObject>(
  services: { readonly client: LocalClient; readonly reader: ObjectReader },
  wanted: Wanted<T>,
): Promise<void> {
  const { client, reader } = services;
  const { target, object } = wanted;
  const { namespace = '', name = '' } = object.metadata ?? {};
  for (let tries = 0; tries < TRIES; tries++) {
    const existing = reader.get(target, namespace, name) as T | undefined;
    if (existing === undefined) {
      if (await client.create(target, object)) return;
    } else {
      const next = wanted.reconcile?.(existing);
      if (next === undefined) return;
      if (next !== 'replace' && (await client.replace(target, next))) return;
      if (next === 'replace') await client.remove(target, existing);
    }
    await reader.catchUp();
  }
  throw new Error(`Cannot make ${target.plural} ${namespace}/${name}: others keep changing it`);
}
