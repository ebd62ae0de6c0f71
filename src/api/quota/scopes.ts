/**
 * Scopes of a quota: which objects it is about.
 *
 * Upstream: getScopeSelectorsFromQuota in staging/src/k8s.io/apiserver/pkg/quota/v1/generic,
 * ScopedResourceSelectorRequirementsAsSelector in pkg/apis/core/v1/helper/helpers.go, v1.36.
 */
import type { ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '#api/gen/core-v1.ts';
import type { KubeObject } from '../meta/object.ts';
import type { Evaluator } from './evaluator.ts';

/** All must hold; `scopes` are selectors that ask for no more than that the scope is there. */
export function scopesOf(spec: ResourceQuotaSpec | undefined): ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' as const })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}

export function isInScopes(
  evaluator: Pick<Evaluator, 'isInScope'>,
  object: KubeObject,
  scopes: readonly ScopedResourceSelectorRequirement[],
): boolean {
  return scopes.every((scope) => evaluator.isInScope(object, scope));
}

/** Whether one of the names (none: the absence of any) is what the selector asks for. */
export function selectsName(
  { operator, values = [] }: ScopedResourceSelectorRequirement,
  names: readonly string[],
): boolean {
  switch (operator) {
    case 'Exists':
      return names.length > 0;
    case 'DoesNotExist':
      return names.length === 0;
    case 'In':
      return names.some((name) => values.includes(name));
    default:
      return names.length === 0 || names.some((name) => !values.includes(name));
  }
}
