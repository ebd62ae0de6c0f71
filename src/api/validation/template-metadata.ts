/** Metadata of templates within objects: labels and annotations, nothing else. */
import { type FieldError, type FieldPath, forbiddenField } from '../meta/field.ts';
import { wasSentEmpty } from '../meta/json.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';

const LISTS = ['ownerReferences', 'finalizers', 'managedFields'] as const;

export function validateTemplateMetadata(
  metadata: ObjectMeta | undefined,
  at: FieldPath,
): FieldError[] {
  if (metadata === undefined) return [];
  const { labels, annotations, ...others } = metadata;
  const empty = LISTS.filter((list) => wasSentEmpty(metadata, list));
  const set = [
    ...Object.entries(others)
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([field]) => field),
    ...empty,
  ];
  return [
    ...validateAnnotations(annotations, at.child('annotations')),
    ...validateLabels(labels, at.child('labels')),
    ...set.map((field) =>
      forbiddenField(at.child(field === 'uid' ? 'uID' : field), 'cannot be set'),
    ),
  ];
}
