/**
 * What mutating admission policies make: `Object{spec: Object.spec{replicas: 3}}` and
 * `JSONPatch{op: "add", path: "/a", value: 1}`.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/mutation/ (typeresolver.go,
 * jsonpatch.go, dynamic/objects.go) and pkg/cel/library/jsonpatch.go.
 */
import {
  type FunctionTable,
  NO_TYPES,
  overload,
  type TypeProvider,
} from '../check/declarations.ts';
import { DYN, STRING, structType, type Type } from '../check/type.ts';
import {
  CelError,
  elementsOf,
  ListValue,
  MapValue,
  textOf,
  typeNameOf,
  type Value,
} from '../value/value.ts';

/** The type of an apply configuration's root; objects within are named by their paths. */
export const OBJECT_TYPE = structType('Object');
export const JSON_PATCH_TYPE = structType('JSONPatch');

const PATCH_FIELDS: Readonly<Record<string, Type>> = {
  op: STRING,
  path: STRING,
  from: STRING,
  value: DYN,
};

/** A value of one of these types. */
class MadeObject extends MapValue {
  readonly #typeName: string;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    super();
    this.#typeName = typeName;
    this.fields = fields;
  }

  override get typeName(): string {
    return this.#typeName;
  }

  override get size(): number {
    return this.fields.size;
  }

  override find(key: Value): Value | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined;
  }

  override keys(): Iterable<Value> {
    return this.fields.keys();
  }

  override equalsOther(other: MapValue): Value | undefined {
    return other instanceof MadeObject && other.typeName === this.typeName ? undefined : false;
  }
}

const isObjectName = (name: string): boolean => name === 'Object' || name.startsWith('Object.');

function create(name: string, fields: ReadonlyMap<string, Value>): Value {
  if (name !== 'JSONPatch') return new MadeObject(name, fields);
  for (const [field, value] of fields) {
    if (PATCH_FIELDS[field] === STRING && typeof value !== 'string') {
      return new CelError(
        `unexpected type ${typeNameOf(value)} for JSONPatchType '${field}' field`,
      );
    }
  }
  return new MadeObject(name, fields);
}

/** The types of mutations, and those of `others`. */
export function mutationTypes(others: TypeProvider = NO_TYPES): TypeProvider {
  return {
    hasStruct: (name) => name === 'JSONPatch' || isObjectName(name) || others.hasStruct(name),
    fieldType: (struct, field) => {
      if (struct === 'JSONPatch') return PATCH_FIELDS[field];
      return isObjectName(struct) ? DYN : others.fieldType(struct, field);
    },
    create: (struct, fields) => {
      if (struct === 'JSONPatch' || isObjectName(struct)) return create(struct, fields);
      return others.create?.(struct, fields) ?? new CelError(`unknown type: ${struct}`);
    },
  };
}

/** What is wrong with the names of objects within objects: each must say where it is. */
export function typeNameErrors(value: Value, path = 'Object'): readonly string[] {
  if (value instanceof MadeObject) {
    const { typeName, fields } = value;
    const wrong =
      typeName === path
        ? []
        : [
            `unexpected type name "${typeName}", expected "${path}", which matches field name path from root Object type`,
          ];
    const within = Array.from(fields, ([name, field]) => typeNameErrors(field, `${path}.${name}`));
    return [...wrong, ...within.flat()];
  }
  if (value instanceof ListValue) {
    return Array.from(elementsOf(value), (each) => typeNameErrors(each, path)).flat();
  }
  if (!(value instanceof MapValue) || value.json !== undefined) return [];
  return Array.from(value.keys(), (key) => typeNameErrors(value.find(key) ?? null, path)).flat();
}

/** `jsonpatch.escapeKey`. */
export const JSON_PATCH_LIBRARY: FunctionTable = {
  'jsonpatch.escapeKey': [
    overload('string_jsonpatch_escapeKey_string', [STRING], STRING, (key) =>
      textOf(key).replaceAll('~', '~0').replaceAll('/', '~1'),
    ),
  ],
};
