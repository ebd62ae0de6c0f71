/**
 * What a Namespace that is being deleted reports: what failed, and what is still in it. Pure.
 *
 * Upstream: pkg/controller/namespace/deletion/status_condition_utils.go, v1.36.
 */
import type { NamespaceCondition } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';

/** What one attempt to empty the namespace found. */
export interface Outcome {
  /** Group versions that could not be read, and why. */
  readonly discoveryFailures: ReadonlyMap<string, string>;
  readonly contentErrors: readonly string[];
  /** `pods.` to the number that is left. */
  readonly remaining: ReadonlyMap<string, number>;
  readonly finalizers: ReadonlyMap<string, number>;
}

interface Wording {
  readonly type: string;
  readonly okReason: string;
  readonly okMessage: string;
  failure(outcome: Outcome): { readonly reason: string; readonly message: string } | undefined;
}

const WORDINGS: readonly Wording[] = [
  {
    type: 'NamespaceDeletionDiscoveryFailure',
    okReason: 'ResourcesDiscovered',
    okMessage: 'All resources successfully discovered',
    failure: ({ discoveryFailures: failures }) => {
      if (failures.size === 0) return undefined;
      const list = sorted([...failures].map(([group, cause]) => `${group}: ${cause}`));
      const all = `unable to retrieve the complete list of server APIs: ${list}`;
      return {
        reason: 'DiscoveryFailed',
        message: `Discovery failed for some groups, ${failures.size} failing: ${all}`,
      };
    },
  },
  {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    okReason: 'ParsedGroupVersions',
    okMessage: 'All legacy kube types successfully parsed',
    failure: () => undefined,
  },
  {
    type: 'NamespaceDeletionContentFailure',
    okReason: 'ContentDeleted',
    okMessage: 'All content successfully deleted, may be waiting on finalization',
    failure: ({ contentErrors: errors }) =>
      errors.length === 0
        ? undefined
        : {
            reason: 'ContentDeletionFailed',
            message: `Failed to delete all resource types, ${errors.length} remaining: ${sorted(errors)}`,
          },
  },
  {
    type: 'NamespaceContentRemaining',
    okReason: 'ContentRemoved',
    okMessage: 'All content successfully removed',
    failure: ({ remaining }) =>
      remaining.size === 0
        ? undefined
        : {
            reason: 'SomeResourcesRemain',
            message: `Some resources are remaining: ${sorted([...remaining].map(([name, count]) => `${name} has ${count} resource instances`))}`,
          },
  },
  {
    type: 'NamespaceFinalizersRemaining',
    okReason: 'ContentHasNoFinalizers',
    okMessage: 'All content-preserving finalizers finished',
    failure: ({ finalizers }) =>
      finalizers.size === 0
        ? undefined
        : {
            reason: 'SomeFinalizersRemain',
            message: `Some content in the namespace has finalizers remaining: ${sorted([...finalizers].map(([name, count]) => `${name} in ${count} resource instances`))}`,
          },
  },
];

function sorted(rows: readonly string[]): string {
  return rows.toSorted().join(', ');
}

/** `conditions` as they are after `outcome`; the same array when nothing changed. */
export function conditionsAfter(
  conditions: readonly NamespaceCondition[],
  outcome: Outcome,
  nowMs: number,
): readonly NamespaceCondition[] {
  let next = conditions;
  for (const wording of WORDINGS) {
    const { type, okReason, okMessage } = wording;
    const failure = wording.failure(outcome);
    const status = failure === undefined ? 'False' : 'True';
    const { reason, message } = failure ?? { reason: okReason, message: okMessage };
    const known = next.find((condition) => condition.type === type);
    if (known?.status === status && known.reason === reason && known.message === message) continue;
    const now = timeText(nowMs);
    const time = known?.status === status ? (known.lastTransitionTime ?? now) : now;
    const condition: NamespaceCondition = {
      type,
      status,
      reason,
      message,
      lastTransitionTime: time,
    };
    next =
      known === undefined
        ? [...next, condition]
        : next.map((each) => (each === known ? condition : each));
  }
  return next;
}
