/** ValidatingAdmissionPolicyBinding. Upstream: pkg/registry/admissionregistration. */
import type { ValidatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.ts';
import { validateValidatingAdmissionPolicyBinding } from '../validation/admission-policy.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { paramRefText } from './columns.ts';
import { defaultMatch } from './defaults.ts';

export const VALIDATING_ADMISSION_POLICY_BINDING = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  countsGeneration: true,
  columns: [
    NAME_COLUMN,
    column('PolicyName', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', ({ spec }) => paramRefText(spec?.paramRef)),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => defaultMatch(spec?.matchResources),
  validate: validateValidatingAdmissionPolicyBinding,
});
