/**
 * What field management and merges need to know of a custom resource: the same form in which they
 * have the built-in types.
 *
 * Source: upstream v1.36 apimachinery/pkg/util/managedfields (typeconverter.go) and kube-openapi
 * pkg/schemaconv: what of a published schema counts.
 */
import { typeByName } from '../schema/schema.ts';
import {
  type FieldSchema,
  type FieldType,
  type ListType,
  makeTypeSchema,
  type MapType,
  type ObjectType,
  type ScalarKind,
  type ScalarType,
  type TypeSchema,
} from '../schema/types.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** Nothing is known: objects are maps of fields, lists are leaves. */
const DEDUCED: ScalarType = { kind: 'scalar', scalar: 'any' };
const STRING: ScalarType = { kind: 'scalar', scalar: 'string' };
const METADATA: ObjectType = {
  kind: 'object',
  get type(): TypeSchema {
    return typeByName(OBJECT_META);
  },
};
const SCALARS: Readonly<Record<string, ScalarKind>> = {
  string: 'string',
  integer: 'int64',
  number: 'double',
  boolean: 'bool',
};

export interface TypeNames {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** `com.example.v1.Cat`: the name under which the schema is published. */
export function modelName({ group, version, kind }: TypeNames): string {
  return `${group.split('.').toReversed().join('.')}.${version}.${kind}`;
}

/** What is unknown is kept below a node that says so, too: each node may have two types. */
const types = new WeakMap<StructuralSchema, FieldType>();
const keepingTypes = new WeakMap<StructuralSchema, FieldType>();

/** The type of whole objects. Without a schema, or when it keeps what is unknown, types are deduced. */
export function typeOfSchema(schema: StructuralSchema | undefined, names: TypeNames): TypeSchema {
  const keepsUnknown = schema === undefined || schema.preserveUnknownFields;
  const members = schema === undefined ? [] : membersOf(schema, keepsUnknown);
  const own = members.filter(({ json }) => !['apiVersion', 'kind', 'metadata'].includes(json));
  return makeTypeSchema({
    name: modelName(names),
    goName: names.kind,
    goType: 'unstructured.Unstructured',
    members: [
      field('apiVersion', STRING),
      field('kind', STRING),
      field('metadata', METADATA),
      ...own,
    ],
    ...(schema?.mapType === 'atomic' ? { structType: 'atomic' } : {}),
    ...(keepsUnknown ? { preserveUnknownFields: true } : {}),
  });
}

function field(json: string, type: FieldType, schema?: StructuralSchema): FieldSchema {
  return {
    json,
    number: 0,
    type,
    pointer: true,
    omitempty: true,
    omitzero: false,
    required: false,
    ...(schema?.nullable === true ? { nullable: true } : {}),
    ...(schema?.default === undefined ? {} : { default: schema.default }),
  };
}

function membersOf(schema: StructuralSchema, keepsUnknown: boolean): FieldSchema[] {
  const required = new Set(schema.value?.required);
  const members = [...(schema.properties ?? [])].map(([name, property]) => ({
    ...field(name, typeOf(property, keepsUnknown), property),
    required: required.has(name),
  }));
  if (!schema.embeddedResource) return members;
  const own = members.filter(({ json }) => !['apiVersion', 'kind', 'metadata'].includes(json));
  return [field('apiVersion', STRING), field('kind', STRING), field('metadata', METADATA), ...own];
}

/** The same for the same node. `inherited`: a node above keeps what is unknown. */
function typeOf(schema: StructuralSchema, inherited: boolean): FieldType {
  const keepsUnknown = inherited || schema.preserveUnknownFields;
  const cache = keepsUnknown ? keepingTypes : types;
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const type = makeType(schema, keepsUnknown);
  cache.set(schema, type);
  return type;
}

function makeType(schema: StructuralSchema, keepsUnknown: boolean): FieldType {
  if (schema.intOrString) return { kind: 'scalar', scalar: 'intOrString' };
  switch (schema.type) {
    case 'object':
      return typeOfObject(schema, keepsUnknown);
    case 'array':
      return schema.items === undefined
        ? DEDUCED
        : listType(schema, typeOf(schema.items, keepsUnknown));
    case '':
      return DEDUCED;
    default:
      return { kind: 'scalar', scalar: SCALARS[schema.type] ?? 'any' };
  }
}

function listType(schema: StructuralSchema, items: FieldType): ListType {
  const { listType: relation, listMapKeys } = schema;
  const known = relation === 'set' || relation === 'map' || relation === 'atomic';
  return {
    kind: 'list',
    of: items,
    ...(known ? { listType: relation } : {}),
    ...(relation === 'map' && listMapKeys !== undefined ? { mapKeys: listMapKeys } : {}),
  };
}

function typeOfObject(
  schema: StructuralSchema,
  keepsUnknown: boolean,
): MapType | ObjectType | ScalarType {
  const { properties, embeddedResource, mapType } = schema;
  const atomic = mapType === 'atomic' ? ({ structType: 'atomic' } as const) : {};
  if (properties === undefined && !embeddedResource) {
    const additional = additionalSchema(schema);
    if (additional !== undefined) {
      const kind = mapType === 'atomic' ? ({ mapType: 'atomic' } as const) : {};
      return { kind: 'map', of: typeOf(additional, keepsUnknown), ...kind };
    }
    if (keepsUnknown && mapType !== 'atomic') return DEDUCED;
    if (schema.additionalProperties === true) return { kind: 'map', of: DEDUCED };
  }
  const type = makeTypeSchema({
    name: '',
    goName: '',
    goType: 'map[string]interface {}',
    members: membersOf(schema, keepsUnknown),
    ...atomic,
    ...(keepsUnknown ? { preserveUnknownFields: true } : {}),
  });
  return { kind: 'object', type, ...atomic };
}
