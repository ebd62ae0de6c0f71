/**
 * What a request with a custom resource goes through: reading, defaulting and validation, in
 * upstream's order.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/customresource_handler.go
 * (unstructuredSchemaCoercer) and pkg/registry/customresource (strategy.go, status_strategy.go,
 * validator.go). The object's own metadata is the generic server's to decode and to validate.
 */
import type { CustomResourceSubresourceScale } from '#api/gen/apiextensions-v1.ts';
import { fieldPath, type FieldError, invalidValue, ROOT } from '../meta/field.ts';
import { memberOf } from '../meta/json.ts';
import { isQualifiedName } from '../meta/names.ts';
import type { JsonObject } from '../meta/object.ts';
import { Correlation, correlate } from './correlation.ts';
import { pruneNulls } from './defaults.ts';
import { coerceMeta, validateMeta } from './embedded-meta.ts';
import { validateListTypes } from './list-types.ts';
import { prune } from './prune.ts';
import { RULE_BUDGET, type RuleEngine } from './rule-engine.ts';
import { validateScaleSpec, validateScaleStatus } from './scale.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { validateValue } from './validate-value.ts';

/** Hears a warning for the client. */
type Warn = (text: string) => void;

/** One version of a kind, as far as its objects are judged by it. */
export interface CustomKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: StructuralSchema;
  readonly scale?: CustomResourceSubresourceScale;
  /** Runs the rules of the schema; without, they are not looked at. */
  readonly rules?: RuleEngine;
}

export interface ReadOptions {
  readonly preserveUnknownFields?: boolean;
  readonly dropInvalid?: boolean;
  readonly keepNulls?: boolean;
}

/**
 * Changes `object`, which was just parsed: prunes it and brings embedded metadata into its types.
 * Its own apiVersion, kind and metadata are left alone. Answers the paths of what went (for strict
 * and warning field validation), or why the object cannot be read. Defaults come after
 * (`applyDefaults`). `dropInvalid`: for objects from the store. `keepNulls`: for what an apply made,
 * where a null that is not allowed is an error.
 */
export function readCustomResource(
  object: JsonObject,
  schema: StructuralSchema,
  options: ReadOptions = {},
): { readonly error?: FieldError; readonly unknown: readonly string[] } {
  const { preserveUnknownFields = false, dropInvalid = false, keepNulls = false } = options;
  const unknown: string[] = [];
  if (!preserveUnknownFields) {
    unknown.push(...prune(object, schema, { isRoot: true }));
    if (!keepNulls) pruneNulls(object, schema);
  }
  const coerced = coerceMeta(object, schema, { isRoot: false, dropInvalid });
  if (coerced.error !== undefined) return { error: coerced.error, unknown: [] };
  return { unknown: [...unknown, ...coerced.unknown] };
}

function validateType(object: JsonObject, { group, version, kind }: CustomKind): FieldError[] {
  const errors: FieldError[] = [];
  const apiVersion = `${group}/${version}`;
  const given = { kind: memberOf(object, 'kind'), apiVersion: memberOf(object, 'apiVersion') };
  if (given.kind !== kind) {
    errors.push(invalidValue('kind', given.kind ?? '', `must be ${kind}`));
  }
  if (given.apiVersion !== apiVersion) {
    errors.push(invalidValue('apiVersion', given.apiVersion ?? '', `must be ${apiVersion}`));
  }
  return errors;
}

const BLOCKING: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

interface RuleUpdate {
  readonly old: JsonObject;
  readonly correlation: Correlation;
  readonly warn: Warn | undefined;
}

/** Rules run on objects whose shape is right. `soFar` is what was found before. */
function validateRules(
  object: JsonObject,
  kind: CustomKind,
  soFar: readonly FieldError[],
  { warn, ...update }: Partial<RuleUpdate> = {},
): FieldError[] {
  const { rules, schema } = kind;
  if (rules === undefined || !hasRules(schema)) return [];
  if (soFar.some(({ type }) => BLOCKING.has(type))) {
    return [invalidValue('<nil>', null, NOT_CHECKED)];
  }
  const run = { ...update, isResourceRoot: true, budget: RULE_BUDGET };
  const { errors, forgiven } = rules.validate(object, schema, run);
  for (const error of forgiven) warn?.(error.text());
  return errors;
}

