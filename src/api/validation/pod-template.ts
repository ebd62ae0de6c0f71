/** Pod templates. Upstream: pkg/apis/core/validation/validation.go (ValidatePodTemplateSpec). */
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { type FieldError, type FieldPath, forbiddenField } from '../meta/field.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validatePodAnnotations } from './pod-annotations.ts';
import { validatePodSpec } from './pod-spec.ts';
import { validateProfileAnnotations } from './profile-annotations.ts';

export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  at: FieldPath,
): FieldError[] {
  const { metadata, spec } = template ?? {};
  const annotations = at.child('annotations');
  const errors = [
    ...validateLabels(metadata?.labels, at.child('labels')),
    ...validateAnnotations(metadata?.annotations, annotations),
    ...validatePodAnnotations(metadata?.annotations, spec, annotations),
    ...validatePodSpec(spec, at.child('spec'), { metadata: undefined }),
    ...validateProfileAnnotations(metadata?.annotations, spec, at.child('spec')),
  ];
  if ((spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(
      forbiddenField(
        at.child('spec', 'ephemeralContainers'),
        'ephemeral containers not allowed in pod template',
      ),
    );
  }
  return errors;
}
