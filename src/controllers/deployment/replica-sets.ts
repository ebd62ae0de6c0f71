/**
 * The ReplicaSets of a Deployment: which is the new one, what is written on each, and in which
 * order they are taken.
 *
 * Upstream: pkg/controller/deployment/util/deployment_util.go and
 * pkg/controller/controller_utils.go, v1.36.
 */
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { desiredReplicas, maxSurge } from './limits.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
/** Tells the Pods of one ReplicaSet from those of its siblings. */
export const TEMPLATE_HASH = 'pod-template-hash';

/** On a Deployment: the revision that it is to go back to. */
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

const REVISION_HISTORY_CHARS_MAX = 2000;
/** Annotations that Deployment and ReplicaSets do not get from each other. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** Whether an annotation speaks of the user's Deployment, not of this one object. */
export function isShared(annotation: string): boolean {
  return !NOT_COPIED.has(annotation);
}

export function replicasOf(rs: ReplicaSet): number {
  return rs.spec?.replicas ?? 0;
}

export function totalReplicas(all: readonly ReplicaSet[]): number {
  return all.reduce((sum, rs) => sum + replicasOf(rs), 0);
}

export function totalAvailable(all: readonly ReplicaSet[]): number {
  return all.reduce((sum, rs) => sum + (rs.status?.availableReplicas ?? 0), 0);
}

/** Pods that exist or will: a ReplicaSet that was scaled down has its old Pods until it acts. */
export function totalOccupied(all: readonly ReplicaSet[]): number {
  return all.reduce((sum, rs) => sum + Math.max(replicasOf(rs), rs.status?.replicas ?? 0), 0);
}

/** Available Pods that will stay: those beyond the wanted size are about to go. */
export function availableOf(rs: ReplicaSet): number {
  return Math.min(replicasOf(rs), rs.status?.availableReplicas ?? 0);
}

/** Changed since its controller looked: it may have more Pods than it reports. */
export function isUnobserved({ metadata, status }: ReplicaSet): boolean {
  return (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);
}

/** Changed since its controller looked: available Pods that it reports may be going. */
export function availabilityIsUncertain(rs: ReplicaSet): boolean {
  return (rs.status?.availableReplicas ?? 0) > 0 && isUnobserved(rs);
}

/** Its controller has not said yet that the last Pod is gone. */
export function mayHavePods(rs: ReplicaSet): boolean {
  const { replicas = 0, terminatingReplicas = 0 } = rs.status ?? {};
  return isUnobserved(rs) || replicas > 0 || terminatingReplicas > 0;
}

export function isActive(rs: ReplicaSet): boolean {
  return replicasOf(rs) > 0;
}

/** Oldest first; names break ties. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  return compare(a.metadata?.creationTimestamp, b.metadata?.creationTimestamp) || byName(a, b);
}

/** Largest first; of equal ones the newer. */
export function bySizeNewer(a: ReplicaSet, b: ReplicaSet): number {
  return replicasOf(b) - replicasOf(a) || byAge(b, a);
}

/** Largest first; of equal ones the older. */
export function bySizeOlder(a: ReplicaSet, b: ReplicaSet): number {
  return replicasOf(b) - replicasOf(a) || byAge(a, b);
}

export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [first, second] = [revisionOf(a), revisionOf(b)];
  if (first !== second) return first < second ? -1 : 1;
  return byAge(a, b);
}

function byName(a: ReplicaSet, b: ReplicaSet): number {
  return compare(a.metadata?.name, b.metadata?.name);
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** 0 when there is none, or it is no number. Revisions have 64 bits: adopted ones may be large. */
export function revisionOf(rs: ReplicaSet): bigint {
  const value = rs.metadata?.annotations?.[REVISION] ?? '';
  return /^\d+$/.test(value) ? BigInt(value) : 0n;
}

export interface Divided {
  /** The one whose template is the Deployment's; the oldest, should there be several. */
  readonly newRs: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly oldRss: readonly ReplicaSet[];
}

export function divide(deployment: Deployment, all: readonly ReplicaSet[]): Divided {
  const sorted = all.toSorted(byAge);
  const newRs = sorted.find((rs) => sameTemplate(rs.spec?.template, deployment.spec?.template));
  return { newRs, oldRss: sorted.filter((rs) => rs !== newRs) };
}

/** Whether two templates are equal apart from the label that tells ReplicaSets apart. */
export function sameTemplate(
  a: PodTemplateSpec | undefined,
  b: PodTemplateSpec | undefined,
): boolean {
  return equalValues(withoutHash(a), withoutHash(b));
}

export function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  if (template?.metadata?.labels?.[TEMPLATE_HASH] === undefined) return template;
  const { [TEMPLATE_HASH]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

/**
 * The annotations that the new ReplicaSet must have: the Deployment's own, the next revision, and
 * the revisions it had before when the Deployment rolled back to it.
 */
export function newAnnotations(
  deployment: Deployment,
  rs: ReplicaSet,
  revision: bigint,
): Record<string, string> {
  const annotations = { ...rs.metadata?.annotations };
  for (const [name, value] of Object.entries(deployment.metadata?.annotations ?? {})) {
    if (isShared(name)) annotations[name] = value;
  }
  const before = annotations[REVISION];
  if (before !== undefined && before !== '' && !/^\d+$/.test(before)) return annotations;
  if (BigInt(before ?? 0) >= revision) return annotations;
  annotations[REVISION] = String(revision);
  if (before === undefined || before === '') return annotations;
  const history = appendRevision(annotations[REVISION_HISTORY] ?? '', before);
  if (history !== undefined) annotations[REVISION_HISTORY] = history;
  return annotations;
}

/** Drops the oldest revisions when the list grows too long; undefined when nothing fits. */
function appendRevision(history: string, revision: string): string | undefined {
  if (history === '') return revision;
  const revisions = [...history.split(','), revision];
  while (revisions.length > 1 && revisions.join(',').length > REVISION_HISTORY_CHARS_MAX)
    revisions.shift();
  const text = revisions.join(',');
  return text.length > REVISION_HISTORY_CHARS_MAX ? undefined : text;
}

/** What each ReplicaSet remembers of the Deployment's size, for scaling in proportion. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = desiredReplicas(deployment);
  return {
    [DESIRED_REPLICAS]: String(replicas),
    [MAX_REPLICAS]: String(replicas + maxSurge(deployment)),
  };
}

/** The Deployment's size when this ReplicaSet was last scaled; undefined when not written. */
export function rememberedReplicas(rs: ReplicaSet): number | undefined {
  return annotatedNumber(rs, DESIRED_REPLICAS);
}

export function rememberedMaxReplicas(rs: ReplicaSet): number | undefined {
  return annotatedNumber(rs, MAX_REPLICAS);
}

function annotatedNumber(rs: ReplicaSet, name: string): number | undefined {
  const value = rs.metadata?.annotations?.[name] ?? '';
  const number = /^\d+$/.test(value) ? Number(value) : undefined;
  return number === undefined || number > 0x7fffffff ? undefined : number;
}

/** `rs` at another size, with the Deployment's size written on it. */
export function scaled(deployment: Deployment, rs: ReplicaSet, replicas: number): ReplicaSet {
  return {
    ...rs,
    metadata: {
      ...rs.metadata,
      annotations: { ...rs.metadata?.annotations, ...sizeAnnotations(deployment) },
    },
    spec: { ...rs.spec, replicas },
  };
}
