/** Objects as the API server handles them: any kind, as parsed JSON with typed metadata. */
import type { JsonObject, KubeObject, ObjectMeta } from '#api/meta/object.ts';
import { cloneJson } from '#api/meta/json.ts';

export type ApiObject = KubeObject & { [key: string]: unknown };

/** The metadata of `object`, made when it is missing. */
export function metadataOf(object: KubeObject): ObjectMeta {
  object.metadata ??= {};
  return object.metadata;
}

/** Takes out of the metadata of a new object what the server alone says. Changes `object`. */
export function forgetSystemFields(object: KubeObject): void {
  const metadata = metadataOf(object);
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

/** A copy that shares nothing. Objects are JSON, so this needs no general clone, which costs thrice. */
export function copyOf<T extends KubeObject>(object: T): T {
  return cloneJson(object as unknown as JsonObject) as unknown as T;
}
