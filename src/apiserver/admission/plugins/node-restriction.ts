/**
 * NodeRestriction: a kubelet changes its own node and the pods bound to it, and nothing else.
 *
 * The Node authorizer decides by names; what needs the object itself is decided here.
 * Source: upstream plugin/pkg/admission/noderestriction; Kubernetes documentation, "Admission
 * Control", NodeRestriction.
 */
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, PodStatus, Volume } from '#api/gen/core-v1.ts';
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { notFound } from '#api/meta/status.ts';
import { requestSubject } from '#base/csr.ts';
import { nodeNameOf } from '../../authn/node-identity.ts';
import { claimName, isMirrorPod, MIRROR_POD_ANNOTATION, referencedKind } from '../../pod-references.ts';
import type { AdmissionPlugin, Attributes, ObjectReader } from '../admission.ts';
import { forbiddenNodeLabels, modifiedLabels } from '../node-labels.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import {
  CSI_DRIVERS,
  CSI_NODES,
  isFor,
  LEASES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  RESOURCE_SLICES,
  SERVICE_ACCOUNTS,
  SIGNING_REQUESTS,
  type Target,
} from '../targets.ts';

const LEASE_NAMESPACE = 'kube-node-lease';

interface Call {
  /** The node that asks. */
  readonly node: string;
  readonly attributes: Attributes;
  readonly services: AdmissionServices;
}

/** What a node may do, by the resource that it is about. */
const RULES: readonly [Target, (call: Call) => void][] = [
  [PODS, admitPodCall],
  [NODES, admitNode],
  [PERSISTENT_VOLUME_CLAIMS, admitClaim],
  [SERVICE_ACCOUNTS, admitToken],
  [LEASES, admitLease],
  [CSI_NODES, admitCsiNode],
  [RESOURCE_SLICES, admitResourceSlice],
  [SIGNING_REQUESTS, admitSigningRequest],
];

export function nodeRestriction(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    admit(attributes) {
      const node = nodeNameOf(attributes.user);
      if (node === undefined || attributes.operation === 'CONNECT') return;
      if (node === '') {
        throw refusal(attributes, `could not determine node from user ${JSON.stringify(attributes.user.name)}`);
      }
      for (const [target, admit] of RULES) {
        if (isFor(attributes, target)) admit({ node, attributes, services });
      }
    },
  };
}

