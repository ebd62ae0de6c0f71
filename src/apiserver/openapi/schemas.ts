/**
 * Types as OpenAPI v3 schemas, from the field table.
 *
 * Source: OpenAPI 3.0; kube-openapi's generator for what becomes of Go types, and
 * the API reference v1.36 for the `x-kubernetes-*` extensions.
 */
import { type AnyKind, listSchemaOf } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { builtinKinds, findType, typeForKind } from '#api/schema/schema.ts';
import type {
  FieldSchema,
  FieldType,
  ScalarKind,
  TypeSchema,
  UnionSchema,
} from '#api/schema/types.ts';
import { FIELD_DESCRIPTIONS, TYPE_DESCRIPTIONS } from './descriptions.ts';

const META_V1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const REF = '#/components/schemas/';

/** Scalars that are models of their own. */
const SCALAR_MODELS: Partial<Record<ScalarKind, string>> = {
  time: `${META_V1}.Time`,
  microTime: `${META_V1}.MicroTime`,
  duration: `${META_V1}.Duration`,
  fieldsV1: `${META_V1}.FieldsV1`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  rawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  json: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON',
};

const VERSION_REQUIRED = [
  'major',
  'minor',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
];
const VERSION_OPTIONAL = [
  'emulationMajor',
  'emulationMinor',
  'minCompatibilityMajor',
  'minCompatibilityMinor',
];

/** What `/version` answers. */
const VERSION_INFO: JsonObject = {
  type: 'object',
  properties: Object.fromEntries([
    ...VERSION_REQUIRED.map((name): [string, JsonObject] => [
      name,
      { type: 'string', default: '' },
    ]),
    ...VERSION_OPTIONAL.map((name): [string, JsonObject] => [name, { type: 'string' }]),
  ]),
  required: VERSION_REQUIRED,
};

/** Models that are no structs of the field table. */
const FIXED: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.version.Info': VERSION_INFO,
  [`${META_V1}.Time`]: { type: 'string', format: 'date-time' },
  [`${META_V1}.MicroTime`]: { type: 'string', format: 'date-time' },
  [`${META_V1}.Duration`]: { type: 'string' },
  [`${META_V1}.FieldsV1`]: { type: 'object' },
  [`${META_V1}.Patch`]: { type: 'object' },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
  },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object' },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': {},
};

const PRIMITIVES: Partial<Record<ScalarKind, JsonObject>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
};

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** Kinds that every group version answers with, and so are listed for each. */
const SHARED_KINDS: ReadonlySet<string> = new Set([
  `${META_V1}.DeleteOptions`,
  `${META_V1}.WatchEvent`,
]);

/** Fields of which the source says nothing: the bare reference stands where others are wrapped. */
const BARE_FIELDS: ReadonlySet<string> = new Set([
  'IngressRule.http',
  'JSONSchemaProps.additionalItems',
  'JSONSchemaProps.additionalProperties',
  'JSONSchemaProps.example',
  'JSONSchemaProps.externalDocs',
  'JSONSchemaProps.items',
  'JSONSchemaProps.not',
]);

/** Bytes that are marked as the list that they are in Go. */
const BYTE_LISTS: ReadonlySet<string> = new Set(['APIServiceSpec.caBundle']);

/** Models by name, made when they are asked for. */
export type CustomModels = ReadonlyMap<string, () => JsonObject>;

/** The models of the custom resources among `kinds`, and of their lists. */
export function customModels(kinds: readonly AnyKind[], form: 'v2' | 'v3'): CustomModels {
  return new Map(
    kinds.flatMap((kind) => {
      const { custom, schema } = kind;
      if (custom === undefined) return [];
      return [
        [schema, () => custom.openApi(form).schema],
        [listSchemaOf(kind), () => custom.openApi(form).listSchema],
      ] satisfies [string, () => JsonObject][];
    }),
  );
}

/** The models of one document: those asked for, and all that they refer to. */
export class SchemaCollector {
  readonly #groupVersions: readonly GroupVersion[];
  readonly #schemas = new Map<string, JsonObject>();

  readonly #custom: CustomModels;
  readonly #enums: boolean;

  /**
   * `groupVersions`: those that the document describes; `custom`: models beside the built-in ones;
   * `enums`: whether fields list the values that they may have.
   */
  constructor(groupVersions: readonly GroupVersion[], custom: CustomModels, enums: boolean) {
    this.#groupVersions = groupVersions;
    this.#custom = custom;
    this.#enums = enums;
  }

