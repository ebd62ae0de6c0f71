/**
 * Values as Go's JSON writes them of upstream's internal types: messages of its validation show
 * them. These types have no JSON names, so that members go by their Go names and none is left out;
 * types of apimachinery (metadata, label selectors) look there as they do on the wire.
 *
 * Source: upstream v1.36 pkg/apis/<group>/types.go, beside k8s.io/api's types. The two differ little:
 * what differs is below.
 */
import { wasSent, wasSentEmpty } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { emptinessOf, scalarZero } from '../codec/zero.ts';
import { DROPPED, MOVED, NAMES, NAMES_OF, ORDER, VALUES } from './go-names.ts';
import { typeByName } from './schema.ts';
import { type FieldSchema, type FieldType, isInline, type TypeSchema } from './types.ts';

/** `value` of the type with the OpenAPI model name `typeName`; null when there is none. */
export function goForm(typeName: string, value: unknown): Json {
  if (value === undefined || value === null) return null;
  return objectForm(typeByName(typeName), value as JsonObject);
}

/** A list of such values. */
export function goForms(typeName: string, values: readonly unknown[] | undefined): Json {
  return values === undefined ? null : values.map((value) => goForm(typeName, value));
}

const TAGGED = 'io.k8s.apimachinery.';

function objectForm(type: TypeSchema, value: JsonObject): JsonObject {
  const form: JsonObject = {};
  if (type.name.startsWith(TAGGED)) writeTagged(type, value, form);
  else writePlain(type, value, form);
  return form;
}

/** As on the wire. */
function writeTagged(type: TypeSchema, value: JsonObject, form: JsonObject): void {
  for (const field of type.fields) {
    const member = value[field.json];
    const isEmpty = member === undefined || emptinessOf(field)?.(member) === true;
    if (isEmpty && (field.omitempty || field.omitzero)) continue;
    form[field.json] = memberForm(field, member, value);
  }
}

function writePlain(type: TypeSchema, value: JsonObject, form: JsonObject): void {
  const order = ORDER[type.goName];
  const members =
    order === undefined
      ? type.members
      : type.members.toSorted((left, right) => placeIn(order, left) - placeIn(order, right));
  for (const moved of MOVED[type.goName] ?? []) form[moved.to] = value[moved.from] ?? moved.zero;
  // What pods share with their node stands inside with the security of a pod.
  const given =
    type.goName === 'PodSpec'
      ? { ...value, securityContext: { ...shared(value), ...(value['securityContext'] as object) } }
      : value;
  for (const member of members) {
    if (isInline(member)) {
      // Kind and version of an object are no part of what is looked at.
      if (member.type.goName !== 'TypeMeta') writePlain(member.type, value, form);
      continue;
    }
    if (DROPPED[type.goName]?.includes(member.json) === true) continue;
    if (member.json === 'metadata' && member.type.kind === 'object')
      writeTagged(member.type.type, (value['metadata'] ?? {}) as JsonObject, form);
    else form[goName(type, member)] = memberForm(asInside(type, member), given[member.json], value);
  }
}

function shared(spec: JsonObject): JsonObject {
  const found: JsonObject = {};
  for (const { from } of MOVED['PodSecurityContext'] ?? []) {
    const value = spec[from];
    if (value !== undefined) found[from] = value;
  }
  return found;
}

type Members = TypeSchema['members'];

function placeIn(order: readonly string[], member: Members[number]): number {
  const place = isInline(member) ? -1 : order.indexOf(member.json);
  return place === -1 ? order.length : place;
}

function goName(type: TypeSchema, { json }: FieldSchema): string {
  return (
    NAMES_OF[type.goName]?.[json] ??
    NAMES[json] ??
    `${json.charAt(0).toUpperCase()}${json.slice(1)}`
  );
}

/** A few pointers of the wire are values inside. */
function asInside(type: TypeSchema, field: FieldSchema): FieldSchema {
  return VALUES[type.goName]?.includes(field.json) === true ? { ...field, pointer: false } : field;
}

function memberForm(
  { type, pointer, json }: FieldSchema,
  value: Json | undefined,
  of: JsonObject,
): Json {
  if (value !== undefined && value !== null && !isFilledIn(type, value))
    return valueForm(type, value);
  switch (type.kind) {
    case 'list':
      return wasSentEmpty(of, json) ? [] : null;
    case 'map':
      return wasSentEmpty(of, json) ? {} : null;
    case 'object':
      return pointer || type.type.twoForms !== undefined ? null : objectForm(type.type, {});
    case 'scalar':
      if (pointer || type.scalar === 'bytes') return null;
      return scalarZero(type.scalar) ?? null;
  }
}

/** An empty list or map that nobody sent is nil in Go. */
function isFilledIn(type: FieldType, value: Json): boolean {
  if (wasSent(value)) return false;
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  return type.kind === 'map' && typeof value === 'object' && Object.keys(value ?? {}).length === 0;
}

function valueForm(type: FieldType, value: Json): Json {
  switch (type.kind) {
    case 'list':
      return Array.isArray(value) ? value.map((item) => valueForm(type.of, item)) : value;
    case 'map':
      return Object.fromEntries(
        Object.entries(value as JsonObject)
          .toSorted(([left], [right]) => (left < right ? -1 : 1))
          .map(([key, item]) => [key, item === undefined ? null : valueForm(type.of, item)]),
      );
    case 'object':
      return type.type.twoForms === undefined ? objectForm(type.type, value as JsonObject) : value;
    case 'scalar':
      return value;
  }
}
