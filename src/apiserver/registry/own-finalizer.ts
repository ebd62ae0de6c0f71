/**
 * The first DELETE of an object whose kind has a finalizer of its own (a CustomResourceDefinition):
 * it only marks the object. What the request says of propagation counts when it comes again.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/registry/customresourcedefinition/etcd.go.
 */
import { conflict } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { DeleteOptions } from './options.ts';
import type { Resource } from './resource.ts';

/** Throws 409 when the object is not the one that the request means, in this storage's words. */
export function checkOwnPreconditions(
  { groupResource }: Resource,
  object: ApiObject,
  { name, preconditions }: DeleteOptions,
): void {
  const metadata = metadataOf(object);
  for (const [what, asked, actual] of [
    ['UID', preconditions?.uid, metadata.uid],
    ['ResourceVersion', preconditions?.resourceVersion, metadata.resourceVersion],
  ]) {
    if (asked === undefined || asked === actual) continue;
    const detail = `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${actual ?? ''}`;
    throw conflict(groupResource, name, detail);
  }
}

/** Marks `object`, which it changes. Answers false when the kind has none, or it is marked. */
export function beginOwnDeletion({ kind }: Resource, object: ApiObject, nowMs: number): boolean {
  const metadata = metadataOf(object);
  const finalizer = kind.deletionFinalizer;
  if (finalizer === undefined || metadata.deletionTimestamp !== undefined) return false;
  metadata.deletionTimestamp = timeText(nowMs);
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) metadata.finalizers = [...finalizers, finalizer];
  kind.prepareForDeletion?.(object);
  return true;
}
