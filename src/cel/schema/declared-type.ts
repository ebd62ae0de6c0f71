/**
 * The CEL types of schemas, with how large their values can be.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/common/schemas.go, types.go and
 * limits.go: what has no limit of its own is limited by the size of a request.
 */
import type { TypeProvider } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  mapType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
} from '../check/type.ts';
import { escapeName, RESERVED_WORDS } from './escape.ts';
import { type CelSchema, isIntOrString, valueSchema, withTypeAndMeta } from './schema.ts';

/** What a request's body may be at most. */
const REQUEST_BYTES_MAX = 3 * 1024 * 1024;
const DURATION_BYTES_MAX = 32;
const DATE_TIME_BYTES_MAX = 32;
const DATE_BYTES = 12;
const DURATION_BYTES_MIN = 3;
const DATE_TIME_BYTES_MIN = 21;
const STRING_BYTES_MIN = 2;
const BOOL_BYTES_MIN = 4;
const NUMBER_BYTES_MIN = 1;

/** A CEL type and what its values may measure. */
export interface DeclaredType {
  readonly type: Type;
  /** By the identifiers of the fields; of objects only. */
  readonly fields: ReadonlyMap<string, DeclaredType> | undefined;
  /** Of maps only. */
  readonly key: DeclaredType | undefined;
  /** Of lists and maps. */
  readonly element: DeclaredType | undefined;
  /** Characters, bytes, items or entries; 0 where there is no such thing. */
  readonly maxElements: number;
  /** How short its JSON can be. */
  readonly minSerializedSize: number;
}

const simple = (type: Type, minSerializedSize: number, maxElements = 0): DeclaredType => ({
  type,
  fields: undefined,
  key: undefined,
  element: undefined,
  maxElements,
  minSerializedSize,
});

const BODY_CHARACTERS_MAX = REQUEST_BYTES_MAX - 2;
const STRING_KEY = simple(STRING, STRING_BYTES_MIN);

/** Four bytes are one character at most. */
const fromMaxLength = (maxLength: number): number => Math.max(maxLength, 0) * 4;

function stringType(schema: CelSchema): DeclaredType {
  const { format, maxLength } = schema;
  switch (format) {
    case 'byte':
      return simple(BYTES, STRING_BYTES_MIN, Math.max(maxLength ?? BODY_CHARACTERS_MAX, 0));
    case 'duration':
      return simple(DURATION, DURATION_BYTES_MIN, DURATION_BYTES_MAX);
    case 'date':
      return simple(TIMESTAMP, DATE_BYTES, DATE_BYTES);
    case 'date-time':
      return simple(TIMESTAMP, DATE_TIME_BYTES_MIN, DATE_TIME_BYTES_MAX);
    default:
      break;
  }
  if (maxLength !== undefined) return simple(STRING, STRING_BYTES_MIN, fromMaxLength(maxLength));
  if (schema.enum !== undefined && schema.enum.length > 0) {
    const lengths = schema.enum.map((each) =>
      typeof each === 'string' ? Buffer.byteLength(each) : 0,
    );
    return simple(STRING, STRING_BYTES_MIN, Math.max(...lengths));
  }
  return simple(STRING, STRING_BYTES_MIN, BODY_CHARACTERS_MAX);
}

function arrayType(schema: CelSchema, name: string): DeclaredType | undefined {
  if (schema.items === undefined) return undefined;
  const { items } = schema;
  const element = declare(items, `${name}.@idx`, items['x-kubernetes-embedded-resource'] === true);
  if (element === undefined) return undefined;
  const mostItems = Math.floor(BODY_CHARACTERS_MAX / (element.minSerializedSize + 1));
  return {
    type: listType(element.type),
    fields: undefined,
    key: undefined,
    element,
    maxElements: schema.maxItems === undefined ? mostItems : Math.max(schema.maxItems, 0),
    minSerializedSize: 2,
  };
}

