/**
 * The schema of one version, as it was sent: what no schema may say, and, through the structural
 * schema made of it, whether it is structural, its defaults and its rules.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
 * (validateCustomResourceDefinitionValidation, ValidateCustomResourceDefinitionOpenAPISchema).
 */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import { type FieldError, type FieldPath, forbiddenField, invalidValue } from '../meta/field.ts';
import { validateDefaults } from '../structural/check-defaults.ts';
import { compilePlain } from '../structural/compile-schema.ts';
import { SchemaError, type StructuralSchema } from '../structural/structural-schema.ts';
import { validateStructure } from '../structural/structure.ts';
import type { CheckOptions } from './check-options.ts';
import { goSchema } from './go-form.ts';
import { TotalCost } from './rule-checks.ts';
import { validateSchemaTree } from './schema-tree.ts';

/** Names as upstream's messages list them, and the fields that they stand for, in its order. */
const ROOT_FIELDS: readonly (readonly [name: string, field: keyof JSONSchemaProps])[] = [
  ['Description', 'description'],
  ['Type', 'type'],
  ['Format', 'format'],
  ['Title', 'title'],
  ['Maximum', 'maximum'],
  ['ExclusiveMaximum', 'exclusiveMaximum'],
  ['Minimum', 'minimum'],
  ['ExclusiveMinimum', 'exclusiveMinimum'],
  ['MaxLength', 'maxLength'],
  ['MinLength', 'minLength'],
  ['Pattern', 'pattern'],
  ['MaxItems', 'maxItems'],
  ['MinItems', 'minItems'],
  ['UniqueItems', 'uniqueItems'],
  ['MultipleOf', 'multipleOf'],
  ['Required', 'required'],
  ['Items', 'items'],
  ['Properties', 'properties'],
  ['ExternalDocs', 'externalDocs'],
  ['Example', 'example'],
  ['XPreserveUnknownFields', 'x-kubernetes-preserve-unknown-fields'],
  ['XValidations', 'x-kubernetes-validations'],
];
const ALLOWED_AT_ROOT: ReadonlySet<string> = new Set(ROOT_FIELDS.map(([, field]) => field));
/** Fields that upstream looks at before the type. */
const BEFORE_TYPE = ['id', '$schema', '$ref'] as const;
const WITH_STATUS = 'if the status subresource is enabled';

/** With a status subresource, the root may not restrict what the status alone is checked against. */
function validateStatusRoot(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const isSet = ([field, value]: [string, unknown]): boolean =>
    value !== undefined && value !== false && value !== '' && !ALLOWED_AT_ROOT.has(field);
  const forbidden = Object.entries(schema)
    .filter(isSet)
    .map(([field]) => field);
  const isEarly = BEFORE_TYPE.some((field) => forbidden.includes(field));
  if (!isEarly && schema.type && schema.type !== 'object') {
    const detail = `only "object" is allowed as the type at the root of the schema ${WITH_STATUS}`;
    return [invalidValue(at.child('type'), schema.type, detail)];
  }
  if (forbidden.length === 0) return [];
  const names = ROOT_FIELDS.map(([name]) => name).join(' ');
  const detail = `only [${names}] fields are allowed at the root of the schema ${WITH_STATUS}`;
  return [invalidValue(at, goSchema(schema), detail)];
}

export interface SchemaContext {
  readonly hasStatus: boolean;
  /** What the rules cost is not asked: the update leaves the schema as it is. */
  readonly suppressCost: boolean;
  readonly options: CheckOptions;
}

/** `at`: of the schema itself. */
export function validateResourceSchema(
  schema: JSONSchemaProps | undefined,
  at: FieldPath,
  { hasStatus, suppressCost, options }: SchemaContext,
): FieldError[] {
  if (schema === undefined) return [];
  const errors = hasStatus ? validateStatusRoot(schema, at) : [];
  if (schema.nullable === true) {
    errors.push(forbiddenField(at.child('nullable'), 'nullable cannot be true at the root'));
  }
  const structural = options.requireStructural
    ? checkStructural(schema, at, options)
    : { errors: [] };
  errors.push(...structural.errors);
  const total = new TotalCost();
  const root = structural.schema === undefined ? undefined : { node: structural.schema, total };
  errors.push(...validateSchemaTree(schema, at, { root, suppressCost, options }));
  // What cannot be compiled was told of above, in other words, by rule.
  if (errors.length === 0 && structural.failure !== undefined) errors.push(structural.failure);
  return [...errors, ...total.errors(at)];
}

function checkStructural(
  props: JSONSchemaProps,
  at: FieldPath,
  { requirePrunedDefaults, rules }: CheckOptions,
): { errors: FieldError[]; schema?: StructuralSchema; failure?: FieldError } {
  let schema: StructuralSchema;
  try {
    schema = compilePlain(props);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return { errors: [], failure: invalidValue(at, '', error.message) };
  }
  const found = validateStructure(schema, at);
  if (found.length > 0) return { errors: found };
  const errors = validateDefaults(schema, at, {
    requirePruned: requirePrunedDefaults,
    ...(rules === undefined ? {} : { rules }),
  });
  return errors.length > 0 ? { errors } : { errors, schema };
}
