/**
 * What a scheduling decision is made of: nodes with what runs on them, and plug-ins that filter
 * and score. All of it is pure; `scheduler.ts` is the only part that speaks to the API.
 *
 * Source: Kubernetes documentation, "Scheduling Framework"; names and order are upstream's
 * (pkg/scheduler/apis/config/v1/default_plugins.go).
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';

/** Amounts by resource name: cpu in millicores, the rest in their base unit (bytes, pieces). */
export type Resources = ReadonlyMap<string, number>;

/** A node and what is promised on it. Never changed in place by plug-ins. */
export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly allocatable: Resources;
  readonly pods: ReadonlyMap<string, PodInfo>;
  readonly requested: Resources;
  /** As `requested`, but a container that asks for nothing counts 100m and 200 MB, for scores. */
  readonly nonZeroRequested: { readonly cpu: number; readonly memory: number };
  /** `protocol/hostIP/port`, in use. */
  readonly ports: ReadonlySet<string>;
}

/** A pod with what the scheduler needs of it, computed once. */
export interface PodInfo {
  readonly key: string;
  readonly pod: Pod;
  readonly requests: Resources;
  readonly nonZeroRequests: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Why a node does not fit. */
export interface Verdict {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** No eviction of other pods would help. */
  readonly unresolvable: boolean;
}

export interface Plugin {
  readonly name: string;
  /** Undefined: the pod fits the node as far as this plug-in is concerned. */
  filter?(pod: PodInfo, node: NodeInfo): Verdict | undefined;
  /** 0 to SCORE_MAX after `normalize`. */
  score?(pod: PodInfo, node: NodeInfo): number;
  normalize?(scores: number[]): void;
  readonly weight?: number;
}

export const SCORE_MAX = 100;

/** Stretches scores to 0..100; reversed: the least becomes the best. */
export function normalizeByMax(scores: number[], reversed: boolean): void {
  const max = Math.max(0, ...scores);
  for (const [index, score] of scores.entries()) {
    if (max === 0) scores[index] = reversed ? SCORE_MAX : score;
    else {
      const scaled = Math.floor((SCORE_MAX * score) / max);
      scores[index] = reversed ? SCORE_MAX - scaled : scaled;
    }
  }
}
