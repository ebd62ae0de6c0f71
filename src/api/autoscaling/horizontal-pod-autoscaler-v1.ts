/**
 * HorizontalPodAutoscaler, autoscaling/v1: CPU utilization as a field, all else in annotations.
 * Stored as v2.
 *
 * Source: upstream pkg/apis/autoscaling/v1/conversion.go for the annotations and what is lost.
 */
import type { HorizontalPodAutoscaler } from '#api/gen/autoscaling-v1.ts';
import { defineKind } from '../kind.ts';
import type { FieldError } from '../meta/field.ts';
import {
  validateHorizontalPodAutoscaler,
  validateHorizontalPodAutoscalerCreate,
  validateHorizontalPodAutoscalerStatus,
  validateHorizontalPodAutoscalerUpdate,
} from '../validation/horizontal-pod-autoscaler.ts';
import { fromV2, SPEC_ANNOTATIONS, STATUS_ANNOTATIONS, storedForm, toV2 } from './conversion.ts';
import { HORIZONTAL_POD_AUTOSCALER } from './horizontal-pod-autoscaler.ts';

/** Those among `names` are in `next` what they are in `old`: parts of what a write leaves alone. */
function takeAnnotations(
  next: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler,
  names: readonly string[],
): void {
  const before = old.metadata?.annotations ?? {};
  const annotations = { ...next.metadata?.annotations };
  for (const name of names) {
    const value = before[name];
    if (value === undefined) delete annotations[name];
    else annotations[name] = value;
  }
  next.metadata = { ...next.metadata, annotations };
  if (Object.keys(annotations).length === 0) delete next.metadata.annotations;
}

export const HORIZONTAL_POD_AUTOSCALER_V1 = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  storedAs: {
    group: HORIZONTAL_POD_AUTOSCALER.group,
    version: HORIZONTAL_POD_AUTOSCALER.version,
    schema: HORIZONTAL_POD_AUTOSCALER.schema,
    toStored: toV2,
    fromStored: fromV2,
  },
  fieldAnnotations: [...SPEC_ANNOTATIONS, ...STATUS_ANNOTATIONS],
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: (HORIZONTAL_POD_AUTOSCALER.columns ?? []).map((column) => ({
    ...column,
    cell: (object: HorizontalPodAutoscaler, nowMs: number) =>
      column.cell(storedForm(object), nowMs),
  })),
  setDefaults: (autoscaler) => {
    if (autoscaler.spec !== undefined) autoscaler.spec.minReplicas ??= 1;
    // What v1 has no field for shows in annotations, and a target that was not said in its field.
    Object.assign(autoscaler, fromV2(toV2(autoscaler)));
  },
  prepareForCreate: (autoscaler) => {
    autoscaler.status = { currentReplicas: 0, desiredReplicas: 0 };
    takeAnnotations(autoscaler, {}, STATUS_ANNOTATIONS);
  },
  prepareForUpdate: (next, old) => takeAnnotations(next, old, STATUS_ANNOTATIONS),
  prepareForStatusUpdate: (next, old) => takeAnnotations(next, old, SPEC_ANNOTATIONS),
  validate: (object): FieldError[] => validateHorizontalPodAutoscaler(toV2(object)),
  validateCreate: (object) => validateHorizontalPodAutoscalerCreate(toV2(object)),
  validateUpdate: (next, old) => validateHorizontalPodAutoscalerUpdate(toV2(next), toV2(old)),
  validateStatus: (next) => validateHorizontalPodAutoscalerStatus(toV2(next)),
});
