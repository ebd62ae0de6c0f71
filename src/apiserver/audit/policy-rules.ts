/**
 * What the audit policy says of a request.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go.
 */
import type { GroupResources, Level, Policy, PolicyRule, Stage } from '#api/audit/policy.ts';
import { pathMatches } from '#api/rbac/matching.ts';
import type { AuthorizationAttributes } from '../authz/authorizer.ts';

export interface AuditConfig {
  readonly level: Level;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

/** Of a request before it is known who sends it: no user at all. */
export type AuditedAttributes = Omit<AuthorizationAttributes, 'user'> & {
  readonly user: AuthorizationAttributes['user'] | undefined;
};

/** A function from a request to what is written down of it. */
export function policyRules(policy: Policy): (attributes: AuditedAttributes) => AuditConfig {
  const { omitStages = [], omitManagedFields = false } = policy;
  const configs = policy.rules.map((rule) => ({
    rule,
    config: {
      level: rule.level,
      omitStages: new Set([...omitStages, ...(rule.omitStages ?? [])]),
      omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
    },
  }));
  const otherwise: AuditConfig = {
    level: 'None',
    omitStages: new Set(omitStages),
    omitManagedFields,
  };
  return (attributes) => configs.find(({ rule }) => matches(rule, attributes))?.config ?? otherwise;
}

function matches(rule: PolicyRule, attributes: AuditedAttributes): boolean {
  const { users = [], userGroups = [], verbs = [] } = rule;
  const { user } = attributes;
  if (users.length > 0 && (user === undefined || !users.includes(user.name))) return false;
  if (userGroups.length > 0 && user?.groups.some((group) => userGroups.includes(group)) !== true)
    return false;
  if (verbs.length > 0 && !verbs.includes(attributes.verb)) return false;
  const { namespaces = [], resources = [], nonResourceURLs: urls = [] } = rule;
  if (namespaces.length > 0 || resources.length > 0)
    return (
      attributes.isResourceRequest &&
      (namespaces.length === 0 || namespaces.includes(attributes.namespace)) &&
      (resources.length === 0 || resources.some((one) => holds(one, attributes)))
    );
  if (urls.length > 0)
    return !attributes.isResourceRequest && urls.some((url) => pathMatches(url, attributes.path));
  return true;
}

function holds(
  { group = '', resources = [], resourceNames = [] }: GroupResources,
  attributes: AuditedAttributes,
): boolean {
  if (group !== '*' && group !== attributes.group) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(attributes.name)) return false;
  return resources.some((pattern) => isResource(pattern, attributes));
}

/** A resource alone does not mean its subresources; `pods/*` means `pods` too, as upstream has it. */
function isResource(
  pattern: string,
  { resource, subresource }: Pick<AuditedAttributes, 'resource' | 'subresource'>,
): boolean {
  if (pattern === '*') return true;
  if (pattern === (subresource === '' ? resource : `${resource}/${subresource}`)) return true;
  if (subresource !== '' && pattern === `*/${subresource}`) return true;
  return pattern === `${resource}/*`;
}
