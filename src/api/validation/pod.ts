/** Pods. Upstream: pkg/apis/core/validation/validation.go (ValidatePodCreate). */
import type { Pod } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, forbiddenField } from '../meta/field.ts';
import { validateImagePadding } from './containers.ts';
import { validatePodAnnotations } from './pod-annotations.ts';
import { validatePodSpec } from './pod-spec.ts';
import { validateProfileAnnotations } from './profile-annotations.ts';

/** A token needs an account to be of. */
function validateTokenVolumes({ spec }: Pod): FieldError[] {
  if (spec?.serviceAccountName) return [];
  const at = fieldPath('spec').child('volumes');
  return (spec?.volumes ?? []).flatMap(({ projected }, i) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, j) =>
      serviceAccountToken === undefined
        ? []
        : [
            forbiddenField(
              at.index(i).child('projected', 'sources').index(j).child('serviceAccountToken'),
              'must not be specified when serviceAccountName is not set',
            ),
          ],
    ),
  );
}

/** What holds for a pod at any time. */
export function validatePod(pod: Pod): FieldError[] {
  const spec = fieldPath('spec');
  const annotations = fieldPath('metadata').child('annotations');
  return [
    ...validatePodAnnotations(pod.metadata?.annotations, pod.spec, annotations),
    ...validatePodSpec(pod.spec, spec, { metadata: pod.metadata ?? {} }),
    ...validateTokenVolumes(pod),
    ...(['containers', 'initContainers'] as const).flatMap((field) =>
      (pod.spec?.[field] ?? []).flatMap((container, i) =>
        validateImagePadding(container, spec.child(field).index(i)),
      ),
    ),
  ];
}

/** What holds for a new pod. */
export function validatePodCreate({ metadata, spec }: Pod): FieldError[] {
  const at = fieldPath('spec');
  const errors: FieldError[] = [];
  if ((spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(forbiddenField(at.child('ephemeralContainers'), 'cannot be set on create'));
  }
  if (spec?.nodeName && (spec.schedulingGates ?? []).length > 0) {
    errors.push(
      forbiddenField(
        at.child('nodeName'),
        'cannot be set until all schedulingGates have been cleared',
      ),
    );
  }
  return [...errors, ...validateProfileAnnotations(metadata?.annotations, spec, at)];
}
