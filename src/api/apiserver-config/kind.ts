/**
 * What the files of `apiserver.config.k8s.io` have in common.
 *
 * They are files, not objects of the API. Source: upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go.
 */
import { ConfigError } from '../component-config/error.ts';
import { struct as structOf } from '../component-config/fields.ts';
import { readConfig, STRICT } from '../component-config/read.ts';
import type { FieldError } from '../meta/field.ts';
import type { JsonObject } from '../meta/object.ts';
import type { FieldSchema, TypeSchema } from '../schema/types.ts';

const API_VERSION = 'apiserver.config.k8s.io/v1';

/** A type of the group, with its members as the strict decoder reads them. */
export function struct(goName: string, members: readonly FieldSchema[]): TypeSchema {
  return structOf(goName, members, { name: 'io.k8s.apiserver.config.v1', goPackage: 'v1' });
}

/** The content of a file of this type. Throws ConfigError, for unknown and repeated fields too. */
export function readStrictly(text: string, type: TypeSchema, scheme: string): JsonObject {
  const { goName: kind } = type;
  const { object, problems } = readConfig(text, { apiVersion: API_VERSION, kind, type, scheme });
  if (problems.length > 0) throw new ConfigError(`${STRICT}${problems.join(', ')}`);
  return object;
}

/** Throws ConfigError that tells all of `errors`, as Go's aggregate of them does. */
export function refuseAll(errors: readonly (FieldError | string)[]): void {
  if (errors.length === 0) return;
  const texts = [
    ...new Set(errors.map((error) => (typeof error === 'string' ? error : error.text()))),
  ];
  throw new ConfigError(texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`);
}
