/** SelfSubjectRulesReview: all that the one who asks may do in a namespace. Create only. */
import type { SelfSubjectRulesReview } from '#api/gen/authorization-v1.ts';
import { defineKind } from '../kind.ts';

export const SELF_SUBJECT_RULES_REVIEW = defineKind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
  countsGeneration: false,
});
