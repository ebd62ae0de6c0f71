/** Values at the paths that the published standards name, `containers[*]` and `volumes[*]` included. */

type Fields = Readonly<Record<string, unknown>>;

/** Each value at `path` of `object`; undefined where a field on the way is not there. */
export function valuesAt(object: unknown, path: string): unknown[] {
  return path === '' ? [object] : step([object], path.split('.'));
}

function step(values: readonly unknown[], [name, ...rest]: readonly string[]): unknown[] {
  if (name === undefined) return [...values];
  const isList = name.endsWith('[*]');
  const field = isList ? name.slice(0, -'[*]'.length) : name;
  const next = values.flatMap((value) => {
    const found = (value as Fields | undefined)?.[field];
    // A list that is not there has no items.
    return isList ? ((found ?? []) as unknown[]) : [found];
  });
  return step(next, rest);
}

const CONTAINERS = ['initContainers', 'containers', 'ephemeralContainers'];

/** Values at `path` of every container of every sort. */
export function inContainers(pod: unknown, path: string): unknown[] {
  return CONTAINERS.flatMap((list) => valuesAt(pod, `spec.${list}[*].${path}`));
}
