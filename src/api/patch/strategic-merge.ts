/**
 * Strategic merge patch: JSON merge patch that knows of lists with merge keys.
 *
 * Source: API concepts, "Strategic merge patch"; upstream
 * staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go for directives, order, messages.
 * `./strategic-list.ts` merges lists, `./strategic-shape.ts` reads the schema.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import type { FieldType, TypeSchema } from '../schema/types.ts';
import { cloneJson, goText, isJsonObject, memberOf, setMember } from '../meta/json.ts';
import {
  checkElementOrder,
  deleteFromList,
  elementKind,
  inElementOrder,
  type ListMerge,
  mergeList,
} from './strategic-list.ts';
import { listRule, objectRule, StrategicMergeError } from './strategic-shape.ts';

export { StrategicMergeError };

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList';
const ELEMENT_ORDER = '$setElementOrder';

/**
 * `original` with `patch` merged in by the rules of `type`. Neither is changed; the result may
 * share parts of both. Throws StrategicMergeError.
 */
export function strategicMerge(
  type: TypeSchema,
  original: JsonObject,
  patch: JsonObject,
): JsonObject {
  return mergeObject(original, cloneJson(patch), { kind: 'object', type });
}

/** `patch` is ours to change. */
function mergeObject(original: JsonObject, patch: JsonObject, type: FieldType): JsonObject {
  const directive = memberOf(patch, DIRECTIVE);
  if (directive !== undefined) return obey(directive, patch);
  const merged = { ...original };
  retainKeys(merged, patch);
  mergeOrderedLists(merged, patch, type);
  for (const [key, value] of Object.entries(patch)) mergeMember(merged, key, value, type);
  return merged;
}

function obey(directive: Json, patch: JsonObject): JsonObject {
  if (directive === 'delete') return {};
  if (directive === 'replace') {
    delete patch[DIRECTIVE];
    return patch;
  }
  throw new StrategicMergeError(
    `unknown patch type: ${goText(directive)} in map: ${goText(patch)}`,
  );
}

/** `$retainKeys`: members of the original that the list does not name go away. */
function retainKeys(merged: JsonObject, patch: JsonObject): void {
  const list = memberOf(patch, RETAIN_KEYS);
  if (list === undefined) return;
  delete patch[RETAIN_KEYS];
  if (!Array.isArray(list))
    throw new StrategicMergeError('invalid patch format of retainKeys', 400);
  const retained = new Set<Json>(list);
  for (const [key, value] of Object.entries(patch)) {
    const isDirective = key.startsWith(DELETE_FROM_LIST) || key.startsWith(ELEMENT_ORDER);
    if (value !== null && !isDirective && !retained.has(key)) {
      throw new StrategicMergeError('invalid patch format of retainKeys', 400);
    }
  }
  for (const key of Object.keys(merged)) if (!retained.has(key)) delete merged[key];
}

/** `$setElementOrder/<list>`: merges the list now and puts it in the order given. */
function mergeOrderedLists(merged: JsonObject, patch: JsonObject, type: FieldType): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(ELEMENT_ORDER)) continue;
    const order = listMember(patch, directive) ?? [];
    delete patch[directive];
    const key = listKey(directive, ELEMENT_ORDER, 'setElementOrder list');
    const before = listMember(merged, key);
    const change = listMember(patch, key);
    const rule = listRule(type, key);
    checkElementOrder(change ?? [], order, rule.mergeKey);
    const after = mergedList(before, change, { ...rule, mergeObject });
    if (after === undefined) continue;
    const isObjects = elementKind(before ?? [], change ?? []) === 'object';
    setMember(
      merged,
      key,
      inElementOrder(after, { order, before: before ?? [], isObjects, mergeKey: rule.mergeKey }),
    );
    delete patch[key];
  }
}

function mergedList(
  before: Json[] | undefined,
  change: Json[] | undefined,
  rule: ListMerge,
): Json[] | undefined {
  if (change === undefined) return before;
  if (before === undefined)
    return change.map((item) => withoutDirectives(item)).filter((item) => item !== undefined);
  return rule.strategy === 'merge' ? mergeList(before, change, rule) : change;
}

/** A member that must be a list when it is there. */
function listMember(object: JsonObject, key: string): Json[] | undefined {
  const value = memberOf(object, key);
  if (value === undefined || Array.isArray(value)) return value;
  throw badArgument('[]interface {}', value);
}

function badArgument(expected: string, actual: Json): StrategicMergeError {
  return new StrategicMergeError(`expected a ${expected}, but received a ${goTypeOf(actual)}`);
}

function goTypeOf(value: Json): string {
  if (value === null) return '%!s(<nil>)';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

function listKey(directive: string, prefix: string, what: string): string {
  if (directive.startsWith(`${prefix}/`)) return directive.slice(prefix.length + 1);
  throw new StrategicMergeError(`invalid patch format of ${what}`, 400);
}

function mergeMember(merged: JsonObject, name: string, value: Json, type: FieldType): void {
  const isDeletion = name.startsWith(DELETE_FROM_LIST);
  const key = isDeletion ? listKey(name, DELETE_FROM_LIST, 'primitive list') : name;
  if (value === null) {
    delete merged[key];
    return;
  }
  const before = memberOf(merged, key);
  if (before === undefined || goShape(before) !== goShape(value)) {
    if (!isDeletion) replaceMember(merged, key, value);
    return;
  }
  if (Array.isArray(before) && Array.isArray(value)) {
    const rule = listRule(type, key);
    if (isDeletion) setMember(merged, key, deleteFromList(before, value));
    else if (rule.strategy !== 'merge') setMember(merged, key, value);
    else setMember(merged, key, mergeList(before, value, { ...rule, mergeObject }));
  } else if (isJsonObject(before) && isJsonObject(value)) {
    const rule = objectRule(type, key);
    const after = rule.strategy === 'replace' ? value : mergeObject(before, value, rule.of);
    setMember(merged, key, after);
  } else if (!isDeletion) {
    replaceMember(merged, key, value);
  }
}

function goShape(value: Json): string {
  if (Array.isArray(value)) return 'list';
  return value === null ? 'null' : typeof value;
}

function replaceMember(merged: JsonObject, key: string, value: Json): void {
  const clean = withoutDirectives(withoutNulls(value));
  if (clean === undefined) delete merged[key];
  else setMember(merged, key, clean);
}

/** Drops members that are null, at any depth: there is nothing to delete in what is new. */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== null) setMember(kept, key, withoutNulls(member));
  }
  return kept;
}

/** Undefined for an object that is a directive itself. */
function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value))
    return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const kept: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const clean = withoutDirectives(member);
    if (clean !== undefined) setMember(kept, key, clean);
  }
  return kept;
}
