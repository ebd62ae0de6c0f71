/**
 * Node lifecycle: notices that nodes died, says so, and keeps Pods away from them.
 *
 *   every 5 s            each node's signs of life; a dead one becomes Unknown, its Pods not ready
 *   a node changed       NoSchedule taints that follow its conditions; labels
 *   a zone's turn        NoExecute taints, at a rate (`node-lifecycle/zones.ts`); taint-eviction.ts
 *                        then removes the Pods that do not tolerate them
 *   a Pod was bound      to a node that is not ready: not ready either
 *
 * Upstream: pkg/controller/nodelifecycle/node_lifecycle_controller.go, v1.36.
 */
import { LEASE } from '#api/coordination/lease.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition, withCondition } from '#api/core/pod-helpers.ts';
import type { Node, Pod, Taint } from '#api/gen/core-v1.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { assessNode, type Graces, type NodeMemory } from './node-lifecycle/health.ts';
import { NodeMetrics } from './node-lifecycle/metrics.ts';
import { labelChange, noScheduleChange } from './node-lifecycle/upkeep.ts';
import { Zones, zoneOf } from './node-lifecycle/zones.ts';
import {
  changeTaints,
  hasTaint,
  nodeCondition,
  nodeReference,
  NOT_READY,
  UNREACHABLE,
} from './shared/nodes.ts';

const MONITOR_PERIOD_MS = 5_000;
const GRACES: Graces = { startupMs: 60_000, monitorMs: 50_000 };
const LEASE_NAMESPACE = 'kube-node-lease';
const EXCLUDED = 'node.kubernetes.io/exclude-disruption';
const BY_NODE = 'node';
const HEALTH = 'health';
const NODE_KEY = 'node ';
const POD_KEY = 'pod ';

const NOT_READY_TAINT: Taint = { key: NOT_READY, effect: 'NoExecute' };
const UNREACHABLE_TAINT: Taint = { key: UNREACHABLE, effect: 'NoExecute' };

export const nodeLifecycleController: Controller = defineKeyController({
  name: 'node-controller',
  queue: 'node_lifecycle_controller',
  create: (setup) => {
    const lifecycle = new Lifecycle(setup);
    return (key, pass) => lifecycle.reconcile(key, pass);
  },
});

