/** LocalSubjectAccessReview: a SubjectAccessReview within one namespace. */
import type { LocalSubjectAccessReview } from '#api/gen/authorization-v1.ts';
import { defineKind } from '../kind.ts';
import { validateLocalSubjectAccessReview } from '../validation/access-review.ts';

export const LOCAL_SUBJECT_ACCESS_REVIEW = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  namespaced: true,
  verbs: ['create'],
  schema: 'io.k8s.api.authorization.v1.LocalSubjectAccessReview',
  countsGeneration: false,
  validate: validateLocalSubjectAccessReview,
});
