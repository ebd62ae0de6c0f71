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

const types = new WeakMap<StructuralSchema, FieldType>();

/** The type of whole objects. Without a schema, or when it keeps what is unknown, types are deduced. */
export function typeOfSchema(schema: StructuralSchema | undefined, names: TypeNames): TypeSchema {
  const keepsUnknown = schema === undefined || schema.preserveUnknownFields;
  const members = schema === undefined ? [] : membersOf(schema);
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

function membersOf(schema: StructuralSchema): FieldSchema[] {
  const required = new Set(schema.value?.required);
  const members = [...(schema.properties ?? [])].map(([name, property]) => ({
    ...field(name, typeOf(property), property),
    required: required.has(name),
  }));
  if (!schema.embeddedResource) return members;
  const own = members.filter(({ json }) => !['apiVersion', 'kind', 'metadata'].includes(json));
  return [field('apiVersion', STRING), field('kind', STRING), field('metadata', METADATA), ...own];
}

/** The same for the same node. */
function typeOf(schema: StructuralSchema): FieldType {
  const known = types.get(schema);
  if (known !== undefined) return known;
  const type = makeType(schema);
  types.set(schema, type);
  return type;
}

function makeType(schema: StructuralSchema): FieldType {
  if (schema.intOrString) return { kind: 'scalar', scalar: 'intOrString' };
  switch (schema.type) {
    case 'object':
      return typeOfObject(schema);
    case 'array':
      return schema.items === undefined ? DEDUCED : listType(schema, schema.items);
    case '':
      return DEDUCED;
    default:
      return { kind: 'scalar', scalar: SCALARS[schema.type] ?? 'any' };
  }
}

function listType(schema: StructuralSchema, items: StructuralSchema): ListType {
  const { listType: relation, listMapKeys } = schema;
  const known = relation === 'set' || relation === 'map' || relation === 'atomic';
  return {
    kind: 'list',
    of: typeOf(items),
    ...(known ? { listType: relation } : {}),
    ...(relation === 'map' && listMapKeys !== undefined ? { mapKeys: listMapKeys } : {}),
  };
}

function typeOfObject(schema: StructuralSchema): MapType | ObjectType | ScalarType {
  const { properties, preserveUnknownFields, embeddedResource, mapType } = schema;
  const atomic = mapType === 'atomic' ? ({ structType: 'atomic' } as const) : {};
  if (properties === undefined && !embeddedResource) {
    const additional = additionalSchema(schema);
    if (additional !== undefined) {
      const kind = mapType === 'atomic' ? ({ mapType: 'atomic' } as const) : {};
      return { kind: 'map', of: typeOf(additional), ...kind };
    }
    if (preserveUnknownFields && mapType !== 'atomic') return DEDUCED;
    if (schema.additionalProperties === true) return { kind: 'map', of: DEDUCED };
  }
  const type = makeTypeSchema({
    name: '',
    goName: '',
    goType: 'map[string]interface {}',
    members: membersOf(schema),
    ...atomic,
    ...(preserveUnknownFields ? { preserveUnknownFields: true } : {}),
  });
  return { kind: 'object', type, ...atomic };
}
