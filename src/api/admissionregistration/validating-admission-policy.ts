/** ValidatingAdmissionPolicy. Upstream: pkg/registry/admissionregistration/validatingadmissionpolicy. */
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.ts';
import {
  validateValidatingAdmissionPolicy,
  validateValidatingAdmissionPolicyStatus,
} from '../validation/admission-policy.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { paramKindText } from './columns.ts';
import { defaultMatch } from './defaults.ts';

export const VALIDATING_ADMISSION_POLICY = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  hasStatus: true,
  countsGeneration: true,
  columns: [
    NAME_COLUMN,
    integerColumn('Validations', ({ spec }) => spec?.validations?.length),
    column('ParamKind', ({ spec }) => paramKindText(spec?.paramKind)),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.failurePolicy ??= 'Fail';
    defaultMatch(spec?.matchConstraints);
  },
  prepareForCreate: (policy) => {
    policy.status = {};
  },
  validateCreate: (policy) => validateValidatingAdmissionPolicy(policy),
  validateUpdate: validateValidatingAdmissionPolicy,
  validateStatus: validateValidatingAdmissionPolicyStatus,
});