function admitPodCall(call: Call): void {
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

function unexpected({ attributes }: Call): Error {
  return refusal(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
}

function existingPod(reader: ObjectReader, namespace: string, name: string): Pod {
  const pod = reader.get(PODS, namespace, name) as Pod | undefined;
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name);
  return pod;
}

function admitPod(call: Call): void {
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

function admitMirrorPod(call: Call): void {
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

function checkMirrorOwner({ node, attributes, services }: Call, pod: Pod): void {
  const me = JSON.stringify(node);
  const [owner, another] = pod.metadata?.ownerReferences ?? [];
  if (another !== undefined) {
    throw refusal(attributes, `node ${me} can only create pods with a single owner reference set to itself`);
  }
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refusal(attributes, `node ${me} can only create pods with an owner reference set to itself`);
  }
  if (owner.controller !== true) {
    throw refusal(attributes, `node ${me} can only create pods with a controller owner reference set to itself`);
  }
  if (owner.blockOwnerDeletion === true) {
    throw refusal(attributes, `node ${me} must not set blockOwnerDeletion on an owner reference`);
  }
  const registered = services.reader.get(NODES, '', node);
  if (registered === undefined) throw notFound({ group: '', resource: 'nodes' }, node);
  const uid = registered.metadata?.uid ?? '';
  if (owner.uid !== uid) {
    throw refusal(attributes, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
  }
}

function admitPodStatus(call: Call): void {
  const { node, attributes } = call;
  const me = JSON.stringify(node);
  if (attributes.operation !== 'UPDATE') throw unexpected(call);
  const old = attributes.old as Pod;
  const next = attributes.object as Pod;
  if (old.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${me} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!equalValues(old.metadata?.labels, next.metadata?.labels)) {
    throw refusal(attributes, `node ${me} cannot update labels through pod status`);
  }
  const differs = (field: keyof PodStatus): boolean => !equalValues(old.status?.[field], next.status?.[field]);
  if (differs('resourceClaimStatuses')) {
    throw refusal(attributes, `node ${me} cannot update resource claim statues`);
  }
  if (differs('extendedResourceClaimStatus')) {
    throw refusal(attributes, `node ${me} cannot update extended resource claim status`);
  }
}

function admitEviction(call: Call): void {
  const { node, attributes, services } = call;
  if (attributes.operation !== 'CREATE') throw refusal(attributes, `unexpected operation ${attributes.operation}`);
  const name = attributes.name || (attributes.object?.metadata?.name ?? '');
  if (name === '') throw refusal(attributes, 'could not determine pod from request data');
  const pod = existingPod(services.reader, attributes.namespace, name);
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${node} can only evict pods with spec.nodeName set to itself`);
  }
}

/** Of a claim's status a node reports what it measured, nothing else. */
function admitClaim(call: Call): void {
  const { node, attributes } = call;
  if (attributes.subresource !== 'status') throw refusal(attributes, 'may only update PVC status');
  if (attributes.operation !== 'UPDATE') throw unexpected(call);
  const old = withoutMeasured(attributes.old as PersistentVolumeClaim);
  const next = withoutMeasured(attributes.object as PersistentVolumeClaim);
  if (equalValues(old, next)) return;
  throw refusal(
    attributes,
    `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`,
  );
}

function withoutMeasured(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const copy = structuredClone(claim);
  delete copy.metadata?.resourceVersion;
  delete copy.metadata?.managedFields;
  delete copy.status?.capacity;
  delete copy.status?.conditions;
  delete copy.status?.allocatedResourceStatuses;
  delete copy.status?.allocatedResources;
  return copy;
}

function admitNode(call: Call): void {
  const { node, attributes } = call;
  const me = JSON.stringify(node);
  if (attributes.name !== node) {
    throw refusal(attributes, `node ${me} is not allowed to modify node ${JSON.stringify(attributes.name)}`);
  }
  if (attributes.operation === 'CREATE') admitNewNode(call);
  else if (attributes.operation === 'UPDATE') admitChangedNode(call);
}

function admitNewNode({ node, attributes }: Call): void {
  const me = JSON.stringify(node);
  const next = attributes.object as Node;
  if (next.spec?.configSource !== undefined) {
    throw refusal(attributes, `node ${me} is not allowed to create pods with a non-nil configSource`);
  }
  const wrong = forbiddenNodeLabels(modifiedLabels(next.metadata?.labels, undefined));
  if (wrong.length > 0) {
    throw refusal(attributes, `node ${me} is not allowed to set the following labels: ${wrong.join(', ')}`);
  }
}

function admitChangedNode({ node, attributes }: Call): void {
  const me = JSON.stringify(node);
  const next = attributes.object as Node;
  const old = attributes.old as Node;
  const source = next.spec?.configSource;
  if (source !== undefined && !equalValues(source, old.spec?.configSource)) {
    throw refusal(attributes, `node ${me} is not allowed to update configSource to a new non-nil configSource`);
  }
  if (!equalValues(next.spec?.taints, old.spec?.taints)) {
    throw refusal(attributes, `node ${me} is not allowed to modify taints`);
  }
  if (!equalValues(next.metadata?.ownerReferences, old.metadata?.ownerReferences)) {
    throw refusal(attributes, `node ${me} is not allowed to modify ownerReferences`);
  }
  const wrong = forbiddenNodeLabels(modifiedLabels(next.metadata?.labels, old.metadata?.labels));
  if (wrong.length > 0) throw refusal(attributes, `is not allowed to modify labels: ${wrong.join(', ')}`);
}

/** A node gets tokens only for pods that run on it, and only such as these pods mount. */
function admitToken(call: Call): void {
  const { node, attributes, services } = call;
  if (attributes.operation !== 'CREATE' || attributes.subresource !== 'token') return;
  const request = attributes.object as TokenRequest;
  const bound = request.spec?.boundObjectRef;
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || (bound.name ?? '') === '') {
    throw refusal(attributes, 'node requested token not bound to a pod');
  }
  if ((bound.uid ?? '') === '') {
    throw refusal(attributes, 'node requested token with a pod binding without a uid');
  }
  const pod = existingPod(services.reader, attributes.namespace, bound.name ?? '');
  if (bound.uid !== pod.metadata?.uid) {
    throw refusal(
      attributes,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, 'node requested token bound to a pod scheduled on a different node');
  }
  checkAudience(call, request, pod);
}

function checkAudience({ attributes, services }: Call, request: TokenRequest, pod: Pod): void {
  const audiences = request.spec?.audiences ?? [];
  if (audiences.length > 1) throw refusal(attributes, 'node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  if ((pod.spec?.volumes ?? []).some((volume) => wantsAudience(services.reader, { pod, volume, audience }))) return;
  const decision = services.authorize({
    user: attributes.user,
    verb: 'request-serviceaccounts-token-audience',
    path: '',
    isResourceRequest: true,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: attributes.namespace,
    name: attributes.name,
  });
  if (decision.outcome === 'allow') return;
  throw refusal(
    attributes,
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${attributes.user.name} is not authorized to request tokens for this audience`,
  );
}

/** A volume asks for tokens of its own audience, or its CSI driver does. */
function wantsAudience(reader: ObjectReader, at: { pod: Pod; volume: Volume; audience: string }): boolean {
  const { pod, volume, audience } = at;
  const projected = volume.projected?.sources.some(
    ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
  );
  if (projected === true) return true;
  const name = volume.csi?.driver ?? driverOfClaim(reader, pod.metadata?.namespace ?? '', claimName(pod, volume));
  if (name === undefined) return false;
  const driver = reader.get(CSI_DRIVERS, '', name) as CSIDriver | undefined;
  return (driver?.spec?.tokenRequests ?? []).some((request) => request.audience === audience);
}

function driverOfClaim(reader: ObjectReader, namespace: string, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const claim = reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name) as PersistentVolumeClaim | undefined;
  const volume = reader.get(PERSISTENT_VOLUMES, '', claim?.spec?.volumeName ?? '') as PersistentVolume | undefined;
  return volume?.spec?.csi?.driver;
}

function admitLease({ node, attributes }: Call): void {
  if (attributes.namespace !== LEASE_NAMESPACE) {
    throw refusal(attributes, `can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
  }
  if (attributes.name !== node) {
    throw refusal(attributes, 'can only access node lease with the same name as the requesting node');
  }
}

function admitCsiNode({ node, attributes }: Call): void {
  if (attributes.name !== node) {
    throw refusal(attributes, 'can only access CSINode with the same name as the requesting node');
  }
}

function admitResourceSlice({ node, attributes }: Call): void {
  const { operation } = attributes;
  if (operation !== 'CREATE' && operation !== 'DELETE') return;
  const slice = (operation === 'CREATE' ? attributes.object : attributes.old) as ResourceSlice | undefined;
  if (slice?.spec?.nodeName === node) return;
  throw refusal(
    attributes,
    `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`,
  );
}

const NODE_SIGNERS = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']);

function admitSigningRequest({ node, attributes }: Call): void {
  if (attributes.operation !== 'CREATE') return;
  const { spec } = attributes.object as CertificateSigningRequest;
  if (!NODE_SIGNERS.has(spec?.signerName ?? '')) return;
  let commonName: string;
  try {
    ({ commonName } = requestSubject(Buffer.from(String(spec?.request ?? ''), 'base64').toString()));
  } catch (error) {
    throw refusal(attributes, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (commonName !== `system:node:${node}`) {
    throw refusal(attributes, `can only create a node CSR with CN=system:node:${node}`);
  }
}
