/**
 * Makes the types of configuration files (`kubescheduler.config.k8s.io`, `kubelet.config.k8s.io`),
 * as the strict decoder reads them.
 *
 * They are files, not objects of the API: the generated table does not have them.
 */
import {
  type FieldSchema,
  type FieldType,
  makeTypeSchema,
  type ScalarKind,
  type TypeSchema,
} from '../schema/types.ts';

function field(json: string, type: FieldType, form: 'pointer' | 'omitempty' | 'always') {
  const pointer = form === 'pointer';
  const omitempty = form !== 'always';
  const made: FieldSchema = {
    json,
    number: 0,
    type,
    pointer,
    omitempty,
    omitzero: false,
    required: false,
  };
  return made;
}

/** Absent and zero differ. */
export const pointer = (json: string, type: FieldType): FieldSchema => field(json, type, 'pointer');
export const optional = (json: string, type: FieldType): FieldSchema =>
  field(json, type, 'omitempty');
/** Go writes it though it is zero. */
export const always = (json: string, type: FieldType): FieldSchema => field(json, type, 'always');

export const scalar = (kind: ScalarKind): FieldType => ({ kind: 'scalar', scalar: kind });
export const object = (type: TypeSchema): FieldType => ({ kind: 'object', type });
export const list = (of: FieldType, goType?: string): FieldType =>
  goType === undefined ? { kind: 'list', of } : { kind: 'list', of, goType };
export const map = (of: FieldType): FieldType => ({ kind: 'map', of });

export const STRING = scalar('string');
export const BOOL = scalar('bool');
export const INT32 = scalar('int32');
export const INT64 = scalar('int64');
export const DURATION = scalar('duration');

export const TYPE_META: readonly FieldSchema[] = [
  optional('apiVersion', STRING),
  optional('kind', STRING),
];

/** `at.name`: the package of the OpenAPI model; `at.goPackage`: Go's, which messages print. */
export function struct(
  goName: string,
  members: readonly FieldSchema[],
  at: { readonly name: string; readonly goPackage: string },
): TypeSchema {
  return makeTypeSchema({
    name: `${at.name}.${goName}`,
    goName,
    goType: `${at.goPackage}.${goName}`,
    members,
  });
}
