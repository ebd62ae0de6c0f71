/** A device of a ResourceSlice. Upstream: pkg/apis/resource/validation/validation.go. */
import type {
  Device,
  DeviceAttribute,
  DeviceCounterConsumption,
  DeviceTaint,
} from '#api/gen/resource-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import { isLabelValue } from '../meta/names.ts';
import { validateNodeSelector } from './affinity.ts';
import { label, qualifiedName, subdomain } from './common.ts';
import { validateCapacity } from './device-capacity.ts';
import {
  DEVICE_TAINT_EFFECTS,
  validateBindingConditions,
  validateDeviceName,
  validateList,
} from './device-names.ts';
import { invalidAll } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';

const PROPERTIES_MAX = 32;
const ATTRIBUTE_VALUES_MAX = 48;
const VALUE_MAX = 64;
const TAINTS_MAX = 16;
const COUNTERS_MAX = 32;
const CONSUMPTIONS_MAX = 2;
const NUMBER = '(0|[1-9]\\d*)';
const PRE_RELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const BUILD = '[0-9a-zA-Z-]+';
/** https://semver.org, version 2.0.0. */
const SEMVER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${PRE_RELEASE}(\\.${PRE_RELEASE})*)?(\\+${BUILD}(\\.${BUILD})*)?$`,
);

export function validateDevice(
  device: Device,
  context: {
    readonly old: Device | undefined;
    /** Each device says where it is. */
    readonly perDevice: boolean;
    readonly at: FieldPath;
  },
): FieldError[] {
  const { old, perDevice, at } = context;
  const { attributes = {}, capacity = {}, taints = [] } = device;
  const errors = label(device.name, at.child('name'));
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > PROPERTIES_MAX) {
    const detail = `the total number of attributes and capacities must not exceed ${PROPERTIES_MAX}`;
    errors.push(invalidValue(at, count, detail));
  }
  const values = Object.keys(attributes).length;
  if (values > ATTRIBUTE_VALUES_MAX) {
    const detail = `the total number of attribute values must not exceed ${ATTRIBUTE_VALUES_MAX}`;
    errors.push(invalidValue(at, values, detail));
  }
  for (const [name, attribute] of Object.entries(attributes)) {
    const here = at.child('attributes');
    errors.push(...validateDeviceName(name, here), ...validateAttribute(attribute, here.key(name)));
  }
  for (const [name, amount] of Object.entries(capacity)) {
    const here = at.child('capacity');
    const several = device.allowMultipleAllocations === true;
    errors.push(
      ...validateDeviceName(name, here),
      ...validateCapacity(amount, several, here.key(name)),
    );
  }
  if (!equalValues(old?.taints, device.taints))
    errors.push(
      ...validateList(taints, { at: at.child('taints'), max: TAINTS_MAX, item: validateTaint }),
    );
  return [
    ...errors,
    ...validateList(device.consumesCounters, {
      at: at.child('consumesCounters'),
      max: CONSUMPTIONS_MAX,
      key: ({ counterSet = '' }) => counterSet,
      item: validateConsumption,
    }),
    ...(perDevice ? validatePlace(device, at) : validateNoPlace(device, at)),
    ...validateBindingConditions(device, at),
  ];
}

function validateAttribute(attribute: DeviceAttribute, at: FieldPath): FieldError[] {
  const { bool, int, string: text, version } = attribute;
  const errors: FieldError[] = [];
  if (text !== undefined && text.length > VALUE_MAX)
    errors.push(tooLong(at.child('string'), VALUE_MAX));
  const here = at.child('version');
  if (version !== undefined && !SEMVER.test(version)) {
    const detail = 'must be a string compatible with semver.org spec 2.0.0';
    errors.push(invalidValue(here, version, detail));
  }
  if (version !== undefined && version.length > VALUE_MAX) errors.push(tooLong(here, VALUE_MAX));
  const set = [bool, int, text, version].filter((value) => value !== undefined);
  if (set.length === 1) return errors;
  const shown = set.length === 0 ? '' : goForm('io.k8s.api.resource.v1.DeviceAttribute', attribute);
  return [...errors, invalidValue(at, shown, 'exactly one value must be specified')];
}

function validateTaint(taint: Partial<DeviceTaint>, at: FieldPath): FieldError[] {
  const { key = '', value = '', effect = '' } = taint;
  const here = at.child('effect');
  return [
    ...qualifiedName(key, at.child('key')),
    ...invalidAll(at.child('value'), value, isLabelValue(value)),
    ...(effect === ''
      ? [required(here)]
      : DEVICE_TAINT_EFFECTS.includes(effect)
        ? []
        : [notSupported(here, effect, DEVICE_TAINT_EFFECTS)]),
  ];
}

function validateConsumption(
  consumption: Partial<DeviceCounterConsumption>,
  at: FieldPath,
): FieldError[] {
  const { counterSet = '', counters } = consumption;
  const here = at.child('counterSet');
  return [
    ...(counterSet === '' ? [required(here)] : label(counterSet, here)),
    ...validateCounters(counters, at.child('counters')),
  ];
}

/** Counters by name; there must be some. */
export function validateCounters(counters: object | undefined, at: FieldPath): FieldError[] {
  const names = Object.keys(counters ?? {});
  if (names.length === 0) return [required(at)];
  if (names.length > COUNTERS_MAX) return [tooMany(at, names.length, COUNTERS_MAX)];
  return names.flatMap((name) => label(name, at));
}

function validatePlace(device: Device, at: FieldPath): FieldError[] {
  const { nodeName, nodeSelector, allNodes } = device;
  const errors: FieldError[] = [];
  const set: string[] = [];
  if (nodeName === '') errors.push(invalidValue(at.child('nodeName'), '', 'must not be empty'));
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    errors.push(...subdomain(nodeName, at.child('nodeName')));
  }
  if (nodeSelector !== undefined) {
    set.push('`nodeSelector`');
    errors.push(...validateNodeSelector(nodeSelector, at.child('nodeSelector')));
  }
  if (allNodes === true) set.push('`allNodes`');
  else if (allNodes === false) {
    const detail = 'must be either unset or set to true';
    errors.push(invalidValue(at.child('allNodes'), allNodes, detail));
  }
  const rule =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (set.length === 0) errors.push(required(at, rule));
  if (set.length > 1) errors.push(invalidValue(at, `{${set.join(', ')}}`, rule));
  return errors;
}

function validateNoPlace({ nodeName, nodeSelector, allNodes }: Device, at: FieldPath) {
  if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return [];
  const detail =
    '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  return [invalidValue(at, null, detail)];
}
