/**
 * The spec of a definition.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
 * (validateCustomResourceDefinitionSpec). What all versions share is reported at the top of the
 * spec; see `definition-form.ts`.
 */
import type { CustomResourceDefinitionSpec } from '#api/gen/apiextensions-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '../meta/field.ts';
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts';
import { oneOf, present } from '../validation/common.ts';
import { immutable, invalidAll } from '../validation/metadata.ts';
import { type CheckOptions, tryCompile } from './check-options.ts';
import { goVersions } from './go-form.ts';
import { formOf, type Shareable, type VersionForm } from './definition-form.ts';
import { validateResourceSchema } from './schema-checks.ts';
import { schemaHas } from './schema-walk.ts';
import { schemasOf } from './definition-form.ts';
import {
  joined,
  validateColumn,
  validateConversion,
  validateNames,
  validateSelectableFields,
  validateSubresources,
  warningErrors,
} from './validate-parts.ts';

const SPEC = fieldPath('spec');

type Spec = Partial<CustomResourceDefinitionSpec>;

function validateGroup(group: string): FieldError[] {
  const at = SPEC.child('group');
  if (group === '') return [required(at)];
  const messages = isDns1123Subdomain(group);
  if (messages.length > 0) return joined(at, group, messages);
  if (group.includes('.')) return [];
  return [invalidValue(at, group, 'should be a domain with at least one dot')];
}

interface ShareableContext {
  readonly schemaField: 'schema' | 'validation';
  readonly version: string;
  readonly hasStatus: boolean;
  readonly options: CheckOptions;
}

/** What a version, or the spec for all of them, says. `at`: of the version, or of the spec. */
function validateShareable(
  said: Shareable,
  at: FieldPath,
  { schemaField, version, hasStatus, options }: ShareableContext,
): FieldError[] {
  const schema = said.schema?.openAPIV3Schema;
  const errors = validateResourceSchema(schema, at.child(schemaField, 'openAPIV3Schema'), {
    hasStatus,
    suppressCost: options.unchangedVersions.has(version),
    options,
  });
  errors.push(...validateSubresources(said.subresources ?? {}, at.child('subresources')));
  for (const [i, column] of (said.additionalPrinterColumns ?? []).entries()) {
    errors.push(...validateColumn(column, at.child('additionalPrinterColumns').index(i)));
  }
  const fields = said.selectableFields ?? [];
  if (fields.length === 0) return errors;
  const where = at.child('selectableFields');
  const compiled = schema === undefined ? undefined : tryCompile(schema);
  if (compiled === undefined) {
    const detail =
      schemaField === 'validation'
        ? 'may only be set when validations.schema is included'
        : 'may only be set when `version.schema.openAPIV3Schema` is not included';
    return schema === undefined ? [...errors, invalidValue(where, '', detail)] : errors;
  }
  const allowMany = options.allowManyFields.has(schemaField === 'validation' ? '' : version);
  return [...errors, ...validateSelectableFields(fields, compiled, where, { allowMany })];
}

function validateVersion(
  version: VersionForm,
  shared: Shareable,
  at: FieldPath,
  options: CheckOptions,
): FieldError[] {
  const { name, deprecated = false, deprecationWarning: warning } = version;
  const subresources = version.subresources ?? shared.subresources;
  return [
    ...joined(at.child('name'), name, isDns1035Label(name)),
    ...invalidAll(at.child('deprecationWarning'), warning, warningErrors(deprecated, warning)),
    ...validateShareable(version, at, {
      schemaField: 'schema',
      version: name,
      hasStatus: subresources?.status !== undefined,
      options,
    }),
  ];
}

