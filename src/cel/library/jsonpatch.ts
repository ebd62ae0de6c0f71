/**
 * `jsonpatch.escapeKey`, and the type of the operations that mutating policies make.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/jsonpatch.go and
 * pkg/cel/mutation/jsonpatch.go. Only mutating admission policies have it.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { DYN, STRING, structType, type Type } from '../check/type.ts';
import { textOf } from '../value/value.ts';

export const JSON_PATCH_TYPE = structType('JSONPatch');

/** The fields of an operation. */
export const JSON_PATCH_FIELDS: Readonly<Record<string, Type>> = {
  op: STRING,
  path: STRING,
  from: STRING,
  value: DYN,
};

export const JSON_PATCH_LIBRARY: FunctionTable = {
  'jsonpatch.escapeKey': [
    overload('string_jsonpatch_escapeKey_string', [STRING], STRING, (key) =>
      textOf(key).replaceAll('~', '~0').replaceAll('/', '~1'),
    ),
  ],
};
