/**
 * Members deep in an object, by the simple paths of the scale subresource (`.spec.replicas`).
 *
 * Source: upstream v1.36 apimachinery/pkg/apis/meta/v1/unstructured/helpers.go for the errors.
 */
import { goText, isJsonObject, memberOf, setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { isGoInteger } from './numbers.ts';

/** A value of another type than is asked for. The message is upstream's. */
export class NestedFieldError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NestedFieldError';
  }
}

/** The names that a path goes by. */
export function steps(path: string): string[] {
  return path.replace(/^\./, '').split('.');
}

function goTypeOf(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return isGoInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

function wrong(names: readonly string[], value: Json, expected: string): NestedFieldError {
  const path = `.${names.join('.')}`;
  return new NestedFieldError(
    `${path} accessor error: ${goText(value)} is of the type ${goTypeOf(value)}, expected ${expected}`,
  );
}

/** Undefined when it is not there. Throws NestedFieldError when the way leads through a scalar. */
function nestedField(object: JsonObject, path: string): Json | undefined {
  const names = steps(path);
  let value: Json = object;
  for (const [i, name] of names.entries()) {
    if (value === null) return undefined;
    if (!isJsonObject(value)) throw wrong(names.slice(0, i + 1), value, 'map[string]interface{}');
    const member = memberOf(value, name);
    if (member === undefined) return undefined;
    value = member;
  }
  return value;
}

/** Throws NestedFieldError when it is there and no integer. */
export function nestedInteger(object: JsonObject, path: string): number | undefined {
  const value = nestedField(object, path);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && isGoInteger(value)) return value;
  throw wrong(steps(path), value, 'int64');
}

/** Throws NestedFieldError when it is there and no string. */
export function nestedString(object: JsonObject, path: string): string | undefined {
  const value = nestedField(object, path);
  if (value === undefined || typeof value === 'string') return value;
  throw wrong(steps(path), value, 'string');
}

/** A copy of `object` with the member set; only the objects on the way are copied. */
export function withNestedField(object: JsonObject, path: string, value: Json): JsonObject {
  const names = steps(path);
  const copy = { ...object };
  let at = copy;
  for (const [i, name] of names.slice(0, -1).entries()) {
    const member = memberOf(at, name) ?? {};
    if (!isJsonObject(member)) {
      throw new NestedFieldError(
        `value cannot be set because .${names.slice(0, i + 1).join('.')} is not a map[string]interface{}`,
      );
    }
    const next = { ...member };
    setMember(at, name, next);
    at = next;
  }
  setMember(at, names.at(-1) ?? '', value);
  return copy;
}
