/**
 * Validation of CustomResourceDefinitions: create, update, status.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go.
 * `rules` compiles the rules of schemas; without, only their form is judged.
 */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { type FieldError, fieldPath, invalidValue } from '../meta/field.ts';
import type { RuleEngine } from '../structural/rule-engine.ts';
import { isKnownFormat } from '../structural/formats.ts';
import { validateApproval } from './api-approval.ts';
import { optionsForCreate, optionsForUpdate } from './check-options.ts';
import { schemasOf } from './definition-form.ts';
import { visitSchemas } from './schema-walk.ts';
import { validateNames } from './validate-parts.ts';
import { validateSpec, validateSpecUpdate } from './validate-spec.ts';

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const wanted = `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}`;
  return (['generateName', 'name'] as const).flatMap((field) => {
    const name = metadata?.[field] ?? '';
    if (name === '' || name === wanted) return [];
    const at = fieldPath('metadata').child(field);
    return [invalidValue(at, name, 'must be spec.names.plural+"."+spec.group')];
  });
}

/** Each version that may lie in the store stays, until a migration says otherwise. */
function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const at = fieldPath('status').child('storedVersions');
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [invalidValue(at, null, 'must have at least one stored version')];
  const versions = spec?.versions ?? [];
  // A version that is there twice counts once.
  const unmet = new Set(stored);
  return [
    ...versions
      .filter(({ storage, name }) => !unmet.delete(name) && storage)
      .map(({ name }) => invalidValue(at, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, i) => {
      if (!unmet.has(name)) return [];
      const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
      return [invalidValue(at.index(i), name, detail)];
    }),
  ];
}

function validatePreserved(
  { spec }: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  if (spec?.preserveUnknownFields !== true || old?.spec?.preserveUnknownFields === true) return [];
  const detail =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalidValue(fieldPath('spec').child('preserveUnknownFields'), true, detail)];
}

export function validateDefinitionStatus({ status }: CustomResourceDefinition): FieldError[] {
  return validateNames(status?.acceptedNames ?? {}, fieldPath('status').child('acceptedNames'));
}

export function validateDefinition(
  definition: CustomResourceDefinition,
  rules?: RuleEngine,
): FieldError[] {
  return [
    ...validateName(definition),
    ...validateSpec(definition.spec ?? {}, optionsForCreate(rules)),
    ...validateDefinitionStatus(definition),
    ...validateStoredVersions(definition),
    ...validateApproval(definition),
    ...validatePreserved(definition),
  ];
}

export function validateDefinitionUpdate(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
  rules?: RuleEngine,
): FieldError[] {
  const options = optionsForUpdate(next, old, rules);
  return [
    ...validateSpec(next.spec ?? {}, options),
    ...validateSpecUpdate(next.spec ?? {}, old.spec ?? {}, options),
    ...validateDefinitionStatus(next),
    ...validateStoredVersions(next),
    ...validateApproval(next, old),
    ...validatePreserved(next, old),
  ];
}

function unknownFormats(definition: CustomResourceDefinition): string[] {
  const found: string[] = [];
  for (const schema of schemasOf(definition.spec ?? {})) {
    visitSchemas(schema, ({ format, type = '' }) => {
      if (format && !isKnownFormat(format, type)) found.push(format);
    });
  }
  return found;
}

/** Warnings for formats that nothing checks, those of `old` left aside. */
export function definitionWarnings(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): string[] {
  const before = new Set(old === undefined ? [] : unknownFormats(old));
  return unknownFormats(definition)
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}
