/**
 * Going back to an earlier revision because an annotation asks for it, which is what `rollbackTo` of
 * the first API versions became. `kubectl rollout undo` writes the old template itself. Pure.
 *
 * Upstream: pkg/controller/deployment/rollback.go, v1.36.
 */
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import { isShared, revisionOf, ROLLBACK_TO, sameTemplate, withoutHash } from './replica-sets.ts';

export interface Rollback {
  /** The Deployment to write: the question is answered, whatever the answer is. */
  readonly deployment: Deployment;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** The revision that is asked for; 0n: the last one. Undefined: none, or no number. */
export function wantedRevision({ metadata }: Deployment): bigint | undefined {
  const text = metadata?.annotations?.[ROLLBACK_TO] ?? '';
  return /^[-+]?\d+$/.test(text) ? BigInt(text) : undefined;
}

/** `all`: the ReplicaSets with their revisions, the new one among them. */
export function planRollback(
  deployment: Deployment,
  wanted: bigint,
  all: readonly ReplicaSet[],
): Rollback {
  const answered = withoutQuestion(deployment);
  const revision = wanted === 0n ? lastRevision(all) : wanted;
  const found = all.find((rs) => revision !== 0n && revisionOf(rs) === revision);
  if (found === undefined) {
    const reason = 'DeploymentRollbackRevisionNotFound';
    const message =
      revision === 0n
        ? 'Unable to find last revision.'
        : 'Unable to find the revision to rollback to.';
    return { deployment: answered, type: 'Warning', reason, message };
  }
  const name = JSON.stringify(deployment.metadata?.name ?? '');
  if (sameTemplate(found.spec?.template, deployment.spec?.template)) {
    const reason = 'DeploymentRollbackTemplateUnchanged';
    const message = `The rollback revision contains the same template as current deployment ${name}`;
    return { deployment: answered, type: 'Warning', reason, message };
  }
  const message = `Rolled back deployment ${name} to revision ${revision}`;
  const reason = 'DeploymentRollback';
  return { deployment: asItWas(answered, found), type: 'Normal', reason, message };
}

function withoutQuestion(deployment: Deployment): Deployment {
  const { [ROLLBACK_TO]: _, ...annotations } = deployment.metadata?.annotations ?? {};
  return { ...deployment, metadata: { ...deployment.metadata, annotations } };
}

/** The second highest: the highest is that of the template as it is now. */
function lastRevision(all: readonly ReplicaSet[]): bigint {
  const [, last = 0n] = all.map(revisionOf).toSorted((a, b) => (a > b ? -1 : a < b ? 1 : 0));
  return last;
}

/** Template and annotations of the user, as they were when the ReplicaSet was the new one. */
function asItWas({ metadata, spec, ...others }: Deployment, rs: ReplicaSet): Deployment {
  const own = Object.entries(metadata?.annotations ?? {}).filter(([name]) => !isShared(name));
  const shared = Object.entries(rs.metadata?.annotations ?? {}).filter(([name]) => isShared(name));
  const template = withoutHash(rs.spec?.template);
  return {
    ...others,
    metadata: { ...metadata, annotations: Object.fromEntries([...own, ...shared]) },
    ...(spec === undefined || template === undefined ? {} : { spec: { ...spec, template } }),
  };
}
