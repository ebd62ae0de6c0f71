/**
 * Fields behind feature gates that are off: a write does not set them. What a stored object has of
 * such a field it may keep, and then the field may be written as if the gate were on.
 *
 * Source: upstream's dropDisabledFields of each strategy; gates and their defaults in v1.36.
 */
import { isJsonObject } from './json.ts';
import type { Json, JsonObject } from './object.ts';

/**
 * Takes what `paths` name out of `next`, unless `old` has it somewhere. A path is
 * `spec.volumes[].csi`, `[]` for each item, `{}` for each value of a map; `containers[].lifecycle^stopSignal` takes `lifecycle`
 * away too when nothing else is in it. Changes `next`.
 */
export function dropGatedFields(
  paths: readonly string[],
  next: object,
  old: object | undefined,
): void {
  for (const path of paths) {
    const steps = stepsOf(path);
    if (old !== undefined && isThere(old as JsonObject, steps)) continue;
    drop(next as JsonObject, steps);
  }
}

interface Step {
  readonly name: string;
  /** The value is a list or a map: what follows is of each item. */
  readonly isList: boolean;
  /** Removed when the next step leaves it empty. */
  readonly isPruned: boolean;
}

const known = new Map<string, readonly Step[]>();

function stepsOf(path: string): readonly Step[] {
  const made = known.get(path);
  if (made !== undefined) return made;
  const steps = path.split(/(?<=\^)|\./).map((part) => ({
    name: part.replace(/\[\]|\{\}|\^/g, ''),
    isList: /\[\]|\{\}/.test(part),
    isPruned: part.endsWith('^'),
  }));
  known.set(path, steps);
  return steps;
}

function childrenOf(object: JsonObject, step: Step): JsonObject[] {
  const value: Json | undefined = object[step.name];
  if (!step.isList) return isJsonObject(value) ? [value] : [];
  if (Array.isArray(value)) return value.filter(isJsonObject);
  return isJsonObject(value) ? Object.values(value).filter(isJsonObject) : [];
}

function isThere(object: JsonObject, [step, ...rest]: readonly Step[]): boolean {
  if (step === undefined) return true;
  if (rest.length === 0) return object[step.name] !== undefined;
  return childrenOf(object, step).some((child) => isThere(child, rest));
}

function drop(object: JsonObject, [step, ...rest]: readonly Step[]): void {
  if (step === undefined) return;
  if (rest.length === 0) {
    delete object[step.name];
    return;
  }
  for (const child of childrenOf(object, step)) {
    const size = Object.keys(child).length;
    drop(child, rest);
    const isEmptied = size > 0 && Object.keys(child).length === 0;
    if (step.isPruned && !step.isList && isEmptied) delete object[step.name];
  }
}
