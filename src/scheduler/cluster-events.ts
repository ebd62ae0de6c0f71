/**
 * What happens in the cluster, in the words that queueing hints are written in.
 *
 * An update is told as what it changes: a node whose labels and taints changed makes two events.
 * Source: upstream pkg/scheduler/framework/events.go, v1.36.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Cluster } from './cluster.ts';
import type { PodInfo } from './framework.ts';
import { requestsOf } from './resources.ts';

export type EventResource =
  | 'Pod'
  | 'Node'
  | 'PersistentVolume'
  | 'PersistentVolumeClaim'
  | 'StorageClass'
  | 'CSINode'
  | 'CSIDriver'
  | 'CSIStorageCapacity'
  | 'VolumeAttachment'
  | 'ResourceClaim'
  | 'ResourceSlice'
  | 'DeviceClass'
  | 'PodGroup'
  /** A pod without a node; with one it is a Pod. */
  | 'WaitingPod'
  /** Anything: a pod that has waited for long, or must be tried whatever happened. */
  | '*';

export type EventAction =
  | 'Add'
  | 'Delete'
  | 'Update'
  | 'UpdateNodeAllocatable'
  | 'UpdateNodeLabel'
  | 'UpdateNodeTaint'
  | 'UpdateNodeCondition'
  | 'UpdateNodeAnnotation'
  | 'UpdateNodeDeclaredFeature'
  | 'UpdatePodLabel'
  | 'UpdatePodScaleDown'
  | 'UpdatePodToleration'
  | 'UpdatePodSchedulingGatesEliminated'
  | 'UpdatePodGeneratedResourceClaim'
  | '*';

export interface ClusterEvent {
  readonly resource: EventResource;
  readonly action: EventAction;
  /** What was there before, and what is now: none for an addition, none for a deletion. */
  readonly before?: KubeObject;
  readonly after?: KubeObject;
}

/** Says that an event may help pods that a plug-in refused. */
export interface EventHint {
  readonly resource: Exclude<EventResource, '*'>;
  readonly actions: readonly Exclude<EventAction, '*'>[];
  /** Whether the event may help `pod`; without it every such event may. */
  helps?(pod: PodInfo, event: ClusterEvent, cluster: Cluster): boolean;
}

/** As upstream writes a resource in labels of metrics, where that is not its kind. */
const RESOURCE_LABELS: Partial<Record<EventResource, string>> = {
  Pod: 'AssignedPod',
  WaitingPod: 'UnschedulablePod',
  StorageClass: 'storage.k8s.io/StorageClass',
  CSINode: 'storage.k8s.io/CSINode',
  CSIDriver: 'storage.k8s.io/CSIDriver',
  CSIStorageCapacity: 'storage.k8s.io/CSIStorageCapacity',
  VolumeAttachment: 'storage.k8s.io/VolumeAttachment',
  ResourceClaim: 'resource.k8s.io/ResourceClaim',
  ResourceSlice: 'resource.k8s.io/ResourceSlice',
  DeviceClass: 'resource.k8s.io/DeviceClass',
  PodGroup: 'scheduling.k8s.io/PodGroup',
};

/** `AssignedPodDelete`, `NodeUpdateNodeTaint` */
export function eventLabel(event: ClusterEvent): string {
  const { resource, action } = event;
  const { after } = podsOf(event);
  const isWaiting = resource === 'Pod' && after !== undefined && !after.spec?.nodeName;
  const known = RESOURCE_LABELS[isWaiting ? 'WaitingPod' : resource];
  return `${known ?? resource}${action === '*' ? 'All' : action}`;
}

export const ANY_EVENT: ClusterEvent = { resource: '*', action: '*' };

/** Whether `hint` is about `event`: a hint on Update is about every kind of update. */
export function isAbout(hint: EventHint, event: ClusterEvent): boolean {
  if (hint.resource !== event.resource) return false;
  for (const action of hint.actions) {
    if (action === event.action) return true;
    if (action === 'Update' && event.action.startsWith('Update')) return true;
  }
  return false;
}

/** What an update of a pod changes, of what scheduling looks at. */
export function podEvents(before: Pod, after: Pod): ClusterEvent[] {
  const actions: EventAction[] = [];
  if (!equalValues(before.metadata?.labels, after.metadata?.labels)) actions.push('UpdatePodLabel');
  if (asksForLess(before, after)) actions.push('UpdatePodScaleDown');
  const gates = (pod: Pod): number => pod.spec?.schedulingGates?.length ?? 0;
  if (gates(before) > 0 && gates(after) === 0) actions.push('UpdatePodSchedulingGatesEliminated');
  if ((before.spec?.tolerations?.length ?? 0) !== (after.spec?.tolerations?.length ?? 0))
    actions.push('UpdatePodToleration');
  if (!saysTheSameOfClaims(before, after)) actions.push('UpdatePodGeneratedResourceClaim');
  if (actions.length === 0) actions.push('Update');
  return actions.map((action) => ({ resource: 'Pod', action, before, after }));
}

/** Of claims that were made for the pod. */
function saysTheSameOfClaims({ status: old }: Pod, { status: now }: Pod): boolean {
  return (
    equalValues(old?.resourceClaimStatuses, now?.resourceClaimStatuses) &&
    equalValues(old?.extendedResourceClaimStatus, now?.extendedResourceClaimStatus)
  );
}

function asksForLess(before: Pod, after: Pod): boolean {
  if (before.spec === after.spec && before.status === after.status) return false;
  const [old, now] = [requestsOf(before), requestsOf(after)];
  if (old.cpu > now.cpu || old.memory > now.memory) return true;
  if (old.ephemeralStorage > now.ephemeralStorage) return true;
  for (const [name, amount] of old.others) if (amount > (now.others.get(name) ?? 0)) return true;
  return false;
}

/** What an update of a node changes, of what scheduling looks at; empty for a heartbeat. */
export function nodeEvents(before: Node, after: Node): ClusterEvent[] {
  const actions: EventAction[] = [];
  const uncordoned = before.spec?.unschedulable === true && after.spec?.unschedulable !== true;
  const changed = (pick: (node: Node) => unknown): boolean =>
    !equalValues(pick(before), pick(after));
  if (changed(({ status }) => status?.allocatable)) actions.push('UpdateNodeAllocatable');
  if (changed(({ metadata }) => metadata?.labels)) actions.push('UpdateNodeLabel');
  if (uncordoned || changed(({ spec }) => spec?.taints)) actions.push('UpdateNodeTaint');
  if (changed(conditionsOf)) actions.push('UpdateNodeCondition');
  if (changed(({ metadata }) => metadata?.annotations)) actions.push('UpdateNodeAnnotation');
  if (changed(({ status }) => status?.declaredFeatures)) actions.push('UpdateNodeDeclaredFeature');
  return actions.map((action) => ({ resource: 'Node', action, before, after }));
}

function conditionsOf(node: Node): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (node.status?.conditions ?? []).map(({ type, status }) => [type, status]),
  );
}

/** The event as pods, for hints on pods. */
export function podsOf(event: ClusterEvent): { readonly before?: Pod; readonly after?: Pod } {
  return event as { readonly before?: Pod; readonly after?: Pod };
}

/** The event as nodes, for hints on nodes. */
export function nodesOf(event: ClusterEvent): { readonly before?: Node; readonly after?: Node } {
  return event as { readonly before?: Node; readonly after?: Node };
}

/** Whether a pod takes part in decisions: it has a node, or one that is kept for it. */
export function hasPlace(pod: Pod): boolean {
  return Boolean(pod.spec?.nodeName) || Boolean(pod.status?.nominatedNodeName);
}
