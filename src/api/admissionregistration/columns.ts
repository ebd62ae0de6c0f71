/** Columns that admission policies and their bindings share. */
import { selectorAsStruct } from '../meta/labels.ts';
import type { LabelSelector } from '../meta/object.ts';

/** `v1/ConfigMap` */
export function paramKindText(kind: { apiVersion?: string; kind?: string } | undefined): string {
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;
}

/** The parameter object, or the selector of several. */
export function paramRefText(
  reference: { name?: string; namespace?: string; selector?: LabelSelector } | undefined,
): string {
  if (reference === undefined) return '<unset>';
  if (reference.name) return `${reference.namespace || '*'}/${reference.name}`;
  return reference.selector === undefined ? '<unset>' : selectorAsStruct(reference.selector);
}