class Lifecycle {
  readonly #setup: Setup;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #leases;
  readonly #zones = new Zones();
  readonly #metrics: NodeMetrics;
  readonly #memories = new Map<string, NodeMemory>();
  /** Nodes that are announced, with what their events need. */
  readonly #known = new Map<string, Node>();
  /** Nodes whose Pods could not all be marked. */
  readonly #unmarked = new Set<string>();

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#metrics = new NodeMetrics(setup.metrics, setup.environment.clock);
    this.#nodes = setup.watch(NODE, keysOfNode);
    this.#pods = setup.watch(POD, keysOfPod);
    this.#pods.index(BY_NODE, (pod) => [pod.spec?.nodeName ?? '']);
    this.#leases = setup.watch(LEASE, undefined, { namespace: LEASE_NAMESPACE });
    setup.enqueue(HEALTH);
  }

  async reconcile(key: string, pass: Pass): Promise<Result> {
    if (key === HEALTH) return this.#metrics.look('all', () => this.#monitor(pass));
    if (key.startsWith(NODE_KEY)) await this.#keepUp(key.slice(NODE_KEY.length), pass);
    else await this.#checkPod(key.slice(POD_KEY.length), pass);
    return {};
  }

  get #nowMs(): number {
    return this.#setup.environment.clock.now();
  }

  /** For durations: nobody sets this clock. */
  get #monotonicMs(): number {
    return this.#setup.environment.clock.monotonicMs();
  }

  /** NoSchedule taints and labels of one node. */
  async #keepUp(name: string, { client }: Pass): Promise<void> {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    const current = await changeTaints(client, node, {
      ...noScheduleChange(node),
      nowMs: this.#nowMs,
    });
    const labels = labelChange(current);
    if (Object.keys(labels).length > 0)
      await client.patch(NODE, { name }, 'merge', { metadata: { labels } });
  }

  /** A Pod that came to a node which is not ready: nobody else would say so. */
  async #checkPod(key: string, pass: Pass): Promise<void> {
    const pod = this.#pods.get(key);
    const node = this.#nodes.get(pod?.spec?.nodeName ?? '');
    if (pod === undefined || node === undefined) return;
    const ready = nodeCondition(node, 'Ready');
    if (ready !== undefined && ready.status !== 'True') await this.#markNotReady(pod, pass);
  }

  async #monitor(pass: Pass): Promise<Result> {
    const nodes = this.#nodes.list().sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    await this.#announce(nodes, pass);
    const readiness = new Map<string, boolean[]>();
    for (const node of nodes) {
      const look = this.#metrics.look('node', () => this.#checkHealth(node, pass));
      const current = await look.catch((error: unknown) => {
        // Changed meanwhile: the next round sees the new state.
        if (isConflict(error) || isNotFound(error)) return undefined;
        throw error;
      });
      if (current === undefined || node.metadata?.labels?.[EXCLUDED] !== undefined) continue;
      const zone = zoneOf(node);
      const known = readiness.get(zone);
      if (known === undefined) readiness.set(zone, [current === 'True']);
      else known.push(current === 'True');
    }
    await this.#handleDisruption(nodes, readiness, pass);
    for (const name of this.#zones.take(this.#monotonicMs)) await this.#taint(name, pass);
    return { requeueAfterMs: MONITOR_PERIOD_MS };
  }

  async #announce(nodes: readonly Node[], pass: Pass): Promise<void> {
    const present = new Set(nodes.map(keyOf));
    for (const node of nodes) {
      const name = keyOf(node);
      if (this.#known.has(name)) continue;
      this.#known.set(name, node);
      this.#tell(
        node,
        'RegisteredNode',
        `Node ${name} event: Registered Node ${name} in Controller`,
      );
      await this.#markReachable(node, pass);
    }
    for (const [name, node] of this.#known) {
      if (present.has(name)) continue;
      this.#known.delete(name);
      this.#memories.delete(name);
      this.#unmarked.delete(name);
      this.#tell(node, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
    }
  }

  #tell(node: Node, reason: string, message: string): void {
    this.#setup.events.event({
      about: { reference: nodeReference(node) },
      type: 'Normal',
      reason,
      message,
    });
  }

  /** Assesses one node and acts on it. Answers the status of Ready; undefined: not to be counted. */
  async #checkHealth(node: Node, pass: Pass): Promise<string | undefined> {
    const name = keyOf(node);
    const lease = this.#leases.get(keyFor(name, LEASE_NAMESPACE));
    const facts = {
      memory: this.#memories.get(name),
      graces: GRACES,
      nowMs: this.#nowMs,
      monotonicMs: this.#monotonicMs,
    };
    const { memory, observed, current, conditions } = assessNode(node, lease, facts);
    this.#memories.set(name, memory);
    let latest = node;
    if (conditions !== undefined) {
      const status = { ...node.status, conditions };
      latest = await pass.client.update(NODE, { ...node, status }, 'status');
    }
    if (current === undefined) return 'Unknown';
    await this.#queueTaint(latest, current, pass);
    const lost = current !== 'True' && observed === 'True';
    if (lost) this.#tell(node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    if (lost || (current !== 'True' && this.#unmarked.has(name))) await this.#markAll(name, pass);
    if (current === 'True') this.#unmarked.delete(name);
    return current;
  }

  /** From one NoExecute taint to the other at once; a first one waits for the zone's turn. */
  async #queueTaint(node: Node, ready: string, { client }: Pass): Promise<void> {
    if (ready === 'True') return this.#markReachable(node, { client });
    const [wanted, other] =
      ready === 'False'
        ? [NOT_READY_TAINT, UNREACHABLE_TAINT]
        : [UNREACHABLE_TAINT, NOT_READY_TAINT];
    if (hasTaint(node, other)) {
      await changeTaints(client, node, { add: [wanted], remove: [other], nowMs: this.#nowMs });
    } else if (!hasTaint(node, wanted))
      this.#zones.add(zoneOf(node), keyOf(node), this.#monotonicMs);
  }

  async #markReachable(node: Node, { client }: Pass): Promise<void> {
    this.#zones.remove(zoneOf(node), keyOf(node));
    const remove = [UNREACHABLE_TAINT, NOT_READY_TAINT];
    await changeTaints(client, node, { add: [], remove, nowMs: this.#nowMs });
  }

  async #taint(name: string, { client }: Pass): Promise<void> {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    // The cache may be behind what this round wrote.
    const live = await client.get(NODE, name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const ready = live === undefined ? undefined : nodeCondition(live, 'Ready')?.status;
    if (live === undefined || ready === undefined || ready === 'True') return;
    const [add, remove] =
      ready === 'False'
        ? [[NOT_READY_TAINT], [UNREACHABLE_TAINT]]
        : [[UNREACHABLE_TAINT], [NOT_READY_TAINT]];
    try {
      await changeTaints(client, live, { add, remove, nowMs: this.#nowMs });
      this.#metrics.nodeEvicted(zoneOf(node));
    } catch (error) {
      if (!isConflict(error)) throw error;
      this.#zones.add(zoneOf(node), name, this.#monotonicMs);
    }
  }

  async #handleDisruption(
    nodes: readonly Node[],
    readiness: ReadonlyMap<string, readonly boolean[]>,
    pass: Pass,
  ): Promise<void> {
    this.#metrics.zonesSeen(readiness);
    const change = this.#zones.update(readiness, this.#monotonicMs);
    if (change.entersFullDisruption && readiness.size > 0) {
      this.#setup.log.info('all nodes are not ready: evictions are suspended');
      for (const node of nodes) {
        await this.#markReachable(node, pass).catch((error: unknown) => {
          if (!isConflict(error) && !isNotFound(error)) throw error;
        });
      }
    } else if (change.leavesFullDisruption) {
      for (const [name, memory] of this.#memories)
        this.#memories.set(name, { ...memory, probeMs: this.#monotonicMs });
    }
  }

  async #markAll(node: string, pass: Pass): Promise<void> {
    this.#unmarked.add(node);
    const outcomes = await Promise.allSettled(
      this.#pods.byIndex(BY_NODE, node).map((pod) => this.#markNotReady(pod, pass)),
    );
    if (outcomes.every(({ status }) => status === 'fulfilled')) this.#unmarked.delete(node);
  }

  async #markNotReady(pod: Pod, { client }: Pass): Promise<void> {
    const ready = podCondition(pod, 'Ready');
    if (ready === undefined || ready.status === 'False') return;
    const now = timeText(this.#nowMs);
    const conditions = [
      ...withCondition(pod.status?.conditions ?? [], { ...ready, status: 'False' }, now),
    ];
    try {
      await client.update(POD, { ...pod, status: { ...pod.status, conditions } }, 'status');
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const message = 'Node is not ready';
    this.#setup.events.event({ about: pod, type: 'Warning', reason: 'NodeNotReady', message });
  }
}

function keysOfNode({ type, key, object, previous }: Change<Node>): string[] {
  if (type === 'deleted') return [HEALTH];
  const ready = (node: Node | undefined): string | undefined =>
    node === undefined ? undefined : nodeCondition(node, 'Ready')?.status;
  const turned = type === 'added' || ready(object) !== ready(previous);
  return turned ? [`${NODE_KEY}${key}`, HEALTH] : [`${NODE_KEY}${key}`];
}

function keysOfPod({ type, key, object, previous }: Change<Pod>): string[] {
  const node = object.spec?.nodeName ?? '';
  const bound = type !== 'deleted' && node !== '' && node !== previous?.spec?.nodeName;
  return bound ? [`${POD_KEY}${key}`] : [];
}
