/** Finalizers of an object, as copies: objects of caches are not changed. */
import type { KubeObject } from '#api/meta/object.ts';

/** The object with `finalizer`; undefined: it has it. */
export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T | undefined {
  const finalizers = object.metadata?.finalizers ?? [];
  if (finalizers.includes(finalizer)) return undefined;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

/** The object without `finalizer`; undefined: it has it not. */
export function withoutFinalizer<T extends KubeObject>(
  object: T,
  finalizer: string,
): T | undefined {
  const finalizers = object.metadata?.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return undefined;
  const kept = finalizers.filter((each) => each !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers: kept } };
}
