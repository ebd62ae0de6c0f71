/** LimitRanges. Upstream: pkg/apis/core/validation/validation.go (ValidateLimitRange). */
import type { LimitRange, LimitRangeItem } from '#api/gen/core-v1.ts';
import { compareQuantity, parseQuantity } from '../codec/quantity.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { qualifiedName } from './common.ts';
import {
  isOvercommitAllowed,
  validateContainerResourceName,
  validateResourceName,
} from './resource-names.ts';

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];

function validateType(type: string, at: FieldPath): FieldError[] {
  const errors = qualifiedName(type, at);
  if (errors.length > 0 || type.includes('/') || TYPES.includes(type)) return errors;
  return [invalidValue(at, type, 'must be a standard limit type or fully qualified')];
}

function validateNames(item: LimitRangeItem, at: FieldPath): FieldError[] {
  const isPod = item.type === 'Pod';
  const rule =
    isPod || item.type === 'Container' ? validateContainerResourceName : validateResourceName;
  return LISTS.flatMap((list) => {
    const names = Object.keys(item[list] ?? {});
    if (isPod && (list === 'default' || list === 'defaultRequest')) {
      return names.length === 0
        ? []
        : [forbiddenField(at.child(list), "may not be specified when `type` is 'Pod'")];
    }
    return names.flatMap((name) => rule(name, at.child(list).key(name)));
  });
}

const numberOf = (text: string): number => {
  const { digits, scale } = parseQuantity(text);
  return Number(digits) * 10 ** scale;
};

/** min ≤ default request ≤ default ≤ max, and the ratio within what these allow. */
function validateOrder(item: LimitRangeItem, name: string, at: FieldPath): FieldError[] {
  const isPod = item.type === 'Pod';
  const min = item.min?.[name];
  const max = item.max?.[name];
  const limit = isPod ? undefined : item.default?.[name];
  const request = isPod ? undefined : item.defaultRequest?.[name];
  const ratio = item.maxLimitRequestRatio?.[name];
  const errors: FieldError[] = [];
  const atMost = (
    low: string | undefined,
    high: string | undefined,
    where: string,
    words: string,
  ): void => {
    if (low === undefined || high === undefined || compareQuantity(low, high) <= 0) return;
    const value =
      where === 'min'
        ? low
        : where === 'defaultRequest'
          ? request
          : words.startsWith('min')
            ? min
            : max;
    const [left = '', right = ''] = words.split(' > ');
    errors.push(
      invalidValue(
        at.child(where).key(name),
        value,
        `${left} value ${low} is greater than ${right} value ${high}`,
      ),
    );
  };
  atMost(min, max, 'min', 'min > max');
  atMost(min, request, 'defaultRequest', 'min > default request');
  atMost(request, max, 'defaultRequest', 'default request > max');
  atMost(request, limit, 'defaultRequest', 'default request > default limit');
  atMost(min, limit, 'default', 'min > default');
  atMost(limit, max, 'default', 'default > max');
  const where = at.child('maxLimitRequestRatio').key(name);
  if (ratio !== undefined && compareQuantity(ratio, '1') < 0) {
    errors.push(invalidValue(where, ratio, `ratio ${ratio} is less than 1`));
  }
  if (ratio !== undefined && min !== undefined && max !== undefined) {
    const most = numberOf(max) / numberOf(min);
    if (numberOf(ratio) > most) {
      errors.push(
        invalidValue(where, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`),
      );
    }
  }
  if (
    !isOvercommitAllowed(name) &&
    limit !== undefined &&
    request !== undefined &&
    compareQuantity(limit, request) !== 0
  ) {
    const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    errors.push(invalidValue(at.child('defaultRequest').key(name), request, detail));
  }
  return errors;
}

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const errors: FieldError[] = [];
  const types = new Set<string>();
  for (const [i, item] of (spec?.limits ?? []).entries()) {
    const at = fieldPath('spec').child('limits').index(i);
    const type: string = item.type ?? '';
    errors.push(...validateType(type, at.child('type')));
    if (types.has(type)) errors.push(duplicate(at.child('type'), type));
    types.add(type);
    errors.push(...validateNames(item, at));
    if (
      type === 'PersistentVolumeClaim' &&
      item.min?.['storage'] === undefined &&
      item.max?.['storage'] === undefined
    ) {
      const detail =
        'either minimum or maximum storage value is required, but neither was provided';
      errors.push(required(at.child('limits'), detail));
    }
    const names = new Set(LISTS.flatMap((list) => Object.keys(item[list] ?? {})));
    for (const name of names) errors.push(...validateOrder(item, name, at));
  }
  return errors;
}
