/**
 * Schemas of custom resources as OpenAPI publishes them.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/controller/openapi/builder/builder.go,
 * pkg/apiserver/schema (kubeopenapi.go, unfold.go). Descriptions of fields that every object has
 * are given by the caller's own documents where it has them.
 */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { setMember } from '../meta/json.ts';
import { modelName } from './type-schema.ts';
import { schemaJson } from './schema-json.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { forVersion2, unfolded } from './schema-version2.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const RESOURCES =
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';

const API_VERSION = `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: ${RESOURCES}#resources`;
const KIND = `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ${RESOURCES}#types-kinds`;
const OBJECT_META = `Standard object's metadata. More info: ${RESOURCES}#metadata`;
const LIST_META = `Standard list metadata. More info: ${RESOURCES}#types-kinds`;
const EMBEDDED_API_VERSION = `apiVersion defines the versioned schema of this representation of an object. More info: ${RESOURCES}#resources`;
const EMBEDDED_KIND = `kind is a string value representing the type of this object. In CamelCase. More info: ${RESOURCES}#types-kinds`;

export type OpenApiForm = 'v2' | 'v3';

export interface PublishedSchemas {
  /** The model's name (`com.example.v1.Cat`) and its schema. */
  readonly name: string;
  readonly schema: JsonObject;
  readonly listName: string;
  readonly listSchema: JsonObject;
}

function text(description: string): JsonObject {
  return { description, type: 'string' };
}

/** `schema`: of the version; undefined when it has none that is structural. */
export function publishedSchemas(
  definition: CustomResourceDefinition,
  version: string,
  schema: StructuralSchema | undefined,
  form: OpenApiForm,
): PublishedSchemas {
  const { group = '', names } = definition.spec ?? {};
  const { kind = '', listKind = `${kind}List`, plural = '' } = names ?? {};
  const name = modelName({ group, version, kind });
  const extensions = (of: string): JsonObject => ({
    'x-kubernetes-group-version-kind': [{ group, kind: of, version }],
    ...selectable(definition, version),
  });
  const listSchema: JsonObject = {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: text(API_VERSION),
      items: {
        description: `List of ${plural}. More info: ${RESOURCES}`,
        type: 'array',
        items: { $ref: `${form === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}` },
      },
      kind: text(KIND),
      metadata: metaReference('ListMeta', form, LIST_META),
    },
    ...extensions(listKind),
  };
  return {
    name,
    schema: { ...objectSchema(definition, schema, form), ...extensions(kind) },
    listName: modelName({ group, version, kind: listKind }),
    listSchema,
  };
}

/** In version 3 nothing counts beside a reference: it goes under allOf there. */
function metaReference(type: string, form: OpenApiForm, description: string): JsonObject {
  if (form === 'v2') return { description, $ref: `#/definitions/${META}${type}` };
  return { description, allOf: [{ $ref: `#/components/schemas/${META}${type}` }] };
}

function selectable({ spec }: CustomResourceDefinition, name: string): JsonObject {
  const fields = spec?.versions.find((version) => version.name === name)?.selectableFields ?? [];
  if (fields.length === 0) return {};
  return {
    'x-kubernetes-selectable-fields': fields.map(({ jsonPath }) => ({
      fieldPath: jsonPath.replace(/^\./, ''),
    })),
  };
}

function objectSchema(
  { spec }: CustomResourceDefinition,
  schema: StructuralSchema | undefined,
  form: OpenApiForm,
): JsonObject {
  const keeps = schema?.preserveUnknownFields === true || spec?.preserveUnknownFields === true;
  // kubectl takes a schema with properties for complete: without one, and with unknown fields in
  // version 2, nothing more is said than that it is an object.
  if (schema === undefined || (form === 'v2' && keeps)) return { type: 'object' };
  const whole = unfolded(schema);
  const json = schemaJson(form === 'v2' ? forVersion2(whole) : whole, (node, made) =>
    embed(node, made, form),
  );
  addProperties(json, {
    apiVersion: text(API_VERSION),
    kind: text(KIND),
    metadata: metaReference('ObjectMeta', form, OBJECT_META),
  });
  return json;
}

function addProperties(json: JsonObject, added: Readonly<Record<string, Json>>): void {
  const before = json['properties'];
  const properties: JsonObject = {};
  const old = typeof before === 'object' && before !== null && !Array.isArray(before) ? before : {};
  for (const name of [...new Set([...Object.keys(old), ...Object.keys(added)])].toSorted()) {
    setMember(properties, name, (Object.hasOwn(added, name) ? added[name] : old[name]) ?? null);
  }
  json['properties'] = properties;
}

/** Embedded resources have what all objects have. */
function embed(schema: StructuralSchema, json: JsonObject, form: OpenApiForm): void {
  if (!schema.embeddedResource || (form === 'v2' && schema.preserveUnknownFields)) return;
  addProperties(json, {
    apiVersion: text(EMBEDDED_API_VERSION),
    kind: text(EMBEDDED_KIND),
    metadata: metaReference('ObjectMeta', form, OBJECT_META),
  });
  const required = schema.value?.required ?? [];
  json['required'] = [
    ...required,
    ...['kind', 'apiVersion'].filter((name) => !required.includes(name)),
  ];
}
