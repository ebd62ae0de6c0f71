/** Rules of metadata and of the parts of an object that create and update share. */
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { badRequest } from '#api/meta/status.ts';
import { equalOfType } from '#api/schema/equal-values.ts';
import { typeByName } from '#api/schema/schema.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { Resource } from './resource.ts';

export const OTHER_NAMESPACE =
  'the namespace of the provided object does not match the namespace sent on the request';

/** The object takes the namespace of the request; another one is refused. */
export function checkNamespace(resource: Resource, object: ApiObject, namespace: string): void {
  const metadata = metadataOf(object);
  const given = metadata.namespace ?? '';
  // Where there are no namespaces, none is meant.
  if (given !== '' && resource.kind.namespaced && given !== namespace)
    throw badRequest(OTHER_NAMESPACE);
  if (resource.kind.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
}

export function countsGeneration(resource: Resource, object: ApiObject): boolean {
  return resource.kind.countsGeneration ?? object['spec'] !== undefined;
}

/** Whether anything outside metadata and status differs; of custom resources, status counts. */
export function specChanged({ kind }: Resource, next: ApiObject, old: ApiObject): boolean {
  const strip = (object: ApiObject, name: string): JsonObject => {
    const { metadata: _metadata, [name]: _other, ...kept } = object as unknown as JsonObject;
    return kept;
  };
  // In custom objects an empty object is something else than none.
  if (kind.custom !== undefined) return !equalJson(strip(next, 'metadata'), strip(old, 'metadata'));
  return !equalOfType(typeByName(kind.schema), strip(next, 'status'), strip(old, 'status'));
}

/** Gives `target` the `fields` as they are in `source`. */
export function keepFields<T extends object>(
  target: T,
  source: T,
  fields: readonly (keyof T)[],
): void {
  for (const field of fields) {
    if (source[field] === undefined) delete target[field];
    else target[field] = source[field];
  }
}

/** A status write changes status, and of the metadata only what upstream lets through. */
export function keepAllBut(next: ApiObject, old: ApiObject, field: string): void {
  for (const name of new Set([...Object.keys(next), ...Object.keys(old)])) {
    if (name !== field && name !== 'metadata' && name !== 'kind' && name !== 'apiVersion')
      keepFields(next, old, [name]);
  }
}

/** Finalizers keep the object, those in its metadata or its kind's own (a namespace has both). */
export function isHeldByFinalizers({ kind }: Resource, object: ApiObject): boolean {
  return (
    (metadataOf(object).finalizers ?? []).length > 0 ||
    (kind.ownFinalizers?.(object) ?? []).length > 0
  );
}
