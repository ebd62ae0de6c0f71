/**
 * The nodes and pods of the scheduling bench: as much of each as upstream's scheduler_perf gives
 * them.
 *
 * Source: upstream test/integration/scheduler_perf/templates and node_util.go, v1.36.
 */
import type {
  Affinity,
  Node,
  Pod,
  PodSpec,
  Service,
  TopologySpreadConstraint,
} from '#api/gen/core-v1.ts';

export const ZONE_LABEL = 'topology.kubernetes.io/zone';
const HOSTNAME_LABEL = 'kubernetes.io/hostname';
const READY = [{ type: 'Ready', status: 'True' }];
const IMAGE = 'registry.k8s.io/pause:3.10.1';
/** The one node that pods of a DaemonSet are made for. */
const NAMED_NODE = 'scheduler-perf-node';
/** Pods with terms about each other look into these. */
export const PAIR = ['sched-0', 'sched-1'] as const;

/** A node that is Ready, with 4 processors and room for 110 pods. */
export function nodeNamed(name: string, zone?: string): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { [HOSTNAME_LABEL]: name, ...(zone === undefined ? {} : { [ZONE_LABEL]: zone }) },
    },
    status: { capacity: { pods: '110', cpu: '4', memory: '32Gi' }, conditions: READY },
  };
}

/** A node for any number of pods that ask for nothing. */
export function roomyNode(): Node {
  const node = nodeNamed(NAMED_NODE);
  return {
    ...node,
    status: { ...node.status, capacity: { pods: '90000', cpu: '4', memory: '32Gi' } },
  };
}

/** A node on which nothing has room. */
export const NODE_OF_CHURN: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { generateName: 'node-churn-' },
  status: { capacity: { pods: '0' }, conditions: READY },
};

export const SERVICE_OF_CHURN: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { generateName: 'service-churn-' },
  spec: { selector: { app: 'foo' }, ports: [{ protocol: 'TCP', port: 8080, targetPort: 8080 }] },
};

interface PodShape {
  readonly prefix: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
  readonly isLimited?: boolean;
  readonly spec?: Partial<PodSpec>;
}

function podOf({ prefix, labels, requests, isLimited = true, spec }: PodShape): Pod {
  const resources =
    requests === undefined ? {} : { requests, ...(isLimited ? { limits: requests } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: prefix, ...(labels === undefined ? {} : { labels }) },
    spec: {
      ...spec,
      containers: [
        {
          name: 'pause',
          image: IMAGE,
          ...(requests === undefined ? {} : { ports: [{ containerPort: 80 }], resources }),
        },
      ],
    },
  };
}

const SMALL = { cpu: '100m', memory: '500Mi' };

export const POD = podOf({ prefix: 'pod-', requests: SMALL });

/** Asks for nothing, and ends at once. */
export const LIGHT_POD = podOf({
  prefix: 'light-pod-',
  spec: { terminationGracePeriodSeconds: 0 },
});

export const GATED_POD = podOf({
  prefix: 'gated-pod-',
  spec: { schedulingGates: [{ name: 'test.k8s.io/hold' }] },
});

/** Four of them fill a node. */
export const LOW_PRIORITY_POD = podOf({
  prefix: 'pod-',
  requests: { cpu: '900m', memory: '500Mi' },
  spec: { terminationGracePeriodSeconds: 0 },
});

/** Takes the place of three of those. */
export const HIGH_PRIORITY_POD = podOf({
  prefix: 'pod-high-priority-',
  requests: { cpu: '3000m', memory: '500Mi' },
  spec: { priority: 10 },
});

/** Larger than any node. */
export const TOO_LARGE_POD = podOf({
  prefix: 'pod-h-',
  requests: { cpu: '9', memory: '500Mi' },
  isLimited: false,
  spec: { priority: 10 },
});

export const DAEMON_POD = podOf({
  prefix: 'daemonset-',
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: [NAMED_NODE] }] },
          ],
        },
      },
    },
  },
});

export const NODE_AFFINITY_POD = podOf({
  prefix: 'node-affinity-',
  requests: SMALL,
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: ZONE_LABEL, operator: 'In', values: ['zone1', 'zone2'] }] },
          ],
        },
      },
    },
  },
});

/** Never two of them on a node. */
export const POD_ANTI_AFFINITY_POD = withTerm('green', HOSTNAME_LABEL, (terms) => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
}));

/** All of them in one zone. */
export const POD_AFFINITY_POD = withTerm('blue', ZONE_LABEL, (terms) => ({
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
}));

type Terms = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>;

function withTerm(color: string, topologyKey: string, affinityOf: (terms: Terms) => Affinity): Pod {
  const labels = { color };
  const terms = [{ labelSelector: { matchLabels: labels }, topologyKey, namespaces: [...PAIR] }];
  return podOf({
    prefix: 'affinity-',
    labels,
    requests: SMALL,
    spec: { affinity: affinityOf(terms) },
  });
}

export const SPREADING_POD = spreadingPod('DoNotSchedule');
export const PREFERRED_SPREADING_POD = spreadingPod('ScheduleAnyway');

function spreadingPod(whenUnsatisfiable: TopologySpreadConstraint['whenUnsatisfiable']): Pod {
  const labels = { color: 'blue' };
  const constraint: TopologySpreadConstraint = {
    maxSkew: 5,
    topologyKey: ZONE_LABEL,
    whenUnsatisfiable,
    labelSelector: { matchLabels: labels },
  };
  return podOf({
    prefix: 'spreading-pod-',
    labels,
    requests: SMALL,
    spec: { topologySpreadConstraints: [constraint] },
  });
}
