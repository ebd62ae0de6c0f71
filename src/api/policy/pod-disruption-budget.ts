/** PodDisruptionBudget. Upstream: pkg/registry/policy/poddisruptionbudget/strategy.go. */
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { nameIsPathSegment } from '../meta/names.ts';
import {
  validatePodDisruptionBudget,
  validatePodDisruptionBudgetStatus,
} from '../validation/pod-disruption-budget.ts';

export const POD_DISRUPTION_BUDGET = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  namespaced: true,
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  hasStatus: true,
  countsGeneration: true,
  columns: [
    NAME_COLUMN,
    column('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
    column('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
    integerColumn('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed),
    AGE_COLUMN,
  ],
  prepareForCreate: (budget) => {
    budget.status = {
      disruptionsAllowed: 0,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
    };
  },
  hasFreeFinalizers: true,
  validateName: nameIsPathSegment,
  validate: validatePodDisruptionBudget,
  validateStatus: validatePodDisruptionBudgetStatus,
});
