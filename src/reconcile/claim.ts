/**
 * Claiming: which objects belong to an owner, and making it so.
 *
 *   controlled by the owner, matches        keep
 *   controlled by the owner, no match       release (unless the owner is being deleted)
 *   controlled by another                   leave
 *   controlled by nobody, matches           adopt, after a fresh look at the owner
 *
 * Upstream: pkg/controller/controller_ref_manager.go, v1.36.
 */
import {
  apiVersionOf,
  controllerOf,
  type KubeObject,
  type OwnerReference,
} from '#api/meta/object.ts';
import { matchesSelector, type Selector } from '#api/meta/labels.ts';
import { isNotFound, isStatus, plainError } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { asError } from './slow-start.ts';

/** The index that `claim` reads: controlled objects by owner uid, orphans by namespace. */
export const CONTROLLER_INDEX = 'controller';

export function controllerIndex(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return [owner === undefined ? orphanValue(object.metadata?.namespace) : owner.uid];
}

function orphanValue(namespace: string | undefined): string {
  return `orphan in ${namespace ?? ''}`;
}

export interface ClaimOptions<C> {
  /** What may not be adopted (and is not kept either), beyond the selector. */
  readonly filter?: (object: C) => boolean;
  /** Beyond the selector: what does not match is released. */
  readonly matches?: (object: C) => boolean;
  /** Finalizers that an object gets when it is adopted, and loses when it is released. */
  readonly finalizers?: readonly string[];
}

export interface ClaimParts<C extends KubeObject, T extends KubeObject> {
  readonly client: Client;
  readonly informer: Informer<C>;
  readonly owner: T;
  readonly ownerType: ResourceType<T>;
  /** Undefined selects nothing. */
  readonly selector: Selector | undefined;
  readonly options?: ClaimOptions<C>;
}

/** The reference that makes `owner` the controller of an object. */
export function controllerReference(
  type: ResourceType<KubeObject>,
  owner: KubeObject,
): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata?.name ?? '',
    uid: owner.metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/**
 * In the order of names. Rejects with the first failed adoption or release, after all were tried.
 */
export async function claim<C extends KubeObject, T extends KubeObject>(
  parts: ClaimParts<C, T>,
): Promise<C[]> {
  const { informer, owner, options } = parts;
  const { uid = '', namespace, deletionTimestamp } = owner.metadata ?? {};
  const ownerIsGoing = deletionTimestamp !== undefined;
  const claimed: C[] = [];
  const strangers: C[] = [];
  for (const object of informer.byIndex(CONTROLLER_INDEX, uid)) {
    if (options?.filter?.(object) === false) continue;
    if (belongs(object, parts)) claimed.push(object);
    else if (!ownerIsGoing) strangers.push(object);
  }
  const failures: unknown[] = [];
  const tried = async (write: () => Promise<void>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      failures.push(error);
    }
  };
  for (const object of strangers) await tried(() => release(parts, object));
  const checked = memoize(() => checkOwner(parts));
  const orphans = informer.byIndex(CONTROLLER_INDEX, orphanValue(namespace));
  const wanted = ownerIsGoing ? [] : orphans.filter((object) => isAdoptable(object, parts));
  for (const object of wanted) {
    await tried(async () => {
      await checked();
      if (await adopt(parts, object)) claimed.push(object);
    });
  }
  if (failures.length > 0) throw asError(failures[0]);
  return wanted.length === 0 ? claimed : claimed.sort(byName);
}

function belongs<C extends KubeObject, T extends KubeObject>(
  object: C,
  { selector, options }: ClaimParts<C, T>,
): boolean {
  return (
    selector !== undefined &&
    matchesSelector(selector, object.metadata?.labels) &&
    options?.matches?.(object) !== false
  );
}

function isAdoptable<C extends KubeObject, T extends KubeObject>(
  object: C,
  parts: ClaimParts<C, T>,
): boolean {
  return (
    object.metadata?.deletionTimestamp === undefined &&
    parts.options?.filter?.(object) !== false &&
    belongs(object, parts)
  );
}

function byName(a: KubeObject, b: KubeObject): number {
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}

/**
 * The cache may show an owner that is gone or going: adoption asks the server. Then the pass must end,
 * for it would make others in place of what was orphaned on purpose.
 */
async function checkOwner<C extends KubeObject, T extends KubeObject>({
  client,
  owner,
  ownerType,
}: ClaimParts<C, T>): Promise<void> {
  const { name = '', namespace, uid } = owner.metadata ?? {};
  const fresh = (await client.get(ownerType, name, namespace)).metadata;
  const which = `${namespace ?? ''}/${name}`;
  if (fresh?.uid !== uid)
    throw plainError(
      `original ${ownerType.kind} ${which} is gone: got uid ${fresh?.uid ?? ''}, wanted ${uid ?? ''}`,
    );
  if (fresh?.deletionTimestamp !== undefined)
    throw plainError(`${which} has just been deleted at ${fresh.deletionTimestamp}`);
}

async function adopt<C extends KubeObject, T extends KubeObject>(
  { client, informer, owner, ownerType, options }: ClaimParts<C, T>,
  object: C,
): Promise<boolean> {
  const { name = '', namespace, uid } = object.metadata ?? {};
  const finalizers = options?.finalizers === undefined ? {} : { finalizers: options.finalizers };
  const ownerReferences = [controllerReference(ownerType, owner)];
  const patch = { metadata: { uid, ownerReferences, ...finalizers } };
  try {
    await client.patch(
      informer.type,
      { name, ...(namespace === undefined ? {} : { namespace }) },
      'strategic',
      patch,
    );
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function release<C extends KubeObject, T extends KubeObject>(
  { client, informer, owner, options }: ClaimParts<C, T>,
  object: C,
): Promise<void> {
  const { name = '', namespace, uid } = object.metadata ?? {};
  const gone = { $patch: 'delete', uid: owner.metadata?.uid };
  const finalizers =
    options?.finalizers === undefined
      ? {}
      : { '$deleteFromPrimitiveList/finalizers': options.finalizers };
  const patch = { metadata: { uid, ownerReferences: [gone], ...finalizers } };
  try {
    await client.patch(
      informer.type,
      { name, ...(namespace === undefined ? {} : { namespace }) },
      'strategic',
      patch,
    );
  } catch (error) {
    // Gone, or another object of that name by now: nothing to release.
    if (!isNotFound(error) && !isStatus(error, 'Invalid')) throw error;
  }
}

function memoize<R>(make: () => Promise<R>): () => Promise<R> {
  let made: Promise<R> | undefined;
  return () => (made ??= make());
}
