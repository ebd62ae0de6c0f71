/** Runtime classes. Upstream: pkg/apis/node/validation/validation.go. */
import type { RuntimeClass, Scheduling } from '#api/gen/node-v1.ts';
import { duplicate, type FieldError, fieldPath, required } from '../meta/field.ts';
import { label } from './common.ts';
import { immutable, validateLabels } from './metadata.ts';
import { validateContainerResources } from './resource-requirements.ts';
import { validateTolerations } from './scheduling.ts';
import { goForm } from '../schema/go-form.ts';

function validateScheduling({ nodeSelector, tolerations = [] }: Scheduling): FieldError[] {
  const at = fieldPath('scheduling');
  const errors = [
    ...validateLabels(nodeSelector, at.child('nodeSelector')),
    ...validateTolerations(tolerations, at.child('tolerations')),
  ];
  const seen = new Set<string>();
  for (const [i, toleration] of tolerations.entries()) {
    const { key, operator, value, effect } = toleration;
    const identity = JSON.stringify([key, operator, value, effect]);
    if (seen.has(identity))
      errors.push(
        duplicate(
          at.child('tolerations').index(i),
          goForm('io.k8s.api.core.v1.Toleration', toleration),
        ),
      );
    seen.add(identity);
  }
  return errors;
}

export function validateRuntimeClass(object: RuntimeClass): FieldError[] {
  const at = fieldPath('handler');
  const limits = object.overhead?.podFixed;
  return [
    ...(object.handler ? label(object.handler, at) : [required(at)]),
    ...(limits === undefined
      ? []
      : validateContainerResources({ limits }, [], fieldPath('overhead'))),
    ...(object.scheduling === undefined ? [] : validateScheduling(object.scheduling)),
  ];
}

export function validateRuntimeClassUpdate(next: RuntimeClass, old: RuntimeClass): FieldError[] {
  return immutable(next.handler, old.handler, fieldPath('handler'));
}
