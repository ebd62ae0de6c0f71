/** ConfigMaps and Secrets. Upstream: pkg/apis/core/validation/validation.go. */
import type { ConfigMap, Secret } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
  ROOT,
  tooLong,
} from '../meta/field.ts';
import { isConfigMapKey } from '../meta/names.ts';
import { immutable, invalidAll } from './metadata.ts';
import { jsonProblem } from '../codec/json.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';

const DATA_BYTES_MAX = 1024 * 1024;
const DATA = fieldPath('data');
const FIXED = 'field is immutable when `immutable` is set';

const base64Bytes = (text: string): number => Buffer.byteLength(text, 'base64');

export function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidAll(DATA.key(key), key, isConfigMapKey(key)));
    if (Object.hasOwn(binaryData, key)) {
      errors.push(invalidValue(DATA.key(key), key, 'duplicate of key present in binaryData'));
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalidAll(fieldPath('binaryData').key(key), key, isConfigMapKey(key)));
    bytes += base64Bytes(value);
  }
  return bytes > DATA_BYTES_MAX ? [...errors, tooLong(ROOT, DATA_BYTES_MAX)] : errors;
}

interface Fixable {
  readonly immutable?: boolean;
}

/** Once immutable, always, with all that is in it. */
function validateFixed<T extends Fixable>(
  next: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const errors = next.immutable === true ? [] : [forbiddenField(fieldPath('immutable'), FIXED)];
  const changed = fields.filter((field) => !equalValues(next[field], old[field]));
  return [...errors, ...changed.map((field) => forbiddenField(fieldPath(field), FIXED))];
}

export function validateConfigMapUpdate(next: ConfigMap, old: ConfigMap): FieldError[] {
  return validateFixed(next, old, ['data', 'binaryData']);
}

function validateJson(secret: Secret, key: string): FieldError[] {
  const value = secret.data?.[key];
  if (value === undefined) return [required(DATA.key(key))];
  const problem = objectProblem(Buffer.from(value, 'base64').toString('utf8'));
  return problem === undefined
    ? []
    : [invalidValue(DATA.key(key), '<secret contents redacted>', problem)];
}

/** Why a text is no JSON object, in Go's words. */
function objectProblem(text: string): string | undefined {
  const problem = jsonProblem(text);
  if (problem !== undefined) return problem;
  const value = JSON.parse(text) as Json;
  if (value === null || isJsonObject(value)) return undefined;
  const what = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`;
}

/** What the type of a secret asks of its contents. */
function validateType(secret: Secret): FieldError[] {
  const has = (key: string): boolean => secret.data?.[key] !== undefined;
  const missing = (...keys: string[]): FieldError[] =>
    keys.filter((key) => !has(key)).map((key) => required(DATA.key(key)));
  switch (secret.type) {
    case 'kubernetes.io/service-account-token': {
      const key = 'kubernetes.io/service-account.name';
      if (secret.metadata?.annotations?.[key]) return [];
      return [required(fieldPath('metadata').child('annotations').key(key))];
    }
    case 'kubernetes.io/dockercfg':
      return validateJson(secret, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return validateJson(secret, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth':
      return has('username') || has('password') ? [] : missing('username', 'password');
    case 'kubernetes.io/ssh-auth':
      return secret.data?.['ssh-privatekey'] ? [] : [required(DATA.key('ssh-privatekey'))];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

export function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...invalidAll(DATA.key(key), key, isConfigMapKey(key)));
    bytes += base64Bytes(value);
  }
  if (bytes > DATA_BYTES_MAX) errors.push(tooLong(DATA, DATA_BYTES_MAX));
  return [...errors, ...validateType(secret)];
}

export function validateSecretUpdate(next: Secret, old: Secret): FieldError[] {
  return [
    ...immutable(next.type, old.type, fieldPath('type')),
    ...validateFixed(next, old, ['data']),
  ];
}
