/**
 * As whom the change is made on the fork: as the caller, where the fork knows what callers may do.
 */
import { SELF_SUBJECT_REVIEW } from '#api/authentication/self-subject-review.ts';
import { SELF_SUBJECT_ACCESS_REVIEW } from '#api/authorization/self-subject-access-review.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Identity } from '#client/in-process.ts';
import type { Unread } from './read-cluster.ts';

const RIGHTS = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
  (plural) => `${plural}.rbac.authorization.k8s.io`,
);

/** Whom every authorizer lets do everything. */
const ADMINISTRATORS = 'system:masters';
const ALL = { verb: '*', group: '*', resource: '*' };

export interface Caller {
  /** Undefined: nobody knows what the caller may do, so that nothing is refused for that. */
  readonly identity: Identity | undefined;
  /** Why it is not known. */
  readonly why?: string;
}

export async function callerOf(client: Client, unread: readonly Unread[]): Promise<Caller> {
  const missing = unread.map(({ resource }) => resource).filter((name) => RIGHTS.includes(name));
  if (missing.length > 0)
    return { identity: undefined, why: `${missing.join(', ')} could not be read` };
  try {
    const review = await client.create(SELF_SUBJECT_REVIEW, {});
    const { username, groups = [] } = review.status?.userInfo ?? {};
    if (username !== undefined)
      return {
        identity: {
          name: username,
          groups: (await mayDoAll(client)) ? [...groups, ADMINISTRATORS] : groups,
        },
      };
    return { identity: undefined, why: 'the cluster does not say who asks' };
  } catch (error) {
    if (error instanceof StatusError) return { identity: undefined, why: error.message };
    throw error;
  }
}

/**
 * The fork knows roles and nothing else. A cluster may have other authorizers, or none; it says itself
 * of whom they let do everything.
 */
async function mayDoAll(client: Client): Promise<boolean> {
  const review = await client.create(SELF_SUBJECT_ACCESS_REVIEW, {
    spec: { resourceAttributes: ALL },
  });
  return review.status?.allowed === true;
}
