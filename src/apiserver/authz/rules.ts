/**
 * What a user may do in a namespace, as a list: for SelfSubjectRulesReview.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authorization (authorizer, union,
 * authorizerfactory).
 */
import type { NonResourceRule, ResourceRule } from '#api/gen/authorization-v1.ts';
import type { User } from '../context.ts';
import type { Authorizer } from './authorizer.ts';

export interface KnownRules {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
  /** There may be more. */
  readonly incomplete: boolean;
  /** Why that is. */
  readonly errors: readonly string[];
}

export const NO_RULES: KnownRules = {
  resourceRules: [],
  nonResourceRules: [],
  incomplete: false,
  errors: [],
};

export type RuleResolver = (user: User, namespace: string) => KnownRules;

/** An authorizer that can also say what it would allow. */
export interface RuledAuthorizer {
  readonly authorize: Authorizer;
  readonly rules: RuleResolver;
}

/** Of one that cannot be asked so. */
export const unresolved =
  (who: string): RuleResolver =>
  () => ({
    ...NO_RULES,
    incomplete: true,
    errors: [`${who} authorizer does not support user rule resolution`],
  });

/** All that any of them knows. */
export function joinRules(resolvers: readonly RuleResolver[]): RuleResolver {
  return (user, namespace) => {
    const known = resolvers.map((resolve) => resolve(user, namespace));
    return {
      resourceRules: known.flatMap(({ resourceRules }) => resourceRules),
      nonResourceRules: known.flatMap(({ nonResourceRules }) => nonResourceRules),
      incomplete: known.some(({ incomplete }) => incomplete),
      errors: known.flatMap(({ errors }) => errors),
    };
  };
}

const ALL = ['*'];

export const ALWAYS_ALLOW: RuledAuthorizer = {
  authorize: () => ({ outcome: 'allow', reason: '' }),
  rules: () => ({
    ...NO_RULES,
    resourceRules: [{ verbs: ALL, apiGroups: ALL, resources: ALL }],
    nonResourceRules: [{ verbs: ALL, nonResourceURLs: ALL }],
  }),
};

/** Allows nothing; another one still may. */
export const ALWAYS_DENY: RuledAuthorizer = {
  authorize: () => ({ outcome: 'none', reason: 'Everything is forbidden.' }),
  rules: () => NO_RULES,
};
