/**
 * What writes to pods/ephemeralcontainers and pods/resize may not change.
 *
 * Source: upstream pkg/registry/core/pod/strategy.go. Containers that were added, removed, moved or
 * renamed are left in place for validation to refuse.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';

/** Metadata of a view: all but the managed fields is the stored object's. */
function keepMetadata(next: Pod, old: Pod): void {
  const { managedFields, resourceVersion } = next.metadata ?? {};
  next.metadata = { ...old.metadata };
  if (managedFields !== undefined) next.metadata.managedFields = managedFields;
  if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
}

function keepStatus(next: Pod, old: Pod): void {
  if (old.status === undefined) delete next.status;
  else next.status = old.status;
}

export function keepAllButEphemeralContainers(next: Pod, old: Pod): void {
  const containers = next.spec?.ephemeralContainers;
  if (old.spec !== undefined) {
    next.spec = { ...old.spec };
    if (containers === undefined) delete next.spec.ephemeralContainers;
    else next.spec.ephemeralContainers = containers;
  }
  keepStatus(next, old);
  keepMetadata(next, old);
}

function withResources(next: readonly Container[], old: readonly Container[]): Container[] {
  if (next.some((container, i) => container.name !== old[i]?.name)) return [...next];
  return old.map((container, i) => {
    const { resources: _resources, resizePolicy: _policy, ...rest } = container;
    const { resources, resizePolicy } = next[i] ?? container;
    return {
      ...rest,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
}

export function keepAllButResources(next: Pod, old: Pod): void {
  const asked = next.spec;
  const stored = old.spec;
  if (asked === undefined || stored === undefined) return;
  const { initContainers = [] } = asked;
  const containers = asked.containers ?? [];
  const storedInit = stored.initContainers ?? [];
  const storedContainers = stored.containers ?? [];
  if (containers.length !== storedContainers.length || initContainers.length !== storedInit.length)
    return;
  const { resources: _resources, ...rest } = stored;
  next.spec = {
    ...rest,
    containers: withResources(containers, storedContainers),
    ...(storedInit.length === 0
      ? {}
      : { initContainers: withResources(initContainers, storedInit) }),
    ...(asked.resources === undefined ? {} : { resources: asked.resources }),
  };
  keepStatus(next, old);
  keepMetadata(next, old);
}
