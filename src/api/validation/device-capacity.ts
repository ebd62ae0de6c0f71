/**
 * How much of a device's capacity a request may ask for.
 *
 * Source: upstream pkg/apis/resource/validation/validation.go (validateRequestPolicy).
 */
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  DeviceCapacity,
} from '#api/gen/resource-v1.ts';
import { canonicalQuantity, quantityMilli } from '../codec/quantity.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { validateList } from './device-names.ts';

const OPTIONS_MAX = 10;

/** `several`: the device may be allocated several times. */
export function validateCapacity(
  { value, requestPolicy }: DeviceCapacity,
  several: boolean,
  capacity: FieldPath,
): FieldError[] {
  if (requestPolicy === undefined) return [];
  const at = capacity.child('requestPolicy');
  if (!several) return [forbiddenField(at, 'allowMultipleAllocations must be true')];
  const { validValues = [], validRange } = requestPolicy;
  if (validValues.length > 0 && validRange !== undefined) {
    const detail =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    return [forbiddenField(at, detail)];
  }
  return validatePolicy(requestPolicy, value ?? '0', at);
}

function validatePolicy(policy: CapacityRequestPolicy, most: string, at: FieldPath): FieldError[] {
  const { default: usual, validValues = [], validRange } = policy;
  if (validValues.length > 0) {
    if (usual === undefined)
      return [required(at.child('default'), 'required when validValues is defined')];
    return validateOptions(validValues, { usual, most, at: at.child('validValues') });
  }
  if (validRange === undefined) return [];
  if (usual === undefined)
    return [required(at.child('default'), 'required when validRange is defined')];
  return validateRange(validRange, { usual, most, at: at.child('validRange') });
}

interface Bounds {
  /** What a request gets that says nothing. */
  readonly usual: string;
  readonly most: string;
  readonly at: FieldPath;
}

const isMore = (left: string, right: string): boolean => quantityMilli(left) > quantityMilli(right);

function validateOptions(options: readonly string[], { usual, most, at }: Bounds): FieldError[] {
  const shown = (value: string): string => canonicalQuantity(value);
  const errors = options.flatMap((option, i) =>
    i > 0 && isMore(options[i - 1] ?? '0', option)
      ? [invalidValue(at.index(i), shown(option), 'values must be sorted in ascending order')]
      : [],
  );
  errors.push(
    ...validateList(options, {
      at,
      max: OPTIONS_MAX,
      key: (option) => String(Math.ceil(quantityMilli(option) / 1000)),
      item: (option, where) =>
        isMore(option, most)
          ? [
              invalidValue(
                where,
                shown(option),
                `option is larger than capacity value: ${shown(most)}`,
              ),
            ]
          : [],
    }),
  );
  if (options.some((option) => quantityMilli(option) === quantityMilli(usual))) return errors;
  const detail = 'default value is not valid according to the requestPolicy';
  return [...errors, invalidValue(at, shown(usual), detail)];
}

function validateRange(
  { min, max, step }: Partial<CapacityRequestPolicyRange>,
  { usual, most, at }: Bounds,
): FieldError[] {
  if (min === undefined) return [required(at.child('min'), 'required when validRange is defined')];
  const errors: FieldError[] = [];
  const wrong = (field: string, value: string, detail: string): void => {
    errors.push(invalidValue(at.child(field), canonicalQuantity(value), detail));
  };
  const shown = canonicalQuantity;
  if (isMore(min, most)) wrong('min', min, `min is larger than capacity value: ${shown(most)}`);
  if (isMore(min, usual)) wrong('min', usual, `default is less than min: ${shown(min)}`);
  if (max !== undefined) {
    if (isMore(min, max)) wrong('max', min, `min is larger than max: ${shown(max)}`);
    if (isMore(max, most)) wrong('max', max, `max is larger than capacity value: ${shown(most)}`);
    if (isMore(usual, max)) wrong('max', usual, `default is more than max: ${shown(max)}`);
  }
  if (step === undefined) return errors;
  const oneStepMilli = quantityMilli(min) + quantityMilli(step);
  if (oneStepMilli > quantityMilli(most)) {
    const sum = shown(String(oneStepMilli / 1000));
    wrong('step', step, `one step ${sum} is larger than capacity value: ${shown(most)}`);
  }
  for (const value of max === undefined ? [usual] : [usual, max]) {
    if ((whole(value) - whole(min)) % whole(step) === 0) continue;
    const detail = `value is not a multiple of a given step (${shown(step)}) from (${shown(min)})`;
    wrong('step', value, detail);
  }
  return errors;
}

/** Rounded up, as a quantity's value is. */
function whole(quantity: string): number {
  return Math.ceil(quantityMilli(quantity) / 1000);
}
