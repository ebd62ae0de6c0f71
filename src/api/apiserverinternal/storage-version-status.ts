/** What API servers say about the versions they store. Upstream: pkg/apis/apiserverinternal/validation. */
import type {
  ServerStorageVersion,
  StorageVersionCondition,
  StorageVersionStatus,
} from '#api/gen/apiserverinternal-v1alpha1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '../meta/field.ts';
import { isDns1035Label, isDns1123Subdomain, regexError } from '../meta/names.ts';
import { qualifiedName } from '../validation/common.ts';
import { invalidAll } from '../validation/metadata.ts';

const STATUS = fieldPath('status');
const EMPTY = 'must be non-empty';
const LABEL_MESSAGE =
  "a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";

export function validateStorageVersionStatus(status: StorageVersionStatus): FieldError[] {
  const servers = status.storageVersions ?? [];
  const seen = new Set<string>();
  const errors = servers.flatMap((server, i) => {
    const at = STATUS.child('storageVersions').index(i);
    const { apiServerID: id = '' } = server;
    const repeated = seen.has(id) ? [duplicate(at.child('apiServerID'), id)] : [];
    seen.add(id);
    return [...repeated, ...validateServer(server, at)];
  });
  return [
    ...errors,
    ...validateCommon(servers, status.commonEncodingVersion),
    ...validateConditions(status.conditions ?? []),
  ];
}

function validateServer(server: ServerStorageVersion, at: FieldPath): FieldError[] {
  const { apiServerID = '', encodingVersion = '' } = server;
  const { decodableVersions = [], servedVersions = [] } = server;
  const errors = invalidAll(at.child('apiServerID'), apiServerID, isDns1123Subdomain(apiServerID));
  errors.push(...validateVersion(encodingVersion, at.child('encodingVersion')));
  const decodable = at.child('decodableVersions');
  for (const [i, version] of decodableVersions.entries())
    errors.push(...validateVersion(version, decodable.index(i)));
  if (!decodableVersions.includes(encodingVersion)) {
    const detail = `decodableVersions must include encodingVersion ${encodingVersion}`;
    errors.push(invalidValue(decodable, decodableVersions, detail));
  }
  for (const [i, version] of servedVersions.entries()) {
    const here = at.child('servedVersions').index(i);
    errors.push(...validateVersion(version, here));
    if (decodableVersions.includes(version)) continue;
    const detail = `individual served version : ${version} must be included in decodableVersions : [${decodableVersions.join(' ')}]`;
    errors.push(invalidValue(here, version, detail));
  }
  return errors;
}

function validateVersion(text: string, at: FieldPath): FieldError[] {
  const problems = versionErrors(text);
  return problems.length === 0 ? [] : [invalidValue(at, text, problems.join(','))];
}

function versionErrors(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2) {
    const form = regexError(LABEL_MESSAGE, '[a-z]([-a-z0-9]*[a-z0-9])?', 'my-name', 'abc-123');
    return [
      `an apiVersion is ${form} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')`,
    ];
  }
  const version = parts.at(-1) ?? '';
  const group = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const ofGroup = group === undefined ? [] : group === '' ? [EMPTY] : isDns1123Subdomain(group);
  const ofVersion = version === '' ? [EMPTY] : isDns1035Label(version);
  return [
    ...ofGroup.map((message) => `group part: ${message}`),
    ...ofVersion.map((message) => `version part: ${message}`),
  ];
}

/** The version that all servers write, told when there is one. */
function validateCommon(
  servers: readonly ServerStorageVersion[],
  told: string | undefined,
): FieldError[] {
  const at = STATUS.child('commonEncodingVersion');
  const versions = new Set(servers.map(({ encodingVersion }) => encodingVersion ?? ''));
  const [first] = versions;
  const common = versions.size === 1 ? first : undefined;
  if (common === told) return [];
  if (common === undefined) {
    const detail =
      'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet';
    return [invalidValue(at, told, detail)];
  }
  if (told === undefined)
    return [invalidValue(at, undefined, `the common encoding version is ${common}`)];
  return [invalidValue(at, told, `the actual common encoding version is ${common}`)];
}

function validateConditions(conditions: readonly StorageVersionCondition[]): FieldError[] {
  const seen = new Map<string, number>();
  return conditions.flatMap(({ type, status, reason, message }, i) => {
    const at = STATUS.index(i);
    const before = seen.get(type);
    seen.set(type, i);
    const repeated = `the type of the condition is not unique, it also appears in conditions[${before}]`;
    return [
      ...(before === undefined ? [] : [invalidValue(at.child('type'), type, repeated)]),
      ...qualifiedName(type, at.child('type')),
      ...qualifiedName(status, at.child('status')),
      ...(reason ? [] : [required(at.child('reason'))]),
      ...(message ? [] : [required(at.child('message'))]),
    ];
  });
}
