/**
 * `matchLabelKeys` and `mismatchLabelKeys` become requirements of the selector beside them, with
 * the values that the pod's own labels have when it is made (KEP-3633, KEP-3243).
 *
 * Source: upstream pkg/registry/core/pod/strategy.go.
 */
import type { Pod, PodAffinityTerm } from '#api/gen/core-v1.ts';
import type { LabelSelector } from '../meta/object.ts';

interface Keyed {
  labelSelector?: LabelSelector;
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
}

function apply(term: Keyed | undefined, labels: Readonly<Record<string, string>>): void {
  const labelSelector = term?.labelSelector;
  // A missing selector matches nothing, so there is nothing to narrow.
  if (term === undefined || labelSelector === undefined) return;
  const requirement = (operator: 'In' | 'NotIn') => (key: string) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  };
  const added = [
    ...(term.matchLabelKeys ?? []).flatMap(requirement('In')),
    ...(term.mismatchLabelKeys ?? []).flatMap(requirement('NotIn')),
  ];
  if (added.length > 0)
    labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), ...added];
}

function affinityTerms({ spec }: Pod): PodAffinityTerm[] {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (term) => term.podAffinityTerm,
    ),
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
  ]);
}

export function applyLabelKeys(pod: Pod): void {
  const labels = pod.metadata?.labels ?? {};
  for (const term of affinityTerms(pod)) apply(term, labels);
  for (const constraint of pod.spec?.topologySpreadConstraints ?? []) apply(constraint, labels);
}
