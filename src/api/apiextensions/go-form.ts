/**
 * Versions and schemas of a definition as upstream's messages show them: with Go's names of the
 * fields, and all of them.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions (types.go,
 * types_jsonschema.go), in the order of their fields.
 */
import type { JSONSchemaProps, ValidationRule } from '#api/gen/apiextensions-v1.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { sorted } from '../structural/canonical-json.ts';
import type { SpecForm } from './definition-form.ts';

/** What a field is when it was not sent; or how what was sent is shown. */
type Show = (value: Json | undefined) => Json;
/** Go's name of each field; the name in JSON is the same with a small first letter unless given. */
type Fields = readonly (readonly [goName: string, show: Show, json?: string])[];

const TEXT: Show = (value) => value ?? '';
const FLAG: Show = (value) => value ?? false;
const POINTER: Show = (value) => sorted(value ?? null);
const LIST: Show = (value) => (Array.isArray(value) && value.length > 0 ? sorted(value) : null);

function struct(fields: Fields): Show {
  return (value) => {
    if (!isJsonObject(value ?? null)) return null;
    const object = value as JsonObject;
    return Object.fromEntries(
      fields.map(([goName, show, json]) => [
        goName,
        show(object[json ?? goName.charAt(0).toLowerCase() + goName.slice(1)]),
      ]),
    );
  };
}

const listOf =
  (fields: Fields): Show =>
  (value) =>
    Array.isArray(value) && value.length > 0 ? value.map(struct(fields)) : null;

const SCHEMA: Show = (value) => struct(SCHEMA_FIELDS)(value);
const SCHEMAS: Show = (value) =>
  Array.isArray(value) && value.length > 0 ? value.map(SCHEMA) : null;
const SCHEMA_MAP: Show = (value) => {
  if (!isJsonObject(value ?? null)) return null;
  const entries = Object.entries(sorted(value as JsonObject) as JsonObject);
  return Object.fromEntries(entries.map(([name, schema]) => [name, SCHEMA(schema)]));
};
const SCHEMA_OR_FLAG: Show = (value) => {
  if (value === undefined || value === null) return null;
  return typeof value === 'boolean'
    ? { Allows: value, Schema: null }
    : { Allows: true, Schema: SCHEMA(value) };
};
const SCHEMA_OR_LIST: Show = (value) => {
  if (value === undefined || value === null) return null;
  return Array.isArray(value)
    ? { Schema: null, JSONSchemas: SCHEMAS(value) }
    : { Schema: SCHEMA(value), JSONSchemas: null };
};

const RULE: Fields = [
  ['Rule', TEXT],
  ['Message', TEXT],
  ['MessageExpression', TEXT],
  ['Reason', POINTER],
  ['FieldPath', TEXT],
  ['OptionalOldSelf', POINTER],
];

const SCHEMA_FIELDS: Fields = [
  ['ID', TEXT, 'id'],
  ['Schema', TEXT, '$schema'],
  ['Ref', POINTER, '$ref'],
  ['Description', TEXT],
  ['Type', TEXT],
  ['Nullable', FLAG],
  ['Format', TEXT],
  ['Title', TEXT],
  ['Default', POINTER],
  ['Maximum', POINTER],
  ['ExclusiveMaximum', FLAG],
  ['Minimum', POINTER],
  ['ExclusiveMinimum', FLAG],
  ['MaxLength', POINTER],
  ['MinLength', POINTER],
  ['Pattern', TEXT],
  ['MaxItems', POINTER],
  ['MinItems', POINTER],
  ['UniqueItems', FLAG],
  ['MultipleOf', POINTER],
  ['Enum', LIST],
  ['MaxProperties', POINTER],
  ['MinProperties', POINTER],
  ['Required', LIST],
  ['Items', SCHEMA_OR_LIST],
  ['AllOf', SCHEMAS],
  ['OneOf', SCHEMAS],
  ['AnyOf', SCHEMAS],
  ['Not', SCHEMA],
  ['Properties', SCHEMA_MAP],
  ['AdditionalProperties', SCHEMA_OR_FLAG],
  ['PatternProperties', SCHEMA_MAP],
  ['Dependencies', POINTER],
  ['AdditionalItems', SCHEMA_OR_FLAG],
  ['Definitions', SCHEMA_MAP],
  [
    'ExternalDocs',
    struct([
      ['Description', TEXT],
      ['URL', TEXT, 'url'],
    ]),
  ],
  ['Example', POINTER],
  ['XPreserveUnknownFields', POINTER, 'x-kubernetes-preserve-unknown-fields'],
  ['XEmbeddedResource', FLAG, 'x-kubernetes-embedded-resource'],
  ['XIntOrString', FLAG, 'x-kubernetes-int-or-string'],
  ['XListMapKeys', LIST, 'x-kubernetes-list-map-keys'],
  ['XListType', POINTER, 'x-kubernetes-list-type'],
  ['XMapType', POINTER, 'x-kubernetes-map-type'],
  ['XValidations', listOf(RULE), 'x-kubernetes-validations'],
];

const SUBRESOURCES: Fields = [
  ['Status', POINTER],
  [
    'Scale',
    struct([
      ['SpecReplicasPath', TEXT],
      ['StatusReplicasPath', TEXT],
      ['LabelSelectorPath', POINTER],
    ]),
  ],
];

const COLUMN: Fields = [
  ['Name', TEXT],
  ['Type', TEXT],
  ['Format', TEXT],
  ['Description', TEXT],
  ['Priority', (value) => value ?? 0],
  ['JSONPath', TEXT, 'jsonPath'],
];

const VERSION: Fields = [
  ['Name', TEXT],
  ['Served', FLAG],
  ['Storage', FLAG],
  ['Deprecated', FLAG],
  ['DeprecationWarning', POINTER],
  ['Schema', struct([['OpenAPIV3Schema', SCHEMA, 'openAPIV3Schema']])],
  ['Subresources', struct(SUBRESOURCES)],
  ['AdditionalPrinterColumns', listOf(COLUMN)],
  ['SelectableFields', listOf([['JSONPath', TEXT, 'jsonPath']])],
];

/** Versions without what all of them share. */
export function goVersions({ versions }: SpecForm): Json {
  return listOf(VERSION)(versions as unknown as Json) ?? [];
}

export function goRule(rule: ValidationRule): Json {
  return struct(RULE)(rule as unknown as Json);
}

export function goSchema(schema: JSONSchemaProps): Json {
  return SCHEMA(schema as unknown as Json);
}
