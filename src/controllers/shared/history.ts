/**
 * The history of a controller's Pod template, as ControllerRevisions: what `kubectl rollout history`
 * lists and `kubectl rollout undo` goes back to.
 *
 * A revision's data is a strategic merge patch that puts the template back as it was, byte for byte
 * upstream's (keys sorted, `<`, `>` and `&` escaped), so that its hash, and the name made of it, are
 * upstream's too. Upstream: pkg/controller/history/controller_history.go, and getPatch of
 * pkg/controller/{statefulset,daemon}, v1.36.
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { toStoredGoJson } from '#api/codec/canonical.ts';
import { escapeHtml } from '#api/codec/html.ts';
import type { ControllerRevision } from '#api/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject, KubeObject, OwnerReference } from '#api/meta/object.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { typeByName } from '#api/schema/schema.ts';
import { canonicalJson, sorted } from '#api/structural/canonical-json.ts';
import type { Client } from '#client/client.ts';
import { inLetters } from './template-hash.ts';

export const REVISION_HASH = 'controller.kubernetes.io/hash';
/** On Pods: which revision they are of (its name, or of a DaemonSet its hash). */
export const POD_REVISION = 'controller-revision-hash';

const TEMPLATE = 'io.k8s.api.core.v1.PodTemplateSpec';
const NAME_PREFIX_MAX = 223;
/** As many different data under one name, one after the other, are no chance. */
const COLLISIONS_MAX = 100;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The patch that makes `template` the template of its owner. */
export function templatePatch(template: PodTemplateSpec): JsonObject {
  const written = JSON.parse(toStoredGoJson(typeByName(TEMPLATE), template)) as JsonObject;
  const patch = sorted({ spec: { template: { ...written, $patch: 'replace' } } });
  return patch as JsonObject;
}

/** A 32-bit FNV-1 of the data, then of the count of collisions as text. */
export function revisionHash(data: JsonObject, collisionCount: number): string {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(`${escapeHtml(canonicalJson(data))}${collisionCount}`))
    hash = (Math.imul(hash, FNV_PRIME) ^ byte) >>> 0;
  return inLetters(hash);
}

function revisionName(owner: string, hash: string): string {
  return `${owner.slice(0, NAME_PREFIX_MAX)}-${hash}`;
}

export interface RevisionParts {
  readonly owner: KubeObject;
  readonly reference: OwnerReference;
  readonly template: PodTemplateSpec;
  readonly revision: number;
  readonly collisionCount: number;
}

/** The revision that `template` would be. */
export function newRevision(parts: RevisionParts): ControllerRevision {
  const { owner, reference, template, revision, collisionCount } = parts;
  const { name = '', namespace = '', annotations } = owner.metadata ?? {};
  const data = templatePatch(template);
  const hash = revisionHash(data, collisionCount);
  return {
    metadata: {
      name: revisionName(name, hash),
      namespace,
      labels: { ...template.metadata?.labels, [REVISION_HASH]: hash },
      annotations: { ...annotations },
      ownerReferences: [reference],
    },
    data,
    revision,
  };
}

/** By number, then by age, then by name. */
export function sortRevisions(revisions: readonly ControllerRevision[]): ControllerRevision[] {
  return revisions.toSorted(
    (a, b) =>
      a.revision - b.revision ||
      createdMs(a) - createdMs(b) ||
      ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1),
  );
}

function createdMs({ metadata }: ControllerRevision): number {
  return Date.parse(metadata?.creationTimestamp ?? '') || 0;
}

/** One more than the last of `sorted`. */
export function nextRevision(inOrder: readonly ControllerRevision[]): number {
  return (inOrder.at(-1)?.revision ?? 0) + 1;
}

/** Whether both hold the same template. */
export function sameData(a: ControllerRevision, b: ControllerRevision): boolean {
  return equalJson(a.data, b.data);
}

/** `owner`, of the type with this OpenAPI model name, with the template that `revision` holds. */
export function atRevision<T extends KubeObject>(
  typeName: string,
  owner: T,
  revision: ControllerRevision,
): T {
  const merged = strategicMerge(
    typeByName(typeName),
    // Sound: an API object is JSON, and the patch leaves it one of its type.
    owner as unknown as JsonObject,
    revision.data ?? {},
  );
  return merged as unknown as T;
}

/**
 * Creates `revision`. A name that is taken by the same data is this revision, made by a pass whose
 * answer was lost; by other data it is a collision, and the next count gives another name.
 */
export async function createRevision(
  client: Client,
  owner: KubeObject,
  { revision, collisionCount }: { revision: ControllerRevision; collisionCount: number },
): Promise<{ readonly revision: ControllerRevision; readonly collisionCount: number }> {
  const { name = '', namespace = '' } = owner.metadata ?? {};
  for (let count = collisionCount; count < collisionCount + COLLISIONS_MAX; count++) {
    const wanted = revisionName(name, revisionHash(revision.data ?? {}, count));
    const draft = { ...revision, metadata: { ...revision.metadata, name: wanted } };
    try {
      return {
        revision: await client.create(CONTROLLER_REVISION, draft),
        collisionCount: count,
      };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const there = await client.get(CONTROLLER_REVISION, wanted, namespace);
      if (sameData(there, revision)) return { revision: there, collisionCount: count };
    }
  }
  throw new Error(`Cannot name a revision of ${name}: ${COLLISIONS_MAX} names are taken`);
}

/** Gives an old revision a new number: going back is a step forward. */
export async function renumberRevision(
  client: Client,
  old: ControllerRevision,
  revision: number,
): Promise<ControllerRevision> {
  if (old.revision === revision) return old;
  return client.update(CONTROLLER_REVISION, { ...old, revision });
}

/** Deletes them one after the other; those that are gone are no failure. */
export async function deleteRevisions(
  client: Client,
  revisions: readonly ControllerRevision[],
): Promise<void> {
  for (const { metadata } of revisions) {
    const { name = '', namespace = '' } = metadata ?? {};
    await client.delete(CONTROLLER_REVISION, { name, namespace }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}
