/**
 * Worlds of roles and bindings by chance, from a seed. Each has two namespaces, and users, groups
 * and service accounts of its own, so that none says anything about another's.
 */
import type { JsonObject } from '#api/meta/object.ts';
import { Dice } from '../../fuzz/dice.ts';
import type { CaseRequest } from '../model.ts';
import { type Asker, create, namespaceWithAccount, RBAC, serviceAccount } from './requests.ts';

const WORLDS = 12;

export interface RbacWorld {
  readonly name: string;
  readonly namespaces: readonly string[];
  /** Service accounts are among them, by their full names. */
  readonly askers: readonly Asker[];
  readonly clusterRoles: readonly string[];
  /** The same in each namespace. */
  readonly roles: readonly string[];
  /** All that a role of this world says. */
  readonly rules: readonly JsonObject[];
  /** What bindings give to whom; none where the role is not there. */
  readonly grants: readonly Grant[];
  readonly stored: readonly CaseRequest[];
}

export interface Grant {
  readonly asker: Asker;
  /** Empty: everywhere. */
  readonly namespace: string;
  readonly rules: readonly JsonObject[];
}

export const VERBS =
  'get list watch create update patch delete deletecollection use bind escalate impersonate'.split(
    ' ',
  );
const RULE_VERBS = [...VERBS, 'get', 'list', 'create', '*'];

/** API group and resource, with a subresource in some. */
export const RESOURCES: readonly (readonly [group: string, resource: string])[] = [
  ['', 'pods'],
  ['', 'pods/log'],
  ['', 'pods/exec'],
  ['', 'pods/status'],
  ['', 'services'],
  ['', 'configmaps'],
  ['', 'secrets'],
  ['', 'nodes'],
  ['', 'namespaces'],
  ['', 'serviceaccounts'],
  ['', 'serviceaccounts/token'],
  ['apps', 'deployments'],
  ['apps', 'deployments/scale'],
  ['apps', 'deployments/status'],
  ['apps', 'statefulsets'],
  ['batch', 'jobs'],
  ['rbac.authorization.k8s.io', 'roles'],
  ['rbac.authorization.k8s.io', 'clusterroles'],
  ['rbac.authorization.k8s.io', 'rolebindings'],
  ['example.com', 'widgets'],
];
const RULE_GROUPS = [...new Set(RESOURCES.map(([group]) => group)), '*'];
const RULE_RESOURCES = [
  ...RESOURCES.map(([, resource]) => resource),
  '*',
  '*/status',
  '*/scale',
  '*/*',
  'pods/*',
  'Pods',
];
export const NAMES = ['a', 'b', 'a.b', 'default'];
export const PATHS = [
  '/healthz',
  '/healthz/ping',
  '/healthz/',
  '/metrics',
  '/apis/apps',
  '/apis',
  '/version',
  '/logs/a/b',
  '/',
  '/healthzz',
];
const RULE_PATHS = [...PATHS, '*', '/healthz/*', '/apis/*', '/health*', '/*', '/logs/a*'];

export function rbacWorlds(seed: number): readonly RbacWorld[] {
  return Array.from({ length: WORLDS }, (_, index) =>
    rbacWorld(new Dice(seed * 1_000 + index), `w${index}`),
  );
}

function some<T>(dice: Dice, values: readonly T[], most: number): T[] {
  return [...new Set(Array.from({ length: 1 + dice.below(most) }, () => dice.pick(values)))];
}

/** A rule about resources: half of them match what questions are about as a whole. */
export function resourceRule(dice: Dice): JsonObject {
  const isExact = dice.chance(0.6);
  const [group, resource] = dice.pick(RESOURCES);
  return {
    verbs: some(dice, RULE_VERBS, 4),
    apiGroups: isExact ? [group] : some(dice, RULE_GROUPS, 3),
    resources: isExact ? [resource] : some(dice, RULE_RESOURCES, 4),
    ...(dice.chance(0.25) ? { resourceNames: some(dice, NAMES, 2) } : {}),
  };
}

function pathRule(dice: Dice): JsonObject {
  return {
    verbs: some(dice, ['get', 'post', 'head', '*'], 2),
    nonResourceURLs: some(dice, RULE_PATHS, 3),
  };
}

const object = (kind: string, name: string, more: JsonObject): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: { name },
  ...more,
});

const ROLES = 7;

