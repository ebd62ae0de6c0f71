/**
 * Names and small parts that claims, classes and slices of devices share.
 *
 * Source: upstream pkg/apis/resource/validation/validation.go.
 */
import type { DeviceToleration } from '#api/gen/resource-v1.ts';
import { isJsonObject } from '../meta/json.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import { isLabelValue, regexError } from '../meta/names.ts';
import type { Json } from '../meta/object.ts';
import { qualifiedName, subdomain } from './common.ts';
import { invalidAll } from './metadata.ts';
import { validateDriverName } from './volumes.ts';

const POOL_NAME_MAX = 253;
const IDENTIFIER_MAX = 32;
const BINDING_CONDITIONS_MAX = 4;
const IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const IDENTIFIER_ERROR =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
const UID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const DEVICE_TAINT_EFFECTS = ['NoExecute', 'NoSchedule', 'None'];

export function validatePoolName(name: string | undefined, at: FieldPath): FieldError[] {
  if (name === undefined || name === '') return [required(at)];
  return [
    ...(name.length > POOL_NAME_MAX ? [tooLong(at, POOL_NAME_MAX)] : []),
    ...name.split('/').flatMap((part) => subdomain(part, at)),
  ];
}

export function validateUid(uid: string, at: FieldPath): FieldError[] {
  if (UID.test(uid)) return [];
  const detail =
    uid.length === 36
      ? 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
      : `error validating uid: invalid UUID length: ${uid.length}`;
  return [invalidValue(at, uid, detail)];
}

/** `driver.example.com/name`, or a name alone. */
export function validateDeviceName(name: string, at: FieldPath): FieldError[] {
  const [first = '', second, ...more] = name.split('/');
  if (more.length > 0) return [];
  if (second === undefined) return validateIdentifier(first, at);
  return [
    ...(first === ''
      ? [invalidValue(at, '', 'the domain must not be empty')]
      : validateDriverName(first, at)),
    ...(second === ''
      ? [invalidValue(at, '', 'the name must not be empty')]
      : validateIdentifier(second, at)),
  ];
}

export function validateFullName(name: string, at: FieldPath): FieldError[] {
  const detail = 'a fully qualified name must be a domain and a name separated by a slash';
  return [
    ...validateDeviceName(name, at),
    ...(name.includes('/') ? [] : [invalidValue(at, name, detail)]),
  ];
}

function validateIdentifier(id: string, at: FieldPath): FieldError[] {
  const errors = id.length > IDENTIFIER_MAX ? [tooLong(at, IDENTIFIER_MAX)] : [];
  if (new RegExp(`^${IDENTIFIER}$`).test(id)) return errors;
  const detail = regexError(IDENTIFIER_ERROR, IDENTIFIER, 'my_name', 'MY_NAME', 'MyName');
  return [...errors, invalidValue(at, id, detail)];
}

export interface ListRules<T> {
  readonly at: FieldPath;
  /** No limit unless given. */
  readonly max?: number;
  /** Items that have one key are one too many; no rule unless given. */
  readonly key?: (item: Partial<T>) => string;
  readonly item: (item: T, at: FieldPath) => FieldError[];
}

/** A list of more than `max` items is not looked at further. */
export function validateList<T>(
  items: readonly T[] | undefined,
  rules: ListRules<T>,
): FieldError[] {
  const { at, max, key } = rules;
  const list = items ?? [];
  if (max !== undefined && list.length > max) return [tooMany(at, list.length, max)];
  const errors = list.flatMap((item, i) => rules.item(item, at.index(i)));
  if (key === undefined) return errors;
  const keys = list.map((item) => key(item));
  return [
    ...errors,
    ...keys.flatMap((name, i) => (keys.indexOf(name) < i ? [duplicate(at.index(i), name)] : [])),
  ];
}

/** JSON that is somebody else's: an object of at most `max` bytes. */
export function validateRaw(value: unknown, at: FieldPath, max: number): FieldError[] {
  if (value === undefined || value === null) return [required(at)];
  if (JSON.stringify(value).length > max) return [tooLong(at, max)];
  return isJsonObject(value as Json)
    ? []
    : [invalidValue(at, '<value omitted>', 'must be a valid JSON object')];
}

export function validateDeviceToleration(
  toleration: Partial<DeviceToleration>,
  at: FieldPath,
): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  const errors = key === '' ? [] : qualifiedName(key, at.child('key'));
  const here = at.child('operator');
  if (operator === 'Exists') {
    if (value !== '')
      errors.push(invalidValue(at.child('value'), value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal')
    errors.push(...invalidAll(at.child('value'), value, isLabelValue(value)));
  else if (operator === '') errors.push(required(here));
  else errors.push(notSupported(here, operator, ['Equal', 'Exists']));
  if (effect !== '' && !DEVICE_TAINT_EFFECTS.includes(effect))
    errors.push(notSupported(at.child('effect'), effect, DEVICE_TAINT_EFFECTS));
  return errors;
}

/** Conditions that a binding waits for, and those that end the wait: both or neither. */
export function validateBindingConditions(
  device: {
    readonly bindingConditions?: readonly string[];
    readonly bindingFailureConditions?: readonly string[];
  },
  at: FieldPath,
): FieldError[] {
  const { bindingConditions: good = [], bindingFailureConditions: bad = [] } = device;
  const goodAt = at.child('bindingConditions');
  const badAt = at.child('bindingFailureConditions');
  const repeated = (list: readonly string[], where: FieldPath): FieldError[] =>
    list.flatMap((name, i) => (list.indexOf(name) < i ? [duplicate(where.index(i), name)] : []));
  const max = BINDING_CONDITIONS_MAX;
  const errors = [
    ...validateList(good, { at: goodAt, max, item: qualifiedName }),
    ...validateList(bad, { at: badAt, max, item: qualifiedName }),
    ...repeated(good, goodAt),
    ...repeated(bad, badAt),
    ...bad.flatMap((name, i) =>
      good.includes(name)
        ? [
            invalidValue(
              badAt.index(i),
              name,
              'bindingFailureConditions must not overlap with bindingConditions',
            ),
          ]
        : [],
    ),
  ];
  if (good.length === 0 && bad.length > 0) {
    const detail = 'bindingConditions are required to use bindingFailureConditions';
    errors.push(invalidValue(goodAt, good, detail));
  }
  if (bad.length === 0 && good.length > 0) {
    const detail = 'bindingFailureConditions are required to use bindingConditions';
    errors.push(invalidValue(badAt, bad, detail));
  }
  return errors;
}
