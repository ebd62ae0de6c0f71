/** Small worlds for the scheduler: nodes, pods on them, and the answer for one more pod. */
import type { Node, Pod, PodSpec, Taint } from '#api/gen/core-v1.ts';
import type { Objects } from '#scheduler/cluster.ts';
import { type CycleResult, scheduleOne } from '#scheduler/cycle.ts';
import type { Plugin } from '#scheduler/framework.ts';
import { Nominator } from '#scheduler/nominator.ts';
import { PLUGINS } from '#scheduler/plugins/order.ts';
import { podInfo } from '#scheduler/pod-info.ts';
import { Snapshot } from '#scheduler/snapshot.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

/** Nothing but pods and nodes. */
const NO_OBJECTS: Objects = {
  namespaces: () => [],
  namespace: () => undefined,
  services: () => [],
  replicationController: () => undefined,
  replicaSet: () => undefined,
  statefulSet: () => undefined,
  disruptionBudgets: () => [],
  claim: () => undefined,
  volume: () => undefined,
  volumesOfClass: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  csiDriver: () => undefined,
  storageCapacities: () => [],
  volumeAttachments: () => [],
  resourceClaims: () => [],
  resourceClaim: () => undefined,
  resourceClaimsOf: () => [],
  resourceSlices: () => [],
  deviceClass: () => undefined,
  deviceClasses: () => [],
  podGroup: () => undefined,
};

export interface NodeWords {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly labels?: Record<string, string>;
  readonly taints?: Taint[];
  readonly unschedulable?: boolean;
  /** Bytes by name. */
  readonly images?: Record<string, number>;
}

/** A node with 4 CPUs, 8 GiB and room for 110 pods, and its name as a label. */
export function aNode(name: string, words: NodeWords = {}): Node {
  const { taints, unschedulable, images = {} } = words;
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...words.labels } },
    spec: {
      ...(taints === undefined ? {} : { taints }),
      ...(unschedulable === undefined ? {} : { unschedulable }),
    },
    status: {
      allocatable: {
        cpu: words.cpu ?? '4',
        memory: words.memory ?? '8Gi',
        pods: words.pods ?? '110',
      },
      images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })),
    } as NonNullable<Node['status']>,
  };
}

export interface PodWords extends Partial<PodSpec> {
  readonly cpu?: string;
  readonly hostPort?: number;
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly image?: string;
  readonly owner?: { readonly kind: string; readonly name: string; readonly apiVersion: string };
  readonly status?: Pod['status'];
}

export function aPod(name: string, words: PodWords = {}): Pod {
  const { cpu, hostPort, labels, image, owner, status, namespace = 'default', ...spec } = words;
  const container = {
    name: 'main',
    ...(image === undefined ? {} : { image }),
    ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
    ...(hostPort === undefined ? {} : { ports: [{ containerPort: 80, hostPort }] }),
  };
  return {
    metadata: {
      name,
      namespace,
      uid: name,
      ...(labels === undefined ? {} : { labels }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ ...owner, uid: 'o', controller: true }] }),
    },
    spec: { containers: [container], ...spec } as PodSpec,
    ...(status === undefined ? {} : { status }),
  };
}

export interface World {
  readonly nodes: readonly Node[];
  /** Pods, and the nodes they are on. */
  readonly placed?: readonly (readonly [Pod, string])[];
  readonly objects?: Partial<Objects>;
}

export function snapshotOf({ nodes, placed = [], objects = {} }: World): Snapshot {
  const environment = new VirtualEnvironment();
  const snapshot = new Snapshot({ ...NO_OBJECTS, ...objects }, environment);
  for (const each of nodes) snapshot.setNode(each);
  for (const [pod, nodeName] of placed)
    snapshot.setPod({ ...pod, spec: { containers: [], ...pod.spec, nodeName } });
  return snapshot;
}

/** One cycle in a snapshot. */
export function decide(
  cluster: Snapshot,
  pod: Pod,
  plugins: readonly Plugin[] = PLUGINS,
): CycleResult {
  return scheduleOne({
    pod: podInfo(pod),
    cluster,
    plugins,
    nominations: new Nominator(),
    start: 0,
    random: () => 0,
  });
}

/** The node for one more pod, or the message that says why there is none. */
export function place(world: World, pod: Pod, plugins: readonly Plugin[] = PLUGINS): string {
  const result = decide(snapshotOf(world), pod, plugins);
  return 'node' in result ? result.node : result.message;
}
