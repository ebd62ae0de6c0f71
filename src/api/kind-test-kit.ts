/** For tests: what the API server does to objects of a kind, without storing them. */
import type { Kind, WriteContext } from './kind.ts';
import type { KubeObject } from './meta/object.ts';

export const NOW = Date.parse('2026-01-02T03:04:05Z');
export const UID = '00000000-0000-0000-0000-000000000001';

export const CONTEXT: WriteContext = {
  nowMs: NOW,
  uuid: () => UID,
  warn: () => undefined,
  user: { name: 'somebody', groups: ['some'] },
};

/** An object with its defaults, as every decode gives it. */
export function decoded<T extends KubeObject>(kind: Kind<T>, object: T): T {
  const copy = structuredClone(object);
  kind.setDefaults?.(copy);
  return copy;
}

/** An object as a create stores it. */
export function created<T extends KubeObject>(kind: Kind<T>, object: T): T {
  const copy = decoded(kind, object);
  copy.metadata = { uid: UID, ...copy.metadata };
  kind.prepareForCreate?.(copy, CONTEXT);
  return copy;
}

/** What a create of `object` is refused for, beyond its metadata. */
export function createErrors<T extends KubeObject>(kind: Kind<T>, object: T): string[] {
  const copy = created(kind, object);
  const errors = [...(kind.validate?.(copy) ?? []), ...(kind.validateCreate?.(copy) ?? [])];
  return errors.map((error) => error.text());
}

/** What an update from `old` to `next` is refused for, beyond its metadata. */
export function updateErrors<T extends KubeObject>(kind: Kind<T>, next: T, old: T): string[] {
  const [after, before] = [decoded(kind, next), created(kind, old)];
  kind.prepareForUpdate?.(after, before, CONTEXT);
  const errors = [
    ...(kind.validate?.(after) ?? []),
    ...(kind.validateUpdate?.(after, before) ?? []),
  ];
  return errors.map((error) => error.text());
}

/** What an update of the status from `old` to `next` is refused for. */
export function statusErrors<T extends KubeObject>(kind: Kind<T>, next: T, old: T): string[] {
  return (kind.validateStatus?.(next, old, CONTEXT) ?? []).map((error) => error.text());
}

/** The cells of the object's row by the names of the columns. */
export function row<T extends KubeObject>(
  kind: Pick<Kind<T>, 'columns'>,
  object: T,
): Record<string, string | number | boolean | null> {
  return Object.fromEntries(
    (kind.columns ?? []).map((column) => [column.name, column.cell(object, NOW)]),
  );
}

/** RFC 3339, so many seconds before `NOW`. */
export function ago(seconds: number): string {
  return new Date(NOW - seconds * 1000).toISOString().replace('.000', '');
}

/**
 * A copy of `object` with `value` at `path` (`spec.containers[0].name`); without it when `value` is
 * undefined. What is missing on the way is made.
 */
export function changed<T extends KubeObject>(object: T, path: string, value: unknown): T {
  const copy = structuredClone(object);
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const last = steps.pop() ?? '';
  let at = copy as unknown as Record<string, unknown>;
  for (const [i, step] of steps.entries()) {
    const next = steps[i + 1] ?? last;
    at[step] ??= /^\d+$/.test(next) ? [] : {};
    at = at[step] as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}
