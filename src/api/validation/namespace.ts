/** Namespaces. Upstream: pkg/apis/core/validation/validation.go. */
import type { Namespace } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, invalidValue } from '../meta/field.ts';
import { qualifiedName } from './common.ts';

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** `isUpdate`: through the subresource, where each is named by its place. */
export function validateNamespaceFinalizers({ spec }: Namespace, isUpdate = false): FieldError[] {
  const list = fieldPath('spec').child('finalizers');
  return (spec?.finalizers ?? []).flatMap((name, i) => {
    const at = isUpdate ? list.index(i) : list;
    const errors = qualifiedName(name, at);
    if (name.includes('/') || STANDARD_FINALIZERS.includes(name)) return errors;
    return [
      ...errors,
      invalidValue(at, name, 'name is neither a standard finalizer name nor is it fully qualified'),
    ];
  });
}

export function validateNamespaceStatus({ metadata, status }: Namespace): FieldError[] {
  const at = fieldPath('status').child('Phase');
  const phase = status?.phase ?? '';
  if (metadata?.deletionTimestamp === undefined) {
    return phase === 'Active'
      ? []
      : [invalidValue(at, phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  if (phase === 'Terminating') return [];
  return [invalidValue(at, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}