function rbacWorld(dice: Dice, name: string): RbacWorld {
  const namespaces = [`${name}-one`, `${name}-two`];
  const names = (what: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${name}-${what}-${index}`);
  const [users, groups] = [names('user', 5), names('group', 4)];
  const clusterRoles = names('cluster', ROLES);
  const roles = names('role', ROLES);
  const rules: JsonObject[] = [];
  const rulesBy = (withPaths: boolean): JsonObject[] => {
    const made = Array.from({ length: 1 + dice.below(3) }, () => resourceRule(dice));
    if (withPaths && dice.chance(0.6)) made.push(pathRule(dice));
    rules.push(...made);
    return made;
  };
  const stored = [
    ...namespaces.flatMap((namespace) => [
      ...namespaceWithAccount(namespace),
      serviceAccount(namespace, 'runner'),
    ]),
    ...clusterRoles.map((role) =>
      create(`${RBAC}/clusterroles`, object('ClusterRole', role, { rules: rulesBy(true) })),
    ),
    ...namespaces.flatMap((namespace) =>
      roles.map((role) =>
        create(
          `${RBAC}/namespaces/${namespace}/roles`,
          object('Role', role, { rules: rulesBy(false) }),
        ),
      ),
    ),
    ...bindings(dice, { name, namespaces, users, groups, clusterRoles, roles }),
  ];
  return {
    name,
    namespaces,
    askers: askers(dice, { users, groups, namespaces }),
    clusterRoles,
    roles,
    rules,
    grants: grantsOf(stored),
    stored,
  };
}

/** What the bindings among `stored` give, by the roles among them. */
function grantsOf(stored: readonly CaseRequest[]): Grant[] {
  const bodies = stored.map(({ url, body }) => ({ url, body: body as unknown as Stored }));
  const namespaceIn = (url: string): string => /namespaces\/([^/]+)\//.exec(url)?.[1] ?? '';
  const rulesOf = (kind: string, name: string, namespace: string): readonly JsonObject[] =>
    bodies.find(
      ({ url, body }) =>
        body.kind === kind &&
        body.metadata.name === name &&
        (kind === 'ClusterRole' || namespaceIn(url) === namespace),
    )?.body.rules ?? [];
  return bodies.flatMap(({ url, body: { roleRef, subjects = [] } }) => {
    const namespace = namespaceIn(url);
    if (roleRef === undefined) return [];
    const rules = rulesOf(roleRef.kind, roleRef.name, namespace);
    return rules.length === 0
      ? []
      : subjects.map((each) => ({ asker: askerOf(each), namespace, rules }));
  });
}

interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly JsonObject[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly Named[];
}

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Somebody whom a subject names. */
function askerOf({ kind, name, namespace = '' }: Named): Asker {
  if (kind === 'User') return { user: name };
  if (kind === 'Group') return { user: 'a-member', groups: [name] };
  return { user: `system:serviceaccount:${namespace}:${name}` };
}

/** Users with some groups, service accounts, and who has no binding by his name. */
function askers(
  dice: Dice,
  {
    users,
    groups,
    namespaces,
  }: Pick<RbacWorld, 'namespaces'> & { users: string[]; groups: string[] },
): Asker[] {
  return [
    ...users.map((user) => ({
      user,
      ...(dice.chance(0.7) ? { groups: some(dice, groups, 3) } : {}),
    })),
    ...groups.slice(0, 2).map((group) => ({ user: `only-${group}`, groups: [group] })),
    ...namespaces.flatMap((namespace) =>
      ['default', 'runner'].map((account) => ({
        user: `system:serviceaccount:${namespace}:${account}`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      })),
    ),
    { user: `${users[0]}x`, groups: [`${groups[0]}x`] },
  ];
}

interface Parts {
  readonly name: string;
  readonly namespaces: readonly string[];
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly clusterRoles: readonly string[];
  readonly roles: readonly string[];
}

/** How often a binding names a role that is not there. */
const LOST = 0.08;

function bindings(dice: Dice, parts: Parts): CaseRequest[] {
  const { name, namespaces, clusterRoles, roles } = parts;
  const reference = (kind: string, role: string): JsonObject => ({
    apiGroup: 'rbac.authorization.k8s.io',
    kind,
    name: dice.chance(LOST) ? `${role}-lost` : role,
  });
  const subjects = (): JsonObject[] =>
    Array.from({ length: 1 + dice.below(3) }, () => subject(dice, parts));
  return [
    ...Array.from({ length: 6 }, (_, index) =>
      create(
        `${RBAC}/clusterrolebindings`,
        object('ClusterRoleBinding', `${name}-everywhere-${index}`, {
          roleRef: reference('ClusterRole', dice.pick(clusterRoles)),
          subjects: subjects(),
        }),
      ),
    ),
    ...namespaces.flatMap((namespace) =>
      Array.from({ length: 7 }, (_, index) => {
        const isOfCluster = dice.chance(0.4);
        const role = isOfCluster
          ? reference('ClusterRole', dice.pick(clusterRoles))
          : reference('Role', dice.pick(roles));
        return create(
          `${RBAC}/namespaces/${namespace}/rolebindings`,
          object('RoleBinding', `${name}-here-${index}`, { roleRef: role, subjects: subjects() }),
        );
      }),
    ),
  ];
}

function subject(dice: Dice, { users, groups, namespaces }: Parts): JsonObject {
  const apiGroup = 'rbac.authorization.k8s.io';
  const kind = dice.below(8);
  if (kind < 4) return { apiGroup, kind: 'User', name: dice.pick(users) };
  if (kind < 6) return { apiGroup, kind: 'Group', name: dice.pick(groups) };
  if (kind === 6)
    return {
      kind: 'ServiceAccount',
      name: dice.pick(['default', 'runner']),
      namespace: dice.pick(namespaces),
    };
  return { apiGroup, kind: 'Group', name: `system:serviceaccounts:${dice.pick(namespaces)}` };
}