const withRules = new WeakMap<StructuralSchema, boolean>();

/** Whether the schema, or one within it, has rules. */
function hasRules(schema: StructuralSchema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  const { rules, items, additionalProperties, properties } = schema;
  const found =
    rules !== undefined ||
    (items !== undefined && hasRules(items)) ||
    (typeof additionalProperties === 'object' && hasRules(additionalProperties)) ||
    [...(properties?.values() ?? [])].some(hasRules);
  withRules.set(schema, found);
  return found;
}

/** Everything but the metadata, on create. */
export function validateCustomResource(object: JsonObject, kind: CustomKind): FieldError[] {
  const types = validateType(object, kind);
  const { schema, scale } = kind;
  const own =
    types.length > 0
      ? types
      : [
          ...validateValue(object, schema),
          ...validateScaleSpec(object, scale),
          ...validateScaleStatus(object, scale),
        ];
  const errors = [
    ...own,
    ...validateMeta(object, schema, { isRoot: false }),
    ...validateListTypes(object, schema, ROOT),
  ];
  return [...errors, ...validateRules(object, kind, errors)];
}

/**
 * Everything but the metadata, on update: what did not change is forgiven. `warn` hears what rules
 * say of that.
 */
export function validateCustomResourceUpdate(
  next: JsonObject,
  old: JsonObject,
  kind: CustomKind,
  warn?: Warn,
): FieldError[] {
  const types = validateType(next, kind);
  const { schema, scale } = kind;
  const correlation = correlate(next, old, schema);
  const own =
    types.length > 0
      ? types
      : [
          ...validateValue(next, schema, { correlation }),
          ...validateScaleSpec(next, scale),
          ...validateScaleStatus(next, scale),
        ];
  const errors = [
    ...own,
    ...validateMeta(next, schema, { isRoot: false }),
    ...ratchetedListTypes(next, old, schema),
  ];
  return [...errors, ...validateRules(next, kind, errors, { old, correlation, warn })];
}

/** Lists are judged only when the old object's were in order. */
function ratchetedListTypes(
  next: JsonObject,
  old: JsonObject,
  schema: StructuralSchema,
): FieldError[] {
  const errors = validateListTypes(next, schema, ROOT);
  return errors.length === 0 || validateListTypes(old, schema, ROOT).length > 0 ? [] : errors;
}

/** Of an update of the status subresource: `next` is the old object with the new status. */
export function validateCustomResourceStatusUpdate(
  next: JsonObject,
  old: JsonObject,
  kind: CustomKind,
  warn?: Warn,
): FieldError[] {
  const errors = validateType(next, kind);
  const { schema, scale } = kind;
  const correlation = correlate(next, old, schema);
  if (errors.length === 0) {
    const status = memberOf(next, 'status');
    const statusSchema = schema.properties?.get('status');
    if (status !== undefined && statusSchema !== undefined) {
      // What was not there counts as null here.
      const before = memberOf(old, 'status') ?? null;
      errors.push(
        ...validateValue(status, statusSchema, {
          at: fieldPath('status'),
          correlation: new Correlation(status, before, statusSchema),
        }),
      );
    }
    errors.push(...validateScaleStatus(next, scale));
  }
  errors.push(...ratchetedListTypes(next, old, schema));
  return [...errors, ...validateRules(next, kind, errors, { old, correlation, warn })];
}

const STANDARD_FINALIZERS = ['orphan', 'foregroundDeletion', 'kubernetes'];

/** Warnings for finalizers that `object` has and `old` has not. */
export function finalizerWarnings(
  finalizers: readonly string[],
  old: readonly string[] = [],
): string[] {
  return [...new Set(finalizers)]
    .filter((name) => !old.includes(name))
    .toSorted()
    .flatMap((name) => {
      const head = `metadata.finalizers: ${JSON.stringify(name)}:`;
      const warnings = isQualifiedName(name).map((message) => `${head} ${message}`);
      if (!name.includes('/') && !STANDARD_FINALIZERS.includes(name)) {
        const path = name.includes('.') ? ' including a path (/)' : '';
        warnings.push(
          `${head} prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
        );
      }
      return warnings;
    });
}
