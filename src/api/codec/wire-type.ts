/** How protobuf lays out each kind of value. Source: protobuf encoding guide. */
import type { FieldType } from '../schema/types.ts';

const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;

/** The wire type of a value of `type`; of a list's items, for lists stand as their items. */
export function wireTypeOf(type: FieldType): number {
  if (type.kind === 'list' && !type.wrapped) return wireTypeOf(type.of);
  if (type.kind !== 'scalar') return BYTES;
  if (type.scalar === 'double') return FIXED64;
  return ['bool', 'int32', 'int64'].includes(type.scalar) ? VARINT : BYTES;
}
