/**
 * What a scheduling decision is made of: pods, nodes with what runs on them, and plug-ins.
 *
 * A plug-in is a value with a name and one function for each extension point that it takes part
 * in; the points are upstream's:
 *
 *   queueSort, preEnqueue                        which pod is tried next, which not at all
 *   preFilter → filter → postFilter              where it may run; what to do when nowhere
 *   preScore → score → normalize                 where it runs best
 *   reserve → permit → preBind → bind            what is held, waited for and written before
 *
 * What a plug-in finds out once for a pod (preFilter, preScore) lives in the object that it
 * answers, whose functions are then called for each node: that is the cycle state. Answering
 * undefined is upstream's Skip, and costs nothing for each node. All of it is pure:
 * `scheduler.ts` and what it hands its client to are the only parts that speak to the API.
 *
 * Source: Kubernetes documentation, "Scheduling Framework"; upstream v1.36
 * staging/src/k8s.io/kube-scheduler/framework/interface.go.
 */
import type { HostPort } from '#api/core/host-ports.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { AffinityTerms } from './affinity-terms.ts';
import type { Cluster } from './cluster.ts';
import type { EventHint } from './cluster-events.ts';
import type { Writer } from './pod-writes.ts';

/** cpu in millicores, the rest in their base unit (bytes, pieces). */
export interface Amounts {
  readonly cpu: number;
  readonly memory: number;
  readonly ephemeralStorage: number;
  /** Extended resources, huge pages and the like, by name. */
  readonly others: ReadonlyMap<string, number>;
}

/** A pod with what the scheduler needs of it, computed once. */
export interface PodInfo {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly pod: Pod;
  readonly requests: Amounts;
  /** As `requests`, but a container that asks for nothing counts 100m and 200 MB, for scores. */
  readonly nonZeroRequests: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
  /** Undefined when the pod has no pod affinity at all. */
  readonly terms: AffinityTerms | undefined;
}

/** A pod in the queue. */
export interface QueuedPod {
  readonly info: PodInfo;
  /** Monotonic time at which it was queued, or last refused. */
  readonly sinceMs: number;
  /** Grows with each pod that is queued: breaks ties. */
  readonly order: number;
}

/** A node and what is promised on it. Plug-ins read it, `snapshot.ts` alone changes it. */
export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly labels: Readonly<Record<string, string>>;
  /** Taints that keep pods off: NoSchedule and NoExecute. */
  readonly hardTaints: NonNullable<NonNullable<Node['spec']>['taints']>;
  /** Taints with PreferNoSchedule. */
  readonly softTaints: NonNullable<NonNullable<Node['spec']>['taints']>;
  readonly unschedulable: boolean;
  readonly allocatable: Amounts;
  readonly podsMax: number;
  readonly pods: ReadonlyMap<string, PodInfo>;
  readonly requested: Amounts;
  readonly nonZeroRequested: { readonly cpu: number; readonly memory: number };
  /** `protocol/hostIP/port` in use, and by how many pods. */
  readonly ports: ReadonlyMap<string, number>;
  /** Bytes of each image that is there, by normalized name. */
  readonly images: ReadonlyMap<string, number>;
}

/**
 * Unschedulable: evicting pods might help. UnschedulableAndUnresolvable: it would not. Pending:
 * something outside is under way, and the pod is tried again without back-off when it is done.
 */
export type VerdictKind = 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Pending';

/** Why a node, or all of them, will not do. Shared by nodes: never changed. */
export interface Verdict {
  readonly plugin: string;
  readonly kind: VerdictKind;
  readonly reasons: readonly string[];
}

