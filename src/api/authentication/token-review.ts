/** TokenReview: create only; the API server authenticates the token. */
import type { TokenReview } from '#api/gen/authentication-v1.ts';
import { defineKind } from '../kind.ts';

export const TOKEN_REVIEW = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'io.k8s.api.authentication.v1.TokenReview',
  countsGeneration: false,
});
