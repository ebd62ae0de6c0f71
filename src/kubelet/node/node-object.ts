/**
 * The Node object that this kubelet stands for. Pure.
 *
 * Source: API reference v1.36, Node. Upstream: pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus/setters.go.
 */
import type { Node, NodeCondition, NodeSpec, NodeStatus } from '#api/gen/core-v1.ts';
import { DECLARED_FEATURES } from './declared-features.ts';
import { nodeAllocatable, nodeCapacity, type RoomFacts } from './reservations.ts';

export const KUBELET_VERSION = 'v1.36.0';
const CONTROLLER_ATTACHES = 'volumes.kubernetes.io/controller-managed-attach-detach';

export interface NodeFacts extends RoomFacts {
  readonly name: string;
  /** The first is the main one. */
  readonly ips: readonly string[];
  readonly hostname: string;
  readonly architecture: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `containerd://1.6.20` */
  readonly runtimeVersion: string;
}

export function nodeObject(facts: NodeFacts): Node {
  const { name, architecture, hostname, labels, configuration } = facts;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        'kubernetes.io/hostname': hostname,
        'kubernetes.io/os': 'linux',
        ...labels,
      },
      ...(configuration.enableControllerAttachDetach
        ? { annotations: { [CONTROLLER_ATTACHES]: 'true' } }
        : {}),
    },
    spec: nodeSpec(facts),
  };
}

function nodeSpec({ configuration }: NodeFacts): NodeSpec {
  const { providerID = '', registerWithTaints = [] } = configuration;
  return {
    ...(providerID === '' ? {} : { providerID }),
    ...(registerWithTaints.length === 0 ? {} : { taints: [...registerWithTaints] }),
  };
}

/** What of the annotations a node that is there already has otherwise; null takes one away. */
export function annotationChanges(
  found: Node,
  { configuration }: NodeFacts,
): Readonly<Record<string, string | null>> {
  const wanted = configuration.enableControllerAttachDetach ? 'true' : undefined;
  const has = found.metadata?.annotations?.[CONTROLLER_ATTACHES];
  return has === wanted ? {} : { [CONTROLLER_ATTACHES]: wanted ?? null };
}

export interface NodeHealth {
  /** Conditions of pressure that hold. */
  readonly pressure: ReadonlySet<string>;
  /** Why the node takes no pods; empty when it does. */
  readonly notReady: readonly string[];
}

/** Without `images`. `now`: RFC 3339; transition times are kept from `previous`. */
export function nodeStatus(
  facts: NodeFacts,
  health: NodeHealth,
  previous: readonly NodeCondition[],
  now: string,
): NodeStatus {
  const { machine, architecture } = facts;
  return {
    capacity: nodeCapacity(facts),
    allocatable: nodeAllocatable(facts),
    conditions: conditionsOf(health).map((condition) => {
      const before = previous.find(({ type }) => type === condition.type);
      const same = before?.status === condition.status;
      const lastTransitionTime = (same ? before.lastTransitionTime : undefined) ?? now;
      return { ...condition, lastHeartbeatTime: now, lastTransitionTime };
    }),
    addresses: [
      ...facts.ips.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.hostname },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.configuration.port } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: facts.runtimeVersion,
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture,
    },
    declaredFeatures: [...DECLARED_FEATURES],
  };
}

type Verdict = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf({ pressure, notReady }: NodeHealth): Verdict[] {
  return [
    pressure.has('MemoryPressure')
      ? verdict('MemoryPressure', 'True', 'KubeletHasInsufficientMemory', MEMORY_LOW)
      : verdict('MemoryPressure', 'False', 'KubeletHasSufficientMemory', MEMORY_FINE),
    pressure.has('DiskPressure')
      ? verdict('DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : verdict('DiskPressure', 'False', 'KubeletHasNoDiskPressure', DISK_FINE),
    pressure.has('PIDPressure')
      ? verdict('PIDPressure', 'True', 'KubeletHasInsufficientPID', PIDS_LOW)
      : verdict('PIDPressure', 'False', 'KubeletHasSufficientPID', PIDS_FINE),
    notReady.length > 0
      ? verdict('Ready', 'False', 'KubeletNotReady', aggregated(notReady))
      : verdict('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

const MEMORY_LOW = 'kubelet has insufficient memory available';
const MEMORY_FINE = 'kubelet has sufficient memory available';
const DISK_FINE = 'kubelet has no disk pressure';
const PIDS_LOW = 'kubelet has insufficient PID available';
const PIDS_FINE = 'kubelet has sufficient PID available';

function verdict(type: string, status: string, reason: string, message: string): Verdict {
  return { type, status, reason, message };
}

/** Several reasons are put in brackets, as Go's aggregate of errors. */
function aggregated(reasons: readonly string[]): string {
  const [first = ''] = reasons;
  return reasons.length === 1 ? first : `[${reasons.join(', ')}]`;
}

/** What a heartbeat alone changes does not count. */
export function sameNodeStatus(a: NodeStatus, b: NodeStatus): boolean {
  return JSON.stringify(withoutHeartbeat(a)) === JSON.stringify(withoutHeartbeat(b));
}

function withoutHeartbeat({ conditions = [], ...rest }: NodeStatus) {
  return {
    ...rest,
    conditions: conditions.map(({ type, status, reason, message }) => [
      type,
      status,
      reason,
      message,
    ]),
  };
}
