/** `cox rbac why` and `cox rbac who-can`: ask, and show a sentence, then tables. */
import type { SelfSubjectReview } from '#api/gen/authentication-v1.ts';
import type { SubjectAccessReview, SubjectAccessReviewStatus } from '#api/gen/authorization-v1.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import { ROLE } from '#api/rbac/role.ts';
import { ROLE_BINDING } from '#api/rbac/role-binding.ts';
import { StatusError } from '#api/meta/status.ts';
import type { RestClient } from '#client/rest.ts';
import {
  type AccessRequest,
  allowing,
  nearlyAllowing,
  type Requester,
  whoCan,
} from '#why/rbac/access.ts';
import { type Grant, grantsOf } from '#why/rbac/grants.ts';
import { resolveKind } from '../kind-argument.ts';
import type { ClusterClient, ClusterFlags } from '../kube-client.ts';
import { oneLine, tableLines } from '../table-lines.ts';
import { UserError } from '../user-error.ts';

export interface AccessFlags extends ClusterFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly as?: string;
  readonly asGroup?: readonly string[];
}

export interface AccessWords {
  readonly verb: string;
  /** `pods`, `deployments.apps`, `pods/log`, `/metrics` */
  readonly what: string;
  readonly name?: string | undefined;
}

export interface Answer {
  readonly text: string;
  /** Somebody may. */
  readonly yes: boolean;
}

type Cluster = Pick<ClusterClient, 'client' | 'namespace'>;

const MASTERS = 'system:masters';
const AUTHENTICATED = 'system:authenticated';
const ACCOUNTS = 'system:serviceaccounts';
const REVIEWS = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** Rejects with UserError. */
export async function rbacWhy(
  words: AccessWords,
  flags: AccessFlags,
  cluster: Cluster,
): Promise<Answer> {
  return refused(async () => {
    const { client } = cluster;
    const request = await requestOf(words, flags, cluster);
    const user = await requesterOf(flags, client);
    const [grants, status] = await Promise.all([readGrants(client), review(client, user, request)]);
    const allowed = allowing(grants, user, request);
    const sentence = sentenceOf(user, request, status, allowed.length > 0);
    const by = tableOf(
      ['ALLOWED BY', 'ROLE', 'SUBJECT'],
      allowed.map(({ grant, subject }) => [...namesOf(grant), subject]),
    );
    const nearly = status.allowed
      ? []
      : tableOf(
          ['NEARLY ALLOWED BY', 'ROLE', 'BUT'],
          nearlyAllowing(grants, user, request).map(({ grant, missing }) => [
            ...namesOf(grant),
            missing,
          ]),
        );
    return { text: `${[sentence, ...by, ...nearly].join('\n')}\n`, yes: status.allowed };
  });
}

/** Rejects with UserError. */
export async function rbacWhoCan(
  words: AccessWords,
  flags: AccessFlags,
  cluster: Cluster,
): Promise<Answer> {
  return refused(async () => {
    const request = await requestOf(words, flags, cluster);
    const found = whoCan(await readGrants(cluster.client), request);
    if (found.length === 0)
      return { text: `No binding allows anybody to ${actionText(request)}.\n`, yes: false };
    const rows = found.map(({ subject, grant }) => [subject, ...namesOf(grant)]);
    const text = [
      `By RBAC these may ${actionText(request)} (and ${MASTERS}, always):`,
      ...tableOf(['SUBJECT', 'BINDING', 'ROLE'], rows),
    ];
    return { text: `${text.join('\n')}\n`, yes: true };
  });
}

async function refused(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StatusError) throw new UserError(error.message);
    throw error;
  }
}

