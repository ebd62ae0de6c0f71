/**
 * Which volume a claim can be bound to, as seen from a node.
 *
 * Source: upstream v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go
 * (FindMatchingVolume).
 */
import { compareQuantity, quantityValue } from '#api/codec/quantity.ts';
import { isBoundTo, isFreeFor, suits } from '#api/core/volume-binding.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  TopologySelectorTerm,
} from '#api/gen/core-v1.ts';
import {
  type NodePredicate,
  type SelectableNode,
  termsPredicate,
} from '#api/core/node-selector.ts';

/** Bytes that a claim asks for. */
export function requestedBytes({ spec }: PersistentVolumeClaim): number {
  return quantityValue(spec?.resources?.requests?.['storage'] ?? '0');
}

/** Where a volume can be used; undefined: everywhere. */
export function volumeNodes({ spec }: PersistentVolume): NodePredicate | undefined {
  const required = spec?.nodeAffinity?.required;
  return required && termsPredicate(required.nodeSelectorTerms);
}

interface Candidate {
  readonly volume: PersistentVolume;
  readonly isKept: boolean;
  readonly nodes: NodePredicate | undefined;
}

/** The volumes that a claim can be bound to, looked through once for all nodes. */
export class VolumeChoice {
  readonly claim: PersistentVolumeClaim;
  /** Smallest first. */
  readonly #candidates: readonly Candidate[];

  constructor(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[]) {
    this.claim = claim;
    const size = ({ spec }: PersistentVolume): string => spec?.capacity?.['storage'] ?? '0';
    this.#candidates = volumes
      .filter((volume) => suits(volume, claim))
      .map((volume) => ({ volume, isKept: isBoundTo(volume, claim), nodes: volumeNodes(volume) }))
      .filter(({ volume, isKept }) => isKept || isFreeFor(volume, claim))
      .toSorted((left, right) => compareQuantity(size(left.volume), size(right.volume)));
  }

  /** The volume for the claim on this node: the one that is kept for it, else the smallest. */
  on(node: SelectableNode, taken: ReadonlySet<PersistentVolume>): PersistentVolume | undefined {
    const reaches = ({ nodes }: Candidate): boolean => nodes === undefined || nodes(node);
    const kept = this.#candidates.find(({ isKept, volume }) => isKept && !taken.has(volume));
    if (kept !== undefined) return reaches(kept) ? kept.volume : undefined;
    return this.#candidates.find((each) => !taken.has(each.volume) && reaches(each))?.volume;
  }
}

/** Whether volumes of a class can be made for this node. */
export function topologyAllows(
  terms: readonly TopologySelectorTerm[] | undefined,
  { labels }: SelectableNode,
): boolean {
  if (terms === undefined || terms.length === 0) return true;
  return terms.some(({ matchLabelExpressions = [] }) => {
    if (matchLabelExpressions.length === 0) return false;
    return matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));
  });
}
