/**
 * What a strategic merge patch asks of the schema: how the value of a key is merged.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/meta.go.
 */
import type { FieldSchema, FieldType, TypeSchema } from '../schema/types.ts';

/** `code`: 400 for a patch that is wrong, 422 for one that cannot be handled, 500 for the rest. */
export class StrategicMergeError extends Error {
  readonly code: 400 | 422 | 500;
  constructor(message: string, code: 400 | 422 | 500 = 500) {
    super(message);
    this.name = 'StrategicMergeError';
    this.code = code;
  }
}

/** How one key's value merges. `of` is the type of the object, or of the list's elements. */
export interface MergeRule {
  readonly of: FieldType;
  readonly strategy: 'merge' | 'replace' | '';
  readonly mergeKey: string;
}

export function objectRule(holder: FieldType, key: string): MergeRule {
  const field = fieldOf(holder, key);
  return { of: field.type, ...strategyOf(field) };
}

export function listRule(holder: FieldType, key: string): MergeRule {
  const field = fieldOf(holder, key);
  if (field.type.kind !== 'list') {
    throw new StrategicMergeError(`expected slice or array type, but got: ${goKind(holder)}`);
  }
  if (field.type.of.kind === 'list') throw new StrategicMergeError('unexpected slice of slice');
  return { of: field.type.of, ...strategyOf(field) };
}

function fieldOf(holder: FieldType, key: string): FieldSchema {
  if (holder.kind !== 'object') {
    if (holder.kind === 'scalar' && HIDDEN_STRUCTS[holder.scalar] !== undefined) {
      throw noField(HIDDEN_STRUCTS[holder.scalar] ?? '', key);
    }
    throw new StrategicMergeError(
      `merging an object in json but data type is not struct, instead is: ${goKind(holder)}`,
    );
  }
  const field = holder.type.byJson.get(key) ?? sameButCase(holder.type, key);
  if (field === undefined) throw noField(holder.type.goName, key);
  return field;
}

/** Scalars on the wire that are structs without JSON fields to Go. */
const HIDDEN_STRUCTS: Readonly<Record<string, string>> = {
  rawExtension: 'RawExtension',
  fieldsV1: 'FieldsV1',
  json: 'JSON',
  quantity: 'Quantity',
  intOrString: 'IntOrString',
  time: 'Time',
  microTime: 'MicroTime',
  duration: 'Duration',
};

function noField(goName: string, key: string): StrategicMergeError {
  return new StrategicMergeError(
    `unable to find api field in struct ${goName} for the json field ${JSON.stringify(key)}`,
  );
}

function sameButCase(type: TypeSchema, key: string): FieldSchema | undefined {
  const lower = key.toLowerCase();
  return type.fields.find((field) => field.json.toLowerCase() === lower);
}

function strategyOf(field: FieldSchema): { strategy: MergeRule['strategy']; mergeKey: string } {
  const strategy = field.patchStrategy?.find((name) => name !== 'retainKeys') ?? '';
  return { strategy, mergeKey: field.patchMergeKey ?? '' };
}

export function goKind(type: FieldType): string {
  if (type.kind === 'list') return 'slice';
  if (type.kind === 'map') return 'map';
  if (type.kind === 'object' || HIDDEN_STRUCTS[type.scalar] !== undefined) return 'struct';
  return type.scalar === 'double' ? 'float64' : type.scalar;
}
