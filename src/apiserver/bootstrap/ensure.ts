/** Makes an object be there, and be right. */
import type { Environment } from '#base/env.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { LocalClient, VersionedTarget } from './local-client.ts';

export interface KeepingServices {
  readonly environment: Environment;
  readonly client: LocalClient;
  readonly reader: ObjectReader;
}

export interface Wanted<T extends KubeObject = KubeObject> {
  readonly target: VersionedTarget;
  readonly object: T;
  /**
   * What the existing object must become: undefined when it is right, `replace` when it must be
   * deleted and made anew. Without it, an object that exists is left alone.
   */
  reconcile?(existing: T): T | 'replace' | undefined;
  /** What else is to be done when the object is there and right: its status. */
  settle?(existing: T, services: KeepingServices): Promise<void>;
}

/** How often others may get in between. */
const TRIES = 4;

export async function ensure<T extends KubeObject>(
  services: KeepingServices,
  wanted: Wanted<T>,
): Promise<void> {
  const { client, reader } = services;
  const { target, object } = wanted;
  const { namespace = '', name = '' } = object.metadata ?? {};
  for (let tries = 0; tries < TRIES; tries++) {
    const existing = reader.get(target, namespace, name) as T | undefined;
    if (existing === undefined) {
      if (await client.create(target, object)) return settleNew(services, wanted);
    } else {
      const next = wanted.reconcile?.(existing);
      if (next === undefined) return wanted.settle?.(existing, services);
      if (next !== 'replace' && (await client.replace(target, next))) return;
      if (next === 'replace') await client.remove(target, existing);
    }
    await reader.catchUp();
  }
  throw new Error(`Cannot make ${target.plural} ${namespace}/${name}: others keep changing it`);
}

async function settleNew<T extends KubeObject>(
  services: KeepingServices,
  wanted: Wanted<T>,
): Promise<void> {
  if (wanted.settle === undefined) return;
  const { namespace = '', name = '' } = wanted.object.metadata ?? {};
  await services.reader.catchUp();
  const made = services.reader.get(wanted.target, namespace, name) as T | undefined;
  if (made !== undefined) await wanted.settle(made, services);
}
