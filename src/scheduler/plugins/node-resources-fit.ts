/**
 * NodeResourcesFit: requests must fit what is left; how full a node should be is a strategy.
 *
 * Upstream: pkg/scheduler/framework/plugins/noderesources/fit.go, v1.36. The reasons come in its
 * order: pods, cpu, memory, ephemeral-storage, the rest.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { DeviceClass } from '#api/gen/resource-v1.ts';
import type { Cluster } from '../cluster.ts';
import { type ClusterEvent, hasPlace, nodesOf, podsOf } from '../cluster-events.ts';
import { mayBeDevices, resourcesOf } from '../dynamic-resources/resource-names.ts';
import type { Amounts, NodeInfo, Plugin, PodInfo, Verdict } from '../framework.ts';
import { NodeEntry } from '../node-entry.ts';
import { amountOf, requestsOf } from '../resources.ts';
import { type ScoringStrategy, strategyScorer } from '../resource-strategies.ts';

const NAME = 'NodeResourcesFit';

export interface NodeResourcesFitArgs {
  /** Extended resources that something else looks after. */
  readonly ignoredResources?: readonly string[];
  /** The part before the slash, of such resources. */
  readonly ignoredResourceGroups?: readonly string[];
  readonly scoringStrategy?: ScoringStrategy;
}

interface Request {
  readonly name: string;
  readonly amount: number;
  /** Where nodes do not have it themselves it is devices, and DynamicResources looks after it. */
  readonly isDevices: boolean;
}

/** What is asked for, in the order in which it is reported. */
function requestsIn(
  { cpu, memory, ephemeralStorage, others }: Amounts,
  { devices }: Pick<Cluster, 'devices'>,
): Request[] {
  return [
    { name: 'cpu', amount: cpu },
    { name: 'memory', amount: memory },
    { name: 'ephemeral-storage', amount: ephemeralStorage },
    ...[...others].map(([name, amount]) => ({ name, amount })),
  ]
    .filter(({ amount }) => amount > 0)
    .map((request) => ({
      ...request,
      isDevices: mayBeDevices(request.name) && devices.classOfResource(request.name) !== undefined,
    }));
}

/** Verdicts by what is short: nodes that lack the same share one. */
type Verdicts = Map<number, Verdict>;

/** Bits of what a node is short of: one for pods, one for each request, one for "never". */
const PODS = 1;
const NEVER = 2;
const FIRST_REQUEST = 4;

/** What the node has too little of, said so that no allocation is made where all fits. */
function verdictOn(
  requests: readonly Request[],
  node: NodeInfo,
  known: Verdicts,
): Verdict | undefined {
  let short = node.pods.size + 1 > node.podsMax ? PODS : 0;
  let bit = FIRST_REQUEST;
  for (const { name, amount, isDevices } of requests) {
    const allocatable = amountOf(node.allocatable, name);
    const isOurs = !isDevices || allocatable > 0;
    if (isOurs && amount > allocatable - amountOf(node.requested, name)) {
      short |= bit;
      // A request beyond what the node has at all: no eviction would help.
      if (amount > allocatable) short |= NEVER;
    }
    bit *= 2;
  }
  if (short === 0) return undefined;
  let verdict = known.get(short);
  if (verdict === undefined) known.set(short, (verdict = verdictOf(requests, short)));
  return verdict;
}

function verdictOf(requests: readonly Request[], short: number): Verdict {
  const lacking = requests.filter((_, index) => (short & (FIRST_REQUEST << index)) !== 0);
  return {
    plugin: NAME,
    kind: (short & NEVER) === 0 ? 'Unschedulable' : 'UnschedulableAndUnresolvable',
    reasons: [
      ...((short & PODS) === 0 ? [] : ['Too many pods']),
      ...lacking.map(({ name }) => `Insufficient ${name}`),
    ],
  };
}

function emptyNode(node: Node): NodeEntry {
  const entry = new NodeEntry(node.metadata?.name ?? '');
  entry.set(node);
  return entry;
}

/** Whether a node that came or changed has what the pod lacked. */
function nodeHelps(requests: readonly Request[], before: Node | undefined, after: Node): boolean {
  const now = emptyNode(after);
  if (verdictOn(requests, now, new Map()) !== undefined) return false;
  if (before === undefined) return true;
  const old = emptyNode(before);
  return (
    now.podsMax > old.podsMax ||
    requests.some(
      ({ name, isDevices }) =>
        amountOf(now.allocatable, name) > amountOf(old.allocatable, name) ||
        (isDevices && amountOf(now.allocatable, name) === 0),
    )
  );
}

/** Whether a pod that left, or asks for less, frees what the pod lacked. */
function podHelps(
  { uid, requests }: PodInfo,
  { before, after }: { readonly before: Pod; readonly after: Pod | undefined },
  cluster: Cluster,
): boolean {
  if (after === undefined) return hasPlace(before);
  if (after.metadata?.uid === uid) return true;
  if (!after.spec?.nodeName) return false;
  const [old, now] = [requestsOf(before), requestsOf(after)];
  return requestsIn(requests, cluster).some(
    ({ name }) => amountOf(old, name) > amountOf(now, name),
  );
}

/** A class that stands for a resource of the pod came, or began to. */
function classHelps({ requests }: PodInfo, { before, after }: ClusterEvent): boolean {
  const old = before as DeviceClass | undefined;
  const now = after as DeviceClass | undefined;
  if (now === undefined) return false;
  const isSame = old?.spec?.extendedResourceName === now.spec?.extendedResourceName;
  if (old !== undefined && isSame) return false;
  const [, ...named] = resourcesOf(now);
  return (old === undefined ? resourcesOf(now) : named).some((name) => requests.others.has(name));
}

export function nodeResourcesFitWith(args: NodeResourcesFitArgs): Plugin {
  const ignored = new Set(args.ignoredResources);
  const ignoredGroups = new Set(args.ignoredResourceGroups);
  const counts = ({ name }: Request): boolean =>
    !ignored.has(name) && !(name.includes('/') && ignoredGroups.has(name.split('/')[0] ?? ''));
  const scorer = strategyScorer(args.scoringStrategy);
  return {
    name: NAME,
    weight: 1,
    preFilter(pod, cluster) {
      const requests = requestsIn(pod.requests, cluster).filter(counts);
      const known: Verdicts = new Map();
      // What is a device, a class says.
      const isLocal = !requests.some(({ isDevices }) => isDevices);
      return { filter: { isLocal, check: (node) => verdictOn(requests, node, known) } };
    },
    preScore: (pod) => scorer(pod),
    hints: [
      {
        resource: 'Pod',
        actions: ['Delete', 'UpdatePodScaleDown'],
        helps(pod, event, cluster) {
          const { before, after } = podsOf(event);
          return before !== undefined && podHelps(pod, { before, after }, cluster);
        },
      },
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeAllocatable'],
        helps(pod, event, cluster) {
          const { before, after } = nodesOf(event);
          if (after === undefined) return false;
          return nodeHelps(requestsIn(pod.requests, cluster), before, after);
        },
      },
      { resource: 'DeviceClass', actions: ['Add', 'Update'], helps: classHelps },
    ],
  };
}

export const nodeResourcesFit = nodeResourcesFitWith({});
