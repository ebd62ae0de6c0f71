/**
 * Writes of roles and bindings by those who may not hold what they grant: escalation, the verbs
 * `escalate` and `bind`, aggregation, and references that may not change.
 */
import type { JsonObject } from '#api/meta/object.ts';
import { Dice } from '../../fuzz/dice.ts';
import type { Case, CaseRequest } from '../model.ts';
import { type RbacWorld, resourceRule } from './rbac-world.ts';
import { type Area, as, type Asker, create, dry, namespaceWithAccount, RBAC } from './requests.ts';

const WRITES = 450;
const NAMESPACE = 'writes';
const GROUP = 'rbac.authorization.k8s.io';
const ALL_WRITES = ['get', 'list', 'create', 'update', 'patch', 'delete'];
const ROLES = ['roles', 'clusterroles'];
const BINDINGS = ['rolebindings', 'clusterrolebindings'];
const MERGE = { 'content-type': 'application/merge-patch+json' };

/** Who writes, and what beside the writing itself he may do. */
const WRITERS: Readonly<Record<string, readonly JsonObject[]>> = {
  'writer-plain': [],
  'writer-escalates': [{ apiGroups: [GROUP], resources: ROLES, verbs: ['escalate'] }],
  'writer-escalates-one': [
    { apiGroups: [GROUP], resources: ROLES, verbs: ['escalate'], resourceNames: ['new'] },
  ],
  'writer-binds': [{ apiGroups: [GROUP], resources: ROLES, verbs: ['bind'] }],
  'writer-binds-one': [
    {
      apiGroups: [GROUP],
      resources: ['clusterroles'],
      verbs: ['bind'],
      resourceNames: ['system:kube-dns'],
    },
  ],
  'writer-core': [{ apiGroups: [''], resources: ['*'], verbs: ['*'] }],
  'writer-reads': [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
  'writer-pods': [
    { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list', 'delete'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get'], resourceNames: ['a'] },
    { nonResourceURLs: ['/healthz', '/metrics*'], verbs: ['get'] },
  ],
  'writer-all': [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ],
};
const EXISTING: readonly JsonObject[] = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['*'] },
];

export function rbacWrites(worlds: readonly RbacWorld[], seed: number): Area {
  const rules = worlds.flatMap((world) => world.rules);
  return {
    stored: [
      ...namespaceWithAccount(NAMESPACE),
      ...Object.entries(WRITERS).flatMap(writer),
      ...existing(),
    ],
    cases: Array.from({ length: WRITES }, (_, index): Case => {
      const dice = new Dice(seed * 70_000 + index);
      const user = dice.pick(Object.keys(WRITERS));
      const request = write(dice, rules);
      return {
        id: `rbac write ${index}`,
        kind: 'rbac/writes',
        requests: [as({ user }, dry(request))],
      };
    }),
  };
}

const object = (kind: string, name: string, more: JsonObject): JsonObject => ({
  apiVersion: `${GROUP}/v1`,
  kind,
  metadata: { name },
  ...more,
});

const reference = (kind: string, name: string): JsonObject => ({ apiGroup: GROUP, kind, name });
const user = (name: string): JsonObject => ({ apiGroup: GROUP, kind: 'User', name });

function writer([name, rules]: [string, readonly JsonObject[]]): CaseRequest[] {
  const own = { apiGroups: [GROUP], resources: [...ROLES, ...BINDINGS], verbs: ALL_WRITES };
  return [
    create(`${RBAC}/clusterroles`, object('ClusterRole', name, { rules: [own, ...rules] })),
    create(
      `${RBAC}/clusterrolebindings`,
      object('ClusterRoleBinding', name, {
        roleRef: reference('ClusterRole', name),
        subjects: [user(name)],
      }),
    ),
  ];
}

/** What is written over. */
function existing(): CaseRequest[] {
  const rules = [...EXISTING];
  const binding = {
    roleRef: reference('ClusterRole', 'writer-pods'),
    subjects: [user('somebody')],
  };
  const here = `${RBAC}/namespaces/${NAMESPACE}`;
  return [
    create(`${RBAC}/clusterroles`, object('ClusterRole', 'old', { rules })),
    create(`${RBAC}/clusterroles`, {
      ...object('ClusterRole', 'old-sum', { rules }),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { sum: 'old' } }] },
    }),
    create(`${here}/roles`, object('Role', 'old', { rules })),
    create(`${RBAC}/clusterrolebindings`, object('ClusterRoleBinding', 'old', binding)),
    create(`${here}/rolebindings`, object('RoleBinding', 'old', binding)),
  ];
}

function write(dice: Dice, rules: readonly JsonObject[]): CaseRequest {
  const isOfCluster = dice.chance(0.5);
  return dice.chance(0.55) ? roleWrite(dice, isOfCluster, rules) : bindingWrite(dice, isOfCluster);
}

function collectionOf(isOfCluster: boolean, what: string): string {
  return isOfCluster ? `${RBAC}/cluster${what}` : `${RBAC}/namespaces/${NAMESPACE}/${what}`;
}

/** Rules that one or another of the writers holds, and rules by chance. */
function grantedRules(dice: Dice, all: readonly JsonObject[], withPaths: boolean): JsonObject[] {
  const held = Object.values(WRITERS).flat();
  return Array.from({ length: dice.below(3) }, () => {
    if (dice.chance(0.4)) return dice.pick(held);
    return dice.chance(0.5) ? dice.pick(all) : resourceRule(dice);
  }).filter((rule) => withPaths || rule['nonResourceURLs'] === undefined);
}

