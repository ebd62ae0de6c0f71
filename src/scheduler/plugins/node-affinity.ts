/**
 * NodeAffinity: nodeSelector and node affinity, hard and soft, and what the configuration adds.
 *
 * Upstream: pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go, v1.36.
 */
import type { NodeAffinity, NodeSelectorTerm, Pod } from '#api/gen/core-v1.ts';
import { nodesOf } from '../cluster-events.ts';
import { normalizeByMax, type Plugin, type Verdict, type VerdictKind } from '../framework.ts';
import {
  type NodePredicate,
  requiredNodes,
  selectable,
  termPredicate,
  termsPredicate,
} from '#api/core/node-selector.ts';

const NAME = 'NodeAffinity';

function refusal(reason: string): Verdict {
  const kind: VerdictKind = 'UnschedulableAndUnresolvable';
  return { plugin: NAME, kind, reasons: [reason] };
}

const NOT_MATCHED = refusal("node(s) didn't match Pod's node affinity/selector");
const NOT_ENFORCED = refusal("node(s) didn't match scheduler-enforced node affinity");
const CONFLICT = refusal('pod affinity terms conflict');

export interface NodeAffinityArgs {
  /** Holds for all pods beside their own; both must be met. */
  readonly addedAffinity?: NodeAffinity;
}

/** The only nodes that the terms can mean, by name; undefined when they mean them by labels. */
function namedNodes(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  let all: ReadonlySet<string> = new Set();
  for (const { matchFields } of terms) {
    let named: ReadonlySet<string> | undefined;
    for (const { key, operator, values } of matchFields ?? []) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const these = new Set(values);
      named = named?.intersection(these) ?? these;
    }
    if (named === undefined) return undefined;
    all = all.union(named);
  }
  return all;
}

interface Preference {
  readonly weight: number;
  readonly matches: NodePredicate;
}

function preferences(affinity: NodeAffinity | undefined): Preference[] {
  return (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
    ({ weight, preference }) => ({ weight, matches: termPredicate(preference) }),
  );
}

function hardTerms({ spec }: Pod): readonly NodeSelectorTerm[] {
  const hard = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return hard?.nodeSelectorTerms ?? [];
}

/** With what the configuration adds to every pod's own affinity. */
export function nodeAffinityWith({ addedAffinity }: NodeAffinityArgs): Plugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const enforced = added && termsPredicate(added.nodeSelectorTerms);
  const addedPreferences = preferences(addedAffinity);
  return {
    name: NAME,
    weight: 2,
    preFilter({ pod }) {
      const matches = requiredNodes(pod);
      if (matches === undefined && enforced === undefined) return undefined;
      const terms = hardTerms(pod);
      const nodeNames = terms.length === 0 ? undefined : namedNodes(terms);
      if (nodeNames?.size === 0) return { refused: CONFLICT };
      const filter = {
        isLocal: true,
        check(node: Parameters<NodePredicate>[0]) {
          if (enforced !== undefined && !enforced(node)) return NOT_ENFORCED;
          return matches === undefined || matches(node) ? undefined : NOT_MATCHED;
        },
      };
      return nodeNames === undefined ? { filter } : { filter, nodeNames };
    },
    preScore({ pod }) {
      const own = preferences(pod.spec?.affinity?.nodeAffinity);
      if (own.length === 0 && addedPreferences.length === 0) return undefined;
      const all = [...addedPreferences, ...own];
      return {
        score(node) {
          let score = 0;
          for (const { weight, matches } of all) if (matches(node)) score += weight;
          return score;
        },
        normalize: (scores) => normalizeByMax(scores, false),
      };
    },
    hints: [
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeLabel'],
        helps({ pod }, event) {
          const { before, after } = nodesOf(event);
          if (after === undefined) return false;
          if (enforced !== undefined && !enforced(selectable(after))) return false;
          const matches = requiredNodes(pod) ?? (() => true);
          if (!matches(selectable(after))) return false;
          return before === undefined || !matches(selectable(before));
        },
      },
    ],
  };
}

export const nodeAffinity = nodeAffinityWith({});
