/**
 * apiVersion, kind and metadata of embedded resources: brought into their types, and validated.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/objectmeta (algorithm.go,
 * coerce.go, validation.go).
 */
import { decodeJson, FieldDecodeError } from '../codec/json.ts';
import { forgetEmpty } from '../codec/zero.ts';
import { type FieldError, type FieldPath, invalidValue, required, ROOT } from '../meta/field.ts';
import { isJsonObject, setMember } from '../meta/json.ts';
import { isDns1035Label, nameIsPathSegment } from '../meta/names.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { sorted } from './canonical-json.ts';
import { typeByName } from '../schema/schema.ts';
import { validateObjectMeta } from '../validation/metadata.ts';
import { asResourceRoot } from './compile-schema.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export interface MetaOptions {
  /** The object is a whole custom resource: its own type and metadata count too. */
  readonly isRoot: boolean;
  readonly at?: FieldPath;
}

export interface CoerceOptions extends MetaOptions {
  /** Fields of wrong types are dropped instead of refused: for what is in the store already. */
  readonly dropInvalid?: boolean;
}

/** A value that cannot be what its field has to be. */
class MetaError extends Error {
  readonly error: FieldError;
  constructor(error: FieldError) {
    super(error.text());
    this.error = error;
  }
}

/**
 * Changes `object`: metadata of embedded resources gets the fields that metadata has. `error`: why
 * it cannot. `unknown`: paths of fields that were dropped, sorted.
 */
export function coerceMeta(
  object: Json,
  schema: StructuralSchema | undefined,
  { isRoot, at, dropInvalid = false }: CoerceOptions,
): { readonly error?: FieldError; readonly unknown: readonly string[] } {
  const unknown: string[] = [];
  const start = isRoot ? asResourceRoot(schema) : schema;
  try {
    coerce(object, start, at ?? ROOT, { dropInvalid, unknown });
  } catch (error) {
    if (error instanceof MetaError) return { error: error.error, unknown: [] };
    throw error;
  }
  return { unknown: unknown.toSorted() };
}

interface Walk {
  readonly dropInvalid: boolean;
  readonly unknown: string[];
}

function coerce(
  value: Json,
  schema: StructuralSchema | undefined,
  at: FieldPath,
  walk: Walk,
): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) coerce(item, schema.items, at.index(i), walk);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value)) {
    if (schema.embeddedResource) coerceMetaField(value, name, at, walk);
    const member = value[name];
    if (member === undefined) continue;
    const property = schema.properties?.get(name);
    const where = property === undefined ? at.key(name) : at.child(name);
    coerce(member, property ?? additionalSchema(schema), where, walk);
  }
}

function coerceMetaField(object: JsonObject, name: string, at: FieldPath, walk: Walk): void {
  if (name === 'metadata') {
    const { metadata, unknown } = readMetadata(object, at, walk.dropInvalid);
    object['metadata'] = metadata;
    walk.unknown.push(...unknown);
    return;
  }
  if ((name !== 'apiVersion' && name !== 'kind') || typeof object[name] === 'string') return;
  if (!walk.dropInvalid) {
    throw new MetaError(invalidValue(at.child(name), object[name], 'must be a string'));
  }
  delete object[name];
}

function readMetadata(
  object: JsonObject,
  at: FieldPath,
  dropInvalid: boolean,
): { readonly metadata: Json; readonly unknown: readonly string[] } {
  const value = object['metadata'] ?? null;
  const path = at.child('metadata');
  try {
    const { metadata, unknown } = decodeMetadata(value);
    return { metadata, unknown: unknown.map((name) => `${String(path)}.${name}`) };
  } catch (error) {
    if (!(error instanceof FieldDecodeError)) throw error;
    if (!dropInvalid) throw new MetaError(invalidValue(path, sorted(value), error.message));
    return { metadata: isJsonObject(value) ? saveMetadata(value) : value, unknown: [] };
  }
}

