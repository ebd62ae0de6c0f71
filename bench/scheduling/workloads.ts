/**
 * What is scheduled: the workloads of upstream's scheduler_perf, rebuilt at 5,000 nodes.
 *
 * Source of nodes, pods and numbers: upstream test/integration/scheduler_perf, v1.36
 * (misc, affinity and topology_spreading/performance-config.yaml).
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import * as objects from './objects.ts';

/** Pods of one kind in a namespace of their own. */
export interface Batch {
  readonly namespace: string;
  readonly pod: Pod;
  readonly count: number;
  /** They are waited for before anything else happens, unless they have no place to go. */
  readonly isBound: boolean;
  /** So many of them are deleted each second, beginning when all are bound. */
  readonly deletedPerSecond?: number;
}

/** What happens besides, again and again, while the measured pods are scheduled. */
export interface Churn {
  readonly everyMs: number;
  /** Made in turns and deleted again, or only made. */
  readonly isRecreated: boolean;
  readonly objects: readonly KubeObject[];
}

export interface Workload {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** Before the clock starts. */
  readonly before: readonly Batch[];
  readonly churn?: Churn;
  readonly measured: Batch;
}

/** Which part of upstream's numbers: of nodes and of pods. 1: all of them. */
export interface Scale {
  readonly nodes: number;
  readonly pods: number;
}

const NODES = 5_000;
const MEASURED = 'measured';
const BEFORE = 'before';

/** All of them, in the order in which they are run. */
export function workloads(scale: Scale): readonly Workload[] {
  const part = (count: number, of: number): number => Math.max(1, Math.round(count * of));
  const nodes = (zones: readonly string[] = []): Node[] =>
    Array.from({ length: part(NODES, scale.nodes) }, (_, i) =>
      objects.nodeNamed(`scheduler-perf-${i}`, zones[i % zones.length]),
    );
  const pods = (pod: Pod, count: number, namespace: string): Batch => ({
    namespace,
    pod,
    count: part(count, scale.pods),
    isBound: true,
  });
  const measured = (pod: Pod, count: number): Batch => pods(pod, count, MEASURED);
  const before = (pod: Pod, count: number): Batch => pods(pod, count, BEFORE);
  const [first, second] = objects.PAIR;
  const moons = ['moon-1', 'moon-2', 'moon-3'];
  return [
    {
      name: 'SchedulingBasic',
      nodes: nodes(),
      before: [before(objects.POD, 1_000)],
      measured: measured(objects.POD, 10_000),
    },
    {
      name: 'SchedulingNodeAffinity',
      nodes: nodes(['zone1']),
      before: [before(objects.NODE_AFFINITY_POD, 5_000)],
      measured: measured(objects.NODE_AFFINITY_POD, 10_000),
    },
    {
      name: 'SchedulingPodAntiAffinity',
      nodes: nodes(),
      before: [pods(objects.POD_ANTI_AFFINITY_POD, 1_000, first)],
      measured: pods(objects.POD_ANTI_AFFINITY_POD, 2_000, second),
    },
    {
      name: 'SchedulingPodAffinity',
      nodes: nodes(['zone1']),
      before: [pods(objects.POD_AFFINITY_POD, 5_000, first)],
      measured: pods(objects.POD_AFFINITY_POD, 5_000, second),
    },
    {
      name: 'TopologySpreading',
      nodes: nodes(moons),
      before: [before(objects.POD, 5_000)],
      measured: measured(objects.SPREADING_POD, 5_000),
    },
    {
      name: 'PreferredTopologySpreading',
      nodes: nodes(moons),
      before: [before(objects.POD, 5_000)],
      measured: measured(objects.PREFERRED_SPREADING_POD, 5_000),
    },
    {
      name: 'PreemptionBasic',
      nodes: nodes(),
      before: [before(objects.LOW_PRIORITY_POD, 20_000)],
      measured: measured(objects.HIGH_PRIORITY_POD, 5_000),
    },
    {
      name: 'Unschedulable',
      nodes: nodes(),
      before: [before(objects.POD, 100)],
      churn: { everyMs: 200, isRecreated: false, objects: [objects.TOO_LARGE_POD] },
      measured: measured(objects.POD, 10_000),
    },
    {
      name: 'SchedulingWithMixedChurn',
      nodes: nodes(),
      before: [],
      churn: {
        everyMs: 1_000,
        isRecreated: true,
        objects: [objects.NODE_OF_CHURN, objects.TOO_LARGE_POD, objects.SERVICE_OF_CHURN],
      },
      measured: measured(objects.POD, 10_000),
    },
    {
      name: 'SchedulingDaemonset',
      nodes: [objects.roomyNode(), ...nodes()],
      before: [],
      measured: measured(objects.DAEMON_POD, 10_000),
    },
    {
      name: 'SchedulingWhileGated',
      nodes: [objects.roomyNode()],
      before: [
        { ...pods(objects.GATED_POD, 10_000, 'gated'), isBound: false },
        { ...pods(objects.LIGHT_POD, 10_000, 'deleted'), deletedPerSecond: 50 },
      ],
      measured: measured(objects.LIGHT_POD, 10_000),
    },
  ];
}
