/**
 * The status of a quota: the limits it has, and what is used of them.
 *
 * Upstream: CalculateUsage in staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go and
 * syncResourceQuota in pkg/controller/resourcequota/resource_quota_controller.go, v1.36.
 */
import type { ResourceQuota, ResourceQuotaStatus } from '#api/gen/core-v1.ts';
import { compareQuantity } from '../codec/quantity.ts';
import { addResources, type ResourceList } from '../core/resources.ts';
import type { KubeObject } from '../meta/object.ts';
import type { Evaluator, QuotaWorld } from './evaluator.ts';
import { isInScopes, scopesOf } from './scopes.ts';

/** An evaluator, and the objects of its resource in the quota's namespace. */
export interface Measured {
  readonly evaluator: Evaluator;
  readonly objects: readonly KubeObject[];
}

/**
 * What the status is to be. Limits that none of `measured` knows keep what was known to be used of
 * them, if anything.
 */
export function quotaStatus(
  { spec, status }: ResourceQuota,
  measured: readonly Measured[],
  world: QuotaWorld,
): ResourceQuotaStatus {
  const hard = spec?.hard ?? {};
  const scopes = scopesOf(spec);
  let fresh: ResourceList = {};
  for (const { evaluator, objects } of measured) {
    const names = Object.keys(hard).filter((name) => evaluator.covers(name, world));
    if (names.length === 0) continue;
    fresh = addResources(fresh, Object.fromEntries(names.map((name) => [name, '0'])));
    for (const object of objects) {
      if (isInScopes(evaluator, object, scopes))
        fresh = addResources(fresh, evaluator.usage(object, world));
    }
  }
  const known = { ...status?.used, ...fresh };
  const used = Object.entries(known).filter(([name]) => hard[name] !== undefined);
  return { hard: { ...hard }, used: Object.fromEntries(used) };
}

/** Whether two statuses say the same: `1024Mi` is `1Gi`. */
export function sameQuotaStatus(
  one: ResourceQuotaStatus,
  other: ResourceQuotaStatus | undefined,
): boolean {
  return sameAmounts(one.hard, other?.hard) && sameAmounts(one.used, other?.used);
}

export function sameAmounts(one: ResourceList = {}, other: ResourceList = {}): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => {
    const [left, right] = [one[name], other[name]];
    return left !== undefined && right !== undefined && compareQuantity(left, right) === 0;
  });
}
