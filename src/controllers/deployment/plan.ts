/**
 * What one pass over a Deployment does to its ReplicaSets. Pure.
 *
 *   paused, or resized      bring the existing ReplicaSets to the new size, in proportion
 *   RollingUpdate           new one up as far as maxSurge allows, old ones down as far as
 *                           maxUnavailable allows; unhealthy old Pods first
 *                           (stricter than upstream: numbers that a ReplicaSet's controller has not
 *                           caught up with are taken at their worst)
 *   Recreate                old ones to 0, and when their Pods are gone the new one up
 *                           (stricter than upstream: a ReplicaSet whose controller has not looked
 *                           since may have Pods that no cache shows yet)
 *
 * Upstream: pkg/controller/deployment/{sync,rolling,recreate}.go, v1.36.
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import { controllerReference } from '#reconcile/claim.ts';
import {
  desiredReplicas,
  isRollingUpdate,
  maxSurge,
  maxUnavailable,
  revisionHistoryLimit,
} from './limits.ts';
import {
  availabilityIsUncertain,
  availableOf,
  byAge,
  byRevision,
  bySizeNewer,
  bySizeOlder,
  isActive,
  isUnobserved,
  mayHavePods,
  newAnnotations,
  rememberedMaxReplicas,
  rememberedReplicas,
  replicasOf,
  revisionOf,
  scaled,
  sizeAnnotations,
  TEMPLATE_HASH,
  totalOccupied,
  totalReplicas,
} from './replica-sets.ts';
import { templateHash } from '../shared/template-hash.ts';
import { sameMap } from '../shared/maps.ts';

const NAME_LENGTH_MAX = 253;

export interface World {
  readonly deployment: Deployment;
  readonly newRs: ReplicaSet | undefined;
  /** Oldest first. */
  readonly oldRss: readonly ReplicaSet[];
  /** Whether a Pod of an old ReplicaSet may still run. Only asked for Recreate. */
  oldPodsRunning(): boolean;
}

export interface Plan {
  /** To be created; `newRs` below is the same object. */
  readonly create: ReplicaSet | undefined;
  readonly updates: readonly { readonly before: ReplicaSet; readonly after: ReplicaSet }[];
  readonly deletes: readonly ReplicaSet[];
  /** The ReplicaSets as the plan leaves them. */
  readonly newRs: ReplicaSet | undefined;
  readonly oldRss: readonly ReplicaSet[];
  /** Whether this pass is part of a rollout, whose progress is reported. */
  readonly isRollout: boolean;
}

export function planDeployment(world: World): Plan {
  const { deployment } = world;
  const draft = new Draft(world);
  if (deployment.metadata?.deletionTimestamp !== undefined) return draft.finish(false);
  draft.annotateNew();
  const paused = deployment.spec?.paused === true;
  if (paused || isScalingEvent(world)) {
    scaleAll(draft);
    if (paused) draft.cleanUp();
    return draft.finish(false);
  }
  if (isRollingUpdate(deployment)) rollOn(draft);
  else recreate(draft, world);
  return draft.finish(true);
}

/** What must be there before a Deployment can go back: the revision that it has now. */
export function planCurrentRevision(world: World): Plan {
  const draft = new Draft(world);
  draft.annotateNew();
  draft.createNew();
  return draft.finish(false);
}

/** The ReplicaSets as they will be; remembers which of them changed. */
class Draft {
  readonly deployment: Deployment;
  newRs: ReplicaSet | undefined;
  oldRss: ReplicaSet[];
  readonly #world: World;
  #create = false;
  #deletes: ReplicaSet[] = [];

  constructor(world: World) {
    this.#world = world;
    this.deployment = world.deployment;
    this.newRs = world.newRs;
    this.oldRss = [...world.oldRss];
  }

  get all(): ReplicaSet[] {
    return this.newRs === undefined ? this.oldRss : [...this.oldRss, this.newRs];
  }