function mapTypeOf(schema: CelSchema, values: CelSchema, name: string): DeclaredType | undefined {
  const isResource = values['x-kubernetes-embedded-resource'] === true;
  const element = declare(values, `${name}.@elem`, isResource);
  if (element === undefined) return undefined;
  const mostEntries = Math.floor(BODY_CHARACTERS_MAX / (element.minSerializedSize + 6));
  const { maxProperties } = schema;
  return {
    type: mapType(STRING, element.type),
    fields: undefined,
    key: STRING_KEY,
    element,
    maxElements: maxProperties === undefined ? mostEntries : Math.max(maxProperties, 0),
    minSerializedSize: 2,
  };
}

function objectType(schema: CelSchema, name: string): DeclaredType {
  const fields = new Map<string, DeclaredType>();
  const required = new Set(schema.required);
  let minSerializedSize = 2;
  for (const [property, child] of Object.entries(schema.properties ?? {})) {
    const identifier = escapeName(property);
    const isResource = child['x-kubernetes-embedded-resource'] === true;
    const field = declare(child, `${name}.${identifier ?? property}`, isResource);
    if (field === undefined) continue;
    if (identifier !== undefined) fields.set(identifier, field);
    if (required.has(property) && child.default === undefined) {
      minSerializedSize += Buffer.byteLength(property) + field.minSerializedSize + 4;
    }
  }
  return {
    type: structType(name),
    fields,
    key: undefined,
    element: undefined,
    maxElements: 0,
    minSerializedSize,
  };
}

/**
 * The type of a schema; undefined when expressions cannot use what it describes.
 *
 * @param name of the type, unique within an environment; types within are named after it
 * @param isResource whether the schema is of a whole resource, which has a kind and a name
 */
export function declare(
  schema: CelSchema,
  name: string,
  isResource: boolean,
): DeclaredType | undefined {
  if (isIntOrString(schema)) {
    const { maxLength } = schema;
    return simple(DYN, 1, maxLength === undefined ? BODY_CHARACTERS_MAX : fromMaxLength(maxLength));
  }
  const whole = isResource ? withTypeAndMeta(schema) : schema;
  switch (whole.type) {
    case 'array':
      return arrayType(whole, name);
    case 'object': {
      const values = valueSchema(whole);
      return values === undefined ? objectType(whole, name) : mapTypeOf(whole, values, name);
    }
    case 'string':
      return stringType(whole);
    case 'boolean':
      return simple(BOOL, BOOL_BYTES_MIN);
    case 'number':
      return simple(DOUBLE, NUMBER_BYTES_MIN);
    case 'integer':
      return simple(INT, NUMBER_BYTES_MIN);
    default:
      return undefined;
  }
}

function collect(declared: DeclaredType, found: Map<string, DeclaredType>): void {
  if (declared.fields !== undefined) {
    found.set(declared.type.name, declared);
    for (const field of declared.fields.values()) collect(field, found);
  }
  if (declared.element !== undefined) collect(declared.element, found);
}

/** The minor version of Kubernetes 1 since which a field may be written by a reserved word. */
const KEYWORD_FIELDS_SINCE = 31;

/**
 * The object types within declared types, for an environment.
 *
 * @param minor the version of the environment; the newest when it is absent
 */
export function typesOf(
  declared: readonly DeclaredType[],
  { minor = KEYWORD_FIELDS_SINCE }: { readonly minor?: number } = {},
): TypeProvider {
  const hasKeywordFields = minor >= KEYWORD_FIELDS_SINCE;
  const found = new Map<string, DeclaredType>();
  for (const each of declared) collect(each, found);
  return {
    hasStruct: (name) => found.has(name),
    fieldType: (struct, field) => {
      const fields = found.get(struct)?.fields;
      const named = fields?.get(field);
      if (named !== undefined || !hasKeywordFields || !RESERVED_WORDS.has(field))
        return named?.type;
      return fields?.get(`__${field}__`)?.type;
    },
  };
}

/** How many values of a schema fit into one request, at least one comma between them. */
export const maxCardinality = (minSerializedSize: number): number =>
  Math.floor(REQUEST_BYTES_MAX / (minSerializedSize + 1));
