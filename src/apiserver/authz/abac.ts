/**
 * Attribute-based access control: a file of policies, one JSON object a line.
 *
 * Source: Kubernetes documentation, "Using ABAC Authorization"; upstream v1.36
 * pkg/auth/authorizer/abac and pkg/apis/abac (v0, v1beta1).
 */
import { pathMatches } from '#api/rbac/matching.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { messageOf } from '#base/error.ts';
import { AUTHENTICATED_GROUP, type User } from '../context.ts';
import type { AuthorizationAttributes } from './authorizer.ts';
import { NO_RULES, type RuledAuthorizer } from './rules.ts';

export interface AbacPolicy {
  readonly user: string;
  readonly group: string;
  readonly readonly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly nonResourcePath: string;
}

/** A policy that cannot be read. */
export class AbacError extends Error {}

const API_VERSION = 'abac.authorization.kubernetes.io/v1beta1';
const TEXTS = ['user', 'group', 'apiGroup', 'resource', 'namespace', 'nonResourcePath'] as const;

/**
 * The policies of a file, in order. Lines without a version are read as before there were versions.
 * `path` is named in messages. Throws AbacError.
 */
export function readAbacPolicies(text: string, path: string): AbacPolicy[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    try {
      return [policyOf(JSON.parse(line) as Json)];
    } catch (error) {
      throw new AbacError(
        `error reading policy file ${path}, line ${index + 1}: ${line}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  });
}

function policyOf(line: Json): AbacPolicy {
  if (!isJsonObject(line)) throw new AbacError('a policy is a JSON object');
  const { apiVersion = '', kind = '' } = line;
  if (apiVersion === '' || kind === '') return unversioned(fieldsOf(line));
  if (apiVersion !== API_VERSION || kind !== 'Policy')
    throw new AbacError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/apis/abac/register.go:33"`,
    );
  const { spec = {} } = line;
  if (!isJsonObject(spec)) throw new AbacError('the spec of a policy is an object');
  const policy = fieldsOf(spec);
  return policy.user === '*' || policy.group === '*' ? forAll(policy) : policy;
}

function fieldsOf(from: JsonObject): AbacPolicy {
  const texts = TEXTS.map((name) => {
    const value = from[name] ?? '';
    if (typeof value !== 'string') throw new AbacError(`${name} must be a string`);
    return [name, value] as const;
  });
  const { readonly = false } = from;
  if (typeof readonly !== 'boolean') throw new AbacError('readonly must be true or false');
  return { ...(Object.fromEntries(texts) as Record<(typeof TEXTS)[number], string>), readonly };
}

/** Of everybody who is authenticated. */
function forAll(policy: AbacPolicy): AbacPolicy {
  return { ...policy, user: '', group: AUTHENTICATED_GROUP };
}

/** Before there were versions, what was not said meant everything. */
function unversioned(given: AbacPolicy): AbacPolicy {
  const { user, group, namespace, resource } = given;
  const isForAll = (user === '' && group === '') || user === '*' || group === '*';
  return {
    ...(isForAll ? forAll(given) : given),
    apiGroup: '*',
    namespace: namespace || '*',
    resource: resource || '*',
    nonResourcePath: namespace === '' && resource === '' ? '*' : '',
  };
}

export function abacAuthorizer(policies: readonly AbacPolicy[]): RuledAuthorizer {
  return {
    authorize: (attributes) =>
      policies.some((policy) => allows(policy, attributes))
        ? { outcome: 'allow', reason: '' }
        : { outcome: 'none', reason: 'No policy matched.' },
    rules: (user, namespace) => {
      const own = policies.filter(
        (policy) => isFor(policy, user) && fits(policy.namespace, namespace),
      );
      return {
        ...NO_RULES,
        resourceRules: own
          .filter(({ resource }) => resource !== '')
          .map(({ readonly, apiGroup, resource }) => ({
            verbs: verbsOf(readonly),
            apiGroups: [apiGroup],
            resources: [resource],
          })),
        nonResourceRules: own
          .filter(({ nonResourcePath }) => nonResourcePath !== '')
          .map(({ readonly, nonResourcePath }) => ({
            verbs: verbsOf(readonly),
            nonResourceURLs: [nonResourcePath],
          })),
      };
    },
  };
}

const READ_VERBS = ['get', 'list', 'watch'];

function verbsOf(readonly: boolean): string[] {
  return readonly ? [...READ_VERBS] : ['*'];
}

function allows(policy: AbacPolicy, attributes: AuthorizationAttributes): boolean {
  if (!isFor(policy, attributes.user)) return false;
  if (policy.readonly && !READ_VERBS.includes(attributes.verb)) return false;
  return attributes.isResourceRequest
    ? fits(policy.namespace, attributes.namespace) &&
        fits(policy.resource, attributes.resource) &&
        fits(policy.apiGroup, attributes.group)
    : pathMatches(policy.nonResourcePath, attributes.path);
}

/** A policy that names neither a user nor a group is for nobody. */
function isFor({ user, group }: AbacPolicy, { name, groups }: User): boolean {
  if (user === '' && group === '') return false;
  return (user === '' || user === name) && (group === '' || groups.includes(group));
}

function fits(wanted: string, value: string): boolean {
  return wanted === '*' || wanted === value;
}