/** Throws FieldDecodeError. */
function decodeMetadata(value: Json): { metadata: JsonObject; unknown: string[] } {
  const type = typeByName(OBJECT_META);
  if (!isJsonObject(value) && value !== null) {
    const what = Array.isArray(value)
      ? 'array'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value;
    throw new FieldDecodeError(
      `json: cannot unmarshal ${what} into Go value of type v1.ObjectMeta`,
    );
  }
  // Of several that are wrong, upstream names the first by name.
  const { object, problems } = decodeJson(sorted(value ?? {}) as JsonObject, type, 'Strict');
  forgetEmpty(type, object);
  if (object['creationTimestamp'] === null) delete object['creationTimestamp'];
  const unknown = problems.flatMap((problem) => /^unknown field "(.*)"$/.exec(problem)?.[1] ?? []);
  return { metadata: object, unknown };
}

/** Field by field, what can be read. */
function saveMetadata(value: JsonObject): JsonObject {
  const saved: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    try {
      for (const [key, read] of Object.entries(decodeMetadata({ [name]: member }).metadata)) {
        setMember(saved, key, read);
      }
    } catch (error) {
      if (!(error instanceof FieldDecodeError)) throw error;
    }
  }
  return saved;
}

/** What is wrong with the types and metadata of embedded resources. */
export function validateMeta(
  object: Json,
  schema: StructuralSchema | undefined,
  { isRoot, at = ROOT }: MetaOptions,
): FieldError[] {
  return validate(object, isRoot ? asResourceRoot(schema) : schema, at);
}

function validate(value: Json, schema: StructuralSchema | undefined, at: FieldPath): FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => validate(item, schema.items, at.index(i)));
  }
  if (!isJsonObject(value)) return [];
  const errors = schema.embeddedResource ? validateEmbedded(value, at) : [];
  for (const [name, member] of Object.entries(value)) {
    const property = schema.properties?.get(name);
    const where = property === undefined ? at.key(name) : at.child(name);
    errors.push(...validate(member, property ?? additionalSchema(schema), where));
  }
  return errors;
}

function validateEmbedded(object: JsonObject, at: FieldPath): FieldError[] {
  const errors = ['apiVersion', 'kind']
    .filter((name) => !Object.hasOwn(object, name))
    .map((name) => required(at.child(name)));
  for (const [name, value] of Object.entries(object)) {
    if (name === 'apiVersion') errors.push(...validateApiVersion(value, at.child(name)));
    else if (name === 'kind') errors.push(...validateKind(value, at.child(name)));
    else if (name === 'metadata') errors.push(...validateMetadata(value, at.child(name)));
  }
  return errors;
}

function validateApiVersion(value: Json, at: FieldPath): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(at, value, 'must be a string')];
  if (value === '') return [invalidValue(at, value, 'must not be empty')];
  if (value.split('/').length <= 2) return [];
  return [invalidValue(at, value, `unexpected GroupVersion string: ${value}`)];
}

function validateKind(value: Json, at: FieldPath): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(at, value, 'must be a string')];
  if (value === '') return [invalidValue(at, value, 'must not be empty')];
  const messages = isDns1035Label(value.toLowerCase());
  if (messages.length === 0) return [];
  const detail = `may have mixed case, but should otherwise match: ${messages.join(',')}`;
  return [invalidValue(at, value, detail)];
}

function validateMetadata(value: Json, at: FieldPath): FieldError[] {
  let metadata: JsonObject;
  try {
    metadata = decodeMetadata(value).metadata;
  } catch (error) {
    if (error instanceof FieldDecodeError) return [invalidValue(at, value, error.message)];
    throw error;
  }
  // An embedded object may have no name yet.
  metadata['name'] ||= 'fakename';
  const kind = { namespaced: Boolean(metadata['namespace']), validateName: nameIsPathSegment };
  return validateObjectMeta(kind, { metadata }, at);
}
