/**
 * Limited resources: what may not be used without a quota that covers it. Pure.
 *
 * Upstream: limitedByDefault, getMatchedLimitedScopes and CheckRequest in
 * staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, v1.36.
 */
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '#api/gen/core-v1.ts';
import { isPositive, type ResourceList } from '../core/resources.ts';
import type { KubeObject } from '../meta/object.ts';
import type { Evaluator } from './evaluator.ts';
import { scopesOf } from './scopes.ts';

export interface LimitedResource {
  readonly apiGroup: string;
  readonly resource: string;
  /** Of this resource the names (as quotas have them) that contain one of these are limited. */
  readonly matchContains: readonly string[];
  /** Objects of any resource in one of these scopes are limited. */
  readonly matchScopes: readonly ScopedResourceSelectorRequirement[];
}

export interface LimitedUse {
  readonly evaluator: Evaluator;
  readonly object: KubeObject;
  readonly usage: ResourceList;
  /** All of the namespace. */
  readonly quotas: readonly ResourceQuota[];
  /** What those quotas limit that the object counts for. */
  readonly covered: ReadonlySet<string>;
}

/** Names that the object uses, are limited, and are in no quota; sorted. */
export function uncoveredNames(limited: readonly LimitedResource[], use: LimitedUse): string[] {
  const { resource } = use.evaluator;
  const parts = limited
    .filter((each) => each.apiGroup === resource.group && each.resource === resource.resource)
    .flatMap(({ matchContains }) => matchContains);
  return Object.entries(use.usage)
    .filter(([name, amount]) => isPositive(amount) && parts.some((part) => name.includes(part)))
    .map(([name]) => name)
    .filter((name) => !use.covered.has(name))
    .toSorted();
}

/** Limited scopes that the object is in, and no quota selects. */
export function uncoveredScopes(
  limited: readonly LimitedResource[],
  { evaluator, object, quotas }: LimitedUse,
): ScopedResourceSelectorRequirement[] {
  const isIn = (scope: ScopedResourceSelectorRequirement): boolean =>
    evaluator.isInScope(object, scope);
  const covered = new Set(
    quotas
      .flatMap(({ spec }) => scopesOf(spec))
      .filter(isIn)
      .map(({ scopeName }) => scopeName),
  );
  return limited
    .flatMap(({ matchScopes }) => matchScopes)
    .filter((scope) => isIn(scope) && !covered.has(scope.scopeName));
}

/** As Go prints them: `[{PriorityClass In [high low]}]`. */
export function scopesText(scopes: readonly ScopedResourceSelectorRequirement[]): string {
  const texts = scopes.map(
    ({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`,
  );
  return `[${texts.join(' ')}]`;
}
