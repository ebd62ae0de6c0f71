/**
 * Names and quantities of resources.
 *
 * Source: upstream pkg/apis/core/helper/helpers.go and pkg/apis/core/validation/validation.go.
 */
import { compareQuantity, isWholeQuantity, quantityValue } from '../codec/quantity.ts';
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';
import { isQualifiedName } from '../meta/names.ts';
import { NEGATIVE } from './metadata.ts';
import { qualifiedName } from './common.ts';

const CONTAINER = ['cpu', 'memory', 'ephemeral-storage'];
const COMPUTE = CONTAINER.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]);
const COUNTED = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const QUOTA = new Set([...COMPUTE, ...COUNTED, 'requests.storage']);
const STANDARD = new Set([...QUOTA, 'storage']);
const HUGE_PAGES = 'hugepages-';

export const isHugePages = (name: string): boolean => name.startsWith(HUGE_PAGES);
const isQuotaHugePages = (name: string): boolean =>
  isHugePages(name) || name.startsWith(`requests.${HUGE_PAGES}`);

/** Of Kubernetes itself: no domain, or kubernetes.io. */
export const isNativeResource = (name: string): boolean =>
  !name.includes('/') || name.includes('kubernetes.io/');

/** A device or the like, counted in whole units, named with a domain of its own. */
export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false;
  return isQualifiedName(`requests.${name}`).length === 0;
}

export const isOvercommitAllowed = (name: string): boolean =>
  isNativeResource(name) && !isHugePages(name);
const isIntegerResource = (name: string): boolean =>
  COUNTED.includes(name) || isExtendedResource(name);
export const isStandardQuotaResource = (name: string): boolean =>
  QUOTA.has(name) || isQuotaHugePages(name);
const isStandardResource = (name: string): boolean => STANDARD.has(name) || isQuotaHugePages(name);
const isContainerResource = (name: string): boolean =>
  CONTAINER.includes(name) || isHugePages(name);

export function validateResourceName(name: string, at: FieldPath): FieldError[] {
  const errors = qualifiedName(name, at);
  if (errors.length > 0 || name.includes('/') || isStandardResource(name)) return errors;
  return [invalidValue(at, name, 'must be a standard resource type or fully qualified')];
}

export function validateContainerResourceName(name: string, at: FieldPath): FieldError[] {
  const errors = validateResourceName(name, at);
  if (!name.includes('/')) {
    if (!isContainerResource(name))
      errors.push(invalidValue(at, name, 'must be a standard resource for containers'));
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalidValue(at, name, "doesn't follow extended resource name standard"));
  }
  return errors;
}

export function nonnegativeQuantity(value: string, at: FieldPath): FieldError[] {
  return compareQuantity(value, '0') < 0 ? [invalidValue(at, value, NEGATIVE)] : [];
}

export function positiveQuantity(value: string, at: FieldPath): FieldError[] {
  return compareQuantity(value, '0') <= 0
    ? [invalidValue(at, value, 'must be greater than zero')]
    : [];
}

/** Not negative, and whole where the resource is counted. */
export function validateResourceQuantity(name: string, value: string, at: FieldPath): FieldError[] {
  const errors = nonnegativeQuantity(value, at);
  if (isIntegerResource(name) && !isWholeQuantity(value))
    errors.push(invalidValue(at, value, 'must be an integer'));
  return errors;
}

/** Huge pages come in whole pages. */
export function validateHugePages(name: string, value: string, at: FieldPath): FieldError[] {
  let page: number;
  try {
    page = quantityValue(name.slice(HUGE_PAGES.length));
  } catch {
    page = 0;
  }
  return page > 0 && quantityValue(value) % page === 0
    ? []
    : [invalidValue(at, value, `${value} is not positive integer multiple of ${name}`)];
}
