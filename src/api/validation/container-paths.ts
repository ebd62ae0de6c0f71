/** Every container of a pod, with its path. */
import type { PodSpec } from '#api/gen/core-v1.ts';
import type { FieldPath } from '../meta/field.ts';

/** All containers of a spec: init, regular, ephemeral. */
export function containersWithPaths(spec: PodSpec, at: FieldPath) {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, i) => ({ container, path: at.child(field).index(i) })),
  );
}
