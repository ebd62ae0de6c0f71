/** SelfSubjectReview: create only; the API server answers with who asks. */
import type { SelfSubjectReview } from '#api/gen/authentication-v1.ts';
import { defineKind } from '../kind.ts';

export const SELF_SUBJECT_REVIEW = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'io.k8s.api.authentication.v1.SelfSubjectReview',
  countsGeneration: false,
});
