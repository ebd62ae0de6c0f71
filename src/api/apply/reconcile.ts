/**
 * Field sets that were written under another schema: what has become atomic since is owned whole.
 *
 * Source: structured-merge-diff v6, typed/reconcile_schema.go.
 */
import type { FieldType } from '../schema/types.ts';
import { elementsOf, type FieldSet, isEmptySet, LEAF } from './field-set.ts';
import type { PathElement } from './path-element.ts';
import { shapeOf } from './shape.ts';
import { elementType } from './to-set.ts';

/** `set` itself when nothing changes. */
export function reconcileSet(type: FieldType | undefined, set: FieldSet): FieldSet {
  if (type === undefined || isEmptySet(set)) return set;
  const shape = shapeOf(type);
  if (shape.map?.others?.kind === 'scalar' && shape.scalar !== undefined) return set;
  if (shape.map?.atomic === true || shape.list?.relation === 'atomic') return LEAF;
  let changed: Record<PathElement, FieldSet> | undefined;
  for (const element of elementsOf(set)) {
    const node = set[element] ?? LEAF;
    const next = reconcileSet(elementType(shape, element), node);
    if (next === node) continue;
    changed ??= { ...set };
    changed[element] = next;
  }
  return changed ?? set;
}
