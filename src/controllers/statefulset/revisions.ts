/**
 * The two revisions of a StatefulSet: the one that its Pods had, and the one that they get.
 *
 * Upstream: getStatefulSetRevisions and truncateHistory in
 * pkg/controller/statefulset/stateful_set_control.go, v1.36.
 */
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import type { ControllerRevision, StatefulSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { Client } from '#client/client.ts';
import { controllerReference } from '#reconcile/claim.ts';
import {
  atRevision,
  createRevision,
  newRevision,
  nextRevision,
  renumberRevision,
  sameData,
  templatePatch,
} from '../shared/history.ts';
import { revisionOf } from './identity.ts';

export type RevisionPlan =
  | { readonly do: 'keep'; readonly revision: ControllerRevision }
  | { readonly do: 'renumber'; readonly revision: ControllerRevision; readonly to: number }
  | { readonly do: 'create'; readonly revision: ControllerRevision };

/** Which revision the set's template is. `revisions` in their order. */
export function planRevision(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
): RevisionPlan {
  const template = set.spec?.template ?? {};
  const proposed = newRevision({
    owner: set,
    reference: controllerReference(STATEFUL_SET, set),
    template,
    revision: nextRevision(revisions),
    collisionCount: set.status?.collisionCount ?? 0,
  });
  const last = revisions.at(-1);
  const equal = revisions.findLast((revision) => sameData(revision, proposed));
  if (equal !== undefined && last !== undefined && sameData(equal, last))
    return { do: 'keep', revision: last };
  if (equal !== undefined) return { do: 'renumber', revision: equal, to: proposed.revision };
  if (last !== undefined && meansTheSame(set, last, proposed))
    return { do: 'keep', revision: last };
  return { do: 'create', revision: proposed };
}

/**
 * Whether the last revision, put back and given its defaults, is what the set has now: an older
 * release wrote the same template with other words (gate StatefulSetSemanticRevisionComparison).
 */
function meansTheSame(
  set: StatefulSet,
  last: ControllerRevision,
  proposed: ControllerRevision,
): boolean {
  const restored = structuredClone(setAt(set, last));
  STATEFUL_SET.setDefaults?.(restored);
  return equalJson(templatePatch(restored.spec?.template ?? {}), proposed.data);
}

/** The set with the template of a revision. */
export function setAt(set: StatefulSet, revision: ControllerRevision): StatefulSet {
  return atRevision(STATEFUL_SET.schema, set, revision);
}

export interface Found {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly collisionCount: number;
}

/** Finds both revisions, and writes the new one when there is none. */
export async function findRevisions(
  client: Client,
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
): Promise<Found> {
  const plan = planRevision(set, revisions);
  let collisionCount = set.status?.collisionCount ?? 0;
  let update = plan.revision;
  if (plan.do === 'renumber') update = await renumberRevision(client, plan.revision, plan.to);
  if (plan.do === 'create')
    ({ revision: update, collisionCount } = await createRevision(client, set, {
      revision: plan.revision,
      collisionCount,
    }));
  const named = set.status?.currentRevision;
  const current = revisions.find(({ metadata }) => metadata?.name === named) ?? update;
  return { current, update, collisionCount };
}

/** Revisions beyond the limit, the oldest first; never those that a Pod or the set itself has. */
export function superfluousRevisions(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  { current, update, pods }: Pick<Found, 'current' | 'update'> & { readonly pods: readonly Pod[] },
): ControllerRevision[] {
  const live = new Set([current, update].map(({ metadata }) => metadata?.name ?? ''));
  for (const pod of pods) live.add(revisionOf(pod));
  const past = revisions.filter(({ metadata }) => !live.has(metadata?.name ?? ''));
  const limit = set.spec?.revisionHistoryLimit ?? 0;
  return limit < 0 ? [] : past.slice(0, Math.max(0, past.length - limit));
}
