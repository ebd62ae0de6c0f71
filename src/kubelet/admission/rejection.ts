/**
 * Whether the node takes a pod that was bound to it. Pure.
 *
 * The scheduler looks at all this too, but a pod may be bound by hand, and two schedulers may bind
 * at the same time: the node has the last word. A pod that is refused fails for good, and whoever
 * made it makes another one.
 *
 * Upstream: pkg/kubelet/lifecycle/predicate.go, pkg/scheduler/eventhandlers.go (AdmissionCheck),
 * v1.36: reasons and messages are its.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { isExtendedResource } from '#api/validation/resource-names.ts';
import { hostPorts, hostPortsOverlap } from '#api/core/host-ports.ts';
import { requiredNodes, selectable } from '#api/core/node-selector.ts';
import { podRequests } from '#api/core/resources.ts';
import { firstUntolerated } from '#api/core/taints.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { isStaticPod } from '../static/static-pod.ts';

const OS = 'linux';
const OS_LABEL = 'kubernetes.io/os';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

export interface AdmissionFacts {
  readonly node: Node;
  /** The pods that the node has taken and that have not ended. */
  readonly others: readonly Pod[];
}

/** Why the node does not take the pod: the first reason; undefined: it does. */
export function rejectionOf(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  return systemRejection(pod, facts.node) ?? lack(pod, facts) ?? mismatch(pod, facts);
}

/** What no eviction of others would change. */
function systemRejection({ metadata, spec }: Pod, node: Node): Rejection | undefined {
  if ((metadata?.labels?.[OS_LABEL] ?? OS) !== OS)
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  if ((spec?.os?.name ?? OS) !== OS)
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  const isStrict = spec?.securityContext?.supplementalGroupsPolicy === 'Strict';
  if (isStrict && node.status?.features?.supplementalGroupsPolicy !== true)
    return {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    };
  return undefined;
}

const FIRST_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

/** A resource of which less is left than the pod asks for. */
interface Lack {
  readonly name: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** In upstream's order. */
function lacksOf(pod: Pod, { node, others }: AdmissionFacts): Lack[] {
  const allocatable = node.status?.allocatable ?? node.status?.capacity ?? {};
  const rest = Object.keys(podRequests(pod, { useStatus: true }));
  const names = [...new Set(['pods', ...FIRST_RESOURCES, ...rest])];
  return names.flatMap((name) => {
    const requested = requestOf(pod, name);
    // Of an extended resource that the node does not have the cluster as a whole takes care.
    const isElsewhere = isExtendedResource(name) && allocatable[name] === undefined;
    if (requested === 0 || isElsewhere) return [];
    const capacity = amountOf(name, allocatable[name]);
    const used = others.reduce((sum, other) => sum + requestOf(other, name), 0);
    return requested > capacity - used ? [{ name, requested, used, capacity }] : [];
  });
}

/** Why the node does not take the pod, however much room it had. */
export function rejectionBesideRoom(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  return systemRejection(pod, facts.node) ?? mismatch(pod, facts);
}

/** How much is missing for the pod of each resource of which too little is left. */
export function missingRoom(pod: Pod, facts: AdmissionFacts): Map<string, number> {
  const amounts = lacksOf(pod, facts).map(
    ({ name, requested, used, capacity }) => [name, requested - (capacity - used)] as const,
  );
  return new Map(amounts);
}

/** Of a pod as it is: processors in thousandths, all else in whole units. */
export function requestOf(pod: Pod, name: string): number {
  if (name === 'pods') return 1;
  return amountOf(name, podRequests(pod, { useStatus: true })[name]);
}

/** Processors in thousandths, all else in whole units. */
function amountOf(name: string, quantity: string | undefined): number {
  if (quantity === undefined) return 0;
  return name === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
}

function lack(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  const [first] = lacksOf(pod, facts);
  if (first === undefined) return undefined;
  const { name, requested, used, capacity } = first;
  return {
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

/** What the pod or the node says about the other. */
function mismatch(pod: Pod, { node, others }: AdmissionFacts): Rejection | undefined {
  const wanted = requiredNodes(pod);
  if (wanted !== undefined && !wanted(selectable(node)))
    return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  if ((pod.spec?.nodeName ?? node.metadata?.name) !== node.metadata?.name)
    return failed('NodeName', "node(s) didn't match the requested node name");
  const taken = others.flatMap(hostPorts);
  if (hostPorts(pod).some((port) => taken.some((used) => hostPortsOverlap(port, used))))
    return failed('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  if (isStaticPod(pod)) return undefined;
  const taint = firstUntolerated(node.spec?.taints, pod.spec?.tolerations, ['NoExecute']);
  if (taint !== undefined)
    return failed('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  return undefined;
}

function failed(predicate: string, text: string): Rejection {
  return { reason: predicate, message: `Predicate ${predicate} failed: ${text}` };
}
