/**
 * Definitions of custom resources: names, versions, columns, conversion.
 *
 * Source: upstream apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go. What all
 * versions share is reported at the top of the spec, as by upstream, whose internal form has it there.
 */
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from '#api/gen/apiextensions-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts';
import { oneOf, present } from './common.ts';
import { validateResourceSchema } from './custom-resource-schema.ts';
import { immutable, invalidAll } from './metadata.ts';
import { validateWebhookClient } from './webhook-client.ts';

const SPEC = fieldPath('spec');
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
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const WARNING_MAX = 256;
const APPROVAL = 'api-approved.kubernetes.io';
const APPROVAL_PULL = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** All that is wrong, as one error. */
function joined(
  at: FieldPath,
  value: string,
  messages: readonly string[],
  before = '',
): FieldError[] {
  return messages.length === 0 ? [] : [invalidValue(at, value, before + messages.join(','))];
}

function validateNames(
  names: CustomResourceDefinitionNames | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['plural', 'singular'] as const) {
    const name = names?.[field];
    if (name) errors.push(...joined(at.child(field), name, isDns1035Label(name)));
  }
  for (const field of ['kind', 'listKind'] as const) {
    const name = names?.[field];
    const before = 'may have mixed case, but should otherwise match: ';
    if (name) {
      errors.push(...joined(at.child(field), name, isDns1035Label(name.toLowerCase()), before));
    }
  }
  for (const field of ['shortNames', 'categories'] as const) {
    for (const [i, name] of (names?.[field] ?? []).entries()) {
      errors.push(...joined(at.child(field).index(i), name, isDns1035Label(name)));
    }
  }
  if (names?.kind && names.kind === names.listKind) {
    const detail = 'kind and listKind may not be the same';
    errors.push(invalidValue(at.child('listKind'), names.listKind, detail));
  }
  return errors;
}

function validateJsonPath(path: string, at: FieldPath): FieldError[] {
  if (path.startsWith('.')) return [];
  return [invalidValue(at, path, 'must be a simple json path starting with .')];
}

function validateColumn(column: CustomResourceColumnDefinition, at: FieldPath): FieldError[] {
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

function validateSubresources({ scale }: CustomResourceSubresources, at: FieldPath): FieldError[] {
  if (scale === undefined) return [];
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  const selector = at.child('scale', 'labelSelectorPath');
  return [
    ...validateScalePath(specReplicasPath, ['.spec'], at.child('scale', 'specReplicasPath')),
    ...validateScalePath(statusReplicasPath, ['.status'], at.child('scale', 'statusReplicasPath')),
    ...(labelSelectorPath
      ? validateScalePath(labelSelectorPath, ['.spec', '.status'], selector)
      : []),
  ];
}

function validateWarning(version: CustomResourceDefinitionVersion, at: FieldPath): FieldError[] {
  const { deprecated, deprecationWarning: warning } = version;
  if (warning === undefined) return [];
  const messages: string[] = [];
  if (deprecated !== true) messages.push('can only be set for deprecated versions');
  else {
    if (Buffer.byteLength(warning) > WARNING_MAX) messages.push('must be <= 256 characters long');
    if (warning === '') messages.push('must not be an empty string');
    const bad = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
    if (bad !== null) {
      const detail = 'must only contain printable UTF-8 characters; non-printable character found';
      messages.push(`${detail} at index ${Buffer.byteLength(warning.slice(0, bad.index))}`);
    }
  }
  return invalidAll(at.child('deprecationWarning'), warning, messages);
}

type Shared = 'schema' | 'subresources' | 'additionalPrinterColumns';

/** A field that all versions have, and have alike, lies in upstream's spec itself. */
function isShared(versions: readonly CustomResourceDefinitionVersion[], field: Shared): boolean {
  const [first, ...rest] = versions.map((version) => version[field]);
  if (first === undefined || (Array.isArray(first) && first.length === 0)) return false;
  return rest.every((value) => value !== undefined && equalValues(value, first));
}

/** What one version says of `field`, and where upstream reports it; nothing for later equal ones. */
function validateShareable(
  versions: readonly CustomResourceDefinitionVersion[],
  field: Shared,
  validate: (version: CustomResourceDefinitionVersion, at: FieldPath) => FieldError[],
): FieldError[] {
  const [first] = versions;
  if (first !== undefined && isShared(versions, field)) {
    return validate(first, SPEC.child(field === 'schema' ? 'validation' : field));
  }
  return versions.flatMap((version, i) =>
    validate(version, SPEC.child('versions').index(i).child(field)),
  );
}

function validateVersions(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const at = SPEC.child('versions');
  const errors = versions.flatMap((version, i) => [
    ...(version.schema?.openAPIV3Schema === undefined
      ? [required(at.index(i).child('schema', 'openAPIV3Schema'))]
      : []),
    ...joined(at.index(i).child('name'), version.name ?? '', isDns1035Label(version.name ?? '')),
    ...validateWarning(version, at.index(i)),
  ]);
  errors.push(
    ...validateShareable(versions, 'schema', ({ schema }, here) =>
      validateResourceSchema(schema?.openAPIV3Schema, here.child('openAPIV3Schema')),
    ),
    ...validateShareable(versions, 'subresources', ({ subresources = {} }, here) =>
      validateSubresources(subresources, here),
    ),
    ...validateShareable(
      versions,
      'additionalPrinterColumns',
      ({ additionalPrinterColumns: columns = [] }, here) =>
        columns.flatMap((column, i) => validateColumn(column, here.index(i))),
    ),
  );
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    errors.push(invalidValue(at, versions, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    errors.push(invalidValue(at, versions, detail));
  }
  return errors;
}

function validateReviewVersions(versions: readonly string[], at: FieldPath): FieldError[] {
  if (versions.length === 0) return [required(at)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalidValue(at.index(i), version, 'duplicate version')]
      : invalidAll(at.index(i), version, isDns1035Label(version)),
  );
  if (versions.some((version) => REVIEW_VERSIONS.includes(version))) return errors;
  const detail = `must include at least one of ${REVIEW_VERSIONS.join(', ')}`;
  return [...errors, invalidValue(at, versions, detail)];
}

function validateConversion({ strategy, webhook }: CustomResourceConversion): FieldError[] {
  const at = SPEC.child('conversion');
  const client = at.child('webhookClientConfig');
  const reviews = at.child('conversionReviewVersions');
  const errors = oneOf(strategy, ['None', 'Webhook'], at.child('strategy'));
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  if (strategy === 'Webhook') {
    if (clientConfig === undefined) {
      errors.push(required(client, 'required when strategy is set to Webhook'));
    } else errors.push(...validateWebhookClient(clientConfig, client));
    return [...errors, ...validateReviewVersions(conversionReviewVersions, reviews)];
  }
  const detail = 'should not be set when strategy is not set to Webhook';
  if (clientConfig !== undefined) errors.push(forbiddenField(client, detail));
  if (conversionReviewVersions.length > 0) errors.push(forbiddenField(reviews, detail));
  return errors;
}

function validateGroup(group: string): FieldError[] {
  const at = SPEC.child('group');
  if (group === '') return [required(at)];
  const messages = isDns1123Subdomain(group);
  if (messages.length > 0) return joined(at, group, messages);
  if (group.includes('.')) return [];
  return [invalidValue(at, group, 'should be a domain with at least one dot')];
}

function validateSpec(spec: Partial<CustomResourceDefinitionSpec>): FieldError[] {
  const names = SPEC.child('names');
  const errors = [
    ...validateGroup(spec.group ?? ''),
    ...oneOf(spec.scope, ['Cluster', 'Namespaced'], SPEC.child('scope')),
    ...validateVersions(spec.versions ?? []),
  ];
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    errors.push(...present(spec.names?.[field], names.child(field)));
  }
  errors.push(...validateNames(spec.names, names));
  if (spec.conversion !== undefined) errors.push(...validateConversion(spec.conversion));
  if (spec.preserveUnknownFields === true) {
    const detail =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalidValue(SPEC.child('preserveUnknownFields'), true, detail));
  }
  return errors;
}

