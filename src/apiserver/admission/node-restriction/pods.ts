/** A kubelet makes mirror pods of its own, and reports on, deletes and evicts pods bound to it. */
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { notFound } from '#api/meta/status.ts';
import { isMirrorPod, MIRROR_POD_ANNOTATION, referencedKind } from '#api/core/pod-references.ts';
import { refusal } from '../refusal.ts';
import { NODES } from '../targets.ts';
import { existingPod, type NodeCall, unexpected } from './call.ts';

export function admitPodCall(call: NodeCall): void {
  const { attributes } = call;
  switch (attributes.subresource) {
    case '':
      return admitPod(call);
    case 'status':
      return admitPodStatus(call);
    case 'eviction':
      return admitEviction(call);
    default:
      throw refusal(
        attributes,
        `unexpected pod subresource ${JSON.stringify(attributes.subresource)}, only 'status' and 'eviction' are allowed`,
      );
  }
}

function admitPod(call: NodeCall): void {
  const { node, attributes, services } = call;
  const me = JSON.stringify(node);
  if (attributes.operation === 'CREATE') return admitMirrorPod(call);
  if (attributes.operation !== 'DELETE') {
    throw refusal(
      attributes,
      `unexpected operation ${JSON.stringify(attributes.operation)}, node ${me} can only create and delete mirror pods`,
    );
  }
  const pod = existingPod(services.reader, attributes.namespace, attributes.name);
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${me} can only delete pods with spec.nodeName set to itself`);
  }
}

function admitMirrorPod(call: NodeCall): void {
  const { node, attributes } = call;
  const me = JSON.stringify(node);
  const pod = attributes.object as Pod;
  if (!isMirrorPod(pod)) {
    throw refusal(
      attributes,
      `pod does not have ${JSON.stringify(MIRROR_POD_ANNOTATION)} annotation, node ${me} can only create mirror pods`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${me} can only create pods with spec.nodeName set to itself`);
  }
  checkMirrorOwner(call, pod);
  const referenced = referencedKind(pod);
  if (referenced !== undefined) {
    throw refusal(attributes, `node ${me} can not create pods that reference ${referenced}`);
  }
}

function checkMirrorOwner({ node, attributes, services }: NodeCall, pod: Pod): void {
  const me = JSON.stringify(node);
  const [owner, another] = pod.metadata?.ownerReferences ?? [];
  if (another !== undefined) {
    throw refusal(
      attributes,
      `node ${me} can only create pods with a single owner reference set to itself`,
    );
  }
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refusal(
      attributes,
      `node ${me} can only create pods with an owner reference set to itself`,
    );
  }
  if (owner.controller !== true) {
    throw refusal(
      attributes,
      `node ${me} can only create pods with a controller owner reference set to itself`,
    );
  }
  if (owner.blockOwnerDeletion === true) {
    throw refusal(attributes, `node ${me} must not set blockOwnerDeletion on an owner reference`);
  }
  const registered = services.reader.get(NODES, '', node);
  if (registered === undefined) throw notFound({ group: '', resource: 'node' }, node);
  const uid = registered.metadata?.uid ?? '';
  if (owner.uid !== uid) {
    throw refusal(attributes, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
  }
}

function admitPodStatus(call: NodeCall): void {
  const { node, attributes } = call;
  const me = JSON.stringify(node);
  if (attributes.operation !== 'UPDATE') throw unexpected(call);
  const old = attributes.old as Pod;
  const next = attributes.object as Pod;
  if (old.spec?.nodeName !== node) {
    throw refusal(
      attributes,
      `node ${me} can only update pod status for pods with spec.nodeName set to itself`,
    );
  }
  if (!equalValues(old.metadata?.labels, next.metadata?.labels)) {
    throw refusal(attributes, `node ${me} cannot update labels through pod status`);
  }
  const differs = (field: keyof PodStatus): boolean =>
    !equalValues(old.status?.[field], next.status?.[field]);
  if (differs('resourceClaimStatuses')) {
    throw refusal(attributes, `node ${me} cannot update resource claim statues`);
  }
  if (differs('extendedResourceClaimStatus')) {
    throw refusal(attributes, `node ${me} cannot update extended resource claim status`);
  }
}

function admitEviction(call: NodeCall): void {
  const { node, attributes, services } = call;
  if (attributes.operation !== 'CREATE')
    throw refusal(attributes, `unexpected operation ${attributes.operation}`);
  const name = attributes.name || (attributes.object?.metadata?.name ?? '');
  if (name === '') throw refusal(attributes, 'could not determine pod from request data');
  const pod = existingPod(services.reader, attributes.namespace, name);
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${node} can only evict pods with spec.nodeName set to itself`);
  }
}
