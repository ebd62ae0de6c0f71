/**
 * Authorization: may this user do this?
 *
 * Authorizers are asked in order; the first that allows or denies decides, and when none has an
 * opinion the answer is no. Source: Kubernetes documentation, "Authorization overview".
 */
import type { RequestInfo } from '../request-info.ts';
import { MASTERS_GROUP, type User } from '../context.ts';

export interface AuthorizationAttributes {
  readonly user: User;
  readonly verb: string;
  /** A path, for requests that are of no resource. */
  readonly path: string;
  readonly isResourceRequest: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Decision {
  readonly outcome: 'allow' | 'deny' | 'none';
  readonly reason: string;
}

export type Authorizer = (attributes: AuthorizationAttributes) => Decision;

export function attributesFor(user: User, info: RequestInfo): AuthorizationAttributes {
  const { verb, path, isResourceRequest, group, version, resource, subresource, namespace, name } = info;
  return { user, verb, path, isResourceRequest, group, version, resource, subresource, namespace, name };
}

export function composeAuthorizers(authorizers: readonly Authorizer[]): Authorizer {
  return (attributes) => {
    const reasons: string[] = [];
    for (const authorize of authorizers) {
      const decision = authorize(attributes);
      if (decision.outcome !== 'none') return decision;
      if (decision.reason !== '') reasons.push(decision.reason);
    }
    return { outcome: 'none', reason: reasons.join('\n') };
  };
}

/** `system:masters` may do everything, whatever RBAC says (upstream's privileged group). */
export const mastersAuthorizer: Authorizer = ({ user }) =>
  user.groups.includes(MASTERS_GROUP) ? { outcome: 'allow', reason: '' } : { outcome: 'none', reason: '' };

/** Upstream's sentence for a refusal. */
export function forbiddenMessage(attributes: AuthorizationAttributes): string {
  const { user, verb } = attributes;
  const name = JSON.stringify(user.name);
  if (!attributes.isResourceRequest) return `User ${name} cannot ${verb} path ${JSON.stringify(attributes.path)}`;
  const resource = attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const where = attributes.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(attributes.namespace)}`;
  return `User ${name} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)} ${where}`;
}
