/**
 * What the machinery knows of a type: the one description from which decoding, protobuf, strategic
 * merge, server-side apply, pruning and OpenAPI come.
 *
 * Built-in types are read from the generated field table (`./schema.ts`), custom resources make
 * the same values from their structural schema. All of it is plain data.
 *
 * Source of the facts: k8s.io/api and k8s.io/apimachinery v0.36, types.go and generated.proto.
 */
import type { Json } from '../meta/object.ts';

/**
 * Values with a form of their own on the wire.
 *
 * In objects: `bytes` is base64, `quantity`, `time`, `microTime` and `duration` are strings in
 * canonical form, `intOrString` is a number or a string, `rawExtension` is any JSON object,
 * `fieldsV1` and `json` and `any` are JSON as it is.
 */
export type ScalarKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'intOrString'
  | 'rawExtension'
  | 'fieldsV1'
  | 'json'
  | 'any';

export interface ScalarType {
  readonly kind: 'scalar';
  readonly scalar: ScalarKind;
  /** Go's name where it is not the plain one (`v1.DNSPolicy`): decoding errors print it. */
  readonly goType?: string;
  readonly enum?: readonly string[];
  /** Declared on bytes, which Go has as a list. */
  readonly listType?: 'atomic';
}

export interface ListType {
  readonly kind: 'list';
  readonly of: FieldType;
  /** Absent means atomic. */
  readonly listType?: 'atomic' | 'set' | 'map';
  /** JSON names of the keys, for `map`. */
  readonly mapKeys?: readonly string[];
  /** Protobuf holds the list in a message with one repeated field, number 1. */
  readonly wrapped?: boolean;
  readonly goType?: string;
}

export interface MapType {
  readonly kind: 'map';
  readonly of: FieldType;
  /** Absent means granular. */
  readonly mapType?: 'atomic' | 'granular';
  readonly goType?: string;
}

export interface ObjectType {
  readonly kind: 'object';
  /** Read it late: built-in types are made on the first use, and may refer to themselves. */
  readonly type: TypeSchema;
  /** Absent means granular. */
  readonly structType?: 'atomic' | 'granular';
}

export type FieldType = ScalarType | ListType | MapType | ObjectType;

export type PatchStrategy = 'merge' | 'replace' | 'retainKeys';

export interface FieldSchema {
  readonly json: string;
  /** Protobuf field number; 0 for what protobuf leaves out (`apiVersion`, `kind`, CRD fields). */
  readonly number: number;
  readonly type: FieldType;
  /** Absent and zero are different values; of custom resources always. */
  readonly pointer: boolean;
  readonly omitempty: boolean;
  /** Left out when zero, structs too. */
  readonly omitzero: boolean;
  /** OpenAPI's `required`. */
  readonly required: boolean;
  /** Null is a value of its own (CRD). */
  readonly nullable?: boolean;
  readonly patchStrategy?: readonly PatchStrategy[];
  readonly patchMergeKey?: string;
  /** The default that the schema itself declares (`+default`); most defaults are the kinds'. */
  readonly default?: Json;
}

/** A member of the Go struct whose own fields stand in the parent's JSON. */
export interface InlineMember {
  /** Protobuf field number of the nested message; 0 when protobuf leaves it out. */
  readonly inline: number;
  readonly type: TypeSchema;
}

export type Member = FieldSchema | InlineMember;

/** Types whose JSON is one of two forms. */
export type TwoForms = 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray';

export interface UnionSchema {
  readonly discriminator?: string;
  /** JSON name of a field, and the value of the discriminator that stands for it. */
  readonly fields: readonly (readonly [field: string, value: string])[];
}

export interface TypeSchema {
  /** The OpenAPI model name: `io.k8s.api.core.v1.Pod`. */
  readonly name: string;
  /** Go's name without its package: `Pod`. Decoding errors print it. */
  readonly goName: string;
  /** As Go prints the type: `v1.Pod`. */
  readonly goType: string;
  /** Every field of the JSON form in Go's order, inlined members flattened. */
  readonly fields: readonly FieldSchema[];
  readonly byJson: ReadonlyMap<string, FieldSchema>;
  /** The members as the Go struct nests them: what protobuf follows. */
  readonly members: readonly Member[];
  readonly structType?: 'atomic' | 'granular';
  readonly twoForms?: TwoForms;
  readonly unions?: readonly UnionSchema[];
  /** Unknown fields are kept (CRD). */
  readonly preserveUnknownFields?: boolean;
}

export function isInline(member: Member): member is InlineMember {
  return 'inline' in member;
}

/** Makes a TypeSchema of its members: fields flattened and indexed. A name found first wins. */
export function makeTypeSchema(parts: Omit<TypeSchema, 'fields' | 'byJson'>): TypeSchema {
  const byJson = new Map<string, FieldSchema>();
  for (const member of parts.members) {
    for (const field of isInline(member) ? member.type.fields : [member]) {
      if (!byJson.has(field.json)) byJson.set(field.json, field);
    }
  }
  return { ...parts, fields: [...byJson.values()], byJson };
}

/**
 * Whether Go writes the field even when it is zero, and so whether a decoded object has it.
 * Structs are never empty to Go: only `omitzero` or a nil pointer leaves them out.
 */
export function isAlwaysPresent(field: FieldSchema): boolean {
  if (field.pointer || field.omitzero) return false;
  return !field.omitempty || field.type.kind === 'object';
}
