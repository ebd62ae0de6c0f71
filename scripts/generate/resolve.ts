/** Turns Go type expressions into shapes: aliases followed, scalars with a wire form named. */
import type { PackageFacts, ScalarKind, Shape, TypeRef } from './facts.ts';

/** Types that write their own JSON, by import path and name. */
const CUSTOM: ReadonlyMap<string, ScalarKind> = new Map([
  ['k8s.io/apimachinery/pkg/apis/meta/v1.Time', 'time'],
  ['k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime', 'microTime'],
  ['k8s.io/apimachinery/pkg/apis/meta/v1.Duration', 'duration'],
  ['k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1', 'fieldsV1'],
  ['k8s.io/apimachinery/pkg/api/resource.Quantity', 'quantity'],
  ['k8s.io/apimachinery/pkg/util/intstr.IntOrString', 'intOrString'],
  ['k8s.io/apimachinery/pkg/runtime.RawExtension', 'rawExtension'],
  ['k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON', 'json'],
  ['k8s.io/apimachinery/pkg/types.UID', 'string'],
  ['k8s.io/apimachinery/pkg/types.NodeName', 'string'],
]);

/** Named lists that protobuf wraps in a message (`+protobuf.nullable=true`). */
const WRAPPED_MARKER = 'protobuf.nullable';

const BUILT_IN: Readonly<Record<string, ScalarKind>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  float64: 'double',
  'interface{}': 'any',
};

export interface Universe {
  package(path: string): PackageFacts | undefined;
}

export function isPointer(goType: string): boolean {
  return goType.startsWith('*');
}

/** A scalar whose Go value is a struct or slice is not told by `pointer` alone; see the codec. */
export function resolve(universe: Universe, from: PackageFacts, goType: string): Shape {
  if (goType.startsWith('*')) return resolve(universe, from, goType.slice(1));
  if (goType === '[]byte') return { kind: 'scalar', scalar: 'bytes' };
  if (goType.startsWith('[]')) {
    const of = resolve(universe, from, goType.slice(2));
    return { kind: 'list', of, wrapped: false, pointers: goType.startsWith('[]*') };
  }
  const map = /^map\[(\w+(?:\.\w+)?)\](.+)$/.exec(goType);
  if (map?.[2] !== undefined) return { kind: 'map', of: resolve(universe, from, map[2]) };
  const builtIn = BUILT_IN[goType];
  if (builtIn !== undefined) return { kind: 'scalar', scalar: builtIn };
  return resolveName(universe, from, goType);
}

function resolveName(universe: Universe, from: PackageFacts, goType: string): Shape {
  const dot = goType.indexOf('.');
  const path = dot < 0 ? from.source.path : (from.imports.get(goType.slice(0, dot)) ?? '');
  const name = goType.slice(dot + 1);
  const custom = CUSTOM.get(`${path}.${name}`);
  if (custom !== undefined) return { kind: 'scalar', scalar: custom };
  const home = dot < 0 ? from : universe.package(path);
  if (home === undefined) throw new Error(`Cannot resolve ${goType} in ${from.source.path}`);
  if (home.structs.has(name)) return { kind: 'object', ref: { package: home, name } };
  return resolveNamed(universe, { package: home, name });
}

/** The shape behind a named type; a copy of another package's struct stays an object of its own. */
function resolveNamed(universe: Universe, ref: TypeRef): Shape {
  const named = ref.package.named.get(ref.name);
  if (named === undefined) throw new Error(`Cannot resolve ${ref.name}: no such named type`);
  const shape = resolve(universe, ref.package, named.goType);
  if (shape.kind === 'object' && !named.alias) return { kind: 'object', ref };
  if (shape.kind === 'scalar' && named.markers.has('enum')) return { ...shape, enumType: ref };
  if (shape.kind === 'list' && named.markers.has(WRAPPED_MARKER))
    return { ...shape, wrapped: true };
  return shape;
}

/** Values of an enum type, sorted. */
export function enumValues(ref: TypeRef): readonly string[] {
  const values = new Set(ref.package.constants.get(ref.name)?.values());
  return [...values].toSorted((a, b) => (a < b ? -1 : 1));
}

export function modelName(ref: TypeRef): string {
  return `${ref.package.model}.${ref.name}`;
}