function validateVersions(spec: Spec, options: CheckOptions): FieldError[] {
  const at = SPEC.child('versions');
  const form = formOf(spec);
  const { shared, versions } = form;
  const errors = versions.flatMap((version, i) =>
    validateVersion(version, shared, at.index(i), options),
  );
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    errors.push(invalidValue(at, goVersions(form), 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    errors.push(invalidValue(at, goVersions(form), detail));
  }
  // Upstream has the first version's name once more, from when there was only one.
  const first = versions[0]?.name ?? '';
  if (first !== '') errors.push(...joined(SPEC.child('version'), first, isDns1035Label(first)));
  return errors;
}

function validateShared(spec: Spec, options: CheckOptions): FieldError[] {
  const { shared, versions } = formOf(spec);
  const hasStatus = (spec.versions ?? []).some(({ subresources }) => subresources?.status);
  return validateShareable(shared, SPEC, {
    schemaField: 'validation',
    version: versions[0]?.name ?? '',
    hasStatus,
    options,
  });
}

function validatePresence(spec: Spec, { requireSchema }: CheckOptions): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { schema, served }] of (spec.versions ?? []).entries()) {
    if (schema?.openAPIV3Schema !== undefined) continue;
    const at = SPEC.child('versions').index(i).child('schema', 'openAPIV3Schema');
    if (requireSchema) errors.push(required(at));
    else if (served && spec.preserveUnknownFields !== true) {
      errors.push(required(at, 'because otherwise all fields are pruned'));
    }
  }
  return errors;
}

/** Whether any schema says something that only structural schemas can mean. */
function saysMore(spec: Spec): boolean {
  return schemasOf(spec).some((schema) =>
    schemaHas(
      schema,
      (each) =>
        (each.default ?? null) !== null ||
        each['x-kubernetes-embedded-resource'] === true ||
        each['x-kubernetes-preserve-unknown-fields'] !== undefined ||
        each['x-kubernetes-int-or-string'] === true ||
        (each['x-kubernetes-list-map-keys'] ?? []).length > 0 ||
        each['x-kubernetes-list-type'] !== undefined ||
        (each['x-kubernetes-validations'] ?? []).length > 0,
    ),
  );
}

function validatePreserved(spec: Spec): FieldError[] {
  const hasDefault = schemasOf(spec).some((schema) =>
    schemaHas(schema, (each) => (each.default ?? null) !== null),
  );
  if (spec.preserveUnknownFields !== true || !hasDefault) return [];
  const detail = 'must be false in order to use defaults in the schema';
  return [invalidValue(SPEC.child('preserveUnknownFields'), true, detail)];
}

export function validateSpec(spec: Spec, given: CheckOptions): FieldError[] {
  const names = SPEC.child('names');
  const preserves = spec.preserveUnknownFields === true;
  const options = {
    ...given,
    requireStructural: given.requireStructural || !preserves || saysMore(spec),
  };
  const errors = [
    ...validateGroup(spec.group ?? ''),
    ...oneOf(spec.scope, ['Cluster', 'Namespaced'], SPEC.child('scope')),
    ...validatePresence(spec, options),
    ...validatePreserved(spec),
    ...validateVersions(spec, options),
  ];
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    errors.push(...present(spec.names?.[field], names.child(field)));
  }
  errors.push(...validateNames(spec.names ?? {}, names), ...validateShared(spec, options));
  const { conversion } = spec;
  if (conversion === undefined) return errors;
  const at = SPEC.child('conversion');
  if (preserves && conversion.strategy !== 'None') {
    const detail = 'must be None if spec.preserveUnknownFields is true';
    errors.push(invalidValue(at.child('strategy'), conversion.strategy, detail));
  }
  return [...errors, ...validateConversion(conversion, at, options)];
}

/** What names may not change: others hold on to them. */
export function validateSpecUpdate(next: Spec, old: Spec, options: CheckOptions): FieldError[] {
  const names = SPEC.child('names');
  const errors = options.requireImmutableNames
    ? [
        ...immutable(next.scope, old.scope, SPEC.child('scope')),
        ...immutable(next.names?.kind, old.names?.kind, names.child('kind')),
      ]
    : [];
  return [
    ...errors,
    ...immutable(next.group, old.group, SPEC.child('group')),
    ...immutable(next.names?.plural, old.names?.plural, names.child('plural')),
  ];
}
