/** ResourceSlice: where its devices are. Upstream: pkg/apis/resource/validation/validation.go. */
import type { CounterSet, Device, ResourceSlice, ResourceSliceSpec } from '#api/gen/resource-v1.ts';
import type { NodeSelector } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '../meta/field.ts';
import { validateNodeSelector } from './affinity.ts';
import { label, subdomain } from './common.ts';
import { validateCounters, validateDevice } from './device.ts';
import { validateList, validatePoolName } from './device-names.ts';
import { immutable } from './metadata.ts';
import { validateDriverName } from './volumes.ts';
import { goForms } from '../schema/go-form.ts';

const DEVICES_MAX = 128;
/** Of devices that have taints, use counters, or have lists for attributes. */
const ADVANCED_DEVICES_MAX = 64;
const COUNTER_SETS_MAX = 8;
const SPEC = fieldPath('spec');

export function validateResourceSlice({ spec }: ResourceSlice): FieldError[] {
  return [...validateHead(spec ?? {}), ...validateRest(spec ?? {}, undefined)];
}

export function validateResourceSliceUpdate(next: ResourceSlice, old: ResourceSlice): FieldError[] {
  const after: Partial<ResourceSliceSpec> = next.spec ?? {};
  const before: Partial<ResourceSliceSpec> = old.spec ?? {};
  return [
    ...validateHead(after),
    ...immutable(after.pool?.name ?? '', before.pool?.name ?? '', SPEC.child('pool', 'name')),
    ...immutable(after.driver ?? '', before.driver ?? '', SPEC.child('driver')),
    ...immutable(after.nodeName, before.nodeName, SPEC.child('nodeName')),
    ...validateRest(after, before),
  ];
}

function validateHead({ driver = '', pool }: Partial<ResourceSliceSpec>): FieldError[] {
  const at = SPEC.child('pool');
  const { name, resourceSliceCount = 0, generation = 0 } = pool ?? {};
  const errors = [
    ...validateDriverName(driver, SPEC.child('driver')),
    ...validatePoolName(name, at.child('name')),
  ];
  const countAt = at.child('resourceSliceCount');
  if (resourceSliceCount <= 0)
    errors.push(invalidValue(countAt, resourceSliceCount, 'must be greater than zero'));
  if (generation < 0) {
    const detail = 'must be greater than or equal to zero';
    errors.push(invalidValue(at.child('generation'), generation, detail));
  }
  return errors;
}

function validateRest(
  spec: Partial<ResourceSliceSpec>,
  old: Partial<ResourceSliceSpec> | undefined,
): FieldError[] {
  const { sharedCounters, devices } = spec;
  const errors = validatePlace(spec);
  if (sharedCounters !== undefined && devices !== undefined)
    errors.push(invalidValue(SPEC, '', 'only one of `sharedCounters` or `devices` is allowed'));
  const known = new Map((old?.devices ?? []).map((device) => [device.name, device]));
  const perDevice = spec.perDeviceNodeSelection === true;
  return [
    ...errors,
    ...validateList(devices, {
      at: SPEC.child('devices'),
      max: devices?.some(isAdvanced) === true ? ADVANCED_DEVICES_MAX : DEVICES_MAX,
      key: ({ name = '' }) => name,
      item: (device, at) => validateDevice(device, { old: known.get(device.name), perDevice, at }),
    }),
    ...validateList(sharedCounters, {
      at: SPEC.child('sharedCounters'),
      max: COUNTER_SETS_MAX,
      key: ({ name = '' }) => name,
      item: validateCounterSet,
    }),
  ];
}

function isAdvanced({ taints, consumesCounters }: Device): boolean {
  return (taints ?? []).length + (consumesCounters ?? []).length > 0;
}

/** One way to say which nodes reach the devices. */
function validatePlace(spec: Partial<ResourceSliceSpec>): FieldError[] {
  const { nodeName, nodeSelector, allNodes, perDeviceNodeSelection } = spec;
  const errors: FieldError[] = [];
  const set: string[] = [];
  const unset = 'must be either unset or set to';
  if (nodeName === '') {
    errors.push(invalidValue(SPEC.child('nodeName'), '', `${unset} a non-empty string`));
  } else if (nodeName !== undefined) {
    set.push('`nodeName`');
    errors.push(...subdomain(nodeName, SPEC.child('nodeName')));
  }
  if (nodeSelector !== undefined) {
    set.push('`nodeSelector`');
    errors.push(...validateOneTerm(nodeSelector, SPEC.child('nodeSelector')));
  }
  for (const [field, value] of Object.entries({ allNodes, perDeviceNodeSelection })) {
    if (value === true) set.push(`\`${field}\``);
    else if (value === false) errors.push(invalidValue(SPEC.child(field), value, `${unset} true`));
  }
  const rule =
    'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0) errors.push(required(SPEC, rule));
  if (set.length > 1) {
    const detail = `${rule}, but multiple fields are set`;
    errors.push(invalidValue(SPEC, `{${set.join(', ')}}`, detail));
  }
  return errors;
}

function validateOneTerm(selector: NodeSelector, at: FieldPath): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? [];
  const errors = validateNodeSelector(selector, at);
  if (terms.length === 1) return errors;
  const detail = 'must have exactly one node selector term';
  return [
    ...errors,
    invalidValue(
      at.child('nodeSelectorTerms'),
      terms.length === 0 ? terms : goForms('io.k8s.api.core.v1.NodeSelectorTerm', terms),
      detail,
    ),
  ];
}

function validateCounterSet(set: Partial<CounterSet>, at: FieldPath): FieldError[] {
  const { name = '', counters } = set;
  return [
    ...(name === '' ? [required(at.child('name'))] : label(name, at.child('name'))),
    ...validateCounters(counters, at.child('counters')),
  ];
}