/** What preFilter knows of one pod, asked once for each node. */
export interface NodeFilter {
  /** Undefined: the pod fits the node as far as this plug-in is concerned. */
  check(node: NodeInfo): Verdict | undefined;
  /** It looks at nothing but what `shapeOf` (`dry-runs.ts`) has of the pod, and at the node. */
  readonly isLocal?: boolean;
  /** A copy whose `count` may be called; absent when other pods make no difference. */
  fork?(): NodeFilter;
  /** Of a copy: as if `pod` were on `node` (+1), or were not (-1). */
  count?(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void;
  /** Holds what the pod takes on the node it was given, until it is bound or refused. */
  reserve?(node: NodeInfo): Reservation | undefined;
  /** The extension point postFilter: no node did. What is given back for another attempt. */
  giveBack?(): GiveBack;
}

export interface GiveBack {
  /** What came of it, as a sentence. */
  readonly message: string;
  act?(writer: Writer): Promise<void>;
}

export interface Reservation {
  readonly plugin: string;
  /** Gives back what is held. */
  release(): void;
  /** Writes that come before the binding, in order. */
  readonly writes: readonly PreBindWrite[];
  /** Writes that depend on one another, after these. */
  act?(writer: Writer): Promise<void>;
  /** After `release`: takes back what was written. */
  undo?(writer: Writer): Promise<void>;
  /**
   * After the writes, which gave `written`: true when the pod may be bound, false when that takes
   * longer. Throws when it will not come about.
   */
  isReady(written: readonly KubeObject[]): boolean;
  /** How long that may take; as long as volumes may when absent. */
  readonly timeoutMs?: number;
  /** Why it did not come about, in the plug-in's words. */
  describe(message: string): string;
  /** What people are told of the wait, if it is one; asked after the writes. */
  notice?(): Notice | undefined;
}

/** What people are told of a pod. */
export interface Notice {
  readonly reason: string;
  readonly message: string;
}

/** The attempt itself fails, whatever the node: something must be mended first. */
export class AttemptError extends Error {}

/** A merge patch of an object, that fails when the object has changed meanwhile. */
export interface PreBindWrite {
  readonly kind: 'PersistentVolume' | 'PersistentVolumeClaim';
  readonly target: { readonly name: string; readonly namespace?: string };
  readonly patch: KubeObject;
}

export type PreFilterResult =
  | undefined
  | { readonly refused: Verdict }
  | {
      readonly filter: NodeFilter;
      /** Where alone it can run; all nodes when absent. */
      readonly nodeNames?: ReadonlySet<string>;
    };

/** What preScore knows of one pod, asked once for each node that will do. */
export interface NodeScorer {
  score(node: NodeInfo): number;
  /** Brings the scores of all candidates, in the order they were asked, to 0..SCORE_MAX. */
  normalize?(scores: number[], nodes: readonly NodeInfo[]): void;
}

export interface Plugin {
  readonly name: string;
  /** What its scores count. */
  readonly weight?: number;
  /** Which of two pods is tried first: true when it is the left one. */
  less?(left: QueuedPod, right: QueuedPod): boolean;
  /** Before the pod may be queued at all. */
  preEnqueue?(pod: PodInfo, cluster: Cluster): Verdict | undefined;
  preFilter?(pod: PodInfo, cluster: Cluster): PreFilterResult;
  /** Undefined: its scores would not tell the nodes apart. */
  preScore?(
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    cluster: Cluster,
    filters: readonly NodeFilter[],
  ): NodeScorer | undefined;
  /** The extension point permit: why the pod, which has a node, waits for others. */
  permit?(pod: PodInfo, cluster: Cluster): Verdict | undefined;
  /** Which changes of the cluster may help a pod that this plug-in refused. */
  readonly hints?: readonly EventHint[];
}

export const SCORE_MAX = 100;

/** Stretches scores to 0..100; reversed: the least becomes the best. */
export function normalizeByMax(scores: number[], reversed: boolean): void {
  let max = 0;
  for (const score of scores) if (score > max) max = score;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? 0;
    if (max === 0) scores[i] = reversed ? SCORE_MAX : score;
    else {
      const scaled = Math.floor((SCORE_MAX * score) / max);
      scores[i] = reversed ? SCORE_MAX - scaled : scaled;
    }
  }
}
