/**
 * What differs between two objects, for messages. Upstream prints a diff of Go values there; ours
 * is one of JSON.
 */
import { equalValues } from '../meta/equal.ts';

/** The members of a spec that differ, as lines of a diff. */
export function changedFields(next: object, old: object): string {
  const before = new Map(Object.entries(old));
  const after = new Map(Object.entries(next));
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => !equalValues(before.get(name), after.get(name)))
    .toSorted()
    .flatMap((name) => [
      ...(before.has(name) ? [`- ${name}: ${JSON.stringify(before.get(name))}`] : []),
      ...(after.has(name) ? [`+ ${name}: ${JSON.stringify(after.get(name))}`] : []),
    ])
    .join('\n');
}
