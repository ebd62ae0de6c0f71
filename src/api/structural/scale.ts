/**
 * The scale subresource of custom resources.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/registry/customresource (etcd.go, validator.go).
 */
import type { CustomResourceSubresourceScale } from '#api/gen/apiextensions-v1.ts';
import { type FieldError, invalidValue } from '../meta/field.ts';
import type { JsonObject } from '../meta/object.ts';
import {
  NestedFieldError,
  nestedInteger,
  nestedString,
  steps,
  withNestedField,
} from './nested-fields.ts';

const INT32_MAX = 2 ** 31 - 1;

export interface CustomScale {
  /** Undefined where the object does not say how many it wants. */
  readonly replicas: number | undefined;
  readonly statusReplicas: number;
  readonly selector: string;
}

/** Throws NestedFieldError when a path leads to a value of another type. */
export function scaleOf(object: JsonObject, paths: CustomResourceSubresourceScale): CustomScale {
  const replicas = nestedInteger(object, paths.specReplicasPath);
  const selector = paths.labelSelectorPath;
  return {
    // As Go's conversion to int32 does.
    replicas: replicas === undefined ? undefined : replicas | 0,
    statusReplicas: (nestedInteger(object, paths.statusReplicasPath) ?? 0) | 0,
    selector: selector ? (nestedString(object, selector) ?? '') : '',
  };
}

/** A copy of `object` that wants `replicas`. Throws NestedFieldError. */
export function setScale(
  object: JsonObject,
  paths: CustomResourceSubresourceScale,
  replicas: number,
): JsonObject {
  return withNestedField(object, paths.specReplicasPath, replicas);
}

/** The names on the way to the replicas that an object wants. */
export function replicasPath({ specReplicasPath }: CustomResourceSubresourceScale): string[] {
  return steps(specReplicasPath);
}

function validateReplicas(object: JsonObject, path: string): FieldError[] {
  try {
    const replicas = nestedInteger(object, path) ?? 0;
    if (replicas < 0) return [invalidValue(path, replicas, 'should be a non-negative integer')];
    if (replicas <= INT32_MAX) return [];
    return [invalidValue(path, replicas, `should be less than or equal to ${INT32_MAX}`)];
  } catch (error) {
    if (error instanceof NestedFieldError) return [invalidValue(path, 0, error.message)];
    throw error;
  }
}

export function validateScaleSpec(
  object: JsonObject,
  paths: CustomResourceSubresourceScale | undefined,
): FieldError[] {
  return paths === undefined ? [] : validateReplicas(object, paths.specReplicasPath);
}

export function validateScaleStatus(
  object: JsonObject,
  paths: CustomResourceSubresourceScale | undefined,
): FieldError[] {
  if (paths === undefined) return [];
  const errors = validateReplicas(object, paths.statusReplicasPath);
  const selector = paths.labelSelectorPath;
  if (selector === undefined) return errors;
  try {
    nestedString(object, selector);
  } catch (error) {
    if (!(error instanceof NestedFieldError)) throw error;
    errors.push(invalidValue(selector, '', error.message));
  }
  return errors;
}
