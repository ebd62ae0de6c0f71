/**
 * The bootstrap roles and bindings of a cluster that exists: what is missing is added, what others
 * have added stays, and who has set autoupdate to false is left alone.
 *
 * Source: Kubernetes documentation, "Auto-reconciliation"; upstream
 * staging/src/k8s.io/component-helpers/auth/rbac/reconciliation.
 */
import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Subject,
} from '#api/gen/rbac-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { missingRules } from '../authz/rule-cover.ts';
import { AUTO_UPDATE } from './rbac-policy.ts';

export function reconcileRole<T extends Role | ClusterRole>(
  existing: T,
  expected: T,
): T | undefined {
  const merged = mergeMetadata(existing, expected);
  if (merged === undefined) return undefined;
  const same = equalValues(existing.rules, expected.rules);
  const missing = same ? [] : missingRules(existing.rules ?? [], expected.rules ?? []);
  const next: T = { ...merged, rules: [...(existing.rules ?? []), ...missing] };
  mergeAggregation(next, existing, expected);
  return equalValues(next, existing) ? undefined : next;
}

function mergeAggregation(next: ClusterRole, existing: ClusterRole, expected: ClusterRole): void {
  const wanted = expected.aggregationRule?.clusterRoleSelectors;
  if (wanted === undefined) {
    delete next.aggregationRule;
    return;
  }
  const present = existing.aggregationRule?.clusterRoleSelectors ?? [];
  const missing = wanted.filter(
    (selector) => !present.some((other) => equalValues(other, selector)),
  );
  next.aggregationRule = { clusterRoleSelectors: [...present, ...missing] };
}

/** What a binding refers to cannot be changed: then it is made anew. */
export function reconcileBinding<T extends RoleBinding | ClusterRoleBinding>(
  existing: T,
  expected: T,
): T | 'replace' | undefined {
  const merged = mergeMetadata(existing, expected);
  if (merged === undefined) return undefined;
  if (!equalValues(existing.roleRef, expected.roleRef)) return 'replace';
  const present = existing.subjects ?? [];
  const missing = (expected.subjects ?? []).filter(
    (subject) => !present.some((other) => sameSubject(other, subject)),
  );
  const next: T = {
    ...merged,
    ...(present.length + missing.length === 0 ? {} : { subjects: [...present, ...missing] }),
  };
  return equalValues(next, existing) ? undefined : next;
}

function sameSubject(left: Subject, right: Subject): boolean {
  return equalValues(left, right);
}

/** Labels and annotations of both, the existing ones first; undefined when it opted out. */
function mergeMetadata<T extends KubeObject>(existing: T, expected: T): T | undefined {
  if (existing.metadata?.annotations?.[AUTO_UPDATE] === 'false') return undefined;
  const metadata = {
    ...existing.metadata,
    labels: { ...expected.metadata?.labels, ...existing.metadata?.labels },
    annotations: { ...expected.metadata?.annotations, ...existing.metadata?.annotations },
  };
  return { ...existing, metadata };
}
