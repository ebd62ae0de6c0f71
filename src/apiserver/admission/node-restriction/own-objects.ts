/** Objects that are a node's own: its Node, lease, CSINode, slices and certificates. */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import type { Node, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { requestSubject } from '#base/csr.ts';
import { messageOf } from '#base/error.ts';
import { forbiddenNodeLabels, modifiedLabels } from './labels.ts';
import { refusal } from '../refusal.ts';
import { type NodeCall, unexpected } from './call.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const NODE_SIGNERS = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);

export function admitNode(call: NodeCall): void {
  const { node, attributes } = call;
  const me = JSON.stringify(node);
  if (attributes.name !== node) {
    throw refusal(
      attributes,
      `node ${me} is not allowed to modify node ${JSON.stringify(attributes.name)}`,
    );
  }
  if (attributes.operation === 'CREATE') admitNewNode(call);
  else if (attributes.operation === 'UPDATE') admitChangedNode(call);
}

function admitNewNode({ node, attributes }: NodeCall): void {
  const me = JSON.stringify(node);
  const next = attributes.object as Node;
  if (next.spec?.configSource !== undefined) {
    throw refusal(
      attributes,
      `node ${me} is not allowed to create pods with a non-nil configSource`,
    );
  }
  const wrong = forbiddenNodeLabels(modifiedLabels(next.metadata?.labels, undefined));
  if (wrong.length > 0) {
    throw refusal(
      attributes,
      `node ${me} is not allowed to set the following labels: ${wrong.join(', ')}`,
    );
  }
}

function admitChangedNode({ node, attributes }: NodeCall): void {
  const me = JSON.stringify(node);
  const next = attributes.object as Node;
  const old = attributes.old as Node;
  const source = next.spec?.configSource;
  if (source !== undefined && !equalValues(source, old.spec?.configSource)) {
    throw refusal(
      attributes,
      `node ${me} is not allowed to update configSource to a new non-nil configSource`,
    );
  }
  if (!equalValues(next.spec?.taints, old.spec?.taints)) {
    throw refusal(attributes, `node ${me} is not allowed to modify taints`);
  }
  if (!equalValues(next.metadata?.ownerReferences, old.metadata?.ownerReferences)) {
    throw refusal(attributes, `node ${me} is not allowed to modify ownerReferences`);
  }
  const wrong = forbiddenNodeLabels(modifiedLabels(next.metadata?.labels, old.metadata?.labels));
  if (wrong.length > 0)
    throw refusal(attributes, `is not allowed to modify labels: ${wrong.join(', ')}`);
}

export function admitLease({ node, attributes }: NodeCall): void {
  if (attributes.namespace !== LEASE_NAMESPACE) {
    throw refusal(
      attributes,
      `can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`,
    );
  }
  if (attributes.name !== node) {
    throw refusal(
      attributes,
      'can only access node lease with the same name as the requesting node',
    );
  }
}

export function admitCsiNode({ node, attributes }: NodeCall): void {
  if (attributes.name !== node) {
    throw refusal(attributes, 'can only access CSINode with the same name as the requesting node');
  }
}

export function admitResourceSlice({ node, attributes }: NodeCall): void {
  const { operation } = attributes;
  if (operation !== 'CREATE' && operation !== 'DELETE') return;
  const slice = (operation === 'CREATE' ? attributes.object : attributes.old) as
    | ResourceSlice
    | undefined;
  if (slice?.spec?.nodeName === node) return;
  throw refusal(
    attributes,
    `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`,
  );
}

export function admitSigningRequest({ node, attributes }: NodeCall): void {
  if (attributes.operation !== 'CREATE') return;
  const { spec } = attributes.object as CertificateSigningRequest;
  if (!NODE_SIGNERS.has(spec?.signerName ?? '')) return;
  let commonName: string;
  try {
    ({ commonName } = requestSubject(
      Buffer.from(String(spec?.request ?? ''), 'base64').toString(),
    ));
  } catch (error) {
    throw refusal(attributes, `unable to parse csr: ${messageOf(error)}`);
  }
  if (commonName !== `system:node:${node}`) {
    throw refusal(attributes, `can only create a node CSR with CN=system:node:${node}`);
  }
}

/** Of a claim's status a node reports what it measured, nothing else. */
export function admitClaim(call: NodeCall): void {
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
