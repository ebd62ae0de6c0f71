/**
 * The types of CEL and how upstream writes them in messages.
 *
 * Upstream: cel-go common/types/types.go and checker/format.go, v0.26.
 */

export type SimpleKind =
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'dyn'
  | 'error';

export type TypeKind = SimpleKind | 'list' | 'map' | 'struct' | 'opaque' | 'type' | 'param';

export interface Type {
  readonly kind: TypeKind;
  /** The name of a struct, an opaque type or a type parameter; else the run-time name of the kind. */
  readonly name: string;
  readonly parameters: readonly Type[];
}

const make = (kind: TypeKind, name: string, parameters: readonly Type[] = []): Type => ({
  kind,
  name,
  parameters,
});

export const NULL_TYPE = make('null', 'null_type');
export const BOOL = make('bool', 'bool');
export const INT = make('int', 'int');
export const UINT = make('uint', 'uint');
export const DOUBLE = make('double', 'double');
export const STRING = make('string', 'string');
export const BYTES = make('bytes', 'bytes');
export const TIMESTAMP = make('timestamp', 'google.protobuf.Timestamp');
export const DURATION = make('duration', 'google.protobuf.Duration');
export const DYN = make('dyn', 'dyn');
/** As good as `dyn` to the checker; only its name differs. */
export const ANY = make('dyn', 'any');
export const ERROR_TYPE = make('error', '*error*');
/** The type of types whose parameter is not known. */
export const TYPE = make('type', 'type');

export const listType = (element: Type): Type => make('list', 'list', [element]);
export const mapType = (key: Type, value: Type): Type => make('map', 'map', [key, value]);
export const structType = (name: string): Type => make('struct', name);
export const opaqueType = (name: string, ...parameters: readonly Type[]): Type =>
  make('opaque', name, parameters);
export const typeType = (of: Type): Type => make('type', 'type', [of]);
export const paramType = (name: string): Type => make('param', name);

const OPTIONAL_NAME = 'optional_type';
export const optionalType = (of: Type): Type => opaqueType(OPTIONAL_NAME, of);

/** The type within an optional; undefined when the type is no optional. */
export function optionalOf(type: Type): Type | undefined {
  if (type.kind !== 'opaque' || type.name !== OPTIONAL_NAME) return undefined;
  return type.parameters[0];
}

/** The parameter that a list, a map or a type certainly has. */
export const parameter = (type: Type, index: number): Type => type.parameters[index] ?? DYN;

export const isDyn = (type: Type): boolean => type.kind === 'dyn';
export const isDynOrError = (type: Type): boolean => isDyn(type) || type.kind === 'error';

/** Whether two types are the same in every part. */
export function isSameType(a: Type, b: Type): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name) return false;
  if (a.parameters.length !== b.parameters.length) return false;
  return a.parameters.every((each, index) => isSameType(each, parameter(b, index)));
}

const FORMATS: Partial<Record<TypeKind, string>> = {
  duration: 'duration',
  timestamp: 'timestamp',
  null: 'null',
  error: '!error!',
};

/** A type as messages of the checker write it. */
export function formatType(type: Type): string {
  const fixed = FORMATS[type.kind];
  if (fixed !== undefined) return fixed;
  if (type.parameters.length === 0) return type.name;
  return `${type.name}(${type.parameters.map(formatType).join(', ')})`;
}

/** A type as Go's `String` writes it, with the whole names of well-known ones. */
export function typeText({ name, parameters }: Type): string {
  return parameters.length === 0 ? name : `${name}(${parameters.map(typeText).join(', ')})`;
}

/** The types that a call was made with, as messages write them. */
export function formatCall(types: readonly Type[], isMember: boolean): string {
  const [first, ...rest] = types.map(formatType);
  return isMember ? `${first}.(${rest.join(', ')})` : `(${types.map(formatType).join(', ')})`;
}
