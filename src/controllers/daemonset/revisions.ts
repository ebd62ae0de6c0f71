/**
 * The history of a DaemonSet: the revision that its template is, and those before it.
 *
 * Unlike a StatefulSet's, a revision is named by the hash of the template, which its Pods carry.
 * Upstream: constructHistory and cleanupHistory in pkg/controller/daemon/update.go, v1.36.
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { POD } from '#api/core/pod.ts';
import type { ControllerRevision, DaemonSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { controllerReference } from '#reconcile/claim.ts';
import {
  deleteRevisions,
  POD_REVISION,
  renumberRevision,
  sortRevisions,
  templatePatch,
} from '../shared/history.ts';
import { templateHash } from '../shared/template-hash.ts';

export interface History {
  readonly current: ControllerRevision;
  /** In the order of their numbers. */
  readonly old: readonly ControllerRevision[];
}

/** What Pods of this revision carry. */
export function hashOf({ metadata }: ControllerRevision): string {
  return metadata?.labels?.[POD_REVISION] ?? '';
}

/** Finds the revision of the set's template among its own, and writes it when there is none. */
export async function findHistory(
  client: Client,
  set: DaemonSet,
  { revisions, pods }: { revisions: readonly ControllerRevision[]; pods: readonly Pod[] },
): Promise<History> {
  const data = templatePatch(set.spec?.template ?? {});
  const marked: ControllerRevision[] = [];
  for (const revision of revisions) marked.push(await withHash(client, revision));
  const inOrder = sortRevisions(marked);
  const equal = inOrder.filter((revision) => equalJson(revision.data, data));
  const old = inOrder.filter((revision) => !equal.includes(revision));
  const number = (old.at(-1)?.revision ?? 0) + 1;
  const last = equal.at(-1);
  if (last === undefined) return { current: await snapshot(client, set, { data, number }), old };
  if (equal.length > 1) await removeTwins(client, last, { twins: equal.slice(0, -1), pods });
  const current = last.revision < number ? await renumberRevision(client, last, number) : last;
  return { current, old };
}

/** A revision that another release made has no hash yet; its name is as good as one. */
async function withHash(client: Client, revision: ControllerRevision): Promise<ControllerRevision> {
  if (revision.metadata?.labels?.[POD_REVISION] !== undefined) return revision;
  const { metadata } = revision;
  const labels = { ...metadata?.labels, [POD_REVISION]: metadata?.name ?? '' };
  return client.update(CONTROLLER_REVISION, { ...revision, metadata: { ...metadata, labels } });
}

/** Of several revisions with the same data one stays, and all Pods are marked with it. */
async function removeTwins(
  client: Client,
  kept: ControllerRevision,
  { twins, pods }: { twins: readonly ControllerRevision[]; pods: readonly Pod[] },
): Promise<void> {
  const labels = { [POD_REVISION]: hashOf(kept) };
  for (const { metadata } of pods) {
    if (metadata?.labels?.[POD_REVISION] === hashOf(kept)) continue;
    const { name = '', namespace = '' } = metadata ?? {};
    await client.patch(POD, { name, namespace }, 'merge', { metadata: { labels } });
  }
  await deleteRevisions(client, twins);
}

async function snapshot(
  client: Client,
  set: DaemonSet,
  { data, number }: { readonly data: JsonObject; readonly number: number },
): Promise<ControllerRevision> {
  const { name = '', namespace = '', annotations } = set.metadata ?? {};
  const template = set.spec?.template ?? {};
  const hash = templateHash(template, set.status?.collisionCount);
  const metadata = {
    name: `${name}-${hash}`,
    namespace,
    labels: { ...template.metadata?.labels, [POD_REVISION]: hash },
    annotations: { ...annotations },
    ownerReferences: [controllerReference(DAEMON_SET, set)],
  };
  try {
    return await client.create(CONTROLLER_REVISION, { metadata, data, revision: number });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const there = await client.get(CONTROLLER_REVISION, metadata.name, namespace);
    if (equalJson(there.data, data)) return there;
    await countCollision(client, set);
    throw error;
  }
}

/** Other data have the name: the next pass takes another. */
async function countCollision(client: Client, set: DaemonSet): Promise<void> {
  const { name = '', namespace = '' } = set.metadata ?? {};
  const fresh = await client.get(DAEMON_SET, name, namespace);
  const [known, now] = [set.status?.collisionCount, fresh.status?.collisionCount];
  if (known !== now) {
    const counts = `(${known ?? 'none'}, expected ${now ?? 'none'})`;
    throw new Error(
      `found a stale collision count ${counts} of DaemonSet ${JSON.stringify(name)} while processing; will retry until it is updated`,
    );
  }
  const counted = { collisionCount: (now ?? 0) + 1 };
  const status =
    fresh.status === undefined ? { ...NO_COUNTS, ...counted } : { ...fresh.status, ...counted };
  await client.update(DAEMON_SET, { ...fresh, status }, 'status');
}

const NO_COUNTS = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

/** Old revisions beyond the limit, the oldest first, that no Pod is of. */
export function superfluousRevisions(
  set: DaemonSet,
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
): ControllerRevision[] {
  const surplus = old.length - (set.spec?.revisionHistoryLimit ?? 0);
  const live = new Set(pods.map(({ metadata }) => metadata?.labels?.[POD_REVISION]));
  return old.filter((revision) => !live.has(hashOf(revision))).slice(0, Math.max(0, surplus));
}
