/** Looks through a schema as it was sent. Upstream: SchemaHas in validation.go. */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';

function* schemasIn(value: unknown): Generator<JSONSchemaProps> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) yield value;
}

function* childrenOf(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  if (Array.isArray(schema.items)) yield* schema.items;
  else yield* schemasIn(schema.items);
  yield* schema.allOf ?? [];
  yield* schema.anyOf ?? [];
  yield* schema.oneOf ?? [];
  yield* schemasIn(schema.not);
  yield* Object.values(schema.properties ?? {});
  yield* schemasIn(schema.additionalProperties);
  yield* Object.values(schema.patternProperties ?? {});
  yield* schemasIn(schema.additionalItems);
  yield* Object.values(schema.definitions ?? {});
  for (const dependency of Object.values(schema.dependencies ?? {})) yield* schemasIn(dependency);
}

/** Whether the schema, or one anywhere in it, is as asked. */
export function schemaHas(
  schema: JSONSchemaProps,
  is: (schema: JSONSchemaProps) => boolean,
): boolean {
  if (is(schema)) return true;
  for (const child of childrenOf(schema)) if (schemaHas(child, is)) return true;
  return false;
}

/** Calls `visit` for the schema and all in it. */
export function visitSchemas(
  schema: JSONSchemaProps,
  visit: (schema: JSONSchemaProps) => void,
): void {
  schemaHas(schema, (each) => {
    visit(each);
    return false;
  });
}
