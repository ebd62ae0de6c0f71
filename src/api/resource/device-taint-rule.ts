/** DeviceTaintRule. Upstream: pkg/registry/resource/devicetaintrule, pkg/apis/resource/validation. */
import type { DeviceTaintRule } from '#api/gen/resource-v1alpha3.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { timeSince } from '../meta/duration.ts';
import {
  type FieldError,
  fieldPath,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import { isDns1123Label, isDns1123Subdomain, isLabelValue } from '../meta/names.ts';
import { timeText } from '../meta/time.ts';
import { qualifiedName } from '../validation/common.ts';
import { invalidAll, validateConditions } from '../validation/metadata.ts';

const SPEC = fieldPath('spec');
const SELECTOR = SPEC.child('deviceSelector');
const TAINT = SPEC.child('taint');
const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];
const DRIVER_MAX = 63;
const POOL_MAX = 253;
const CONDITIONS_MAX = 8;

function validateDriver(driver: string): FieldError[] {
  const at = SELECTOR.child('driver');
  const errors = driver.length > DRIVER_MAX ? [tooLong(at, DRIVER_MAX)] : [];
  return [...errors, ...invalidAll(at, driver, isDns1123Subdomain(driver))];
}

function validatePool(pool: string): FieldError[] {
  const at = SELECTOR.child('pool');
  if (pool === '') return [required(at)];
  if (pool.length > POOL_MAX) return [tooLong(at, POOL_MAX)];
  return pool.split('/').flatMap((part) => invalidAll(at, part, isDns1123Subdomain(part)));
}

function validateRule({ spec }: DeviceTaintRule, old?: DeviceTaintRule): FieldError[] {
  const { driver, pool, device } = spec?.deviceSelector ?? {};
  const { key = '', value = '', effect } = spec?.taint ?? {};
  const errors: FieldError[] = [];
  if (driver !== undefined) errors.push(...validateDriver(driver));
  if (pool !== undefined) errors.push(...validatePool(pool));
  if (device !== undefined)
    errors.push(...invalidAll(SELECTOR.child('device'), device, isDns1123Label(device)));
  errors.push(...qualifiedName(key, TAINT.child('key')));
  for (const message of value === '' ? [] : isLabelValue(value))
    errors.push(invalidValue(TAINT.child('value'), value, message));
  if (effect !== undefined && effect === old?.spec?.taint?.effect) return errors;
  if (!effect) errors.push(required(TAINT.child('effect')));
  else if (!EFFECTS.includes(effect))
    errors.push(notSupported(TAINT.child('effect'), effect, EFFECTS));
  return errors;
}

/** The taint began when its effect did. */
function stamp(next: DeviceTaintRule, old: DeviceTaintRule | undefined, nowMs: number): void {
  const [after, before] = [next.spec?.taint, old?.spec?.taint];
  if (after === undefined) return;
  const isOld = before !== undefined && after.timeAdded === before.timeAdded;
  if (after.timeAdded === undefined || (isOld && after.effect !== before.effect))
    after.timeAdded = timeText(nowMs);
}

export const DEVICE_TAINT_RULE = defineKind<DeviceTaintRule>({
  group: 'resource.k8s.io',
  version: 'v1alpha3',
  kind: 'DeviceTaintRule',
  plural: 'devicetaintrules',
  namespaced: false,
  schema: 'io.k8s.api.resource.v1alpha3.DeviceTaintRule',
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Key', ({ spec }) => spec?.taint?.key ?? ''),
    column('Value', ({ spec }) => spec?.taint?.value ?? ''),
    column('Effect', ({ spec }) => spec?.taint?.effect ?? ''),
    column('TimeAdded', ({ spec }, nowMs) =>
      spec?.taint?.timeAdded === undefined ? '' : timeSince(spec.taint.timeAdded, nowMs),
    ),
    AGE_COLUMN,
  ],
  prepareForCreate: (rule, { nowMs }) => {
    rule.status = {};
    stamp(rule, undefined, nowMs);
  },
  prepareForUpdate: (next, old, { nowMs }) => stamp(next, old, nowMs),
  validateCreate: (rule) => validateRule(rule),
  validateUpdate: validateRule,
  validateStatus: ({ status }) => {
    const at = fieldPath('status').child('conditions');
    const conditions = status?.conditions ?? [];
    const errors = validateConditions(conditions, at);
    if (conditions.length > CONDITIONS_MAX)
      errors.push(tooMany(at, conditions.length, CONDITIONS_MAX));
    return errors;
  },
});
