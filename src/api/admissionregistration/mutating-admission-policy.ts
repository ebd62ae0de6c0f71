/** MutatingAdmissionPolicy. Upstream: pkg/registry/admissionregistration/mutatingadmissionpolicy. */
import type { MutatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.ts';
import { validateMutatingAdmissionPolicy } from '../validation/admission-policy.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { paramKindText } from './columns.ts';
import { defaultMatch } from './defaults.ts';

export const MUTATING_ADMISSION_POLICY = defineKind<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy',
  countsGeneration: true,
  columns: [
    NAME_COLUMN,
    integerColumn('Mutations', ({ spec }) => spec?.mutations?.length),
    column('ParamKind', ({ spec }) => paramKindText(spec?.paramKind)),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.failurePolicy ??= 'Fail';
    defaultMatch(spec?.matchConstraints);
  },
  validateCreate: (policy) => validateMutatingAdmissionPolicy(policy),
  validateUpdate: validateMutatingAdmissionPolicy,
});
