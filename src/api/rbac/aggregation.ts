/**
 * Aggregated cluster roles: the rules of all roles that a selector finds.
 *
 * Source: Kubernetes documentation, "Aggregated ClusterRoles"; upstream
 * pkg/controller/clusterroleaggregation.
 */
import type { ClusterRole, PolicyRule } from '#api/gen/rbac-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { labelSelectorMatches } from '../meta/labels.ts';

/**
 * The rules that `role` should have, given all roles: selector by selector, for each in order of
 * the roles' names, each rule once.
 */
export function aggregatedRules(role: ClusterRole, roles: Iterable<ClusterRole>): PolicyRule[] {
  const parts = [...roles]
    .filter((part) => part.metadata?.name !== role.metadata?.name)
    .toSorted((left, right) =>
      (left.metadata?.name ?? '') < (right.metadata?.name ?? '') ? -1 : 1,
    );
  const found = (role.aggregationRule?.clusterRoleSelectors ?? []).flatMap((selector) =>
    parts.filter((part) => labelSelectorMatches(selector, part.metadata?.labels)),
  );
  const rules: PolicyRule[] = [];
  for (const rule of found.flatMap((part) => part.rules ?? [])) {
    if (!rules.some((present) => equalValues(present, rule))) rules.push(rule);
  }
  return rules;
}
