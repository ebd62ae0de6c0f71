/**
 * The types behind a kind: a built-in one's is in the field table, a custom resource's is made of
 * its structural schema.
 */
import type { AnyKind } from '../kind.ts';
import { typeByName } from './schema.ts';
import { type FieldSchema, type FieldType, makeTypeSchema, type TypeSchema } from './types.ts';

/**
 * A custom object as a document: it has type and metadata like every object, and else whatever its
 * schema, which is looked at later, lets through.
 */
export const CUSTOM_DOCUMENT: TypeSchema = makeTypeSchema({
  name: 'io.k8s.apiextensions.CustomObject',
  goName: 'CustomObject',
  goType: 'unstructured.Unstructured',
  members: [
    member('kind', { kind: 'scalar', scalar: 'string' }),
    member('apiVersion', { kind: 'scalar', scalar: 'string' }),
    member('metadata', {
      kind: 'object',
      get type(): TypeSchema {
        return typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
      },
    }),
  ],
  preserveUnknownFields: true,
});

function member(json: string, type: FieldType): FieldSchema {
  const tags = { pointer: false, omitempty: true, omitzero: false, required: false };
  return { json, number: 0, type, ...tags };
}

/** What a request body of this kind may hold, and how its bytes are written. */
export function documentTypeOf(kind: AnyKind): TypeSchema {
  return kind.custom === undefined ? typeByName(kind.schema) : CUSTOM_DOCUMENT;
}

/** The kind's fields, for merging, applying and their managers. */
export function fieldTypeOf(kind: AnyKind): TypeSchema {
  return kind.custom?.fields ?? typeByName(kind.schema);
}