function roleWrite(dice: Dice, isOfCluster: boolean, all: readonly JsonObject[]): CaseRequest {
  const url = collectionOf(isOfCluster, 'roles');
  const kind = isOfCluster ? 'ClusterRole' : 'Role';
  const rules = grantedRules(dice, all, isOfCluster);
  const sum =
    isOfCluster && dice.chance(0.2)
      ? {
          aggregationRule: {
            clusterRoleSelectors: [{ matchLabels: { sum: dice.pick(['old', 'new']) } }],
          },
        }
      : {};
  const body = (name: string): JsonObject => object(kind, name, { rules, ...sum });
  const old = isOfCluster && dice.chance(0.3) ? 'old-sum' : 'old';
  switch (dice.below(5)) {
    case 0:
      return { method: 'PUT', url: `${url}/${old}`, body: body(old) };
    case 1:
      return {
        method: 'PUT',
        url: `${url}/${old}`,
        body: { ...body(old), rules: [...EXISTING, ...rules] },
      };
    case 2:
      return { method: 'PATCH', url: `${url}/${old}`, headers: MERGE, body: { rules } };
    case 3:
      return {
        method: 'PATCH',
        url: `${url}/${old}`,
        headers: MERGE,
        body: { metadata: { labels: { a: 'b' } } },
      };
    default:
      return create(url, body('new'));
  }
}

const BOUND: readonly (readonly [kind: string, name: string])[] = [
  ['ClusterRole', 'system:kube-dns'],
  ['ClusterRole', 'cluster-admin'],
  ['ClusterRole', 'old'],
  ['ClusterRole', 'writer-pods'],
  ['ClusterRole', 'writer-reads'],
  ['ClusterRole', 'lost'],
  ['Role', 'old'],
  ['Role', 'lost'],
];

function bindingWrite(dice: Dice, isOfCluster: boolean): CaseRequest {
  const url = collectionOf(isOfCluster, 'rolebindings');
  const kind = isOfCluster ? 'ClusterRoleBinding' : 'RoleBinding';
  const [roleKind, role] = dice.pick(isOfCluster ? BOUND.slice(0, 6) : BOUND);
  const subjects = [user(dice.pick(['somebody', 'else']))];
  const body = (name: string, bound = reference(roleKind, role)): JsonObject =>
    object(kind, name, { roleRef: bound, subjects });
  switch (dice.below(4)) {
    case 0:
      return { method: 'PUT', url: `${url}/old`, body: body('old') };
    case 1:
      return {
        method: 'PUT',
        url: `${url}/old`,
        body: body('old', reference('ClusterRole', 'writer-pods')),
      };
    case 2:
      return { method: 'PATCH', url: `${url}/old`, headers: MERGE, body: { subjects } };
    default:
      return create(url, body('new'));
  }
}

/** Which binding allows it: of who has but one it is told by name. */
export function reasonCases(): Case[] {
  return Object.entries(WRITERS).flatMap(([name, rules]) =>
    [{ verbs: ['create'], apiGroups: [GROUP], resources: ['roles'] }, ...rules].map(
      (rule, index): Case => {
        const { verbs, apiGroups, resources, nonResourceURLs } = rule as Readonly<
          Record<string, readonly string[] | undefined>
        >;
        const [verb = '', path = ''] = [verbs?.[0], nonResourceURLs?.[0]];
        const attributes = { verb, group: apiGroups?.[0] ?? '', resource: resources?.[0] ?? '' };
        const about =
          resources === undefined
            ? { nonResourceAttributes: { verb, path } }
            : { resourceAttributes: attributes };
        return {
          id: `rbac reason ${name} ${index}`,
          kind: 'rbac/reasons',
          requests: [
            create('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
              apiVersion: 'authorization.k8s.io/v1',
              kind: 'SubjectAccessReview',
              spec: { user: name, ...about },
            }),
          ],
        };
      },
    ),
  );
}

/** Whom a request counts as when it names users, groups and more. */
export function impersonationCases(): Case[] {
  const url = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const one = (what: string, headers: Record<string, string>): Case => ({
    id: `impersonation: ${what}`,
    kind: 'rbac/impersonation',
    requests: [{ method: 'POST', url, headers, body: review }],
  });
  const whoami = (asker: Asker): CaseRequest => as(asker, create(url, review));
  const names = ['joe', 'system:anonymous', 'system:node:n1', 'system:serviceaccount:a:b'];
  return [
    ...names.map(
      (name): Case => ({
        id: `impersonation: ${name}`,
        kind: 'rbac/impersonation',
        requests: [whoami({ user: name }), whoami({ user: name, groups: ['g'] })],
      }),
    ),
    one('a service account that is none', { 'impersonate-user': 'system:serviceaccount:a' }),
    one('a group of nobody', { 'impersonate-group': 'g' }),
    one('a uid', { 'impersonate-user': 'joe', 'impersonate-uid': 'u-1' }),
    one('a uid of nobody', { 'impersonate-uid': 'u-1' }),
    one('extra', { 'impersonate-user': 'joe', 'impersonate-extra-scopes': 'a' }),
    one('extra with an escaped key', {
      'impersonate-user': 'joe',
      'impersonate-extra-example.com%2fscope': 'a',
    }),
    one('everybody', { 'impersonate-user': 'joe', 'impersonate-group': 'system:authenticated' }),
    one('nobody', { 'impersonate-user': 'joe', 'impersonate-group': 'system:unauthenticated' }),
    one('masters', { 'impersonate-user': 'joe', 'impersonate-group': 'system:masters' }),
  ];
}
