/**
 * HorizontalPodAutoscaler, autoscaling/v2: the version that is stored.
 *
 * Source: upstream pkg/registry/autoscaling/horizontalpodautoscaler, pkg/apis/autoscaling/v2/defaults.go.
 */
import type { HorizontalPodAutoscaler, HPAScalingRules } from '#api/gen/autoscaling-v2.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateHorizontalPodAutoscaler,
  validateHorizontalPodAutoscalerCreate,
  validateHorizontalPodAutoscalerStatus,
  validateHorizontalPodAutoscalerUpdate,
} from '../validation/horizontal-pod-autoscaler.ts';
import { formatMetrics } from './metrics-column.ts';

const CPU_UTILIZATION = 80;

const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
/** The window of scaling down is the controller's own setting, so it has no default here. */
const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function setHorizontalPodAutoscalerDefaults({ spec }: HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: CPU_UTILIZATION };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = { ...structuredClone(SCALE_UP), ...spec.behavior.scaleUp };
  spec.behavior.scaleDown = { ...structuredClone(SCALE_DOWN), ...spec.behavior.scaleDown };
}

export const HORIZONTAL_POD_AUTOSCALER = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column(
      'Reference',
      ({ spec }) => `${spec?.scaleTargetRef?.kind ?? ''}/${spec?.scaleTargetRef?.name ?? ''}`,
    ),
    column('Targets', ({ spec, status }) =>
      formatMetrics(spec?.metrics ?? [], status?.currentMetrics ?? []),
    ),
    column('MinPods', ({ spec }) => String(spec?.minReplicas ?? '<unset>')),
    column('MaxPods', ({ spec }) => spec?.maxReplicas ?? 0),
    column('Replicas', ({ status }) => status?.currentReplicas ?? 0),
    AGE_COLUMN,
  ],
  setDefaults: setHorizontalPodAutoscalerDefaults,
  prepareForCreate: (autoscaler) => {
    autoscaler.status = { desiredReplicas: 0, currentMetrics: [] };
  },
  validate: validateHorizontalPodAutoscaler,
  validateCreate: validateHorizontalPodAutoscalerCreate,
  validateUpdate: validateHorizontalPodAutoscalerUpdate,
  validateStatus: validateHorizontalPodAutoscalerStatus,
});
