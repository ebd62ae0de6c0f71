/**
 * Aggregated cluster roles: the rules of all roles that a selector finds.
 *
 * Source: Kubernetes documentation, "Aggregated ClusterRoles"; upstream
 * pkg/controller/clusterroleaggregation.
 */
import type { ClusterRole, PolicyRule } from '#api/gen/rbac-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { labelSelectorMatches } from '#api/meta/labels.ts';

/** The rules that `role` should have, given all roles: in order of their names, each rule once. */
export function aggregatedRules(role: ClusterRole, roles: Iterable<ClusterRole>): PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const parts = [...roles]
    .filter((part) => part.metadata?.name !== role.metadata?.name)
    .filter((part) =>
      selectors.some((selector) => labelSelectorMatches(selector, part.metadata?.labels)),
    )
    .toSorted((left, right) =>
      (left.metadata?.name ?? '') < (right.metadata?.name ?? '') ? -1 : 1,
    );
  const rules: PolicyRule[] = [];
  for (const rule of parts.flatMap((part) => part.rules ?? [])) {
    if (!rules.some((present) => equalValues(present, rule))) rules.push(rule);
  }
  return rules;
}
