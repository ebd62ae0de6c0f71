/** Objects that only namespaces of a certain label may have. */
import type { FieldError } from '#api/meta/field.ts';
import type { ApiObject } from '../api-object.ts';
import type { Resource } from './resource.ts';
import type { StoreAccess } from './store-access.ts';

/** `old`: on an update. */
export function namespaceLabelErrors(
  store: StoreAccess,
  { kind }: Resource,
  { next, old, namespace }: { next: ApiObject; old?: ApiObject; namespace: string },
): FieldError[] {
  const needed = kind.namespaceLabelNeeded?.(next, old);
  if (needed === undefined) return [];
  const { [needed.key]: value } = store.namespaceLabels(namespace);
  return value === needed.value ? [] : [needed.error];
}