async function requestOf(
  { verb, what, name = '' }: AccessWords,
  flags: AccessFlags,
  { client, namespace }: Cluster,
): Promise<AccessRequest> {
  const nothing = { group: '', resource: '', subresource: '', name: '', namespace: '' };
  if (what.startsWith('/')) return { ...nothing, verb, path: what, isResourceRequest: false };
  const [kind = '', subresource = ''] = what.split('/', 2);
  const type = await resolveKind(client, kind);
  const isInOne = type.namespaced && flags.allNamespaces !== true;
  return {
    verb,
    path: '',
    isResourceRequest: true,
    group: type.group,
    resource: type.plural,
    subresource,
    name,
    namespace: isInOne ? (flags.namespace ?? namespace) : '',
  };
}

/** With the groups that a user of that name has of itself. */
async function requesterOf(flags: AccessFlags, client: RestClient): Promise<Requester> {
  const { as: name, asGroup = [] } = flags;
  if (name === undefined) {
    if (asGroup.length > 0) throw new UserError('--as-group needs --as.');
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const { status } = JSON.parse(await client.raw('POST', REVIEWS, body)) as SelfSubjectReview;
    const { username = '', groups = [] } = status?.userInfo ?? {};
    return { name: username, groups };
  }
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name) ?? [];
  const own = namespace === undefined ? [] : [ACCOUNTS, `${ACCOUNTS}:${namespace}`];
  return { name, groups: [...new Set([...asGroup, ...own, AUTHENTICATED])] };
}

async function readGrants(client: RestClient): Promise<Grant[]> {
  const [clusterRoles, clusterRoleBindings, roles, roleBindings] = await Promise.all([
    client.list(CLUSTER_ROLE),
    client.list(CLUSTER_ROLE_BINDING),
    client.list(ROLE),
    client.list(ROLE_BINDING),
  ]);
  return grantsOf({
    clusterRoles: clusterRoles.items,
    clusterRoleBindings: clusterRoleBindings.items,
    roles: roles.items,
    roleBindings: roleBindings.items,
  });
}

/** What the server itself says: other authorizers count too. */
async function review(
  client: RestClient,
  { name, groups }: Requester,
  request: AccessRequest,
): Promise<SubjectAccessReviewStatus> {
  const { verb, path, isResourceRequest, group, resource, subresource, namespace } = request;
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: name,
      groups,
      ...(isResourceRequest
        ? {
            resourceAttributes: {
              verb,
              group,
              resource,
              subresource,
              namespace,
              name: request.name,
            },
          }
        : { nonResourceAttributes: { path, verb } }),
    },
  };
  const answer = JSON.parse(await client.raw('POST', ACCESS_REVIEWS, body)) as SubjectAccessReview;
  return answer.status ?? { allowed: false };
}

function sentenceOf(
  user: Requester,
  request: AccessRequest,
  { allowed, denied = false, reason = '' }: SubjectAccessReviewStatus,
  isByRbac: boolean,
): string {
  const who = `User ${user.name}`;
  const action = actionText(request);
  if (!allowed) {
    const why = denied && reason !== '' ? `: ${reason}` : '';
    return oneLine(`${who} may not ${action}${why}.`);
  }
  if (user.groups.includes(MASTERS))
    return oneLine(`${who} may ${action}: members of ${MASTERS} may do everything, always.`);
  if (isByRbac) return oneLine(`${who} may ${action}.`);
  const why = reason === '' ? '' : `: ${reason}`;
  return oneLine(`${who} may ${action}, and not by RBAC but by another authorizer${why}.`);
}

/** `get pods named web in namespace shop` */
function actionText(request: AccessRequest): string {
  const { verb, path, isResourceRequest, group, resource, subresource, name, namespace } = request;
  if (!isResourceRequest) return `${verb} ${path}`;
  const type = group === '' ? resource : `${resource}.${group}`;
  const what = subresource === '' ? type : `${type}/${subresource}`;
  const named = name === '' ? '' : ` named ${name}`;
  const where = namespace === '' ? ' in the whole cluster' : ` in namespace ${namespace}`;
  return `${verb} ${what}${named}${where}`;
}

function namesOf({ binding, role }: Grant): [string, string] {
  return [binding, role];
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return ['', ...tableLines([head, ...rows.map((row) => row.map(oneLine))])];
}
