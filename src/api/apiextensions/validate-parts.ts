/**
 * Parts of a definition but its schemas: names, columns, subresources, selectable fields, conversion.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go.
 */
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinitionNames,
  CustomResourceSubresources,
  SelectableField,
} from '#api/gen/apiextensions-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
  tooMany,
} from '../meta/field.ts';
import { isDns1035Label } from '../meta/names.ts';
import { findSchemaPath, type SchemaPath, SchemaPathError } from '../structural/schema-path.ts';
import type { StructuralSchema } from '../structural/structural-schema.ts';
import { oneOf, present } from '../validation/common.ts';
import { invalidAll } from '../validation/metadata.ts';
import { validateWebhookClient } from '../validation/webhook-client.ts';
import { caBundleError } from './ca-bundle.ts';
import { REVIEW_VERSIONS, SELECTABLE_FIELDS_MAX } from './check-options.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
];
const WARNING_MAX = 256;

/** All that is wrong, as one error. */
export function joined(
  at: FieldPath,
  value: string,
  messages: readonly string[],
  before = '',
): FieldError[] {
  return messages.length === 0 ? [] : [invalidValue(at, value, before + messages.join(','))];
}

export function validateNames(
  names: Partial<CustomResourceDefinitionNames>,
  at: FieldPath,
): FieldError[] {
  const { kind, listKind, shortNames = [], categories = [] } = names;
  const label = (where: FieldPath, name: string): FieldError[] =>
    joined(where, name, isDns1035Label(name));
  const errors: FieldError[] = [];
  for (const field of ['plural', 'singular'] as const) {
    const name = names[field];
    if (name) errors.push(...label(at.child(field), name));
  }
  for (const field of ['kind', 'listKind'] as const) {
    const name = names[field];
    const before = 'may have mixed case, but should otherwise match: ';
    if (name) {
      errors.push(...joined(at.child(field), name, isDns1035Label(name.toLowerCase()), before));
    }
  }
  errors.push(...shortNames.flatMap((name, i) => label(at.child('shortNames').index(i), name)));
  if (kind && kind === listKind) {
    const detail = 'kind and listKind may not be the same';
    errors.push(invalidValue(at.child('listKind'), listKind, detail));
  }
  errors.push(...categories.flatMap((name, i) => label(at.child('categories').index(i), name)));
  return errors;
}

function validateJsonPath(path: string, at: FieldPath): FieldError[] {
  if (path.startsWith('.')) return [];
  return [invalidValue(at, path, 'must be a simple json path starting with .')];
}

export function validateColumn(
  column: CustomResourceColumnDefinition,
  at: FieldPath,
): FieldError[] {
  const { name, type, format, jsonPath } = column;
  const types = `must be one of ${COLUMN_TYPES.join(',')}`;
  const errors = present(name, at.child('name'));
  if (!type) errors.push(required(at.child('type'), types));
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalidValue(at.child('type'), type, types));
  if (format && !COLUMN_FORMATS.includes(format)) {
    const detail = `must be one of ${COLUMN_FORMATS.join(',')}`;
    errors.push(invalidValue(at.child('format'), format, detail));
  }
  const path = at.child('JSONPath');
  return [...errors, ...(jsonPath ? validateJsonPath(jsonPath, path) : [required(path)])];
}

function validateScalePath(
  path: string | undefined,
  roots: readonly string[],
  at: FieldPath,
): FieldError[] {
  if (!path) return [required(at)];
  const errors = validateJsonPath(path, at);
  if (errors.length > 0 || roots.some((root) => path.startsWith(`${root}.`))) return errors;
  const where = roots.length > 1 ? `either ${roots.join(' or ')}` : roots.join('');
  return [invalidValue(at, path, `should be a json path under ${where}`)];
}

export function validateSubresources(
  { scale }: CustomResourceSubresources,
  at: FieldPath,
): FieldError[] {
  if (scale === undefined) return [];
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  const here = at.child('scale');
  const selector = here.child('labelSelectorPath');
  return [
    ...validateScalePath(specReplicasPath, ['.spec'], here.child('specReplicasPath')),
    ...validateScalePath(statusReplicasPath, ['.status'], here.child('statusReplicasPath')),
    ...(labelSelectorPath
      ? validateScalePath(labelSelectorPath, ['.spec', '.status'], selector)
      : []),
  ];
}