  /** The new ReplicaSet has the highest revision, and the Deployment's annotations. */
  annotateNew(): void {
    const { deployment, newRs } = this;
    if (newRs === undefined) return;
    const annotations = newAnnotations(deployment, newRs, this.#nextRevision());
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    if (
      sameMap(annotations, newRs.metadata?.annotations) &&
      (newRs.spec?.minReadySeconds ?? 0) === minReadySeconds
    ) {
      return;
    }
    this.newRs = {
      ...newRs,
      metadata: { ...newRs.metadata, annotations },
      spec: { ...newRs.spec, minReadySeconds },
    };
  }

  createNew(): void {
    if (this.newRs !== undefined) return;
    this.newRs = newReplicaSet(this.deployment, this.#nextRevision());
    this.newRs = scaled(this.deployment, this.newRs, newReplicas(this));
    this.#create = true;
  }

  /** Sets a size. With `force` the size annotations are renewed even when the size is right. */
  scale(rs: ReplicaSet, replicas: number, force = false): boolean {
    const resized = replicasOf(rs) !== replicas;
    const { deployment } = this;
    const stale = !sameMap(
      { ...rs.metadata?.annotations, ...sizeAnnotations(deployment) },
      rs.metadata?.annotations,
    );
    if (!resized && !(force && stale)) return false;
    const after = scaled(deployment, rs, replicas);
    if (rs === this.newRs) this.newRs = after;
    else this.oldRss = this.oldRss.map((old) => (old === rs ? after : old));
    return resized;
  }

  /** Deletes the oldest empty ReplicaSets beyond the history limit. */
  cleanUp(): void {
    const limit = revisionHistoryLimit(this.deployment);
    if (limit === undefined) return;
    const alive = this.oldRss.filter((rs) => rs.metadata?.deletionTimestamp === undefined);
    const surplus = Math.max(0, alive.length - limit);
    this.#deletes = alive.toSorted(byRevision).slice(0, surplus).filter(isEmpty);
  }

  finish(isRollout: boolean): Plan {
    const before = [...this.#world.oldRss, this.#world.newRs];
    const after = [...this.oldRss, this.#create ? undefined : this.newRs];
    const updates = before.flatMap((rs, i) => {
      const changed = after[i];
      return rs === undefined || changed === undefined || rs === changed
        ? []
        : [{ before: rs, after: changed }];
    });
    return {
      create: this.#create ? this.newRs : undefined,
      updates,
      deletes: this.#deletes,
      newRs: this.newRs,
      oldRss: this.oldRss,
      isRollout,
    };
  }

  #nextRevision(): bigint {
    const revisions = this.#world.oldRss.map(revisionOf);
    return revisions.reduce((highest, each) => (each > highest ? each : highest), 0n) + 1n;
  }
}

/** Nothing runs in it, and its controller has seen that. */
function isEmpty(rs: ReplicaSet): boolean {
  const seen = (rs.status?.observedGeneration ?? 0) >= (rs.metadata?.generation ?? 0);
  return (rs.status?.replicas ?? 0) === 0 && replicasOf(rs) === 0 && seen;
}

/** The user changed `spec.replicas` since a ReplicaSet with Pods was last sized. */
function isScalingEvent({ deployment, newRs, oldRss }: World): boolean {
  const all = newRs === undefined ? oldRss : [...oldRss, newRs];
  return all.filter(isActive).some((rs) => {
    const remembered = rememberedReplicas(rs);
    return remembered !== undefined && remembered !== desiredReplicas(deployment);
  });
}

// Scaling

function scaleAll(draft: Draft): void {
  const { deployment } = draft;
  const only = activeOrLatest(draft);
  if (only !== undefined) {
    const size = desiredReplicas(deployment);
    const others = draft.all.filter((rs) => rs !== only);
    if (size > replicasOf(only) && !hasRoom(deployment, others, size)) return;
    // Where the size is right already, what it remembers may not be: as long as it remembers another
    // one, every pass would take that for scaling, and none would roll out.
    draft.scale(only, size, true);
    return;
  }
  if (isSaturated(draft)) {
    for (const old of draft.oldRss.filter(isActive)) draft.scale(old, 0);
    return;
  }
  if (isRollingUpdate(deployment)) scaleInProportion(draft);
}

/**
 * Whether so many Pods may come beside those of `all`, which may have more than they shall. Until
 * there is room the size that is remembered stays another one, so that the next pass scales.
 */
function hasRoom(deployment: Deployment, all: readonly ReplicaSet[], more: number): boolean {
  const allowed = desiredReplicas(deployment) + maxSurge(deployment);
  return !all.some(isUnobserved) && totalOccupied(all) + more <= allowed;
}

/** The only ReplicaSet with Pods; the newest when none has any; undefined when several have. */
function activeOrLatest({ newRs, oldRss, all }: Draft): ReplicaSet | undefined {
  const active = all.filter(isActive);
  if (active.length === 0) return newRs ?? oldRss.toSorted(byAge).at(-1);
  return active.length === 1 ? active[0] : undefined;
}

/** The new ReplicaSet has all the Pods that the Deployment wants, and they are available. */
function isSaturated({ deployment, newRs }: Draft): boolean {
  if (newRs === undefined) return false;
  const replicas = desiredReplicas(deployment);
  return (
    replicasOf(newRs) === replicas &&
    rememberedReplicas(newRs) === replicas &&
    (newRs.status?.availableReplicas ?? 0) === replicas
  );
}

/** In the middle of a rollout each ReplicaSet gets its share of what is added or taken away. */
function scaleInProportion(draft: Draft): void {
  const { deployment } = draft;
  const active = draft.all.filter(isActive);
  const replicas = desiredReplicas(deployment);
  const allowed = replicas > 0 ? replicas + maxSurge(deployment) : 0;
  const toAdd = allowed - totalReplicas(active);
  if (toAdd > 0 && !hasRoom(deployment, draft.all, toAdd)) return;
  if (toAdd > 0) active.sort(bySizeNewer);
  else if (toAdd < 0) active.sort(bySizeOlder);
  let added = 0;
  const sizes = active.map((rs) => {
    const share = proportion(draft, rs, toAdd - added);
    added += share;
    return replicasOf(rs) + share;
  });
  for (const [i, rs] of active.entries()) {
    // What rounding left over goes to the largest.
    const leftover = i === 0 ? toAdd - added : 0;
    draft.scale(rs, Math.max(0, (sizes[i] ?? 0) + leftover), true);
  }
}

function proportion({ deployment }: Draft, rs: ReplicaSet, left: number): number {
  if (left === 0) return 0;
  const fraction = fractionOf(deployment, rs);
  return left > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function fractionOf(deployment: Deployment, rs: ReplicaSet): number {
  const replicas = desiredReplicas(deployment);
  if (replicas === 0) return -replicasOf(rs);
  const before = rememberedMaxReplicas(rs) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  const size = (replicasOf(rs) * (replicas + maxSurge(deployment))) / before;
  return Math.round(size) - replicasOf(rs);
}

// Rolling update

function rollOn(draft: Draft): void {
  draft.createNew();
  const { newRs } = draft;
  if (newRs === undefined) return;
  if (
    replicasOf(newRs) !== desiredReplicas(draft.deployment) &&
    draft.scale(newRs, newReplicas(draft))
  )
    return;
  if (scaleDownOld(draft)) return;
  if (isComplete(draft.deployment)) draft.cleanUp();
}

/** The size that the new ReplicaSet may have now. */
function newReplicas({ deployment, newRs, all }: Draft): number {
  const replicas = desiredReplicas(deployment);
  const current = newRs === undefined ? 0 : replicasOf(newRs);
  if (!isRollingUpdate(deployment) || current > replicas) return replicas;
  if (all.some(isUnobserved)) return current;
  const room = replicas + maxSurge(deployment) - totalOccupied(all);
  return room <= 0 ? current : current + Math.min(room, replicas - current);
}

function scaleDownOld(draft: Draft): boolean {
  const { deployment, newRs } = draft;
  if (newRs === undefined || totalReplicas(draft.oldRss) === 0) return false;
  if (draft.all.some(availabilityIsUncertain)) return false;
  const minAvailable = desiredReplicas(deployment) - maxUnavailable(deployment);
  const room = totalReplicas(draft.all) - minAvailable - (replicasOf(newRs) - availableOf(newRs));
  if (room <= 0) return false;
  const cleaned = removeUnhealthy(draft, room);
  const available = draft.all.reduce((sum, rs) => sum + availableOf(rs), 0);
  return cleaned + removeHealthy(draft, available - minAvailable) > 0;
}

/** Old Pods that are not available cost nothing; and they could block the rollout for ever. */
function removeUnhealthy(draft: Draft, countMax: number): number {
  let count = 0;
  for (const rs of draft.oldRss.filter(isActive).toSorted(byAge)) {
    const unhealthy = replicasOf(rs) - availableOf(rs);
    const fewer = Math.min(countMax - count, unhealthy);
    if (fewer <= 0) continue;
    draft.scale(rs, replicasOf(rs) - fewer);
    count += fewer;
  }
  return count;
}

function removeHealthy(draft: Draft, countMax: number): number {
  let count = 0;
  for (const rs of draft.oldRss.filter(isActive).toSorted(byAge)) {
    const fewer = Math.min(replicasOf(rs), countMax - count);
    if (fewer <= 0) break;
    draft.scale(rs, replicasOf(rs) - fewer);
    count += fewer;
  }
  return count;
}

/** All desired Pods are of the new template and available, and no other is there. */
export function isComplete(deployment: Deployment, status = deployment.status): boolean {
  const replicas = desiredReplicas(deployment);
  return (
    (status?.updatedReplicas ?? 0) === replicas &&
    (status?.replicas ?? 0) === replicas &&
    (status?.availableReplicas ?? 0) === replicas &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

// Recreate

function recreate(draft: Draft, world: World): void {
  const active = draft.oldRss.filter(isActive);
  for (const rs of active) draft.scale(rs, 0);
  if (active.length > 0 || draft.oldRss.some(mayHavePods) || world.oldPodsRunning()) return;
  draft.createNew();
  const { newRs } = draft;
  if (newRs !== undefined) draft.scale(newRs, desiredReplicas(draft.deployment));
  if (isComplete(draft.deployment)) draft.cleanUp();
}

// The new ReplicaSet

function newReplicaSet(deployment: Deployment, revision: bigint): ReplicaSet {
  const { name = '', namespace = '' } = deployment.metadata ?? {};
  const { template = {}, selector, minReadySeconds = 0 } = deployment.spec ?? {};
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH]: hash };
  const rs: ReplicaSet = {
    metadata: {
      name: `${name.slice(0, NAME_LENGTH_MAX - 1 - hash.length)}-${hash}`,
      namespace,
      labels,
      ownerReferences: [controllerReference(DEPLOYMENT, deployment)],
    },
    spec: {
      replicas: 0,
      minReadySeconds,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [TEMPLATE_HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  return {
    ...rs,
    metadata: { ...rs.metadata, annotations: newAnnotations(deployment, rs, revision) },
  };
}
