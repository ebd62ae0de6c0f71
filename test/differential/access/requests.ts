/** Requests of the second corpus: who sends them, and what becomes of them. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Case, CaseRequest } from '../model.ts';

/** Whom the administrator asks as. Groups that the server adds are not named. */
export interface Asker {
  readonly user: string;
  readonly groups?: readonly string[];
}

/** A part of the second corpus. */
export interface Area {
  /** Stored before the first case, in this order; changes of what is stored come as PUT. */
  readonly stored: readonly CaseRequest[];
  readonly cases: readonly Case[];
}

export const RBAC = '/apis/rbac.authorization.k8s.io/v1';

export function create(url: string, body: Json): CaseRequest {
  return { method: 'POST', url, body };
}

/** `request` leaves nothing behind. */
export function dry(request: CaseRequest): CaseRequest {
  return { ...request, url: `${request.url}${request.url.includes('?') ? '&' : '?'}dryRun=All` };
}

/** `request` by somebody else than the administrator. */
export function as({ user, groups = [] }: Asker, request: CaseRequest): CaseRequest {
  const headers = {
    ...request.headers,
    'impersonate-user': user,
    ...(groups.length === 0 ? {} : { 'impersonate-group': groups.join('\n') }),
  };
  return { ...request, headers };
}

export function namespaceOf(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): CaseRequest {
  return create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  });
}

/** A namespace in which pods can be made without a controller. */
export function namespaceWithAccount(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): CaseRequest[] {
  return [namespaceOf(name, labels), serviceAccount(name, 'default')];
}

export function serviceAccount(
  namespace: string,
  name: string,
  more: JsonObject = {},
): CaseRequest {
  return create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name },
    ...more,
  });
}

/** `members` that are undefined are left out. */
export function said(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}
