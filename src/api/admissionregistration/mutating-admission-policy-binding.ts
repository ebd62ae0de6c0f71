/** MutatingAdmissionPolicyBinding. Upstream: pkg/registry/admissionregistration. */
import type { MutatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.ts';
import { validateMutatingAdmissionPolicyBinding } from '../validation/admission-policy.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { paramRefText } from './columns.ts';
import { defaultMatch } from './defaults.ts';

export const MUTATING_ADMISSION_POLICY_BINDING = defineKind<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding',
  countsGeneration: true,
  columns: [
    NAME_COLUMN,
    column('PolicyName', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', ({ spec }) => paramRefText(spec?.paramRef)),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => defaultMatch(spec?.matchResources),
  validate: validateMutatingAdmissionPolicyBinding,
});
