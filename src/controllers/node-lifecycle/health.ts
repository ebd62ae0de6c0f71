/**
 * Whether a node is alive: it renews its Lease or posts its status. Pure; what was last seen is the
 * caller's to keep, because only changes that this process saw count, not clocks of other machines.
 *
 * Upstream: tryUpdateNodeHealth in pkg/controller/nodelifecycle/node_lifecycle_controller.go, v1.36.
 */
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { Node, NodeCondition } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { nodeCondition } from '../shared/nodes.ts';

/** What was last seen of a node. */
export interface NodeMemory {
  /** The Ready condition's heartbeat; undefined while there is no such condition. */
  readonly heartbeat: string | undefined;
  readonly hasReady: boolean;
  readonly renewTime: string | undefined;
  /** When the last sign of life was seen, by a clock that nobody sets. */
  readonly probeMs: number;
}

export interface Graces {
  /** For a node that never reported. */
  readonly startupMs: number;
  /** For a node that did. */
  readonly monitorMs: number;
}

export interface Assessment {
  readonly memory: NodeMemory;
  /** The Ready condition's status as it was found; Unknown when there is none. */
  readonly observed: string;
  /** The Ready condition's status from now on; undefined while a new node has its time. */
  readonly current: string | undefined;
  /** To be written, when the node was found dead. */
  readonly conditions: NodeCondition[] | undefined;
}

const WATCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

export function assessNode(
  node: Node,
  lease: Lease | undefined,
  facts: {
    readonly memory: NodeMemory | undefined;
    readonly graces: Graces;
    /** Wall clock: for what is written. */
    readonly nowMs: number;
    /** For durations: a wall clock that is set forward must not kill every node. */
    readonly monotonicMs: number;
  },
): Assessment {
  const { nowMs, monotonicMs, graces } = facts;
  const ready = nodeCondition(node, 'Ready');
  const memory = remember(node, { ready, lease, previous: facts.memory, nowMs, monotonicMs });
  const graceMs = ready === undefined ? graces.startupMs : graces.monitorMs;
  const observed = ready?.status ?? 'Unknown';
  if (monotonicMs <= memory.probeMs + graceMs)
    return { memory, observed, current: ready?.status, conditions: undefined };
  const conditions = unknownConditions(node, nowMs);
  return { memory, observed, current: 'Unknown', conditions };
}

function remember(
  node: Node,
  facts: {
    readonly ready: NodeCondition | undefined;
    readonly lease: Lease | undefined;
    readonly previous: NodeMemory | undefined;
    readonly nowMs: number;
    readonly monotonicMs: number;
  },
): NodeMemory {
  const { ready, lease, previous, nowMs, monotonicMs } = facts;
  const heartbeat = ready?.lastHeartbeatTime;
  const hasReady = ready !== undefined;
  const renewTime = lease?.spec?.renewTime;
  const created = Date.parse(node.metadata?.creationTimestamp ?? '');
  let probeMs: number;
  if (previous === undefined) {
    const ageMs = hasReady || Number.isNaN(created) ? 0 : Math.max(0, nowMs - created);
    probeMs = monotonicMs - ageMs;
  } else if (previous.hasReady !== hasReady) probeMs = monotonicMs;
  else if (hasReady && previous.heartbeat !== heartbeat) probeMs = monotonicMs;
  else probeMs = previous.probeMs;
  // Any other time, also an earlier one: the node's clock may have been set back.
  const renewed = renewTime !== undefined && renewTime !== previous?.renewTime;
  return { heartbeat, hasReady, renewTime, probeMs: renewed ? monotonicMs : probeMs };
}

/** The node's conditions with all that only the kubelet can know set to Unknown; no change if Ready is. */
function unknownConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  if (nodeCondition(node, 'Ready')?.status === 'Unknown') return undefined;
  const conditions = [...(node.status?.conditions ?? [])];
  for (const type of WATCHED) {
    const at = conditions.findIndex((condition) => condition.type === type);
    const known = conditions[at];
    if (known?.status === 'Unknown') continue;
    const lastTransitionTime = timeText(nowMs);
    if (known === undefined) {
      const created = node.metadata?.creationTimestamp;
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        ...(created === undefined ? {} : { lastHeartbeatTime: created }),
        lastTransitionTime,
      });
    } else {
      const message = 'Kubelet stopped posting node status.';
      conditions[at] = {
        ...known,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message,
        lastTransitionTime,
      };
    }
  }
  return conditions;
}
