/**
 * Impersonation: a user who may `impersonate` another acts as that other.
 *
 * Each name asked for (user, groups, uid, extra) is checked by itself. Source: Kubernetes
 * documentation, "User impersonation"; upstream apiserver/pkg/endpoints/filters/impersonation.
 */
import { badRequest, forbidden } from '#api/meta/status.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  forbiddenMessage,
} from '../authz/authorizer.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP, type RequestContext, type User } from '../context.ts';
import type { Filter } from './filter.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

interface Asked {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export function impersonationFilter(authorize: Authorizer): Filter {
  return {
    name: 'impersonation',
    handle(context, next) {
      const asked = askedOf(context);
      if (asked === undefined) return next();
      for (const target of targetsOf(asked)) check(context, authorize, target);
      context.user = userOf(asked);
      return next();
    },
  };
}

function askedOf({ request: { headers } }: RequestContext): Asked | undefined {
  const user = headers['impersonate-user'] ?? '';
  const uid = headers['impersonate-uid'] ?? '';
  const groups = list(headers['impersonate-group']);
  const extra: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(EXTRA_PREFIX))
      extra[decodeURIComponent(name.slice(EXTRA_PREFIX.length))] = list(value);
  }
  if (user !== '') return { user, uid, groups, extra };
  if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0) {
    throw badRequest(
      'requested impersonation of groups, extra or uid without impersonating a user',
    );
  }
  return undefined;
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

interface Target {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

function* targetsOf(asked: Asked): Generator<Target> {
  const account = SERVICE_ACCOUNT.exec(asked.user);
  const plain = { group: '', subresource: '', namespace: '' };
  if (account?.[1] !== undefined && account[2] !== undefined) {
    yield { ...plain, resource: 'serviceaccounts', namespace: account[1], name: account[2] };
  } else yield { ...plain, resource: 'users', name: asked.user };
  for (const name of asked.groups) yield { ...plain, resource: 'groups', name };
  const authentication = { group: 'authentication.k8s.io', namespace: '' };
  if (asked.uid !== '')
    yield { ...authentication, resource: 'uids', subresource: '', name: asked.uid };
  for (const [key, values] of Object.entries(asked.extra)) {
    for (const name of values)
      yield { ...authentication, resource: 'userextras', subresource: key, name };
  }
}

function check(context: RequestContext, authorize: Authorizer, target: Target): void {
  const attributes: AuthorizationAttributes = {
    user: context.user,
    verb: 'impersonate',
    path: '',
    isResourceRequest: true,
    version: 'v1',
    ...target,
  };
  const decision = authorize(attributes);
  if (decision.outcome === 'allow') return;
  throw forbidden(
    { group: target.group, resource: target.resource },
    target.name,
    forbiddenMessage(attributes),
  );
}

function userOf({ user, uid, groups, extra }: Asked): User {
  const account = SERVICE_ACCOUNT.exec(user);
  const own =
    groups.length > 0
      ? groups
      : account?.[1] === undefined
        ? []
        : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  const outside = user === ANONYMOUS.name ? 'system:unauthenticated' : AUTHENTICATED_GROUP;
  return {
    name: user,
    groups: own.includes(outside) ? own : [...own, outside],
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