/** What is wrong with the warning of a deprecated version. */
export function warningErrors(deprecated: boolean, warning: string | undefined): string[] {
  if (warning === undefined) return [];
  if (!deprecated) return ['can only be set for deprecated versions'];
  const messages: string[] = [];
  if (Buffer.byteLength(warning) > WARNING_MAX) messages.push('must be <= 256 characters long');
  if (warning === '') messages.push('must not be an empty string');
  const bad = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (bad !== null) {
    const detail = 'must only contain printable UTF-8 characters; non-printable character found';
    messages.push(`${detail} at index ${Buffer.byteLength(warning.slice(0, bad.index))}`);
  }
  return messages;
}

/** `schema` is undefined when none can be made of the version's: then nothing is known of paths. */
export function validateSelectableFields(
  fields: readonly SelectableField[],
  schema: StructuralSchema,
  at: FieldPath,
  { allowMany }: { readonly allowMany: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { jsonPath = '' }] of fields.entries()) {
    const where = at.index(i).child('jsonPath');
    const found = jsonPath === '' ? required(where) : findField(jsonPath, schema, where);
    if (!('names' in found)) {
      errors.push(found);
      continue;
    }
    if (found.names[0] === 'metadata') {
      errors.push(invalidValue(where, jsonPath, 'must not point to fields in metadata'));
    }
    if (!['string', 'boolean', 'integer'].includes(found.schema?.type ?? '')) {
      const detail =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      errors.push(invalidValue(where, jsonPath, detail));
    }
    if (seen.has(String(found.path))) errors.push(duplicate(where, jsonPath));
    seen.add(String(found.path));
  }
  if (seen.size > SELECTABLE_FIELDS_MAX && !allowMany) {
    errors.push(tooMany(at, seen.size, SELECTABLE_FIELDS_MAX));
  }
  return errors;
}

function findField(
  jsonPath: string,
  schema: StructuralSchema,
  at: FieldPath,
): SchemaPath | FieldError {
  try {
    return findSchemaPath(jsonPath, schema, { allowBrackets: false });
  } catch (error) {
    if (!(error instanceof SchemaPathError)) throw error;
    return invalidValue(at, jsonPath, `is an invalid path: ${error.message}`);
  }
}

function validateReviewVersions(
  versions: readonly string[],
  requireKnown: boolean,
  at: FieldPath,
): FieldError[] {
  if (versions.length === 0) return [required(at)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalidValue(at.index(i), version, 'duplicate version')]
      : invalidAll(at.index(i), version, isDns1035Label(version)),
  );
  const isKnown = versions.some((version) => REVIEW_VERSIONS.includes(version));
  if (!requireKnown || isKnown) return errors;
  const detail = `must include at least one of ${REVIEW_VERSIONS.join(', ')}`;
  return [...errors, invalidValue(at, versions, detail)];
}

export function validateConversion(
  { strategy, webhook }: CustomResourceConversion,
  at: FieldPath,
  options: { readonly requireReviewVersion: boolean; readonly allowBadCaBundle: boolean },
): FieldError[] {
  const client = at.child('webhookClientConfig');
  const reviews = at.child('conversionReviewVersions');
  const errors = oneOf(strategy, ['None', 'Webhook'], at.child('strategy'));
  const { clientConfig, conversionReviewVersions: versions = [] } = webhook ?? {};
  if (strategy === 'Webhook') {
    if (clientConfig === undefined) {
      errors.push(required(client, 'required when strategy is set to Webhook'));
    } else {
      errors.push(...validateWebhookClient(clientConfig, client));
      const { caBundle } = clientConfig;
      const bad = caBundle && !options.allowBadCaBundle ? caBundleError(caBundle) : undefined;
      if (bad !== undefined) errors.push(invalidValue(client.child('caBundle'), caBundle, bad));
    }
    return [...errors, ...validateReviewVersions(versions, options.requireReviewVersion, reviews)];
  }
  const detail = 'should not be set when strategy is not set to Webhook';
  if (clientConfig !== undefined) errors.push(forbiddenField(client, detail));
  if (versions.length > 0) errors.push(forbiddenField(reviews, detail));
  return errors;
}
