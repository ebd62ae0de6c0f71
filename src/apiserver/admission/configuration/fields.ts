/** What the readers of plug-ins' configurations share. */
import { ConfigError } from '#api/component-config/error.ts';
import { struct } from '#api/component-config/fields.ts';
import { type ConfigKind, readConfig, STRICT } from '#api/component-config/read.ts';
import type { FieldError } from '#api/meta/field.ts';
import type { JsonObject } from '#api/meta/object.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';

/** A type of a configuration file. */
export function configType(goName: string, ...members: readonly FieldSchema[]): TypeSchema {
  return struct(goName, members, { name: 'io.k8s.apiserver.config.v1', goPackage: 'v1' });
}

/** What the text says, read strictly and without defaults. Throws ConfigError. */
export function readStrictly(text: string, kind: ConfigKind): JsonObject {
  const { object, problems } = readConfig(text, kind);
  if (problems.length > 0) throw new ConfigError(`${STRICT}${problems.join(', ')}`);
  return object;
}

/** Throws a ConfigError of all errors, where there are any. */
export function refuseErrors(errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const texts = [...new Set(errors.map((error) => error.text()))];
  throw new ConfigError(texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`);
}
