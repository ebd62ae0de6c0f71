/**
 * Whether values are of the types that an overload is made for: asked at run time where the checker
 * could not know.
 *
 * Upstream: cel-go common/decls (MatchesRuntimeSignature) and common/types/types.go
 * (defaultIsAssignableRuntimeType), v0.26: of a list or map only the first entry is looked at.
 */
import { type Type, TYPE } from '../check/type.ts';
import {
  Duration,
  ListValue,
  MapValue,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from '../value/value.ts';

function isList(type: Type, value: Value): boolean {
  if (!(value instanceof ListValue)) return false;
  const [element] = type.parameters;
  return element === undefined || value.size === 0 || isOfType(element, value.at(0));
}

function isMap(type: Type, value: Value): boolean {
  if (!(value instanceof MapValue)) return false;
  const [keyType, valueType] = type.parameters;
  for (const key of value.keys()) {
    if (keyType !== undefined && !isOfType(keyType, key)) return false;
    return valueType === undefined || isOfType(valueType, value.find(key) ?? null);
  }
  return true;
}

/** Whether a value may be given where the type is asked for. */
export function isOfType(type: Type, value: Value): boolean {
  switch (type.kind) {
    case 'null':
      return value === null;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'uint':
      return value instanceof Uint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'list':
      return isList(type, value);
    case 'map':
      return isMap(type, value);
    case 'type':
      return value instanceof TypeValue;
    case 'opaque':
      if (type.name === 'optional_type') return value instanceof Optional;
      return value instanceof OpaqueValue && value.type.name === type.name;
    case 'struct':
      if (value instanceof OpaqueValue) return value.type.name === type.name;
      return value instanceof MapValue;
    default:
      return true;
  }
}

/** Whether the checker could leave the type of a value open. */
export const isOpen = (type: Type): boolean =>
  ['dyn', 'param', 'error'].includes(type.kind) || (type !== TYPE && type.parameters.some(isOpen));