  /** A reference to the model `name`, which is added when it is not there. */
  ref(name: string): JsonObject {
    if (!this.#schemas.has(name)) this.#add(name);
    return { $ref: `${REF}${name}` };
  }

  /** All models, sorted by name. */
  schemas(): JsonObject {
    return Object.fromEntries([...this.#schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #add(name: string): void {
    const fixed = FIXED[name];
    if (fixed !== undefined) {
      this.#schemas.set(name, fixed);
      return;
    }
    const custom = this.#custom.get(name);
    if (custom !== undefined) {
      const model = custom();
      this.#schemas.set(name, model);
      for (const other of referencesIn(model)) this.ref(other);
      return;
    }
    const type = findType(name);
    if (type === undefined) throw new Error(`Cannot describe the type "${name}": it is not known`);
    // Set before its members are looked at: types may refer to themselves.
    const schema: JsonObject = {};
    this.#schemas.set(name, schema);
    Object.assign(schema, type.twoForms === undefined ? this.#struct(type) : {});
  }

  #struct(type: TypeSchema): JsonObject {
    const properties = type.fields
      .toSorted((a, b) => (a.json < b.json ? -1 : 1))
      .map((field): [string, Json] => [
        field.json,
        this.#field(field, `${type.goName}.${field.json}`),
      ]);
    const required = type.fields.filter((field) => field.required).map((field) => field.json);
    const kinds = this.#kindsOf(type);
    return {
      ...described(TYPE_DESCRIPTIONS[type.goName]),
      type: 'object',
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
      ...(required.length === 0 ? {} : { required }),
      ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }),
      ...(type.structType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(type.unions === undefined ? {} : { 'x-kubernetes-unions': type.unions.map(unionOf) }),
    };
  }

  #kindsOf(type: TypeSchema): JsonObject[] {
    const kind = type.goName;
    if (SHARED_KINDS.has(type.name)) {
      const all = [
        { group: '', version: 'v1' },
        ...this.#groupVersions.filter(({ group }) => group !== ''),
      ];
      return all.map(({ group, version }) => ({ group, kind, version }));
    }
    return groupVersionsOf(type).map(({ group, version }) => ({ group, kind, version }));
  }

  #field(field: FieldSchema, name: string): JsonObject {
    const base = this.#fieldBase(field, name);
    const { patchStrategy, patchMergeKey, type } = field;
    return {
      ...described(FIELD_DESCRIPTIONS[name]),
      ...base,
      ...extensionsOf(type),
      ...(BYTE_LISTS.has(name) ? { 'x-kubernetes-list-type': 'atomic' } : {}),
      ...(patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': patchMergeKey }),
      ...(patchStrategy === undefined
        ? {}
        : { 'x-kubernetes-patch-strategy': patchStrategy.join(',') }),
    };
  }

  #fieldBase(field: FieldSchema, name: string): JsonObject {
    const schema = this.#type(field.type);
    const fallback = defaultOf(field);
    if ('$ref' in schema && BARE_FIELDS.has(name)) return schema;
    if ('$ref' in schema)
      return { allOf: [schema], ...(fallback === undefined ? {} : { default: fallback }) };
    return fallback === undefined ? schema : { ...schema, default: fallback };
  }

  #type(type: FieldType): JsonObject {
    switch (type.kind) {
      case 'object':
        return this.ref(type.type.name);
      case 'list':
        return { type: 'array', items: this.#type(type.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#type(type.of) };
      case 'scalar': {
        const model = SCALAR_MODELS[type.scalar];
        if (model !== undefined) return this.ref(model);
        const primitive = PRIMITIVES[type.scalar] ?? {};
        return this.#enums && type.enum !== undefined
          ? { ...primitive, enum: type.enum.toSorted() }
          : primitive;
      }
    }
  }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description };
}

/** The names of all models that `schema` refers to. */
function* referencesIn(schema: Json): Generator<string> {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref' && typeof value === 'string') yield value.slice(REF.length);
    else yield* referencesIn(value);
  }
}

const KINDS_BY_NAME = Map.groupBy(builtinKinds(), ({ kind }) => kind);

/** The group versions of which the type is a kind; those of meta/v1 are the core group's. */
function groupVersionsOf(type: TypeSchema): GroupVersion[] {
  const homes = KINDS_BY_NAME.get(type.goName) ?? [];
  return homes
    .filter(({ group, version, kind }) => typeForKind(group, version, kind) === type)
    .map(({ group, version }) => ({ group: group === 'meta.k8s.io' ? '' : group, version }));
}

function extensionsOf(type: FieldType): JsonObject {
  switch (type.kind) {
    case 'list':
      return {
        ...(type.mapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': [...type.mapKeys] }),
        ...(type.listType === undefined ? {} : { 'x-kubernetes-list-type': type.listType }),
      };
    case 'map':
      return type.mapType === undefined ? {} : { 'x-kubernetes-map-type': type.mapType };
    case 'object':
      return type.structType === undefined ? {} : { 'x-kubernetes-map-type': type.structType };
    case 'scalar':
      return {};
  }
}

/** The declared default, else the zero value of what is always there. */
function defaultOf(field: FieldSchema): Json | undefined {
  if (field.default !== undefined) return field.default;
  if (field.pointer) return undefined;
  if (field.type.kind === 'object') return {};
  if (field.omitempty || field.type.kind !== 'scalar') return undefined;
  switch (field.type.scalar) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
      return 0;
    default:
      return undefined;
  }
}

function unionOf({ discriminator, fields }: UnionSchema): JsonObject {
  return {
    ...(discriminator === undefined ? {} : { discriminator }),
    'fields-to-discriminateBy': Object.fromEntries(fields),
  };
}
