/** SelfSubjectAccessReview: may the one who asks do this? Create only. */
import type { SelfSubjectAccessReview } from '#api/gen/authorization-v1.ts';
import { defineKind } from '../kind.ts';
import { validateSelfSubjectAccessReview } from '../validation/access-review.ts';

export const SELF_SUBJECT_ACCESS_REVIEW = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  countsGeneration: false,
  validate: validateSelfSubjectAccessReview,
});