/** Each version that may lie in the store is served, until a migration says otherwise. */
function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const at = fieldPath('status').child('storedVersions');
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0)
    return [invalidValue(at, stored, 'must have at least one stored version')];
  const versions = spec?.versions ?? [];
  const names = versions.map(({ name }) => name);
  return [
    ...versions
      .filter(({ storage, name }) => storage && !stored.includes(name))
      .map(({ name }) => invalidValue(at, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, i) => {
      if (names.includes(name)) return [];
      const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
      return [invalidValue(at.index(i), name, detail)];
    }),
  ];
}

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const name = metadata?.name ?? '';
  if (name === `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}`) return [];
  const at = fieldPath('metadata').child('name');
  return [invalidValue(at, name, 'must be spec.names.plural+"."+spec.group')];
}

/** Groups of the Kubernetes project need a word of approval. */
function validateApproval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec?.group ?? '')) return [];
  const value = metadata?.annotations?.[APPROVAL] ?? '';
  const at = fieldPath('metadata').child('annotations').key(APPROVAL);
  const need = `protected groups must have approval annotation "${APPROVAL}"`;
  if (value === '') return [required(at, `${need}, ${APPROVAL_PULL}`)];
  if (value.startsWith('unapproved') || URL.parse(value)?.host) return [];
  const detail = `${need} with either a URL or a reason starting with "unapproved", ${APPROVAL_PULL}`;
  return [invalidValue(at, value, detail)];
}

export function validateCustomResourceDefinition(object: CustomResourceDefinition): FieldError[] {
  return [
    ...validateSpec(object.spec ?? {}),
    ...validateNames(object.status?.acceptedNames, fieldPath('status').child('acceptedNames')),
    ...validateStoredVersions(object),
  ];
}

export function validateCustomResourceDefinitionCreate(
  object: CustomResourceDefinition,
): FieldError[] {
  return [...validateName(object), ...validateApproval(object)];
}

export function validateCustomResourceDefinitionUpdate(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const established = old.status?.conditions?.some(
    ({ type, status }) => type === 'Established' && status === 'True',
  );
  const [after, before] = [next.spec, old.spec];
  const names = SPEC.child('names');
  const errors = established
    ? [
        ...immutable(after?.scope, before?.scope, SPEC.child('scope')),
        ...immutable(after?.names?.kind, before?.names?.kind, names.child('kind')),
      ]
    : [];
  const approved = (object: CustomResourceDefinition): boolean =>
    validateApproval(object).length === 0;
  return [
    ...errors,
    ...immutable(after?.group, before?.group, SPEC.child('group')),
    ...immutable(after?.names?.plural, before?.names?.plural, names.child('plural')),
    ...(approved(next) === approved(old) ? [] : validateApproval(next)),
  ];
}
