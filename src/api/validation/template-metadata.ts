/** Metadata of templates within objects: labels and annotations, nothing else. */
import { type FieldError, type FieldPath, forbiddenField } from '../meta/field.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';

export function validateTemplateMetadata(
  metadata: ObjectMeta | undefined,
  at: FieldPath,
): FieldError[] {
  if (metadata === undefined) return [];
  const { labels, annotations, ...others } = metadata;
  const set = Object.entries(others).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  return [
    ...validateAnnotations(annotations, at.child('annotations')),
    ...validateLabels(labels, at.child('labels')),
    ...set.map(([field]) =>
      forbiddenField(at.child(field === 'uid' ? 'uID' : field), 'cannot be set'),
    ),
  ];
}
