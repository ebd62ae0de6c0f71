/**
 * What is asked of a definition: of a new one everything, of an update nothing that the stored one
 * already breaks.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
 * (validationOptions and the require… functions).
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  JSONSchemaProps,
} from '#api/gen/apiextensions-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { fieldPath } from '../meta/field.ts';
import { hasUnprunedDefaults } from '../structural/check-defaults.ts';
import { compilePlain } from '../structural/compile-schema.ts';
import type { KnownExpressions, RuleEngine } from '../structural/rule-engine.ts';
import { SchemaError, type StructuralSchema } from '../structural/structural-schema.ts';
import { validateStructure } from '../structural/structure.ts';
import { isCaBundle } from './ca-bundle.ts';
import { isConditionTrue } from './condition-list.ts';
import { schemasOf } from './definition-form.ts';
import { isNonAtomicSet, validateListKeys } from './list-rules.ts';
import { schemaHas, visitSchemas } from './schema-walk.ts';

export const SELECTABLE_FIELDS_MAX = 8;
export const SCHEMA_TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
export const REVIEW_VERSIONS = ['v1', 'v1beta1'];

export interface CheckOptions {
  readonly requireReviewVersion: boolean;
  readonly requireImmutableNames: boolean;
  readonly requireSchema: boolean;
  readonly requireValidType: boolean;
  readonly requireStructural: boolean;
  readonly requirePrunedDefaults: boolean;
  readonly requireAtomicSets: boolean;
  readonly requireListKeys: boolean;
  readonly allowBadCaBundle: boolean;
  readonly known: KnownExpressions;
  /** Versions whose schema the update leaves as it is: what their rules cost is not asked again. */
  readonly unchangedVersions: ReadonlySet<string>;
  /** Versions that had too many selectable fields before, and still have the same. */
  readonly allowManyFields: ReadonlySet<string>;
  readonly rules?: RuleEngine;
}

export function optionsForCreate(rules: RuleEngine | undefined): CheckOptions {
  return {
    requireReviewVersion: true,
    requireImmutableNames: false,
    requireSchema: true,
    requireValidType: true,
    requireStructural: true,
    requirePrunedDefaults: true,
    requireAtomicSets: true,
    requireListKeys: true,
    allowBadCaBundle: true,
    known: { rules: new Set(), messageExpressions: new Set() },
    unchangedVersions: new Set(),
    allowManyFields: new Set(),
    ...(rules === undefined ? {} : { rules }),
  };
}

export function optionsForUpdate(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
  rules: RuleEngine | undefined,
): CheckOptions {
  const spec: Partial<CustomResourceDefinitionSpec> = old.spec ?? {};
  const schemas = schemasOf(spec);
  const established = isConditionTrue(old, 'Established');
  const reviews = spec.conversion?.webhook?.conversionReviewVersions ?? [];
  const caBundle = spec.conversion?.webhook?.clientConfig?.caBundle;
  return {
    requireReviewVersion:
      reviews.length === 0 || reviews.some((version) => REVIEW_VERSIONS.includes(version)),
    requireImmutableNames: established,
    requireSchema: (spec.versions ?? []).every(({ schema }) => schema?.openAPIV3Schema),
    requireValidType: !schemas.some((schema) => schemaHas(schema, hasInvalidType)),
    requireStructural: schemas.every(isStructural),
    requirePrunedDefaults: !schemas.some(isUnpruned),
    requireAtomicSets: !schemas.some((schema) => schemaHas(schema, isNonAtomicSet)),
    requireListKeys: !schemas.some((schema) => schemaHas(schema, hasBadListKeys)),
    allowBadCaBundle: !established || (Boolean(caBundle) && !isCaBundle(caBundle ?? '')),
    known: knownExpressions(schemas),
    unchangedVersions: versionsLike(next, old, 'schema'),
    allowManyFields: manyFields(next, old),
    ...(rules === undefined ? {} : { rules }),
  };
}

function hasInvalidType({ type }: JSONSchemaProps): boolean {
  return Boolean(type) && !SCHEMA_TYPES.includes(type ?? '');
}

function hasBadListKeys(schema: JSONSchemaProps): boolean {
  return validateListKeys(schema, fieldPath('')).length > 0;
}

/** Undefined when no structural schema can be made of it. */
export function tryCompile(schema: JSONSchemaProps): StructuralSchema | undefined {
  try {
    return compilePlain(schema);
  } catch (error) {
    if (error instanceof SchemaError) return undefined;
    throw error;
  }
}

function isStructural(schema: JSONSchemaProps): boolean {
  const compiled = tryCompile(schema);
  return compiled !== undefined && validateStructure(compiled, fieldPath('')).length === 0;
}

function isUnpruned(schema: JSONSchemaProps): boolean {
  const compiled = tryCompile(schema);
  return compiled !== undefined && isStructural(schema) && hasUnprunedDefaults(compiled);
}

function knownExpressions(schemas: readonly JSONSchemaProps[]): KnownExpressions {
  const rules = new Set<string>();
  const messageExpressions = new Set<string>();
  for (const schema of schemas) {
    visitSchemas(schema, ({ 'x-kubernetes-validations': validations = [] }) => {
      for (const { rule, messageExpression } of validations) {
        rules.add(rule);
        if (messageExpression) messageExpressions.add(messageExpression);
      }
    });
  }
  return { rules, messageExpressions };
}

/** Names of the versions that say the same in `field` as before. */
function versionsLike(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
  field: 'schema' | 'selectableFields',
): ReadonlySet<string> {
  const before = new Map((old.spec?.versions ?? []).map((version) => [version.name, version]));
  const same = (next.spec?.versions ?? []).filter(
    (version) =>
      before.has(version.name) && equalValues(before.get(version.name)?.[field], version[field]),
  );
  return new Set(same.map(({ name }) => name));
}

function manyFields(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
): ReadonlySet<string> {
  const same = versionsLike(next, old, 'selectableFields');
  const many = (old.spec?.versions ?? []).filter(
    ({ name, selectableFields = [] }) =>
      selectableFields.length > SELECTABLE_FIELDS_MAX && same.has(name),
  );
  const names = new Set(many.map(({ name }) => name));
  // Fields that all versions share are reported without a version's name.
  if (many.length > 0 && many.length === next.spec?.versions.length) names.add('');
  return names;
}
