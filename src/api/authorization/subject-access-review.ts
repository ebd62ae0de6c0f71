/** SubjectAccessReview: create only; the API server asks its authorizer. */
import type { SubjectAccessReview } from '#api/gen/authorization-v1.ts';
import { defineKind } from '../kind.ts';
import { validateSubjectAccessReview } from '../validation/access-review.ts';

export const SUBJECT_ACCESS_REVIEW = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'io.k8s.api.authorization.v1.SubjectAccessReview',
  countsGeneration: false,
  validate: validateSubjectAccessReview,
});
