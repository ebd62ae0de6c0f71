/** Objects as the API server handles them: any kind, as parsed JSON with typed metadata. */
import type { JsonObject, KubeObject, ObjectMeta } from '#api/meta/object.ts';
import { cloneJson } from '#api/patch/json.ts';

export type ApiObject = KubeObject & { [key: string]: unknown };

/** The metadata of `object`, made when it is missing. */
export function metadataOf(object: KubeObject): ObjectMeta {
  object.metadata ??= {};
  return object.metadata;
}

/** A copy that shares nothing. Objects are JSON, so this needs no general clone, which costs thrice. */
export function copyOf<T extends KubeObject>(object: T): T {
  return cloneJson(object as unknown as JsonObject) as unknown as T;
}

/** RFC 3339 in whole seconds, as meta/v1 Time. */
export function timeText(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}

/** Deep equality of JSON values; the order of keys does not count. */
export function equalJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return false;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((value, index) => equalJson(value, right[index]))
    );
  }
  if (Array.isArray(right)) return false;
  const a = left as Record<string, unknown>;
  const b = right as Record<string, unknown>;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  const others = Object.keys(b).filter((key) => b[key] !== undefined);
  return (
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]))
  );
}
