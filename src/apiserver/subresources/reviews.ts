/**
 * Reviews: kinds that are created to ask a question and are answered at once.
 *
 * Source: API reference v1.36, authentication.k8s.io and authorization.k8s.io; upstream
 * pkg/registry/{authentication,authorization}.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { SelfSubjectReview, TokenReview, UserInfo } from '#api/gen/authentication-v1.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectRulesReviewStatus,
} from '#api/gen/authorization-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { badRequest, invalid } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, forgetSystemFields } from '../api-object.ts';
import { TokenError } from '../authn/token-authenticator.ts';
import { aggregate } from '../authz/authorizer.ts';
import { AUTHENTICATED_GROUP, type RequestContext, type User } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { checkNamespace } from '../registry/rules.ts';
import { dropRepeatedOwners, recordSender } from '../verbs/write.ts';
import { reviewAttributes, selectorErrors } from './access-review.ts';
import { admit, answer, dryRunOf, readBodyAs } from './exchange.ts';
import type { SubresourceServices } from './services.ts';

type Review<T extends KubeObject> = (
  review: T,
  context: RequestContext,
  services: SubresourceServices,
) => void | Promise<void>;

/** Reads the question, lets `fill` write the answer into it, and sends it back. */
function reviewer<T extends KubeObject>(fill: Review<T>) {
  return async (
    context: RequestContext,
    services: SubresourceServices,
    resource: Resource,
  ): Promise<HttpResponse> => {
    const review = readBodyAs<T>(context, resource.kind);
    dropRepeatedOwners(context, review as KubeObject as ApiObject);
    forgetSystemFields(review);
    checkNamespace(resource, review as KubeObject as ApiObject, context.info.namespace);
    await recordSender(context, resource, review as KubeObject as ApiObject);
    const errors = resource.kind.validate?.(review) ?? [];
    // Upstream names no kind here.
    if (errors.length > 0) throw invalid({ group: resource.kind.group, kind: '' }, '', errors);
    const { kind } = resource;
    await admit(context, services, { resource, kind, object: review, dryRun: dryRunOf(context) });
    await fill(review, context, services);
    return answer(context, services, {
      code: 201,
      kind: resource.kind,
      object: review,
      like: resource,
    });
  };
}

const INVALID_TOKEN = 'invalid bearer token';

export const createTokenReview = reviewer<TokenReview>(async (review, context, services) => {
  const token = review.spec?.token ?? '';
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const { tokens, allowsAnonymous } = services;
  const asked = review.spec?.audiences ?? [];
  const audiences = asked.length === 0 ? tokens.audiences : asked;
  const { authenticated: _, ...given } = review.status ?? {};
  const refused = (error: string): void => {
    review.status = { ...given, user: given.user ?? {}, error };
  };
  // What is no token at all is nobody's request.
  const isNone = token.trim() === '';
  if (isNone && !allowsAnonymous) return refused('');
  try {
    const identity = isNone
      ? { user: ANONYMOUS, audiences }
      : await services.authenticateToken(token.trim(), {
          audiences,
          warn: (text) => context.warn(text),
          annotate: (key, value) => context.annotate(key, value),
        });
    if (identity === undefined) return refused(INVALID_TOKEN);
    review.status = {
      authenticated: true,
      user: userInfo(isNone ? identity.user : authenticated(identity.user)),
      audiences: [...identity.audiences],
    };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    refused(aggregate([INVALID_TOKEN, error.message]));
  }
});

/** With the group of all who are. */
function authenticated(user: User): User {
  return user.groups.includes(AUTHENTICATED_GROUP)
    ? user
    : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

export const createSelfSubjectReview = reviewer<SelfSubjectReview>(
  (review, context, { environment }) => {
    // Nothing of what was sent comes back.
    review.metadata = { creationTimestamp: timeText(environment.clock.now()) };
    review.status = { userInfo: userInfo(context.user) };
  },
);

function userInfo({ name, uid, groups, extra }: User): UserInfo {
  return {
    username: name,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined ? {} : { extra: mutable(extra) }),
  };
}

function mutable(extra: NonNullable<User['extra']>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}

export const createSubjectAccessReview = reviewer<SubjectAccessReview>(
  async (review, context, services) => {
    review.status = await decide(services, context, {
      user: userOf(review.spec),
      spec: review.spec,
    });
  },
);

export const createLocalSubjectAccessReview = reviewer<LocalSubjectAccessReview>(
  async (review, context, services) => {
    const { namespace } = context.info;
    if (review.spec?.resourceAttributes?.namespace !== namespace) {
      throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
    }
    review.status = await decide(services, context, {
      user: userOf(review.spec),
      spec: review.spec,
    });
  },
);

export const createSelfSubjectAccessReview = reviewer<SelfSubjectAccessReview>(
  async (review, context, services) => {
    review.status = await decide(services, context, { user: context.user, spec: review.spec });
  },
);

const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

function userOf(spec: SubjectAccessReviewSpec | undefined): User {
  return {
    name: spec?.user ?? '',
    groups: spec?.groups ?? [],
    ...(spec?.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec?.extra === undefined ? {} : { extra: spec.extra }),
  };
}

async function decide(
  { authorize }: SubresourceServices,
  { signal }: RequestContext,
  { user, spec }: { readonly user: User; readonly spec: SubjectAccessReviewSpec | undefined },
) {
  const { outcome, reason, error } = await authorize(reviewAttributes(user, spec ?? {}), signal);
  const selectors = selectorErrors(spec?.resourceAttributes);
  const errors = error === undefined ? selectors : [error, ...selectors];
  return {
    allowed: outcome === 'allow',
    ...(outcome === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  };
}

export const createSelfSubjectRulesReview = reviewer<SelfSubjectRulesReview>(
  (review, { user }, services) => {
    const namespace = review.spec?.namespace ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const { resourceRules, nonResourceRules, incomplete, errors } = services.rules(user, namespace);
    const status: SubjectRulesReviewStatus = {
      resourceRules: [...resourceRules],
      nonResourceRules: [...nonResourceRules],
      incomplete,
      ...(errors.length === 0 ? {} : { evaluationError: aggregate(errors) }),
    };
    // Nothing of what was sent comes back.
    review.metadata = {};
    review.spec = {};
    review.status = status;
  },
);
