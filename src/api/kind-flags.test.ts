/** What is true of some kinds only, as upstream's strategies and stores have it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Namespace } from '#api/gen/core-v1.ts';
import { NAMESPACE } from './core/namespace.ts';
import type { AnyKind } from './kind.ts';
import { KINDS, kindByName } from './kinds.ts';

/** Kinds that are stored and for which `test` holds, by name and group. */
function those(test: (kind: AnyKind) => boolean): string[] {
  const names = KINDS.filter((kind) => kind.verbs.includes('update') && test(kind)).map((kind) =>
    kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`,
  );
  return [...new Set(names)].toSorted();
}

describe('kinds', () => {
  it('that need a resource version on every update', () => {
    assert.deepEqual(
      those(({ unconditionalUpdate }) => unconditionalUpdate !== true),
      [
        'APIService.apiregistration.k8s.io',
        'CSIDriver.storage.k8s.io',
        'CSINode.storage.k8s.io',
        'CSIStorageCapacity.storage.k8s.io',
        'CustomResourceDefinition.apiextensions.k8s.io',
        'Lease.coordination.k8s.io',
        'MutatingAdmissionPolicy.admissionregistration.k8s.io',
        'MutatingAdmissionPolicyBinding.admissionregistration.k8s.io',
        'MutatingWebhookConfiguration.admissionregistration.k8s.io',
        'PodDisruptionBudget.policy',
        'RuntimeClass.node.k8s.io',
        'ValidatingAdmissionPolicy.admissionregistration.k8s.io',
        'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io',
        'ValidatingWebhookConfiguration.admissionregistration.k8s.io',
        'VolumeAttachment.storage.k8s.io',
      ],
    );
  });
  it('that are created by a PUT', () => {
    assert.deepEqual(
      those(({ createOnUpdate }) => createOnUpdate === true),
      [
        'ClusterRole.rbac.authorization.k8s.io',
        'ClusterRoleBinding.rbac.authorization.k8s.io',
        'Endpoints',
        'Event',
        'Event.events.k8s.io',
        'Lease.coordination.k8s.io',
        'LimitRange',
        'Role.rbac.authorization.k8s.io',
        'RoleBinding.rbac.authorization.k8s.io',
        'RuntimeClass.node.k8s.io',
        'Service',
      ],
    );
  });
  it('whose deletion answers with the object', () => {
    assert.deepEqual(
      those(({ returnsDeletedObject }) => returnsDeletedObject === true),
      [
        'CSIDriver.storage.k8s.io',
        'CSINode.storage.k8s.io',
        'DeviceClass.resource.k8s.io',
        'Namespace',
        'PersistentVolume',
        'PersistentVolumeClaim',
        'Pod',
        'PodTemplate',
        'ResourceClaim.resource.k8s.io',
        'ResourceClaimTemplate.resource.k8s.io',
        'ResourceQuota',
        'ResourceSlice.resource.k8s.io',
        'Service',
        'ServiceAccount',
        'StorageClass.storage.k8s.io',
        'VolumeAttachment.storage.k8s.io',
        'VolumeAttributesClass.storage.k8s.io',
      ],
    );
  });
  it('that count generations', () => {
    assert.deepEqual(
      those(({ countsGeneration }) => countsGeneration === true),
      [
        'CronJob.batch',
        'CustomResourceDefinition.apiextensions.k8s.io',
        'DaemonSet.apps',
        'Deployment.apps',
        'DeviceClass.resource.k8s.io',
        'EndpointSlice.discovery.k8s.io',
        'FlowSchema.flowcontrol.apiserver.k8s.io',
        'Ingress.networking.k8s.io',
        'IngressClass.networking.k8s.io',
        'Job.batch',
        'MutatingAdmissionPolicy.admissionregistration.k8s.io',
        'MutatingAdmissionPolicyBinding.admissionregistration.k8s.io',
        'MutatingWebhookConfiguration.admissionregistration.k8s.io',
        'NetworkPolicy.networking.k8s.io',
        'Pod',
        'PodDisruptionBudget.policy',
        'PodTemplate',
        'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io',
        'ReplicaSet.apps',
        'ReplicationController',
        'ResourceSlice.resource.k8s.io',
        'StatefulSet.apps',
        'ValidatingAdmissionPolicy.admissionregistration.k8s.io',
        'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io',
        'ValidatingWebhookConfiguration.admissionregistration.k8s.io',
      ],
    );
  });
  it('that go away by themselves', () => {
    assert.deepEqual(
      those(({ timeToLiveSeconds }) => timeToLiveSeconds === 3600),
      ['Event', 'Event.events.k8s.io'],
    );
    assert.deepEqual(those(({ timeToLiveSeconds }) => timeToLiveSeconds !== undefined).length, 2);
  });
  it('that have finalizers outside their metadata', () => {
    assert.deepEqual(
      those((kind) => 'ownFinalizers' in kind),
      ['Namespace'],
    );
    assert.deepEqual(NAMESPACE.ownFinalizers?.({ spec: { finalizers: ['kubernetes'] } }), [
      'kubernetes',
    ]);
    assert.deepEqual(NAMESPACE.ownFinalizers?.({}), []);
  });
  it('whose status says that a deletion has begun', () => {
    assert.deepEqual(
      those((kind) => 'prepareForDeletion' in kind),
      ['CustomResourceDefinition.apiextensions.k8s.io', 'Namespace'],
    );
    const namespace: Namespace = { status: { phase: 'Active', conditions: [] } };
    NAMESPACE.prepareForDeletion?.(namespace);
    assert.deepEqual(namespace.status, { phase: 'Terminating', conditions: [] });
  });
  it('of which one version is stored', () => {
    const stored = KINDS.flatMap(({ storedAs, kind }) =>
      storedAs === undefined ? [] : [{ kind, ...storedAs }],
    );
    assert.deepEqual(
      stored.map(({ schema }) => schema),
      stored.map(({ group, version, kind }) => kindByName(group, version, kind)?.schema),
    );
    assert.equal(stored.length, 2);
  });
  it('that scale', () => {
    assert.deepEqual(
      those(({ scale }) => scale !== undefined),
      ['Deployment.apps', 'ReplicaSet.apps', 'ReplicationController', 'StatefulSet.apps'],
    );
  });
  it('whose dependents are orphaned when a deletion says nothing', () => {
    assert.deepEqual(
      those(({ defaultPropagation }) => defaultPropagation === 'Orphan'),
      ['Job.batch', 'ReplicationController'],
    );
  });
});
