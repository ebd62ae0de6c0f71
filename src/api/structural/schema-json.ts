/**
 * A structural schema written out as OpenAPI.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/kubeopenapi.go.
 */
import { cloneJson, setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type { StructuralSchema } from './structural-schema.ts';

type Finish = (schema: StructuralSchema, json: JsonObject) => void;

const JUNCTORS = ['allOf', 'anyOf', 'oneOf'] as const;

/** `finish` may add to what was made of each node of the structure. */
export function schemaJson(schema: StructuralSchema, finish: Finish = () => {}): JsonObject {
  const json: JsonObject = {};
  const set = (name: string, value: unknown): void => {
    if (value !== undefined && value !== false && value !== '') json[name] = value as Json;
  };
  const { docs, value, properties, items, additionalProperties } = schema;
  set('description', docs?.description);
  set('type', schema.type);
  set('title', docs?.title);
  set('nullable', schema.nullable);
  if (schema.default !== undefined) json['default'] = cloneJson(schema.default);
  if (docs?.externalDocs !== undefined) json['externalDocs'] = { ...docs.externalDocs };
  if (docs?.example !== undefined) json['example'] = cloneJson(docs.example);
  set('x-kubernetes-preserve-unknown-fields', schema.preserveUnknownFields);
  set('x-kubernetes-embedded-resource', schema.embeddedResource);
  set('x-kubernetes-int-or-string', schema.intOrString);
  if (schema.listMapKeys) json['x-kubernetes-list-map-keys'] = [...schema.listMapKeys];
  set('x-kubernetes-list-type', schema.listType);
  set('x-kubernetes-map-type', schema.mapType);
  if (schema.rules !== undefined) {
    json['x-kubernetes-validations'] = schema.rules.map((rule) => ({ ...rule }));
  }
  for (const [name, said] of Object.entries(value ?? {})) {
    if (name !== 'not' && !JUNCTORS.some((junctor) => junctor === name)) json[name] = copyOf(said);
  }
  for (const name of JUNCTORS) {
    const clauses = value?.[name];
    if (clauses !== undefined) json[name] = clauses.map((clause) => schemaJson(clause));
  }
  if (value?.not !== undefined) json['not'] = schemaJson(value.not);
  if (properties !== undefined) {
    const members: JsonObject = {};
    for (const [name, property] of properties)
      setMember(members, name, schemaJson(property, finish));
    json['properties'] = members;
  }
  if (items !== undefined) json['items'] = schemaJson(items, finish);
  if (additionalProperties !== undefined) {
    json['additionalProperties'] =
      typeof additionalProperties === 'object'
        ? schemaJson(additionalProperties, finish)
        : additionalProperties;
  }
  finish(schema, json);
  return json;
}

function copyOf(value: unknown): Json {
  return cloneJson(value as Json);
}
