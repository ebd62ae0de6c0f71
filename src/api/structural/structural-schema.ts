/**
 * Structural schemas of custom resources: what the engine keeps of one version's OpenAPI schema.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema (structural.go, convert.go).
 * One type of node serves the structure and the value validations nested under allOf, anyOf, oneOf
 * and not. Nodes are frozen, and equal nodes are one value (`compile-schema.ts` interns them), so
 * that definitions which say the same share their memory, and caches may be keyed by node.
 *
 * What works on them, a file each, all pure functions. Those that say "Changes" change their first
 * argument, which must be the caller's own (just parsed or cloned):
 *
 *   compileSchema(props): StructuralSchema                          compile-schema.ts, throws SchemaError
 *   validateStructure(schema, at): FieldError[]                     structure.ts: is it structural at all
 *   validateDefaults(schema, at, options): FieldError[]             check-defaults.ts
 *   prune(object, schema, { isRoot }): string[]                     prune.ts: pruned paths. Changes `object`
 *   pruneNulls(object, schema), applyDefaults(object, schema)       defaults.ts. Change `object`
 *   coerceMeta(object, schema, options): { error?, unknown }        embedded-meta.ts. Changes `object`
 *   validateMeta(object, schema, options): FieldError[]             embedded-meta.ts
 *   validateValue(value, schema, { at, correlation }): FieldError[] validate-value.ts
 *   correlate(next, old, schema): Correlation                       correlation.ts: ratcheting on update
 *   validateListTypes(object, schema, at): FieldError[]             list-types.ts
 *   validateCustomResource…(…): FieldError[]                        custom-resource.ts: all of the above in order
 *   typeOfSchema(schema, names): TypeSchema                         type-schema.ts: for apply and merge
 *   publishedSchemas(definition, version, form)                     published-schema.ts: OpenAPI v2 and v3
 *   customColumns(columns): Column[]                                columns.ts: cells of a Table
 *   scaleOf(object, paths), setScale(object, paths, n)              scale.ts
 *   selectableValues(object, fields)                                selectable-fields.ts
 *   findSchemaPath(path, schema, options)                           schema-path.ts
 *
 * Rules in CEL (`x-kubernetes-validations`) are compiled and run by a `RuleEngine` that is passed
 * in (`rule-engine.ts`).
 */
import type { ExternalDocumentation, ValidationRule } from '#api/gen/apiextensions-v1.ts';
import type { Json } from '../meta/object.ts';

export interface StructuralSchema {
  /** object, array, string, integer, number, boolean; empty when the schema names none. */
  readonly type: string;
  readonly nullable: boolean;
  /** Absent and null are the same: no default. */
  readonly default: Json | undefined;
  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[] | undefined;
  readonly mapType: string | undefined;
  readonly rules: readonly ValidationRule[] | undefined;
  /** Undefined when there are none: an empty map is none. */
  readonly properties: ReadonlyMap<string, StructuralSchema> | undefined;
  readonly additionalProperties: StructuralSchema | boolean | undefined;
  readonly items: StructuralSchema | undefined;
  /** Undefined when the schema restricts no values. */
  readonly value: ValueValidation | undefined;
  /** What is for readers only. Undefined when there is nothing. */
  readonly docs: SchemaDocs | undefined;
}

/** What restricts values without adding structure. Members that say nothing are absent. */
export interface ValueValidation {
  readonly format?: string;
  readonly maximum?: number;
  readonly exclusiveMaximum?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly multipleOf?: number;
  readonly enum?: readonly Json[];
  readonly maxProperties?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly allOf?: readonly StructuralSchema[];
  readonly anyOf?: readonly StructuralSchema[];
  readonly oneOf?: readonly StructuralSchema[];
  readonly not?: StructuralSchema;
}

export interface SchemaDocs {
  readonly description?: string;
  readonly title?: string;
  readonly externalDocs?: ExternalDocumentation;
  readonly example?: Json;
}

/** A schema that no structural schema can be made of. The message is upstream's. */
export class SchemaError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SchemaError';
  }
}

/** The schema of additional members, when they have one. */
export function additionalSchema(schema: StructuralSchema): StructuralSchema | undefined {
  const { additionalProperties } = schema;
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

/** The schema of the member `name`; undefined when nothing is said of it. */
export function memberSchema(
  schema: StructuralSchema | undefined,
  name: string,
): StructuralSchema | undefined {
  if (schema === undefined) return undefined;
  return schema.properties?.get(name) ?? additionalSchema(schema);
}
