/** Defaults and preparation of small kinds, and warnings about Services and volumes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import { HORIZONTAL_POD_AUTOSCALER } from './autoscaling/horizontal-pod-autoscaler.ts';
import { LEASE } from './coordination/lease.ts';
import { CUSTOM_RESOURCE_DEFINITION } from './apiextensions/custom-resource-definition.ts';
import { API_SERVICE } from './apiregistration/api-service.ts';
import { LIMIT_RANGE } from './core/limit-range.ts';
import { NAMESPACE } from './core/namespace.ts';
import { PERSISTENT_VOLUME } from './core/persistent-volume.ts';
import { warnAboutService } from './core/service-warnings.ts';
import { warnAboutClaim, warnAboutVolume } from './core/volume-warnings.ts';
import { ago, CONTEXT, created, createErrors, decoded, NOW, row } from './kind-test-kit.ts';
import { INGRESS_CLASS } from './networking/ingress-class.ts';
import { NETWORK_POLICY } from './networking/network-policy.ts';
import { ROLE_BINDING } from './rbac/role-binding.ts';
import { STORAGE_CLASS } from './storage/storage-class.ts';

describe('the defaults', () => {
  it('of a NetworkPolicy are types by its rules', () => {
    const types = (spec: object): unknown =>
      decoded(NETWORK_POLICY, { spec: { podSelector: {}, ...spec } }).spec?.policyTypes;
    assert.deepEqual(types({}), ['Ingress']);
    assert.deepEqual(types({ egress: [{}] }), ['Ingress', 'Egress']);
    assert.deepEqual(types({ egress: [{}], policyTypes: ['Egress'] }), ['Egress']);
  });

  it('of a LimitRange follow from its limits', () => {
    const limits = [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Gi' } }];
    assert.deepEqual(decoded(LIMIT_RANGE, { spec: { limits } }).spec?.limits, [
      {
        ...limits[0],
        default: { cpu: '2' },
        defaultRequest: { cpu: '2', memory: '1Gi' },
      },
    ]);
    const pods = [{ type: 'Pod', max: { cpu: '2' } }];
    assert.deepEqual(decoded(LIMIT_RANGE, { spec: { limits: pods } }).spec?.limits, pods);
  });

  it('of an autoscaler are one replica and 80 % of CPU', () => {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    const { spec } = decoded(HORIZONTAL_POD_AUTOSCALER, {
      spec: { scaleTargetRef, maxReplicas: 3 },
    });
    assert.equal(spec?.minReplicas, 1);
    assert.equal(spec?.metrics?.[0]?.resource?.target.averageUtilization, 80);
  });

  it('of a binding name the group of roles and subjects', () => {
    const binding = decoded(ROLE_BINDING, {
      roleRef: { apiGroup: '', kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'ServiceAccount', name: 's' },
      ],
    });
    assert.equal(binding.roleRef.apiGroup, 'rbac.authorization.k8s.io');
    assert.deepEqual(
      binding.subjects?.map(({ apiGroup }) => apiGroup ?? ''),
      ['rbac.authorization.k8s.io', ''],
    );
  });

  it('of classes', () => {
    const { reclaimPolicy, volumeBindingMode } = decoded(STORAGE_CLASS, { provisioner: 'p' });
    assert.deepEqual([reclaimPolicy, volumeBindingMode], ['Delete', 'Immediate']);
    const spec = { controller: 'a.b/c', parameters: { kind: 'K', name: 'n' } };
    assert.equal(decoded(INGRESS_CLASS, { spec }).spec?.parameters?.scope, 'Cluster');
  });

  it('of a definition fill in its names', () => {
    const definition = created(CUSTOM_RESOURCE_DEFINITION, {
      metadata: { name: 'cats.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'cats', kind: 'Cat' },
        versions: [{ name: 'v1', served: true, storage: true }],
      },
    });
    assert.equal(definition.spec?.names.singular, 'cat');
    assert.equal(definition.spec?.names.listKind, 'CatList');
    assert.deepEqual(definition.spec?.conversion, { strategy: 'None' });
    assert.deepEqual(definition.status?.storedVersions, ['v1']);
  });

  it('make a local APIService available', () => {
    const spec = { group: 'a.b', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 };
    const [condition] = created(API_SERVICE, { spec }).status?.conditions ?? [];
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.reason],
      ['Available', 'True', 'Local'],
    );
    const remote = created(API_SERVICE, {
      spec: { ...spec, service: { name: 'x', namespace: 'y' } },
    });
    assert.equal(remote.spec?.service?.port, 443);
    assert.equal(remote.status?.conditions, undefined);
  });

  it('drop the fields of leases that are behind a gate', () => {
    const spec = { holderIdentity: 'a', strategy: 'OldestEmulationVersion', preferredHolder: 'b' };
    assert.deepEqual(created(LEASE, { spec }).spec, { holderIdentity: 'a' });
  });

  it('keep a policy that is set', () => {
    const { spec } = decoded(PERSISTENT_VOLUME, {
      spec: { persistentVolumeReclaimPolicy: 'Delete' },
    });
    assert.equal(spec?.persistentVolumeReclaimPolicy, 'Delete');
  });
});

describe('a PersistentVolume', () => {
  it('tells when its phase changed last', () => {
    const old = { status: { phase: 'Available' as const, lastPhaseTransitionTime: ago(60) } };
    const same = structuredClone(old);
    PERSISTENT_VOLUME.prepareForStatusUpdate?.(same, old, CONTEXT);
    assert.equal(same.status.lastPhaseTransitionTime, ago(60));
    const bound = { status: { ...old.status, phase: 'Bound' as const } };
    PERSISTENT_VOLUME.prepareForStatusUpdate?.(bound, old, CONTEXT);
    assert.equal(
      bound.status.lastPhaseTransitionTime,
      new Date(NOW).toISOString().replace('.000', ''),
    );
  });
});

describe('a Namespace', () => {
  it('has finalizers that are known or have a domain', () => {
    const errors = (finalizers: string[]): string[] =>
      createErrors(NAMESPACE, { metadata: { name: 'a' }, spec: { finalizers } });
    assert.deepEqual(errors(['example.com/mine']), []);
    assert.deepEqual(errors(['mine']), [
      'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ]);
  });

  it('is finalized by a view of its own', () => {
    const [finalize] = NAMESPACE.views ?? [];
    const old = created(NAMESPACE, { metadata: { name: 'a' } });
    const next = { metadata: { name: 'a' }, spec: { finalizers: [] }, status: {} };
    finalize?.keep(next, old, CONTEXT);
    assert.deepEqual([next.spec.finalizers, next.status], [[], old.status]);
    const written = { metadata: { name: 'a' }, spec: { finalizers: [] } };
    NAMESPACE.prepareForUpdate?.(written, old, CONTEXT);
    assert.deepEqual(written.spec.finalizers, ['kubernetes']);
  });
});

describe('warnAboutService()', () => {
  const warnings = (spec: Service['spec']): string[] => warnAboutService({ ...(spec && { spec }) });
  it('is silent about plain ones', () => {
    assert.deepEqual(warnings({ type: 'ClusterIP', clusterIP: '10.0.0.1' }), []);
  });
  it('tells of what is ignored', () => {
    assert.deepEqual(warnings({ type: 'ExternalName', externalIPs: ['1.2.3.4'] }), [
      'spec.externalIPs is ignored when spec.type is "ExternalName"',
    ]);
    assert.deepEqual(warnings({ type: 'ClusterIP', externalName: 'a.b' }), [
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ]);
    assert.deepEqual(warnings({ clusterIP: 'None', sessionAffinity: 'ClientIP' }), [
      'spec.SessionAffinity is ignored for headless services',
    ]);
  });
});

describe('warnings about volumes', () => {
  const annotations = { 'volume.beta.kubernetes.io/storage-class': 'a' };
  it('tell of old annotations, parts of bytes and recycling', () => {
    const old =
      'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead';
    assert.deepEqual(
      warnAboutClaim({
        metadata: { annotations },
        spec: { resources: { requests: { storage: '1m' } } },
      }),
      [
        old,
        'spec.resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer',
      ],
    );
    const volume = warnAboutVolume({
      metadata: { annotations },
      spec: { persistentVolumeReclaimPolicy: 'Recycle' },
    });
    assert.equal(volume[0], old);
    assert.match(volume[1] ?? '', /^spec\.persistentVolumeReclaimPolicy: The Recycle/);
    assert.deepEqual(warnAboutClaim({}), []);
  });
});

describe('the targets of an autoscaler', () => {
  it('may be averages, values or nothing', () => {
    const scaleTargetRef = { kind: 'Deployment', name: 'web' };
    const targets = (metrics: object[], currentMetrics: object[] = []): unknown =>
      row(HORIZONTAL_POD_AUTOSCALER, {
        spec: { scaleTargetRef, maxReplicas: 1, metrics: metrics as never },
        status: { desiredReplicas: 1, currentMetrics: currentMetrics as never },
      })['Targets'];
    assert.equal(targets([]), '<none>');
    assert.equal(
      targets(
        [{ type: 'Pods', pods: { target: { averageValue: '10' } } }],
        [{ type: 'Pods', pods: { current: { averageValue: '3' } } }],
      ),
      '3/10',
    );
    assert.equal(
      targets([{ type: 'External', external: { target: { averageValue: '5' } } }]),
      '<unknown>/5 (avg)',
    );
    assert.equal(targets([{ type: 'Object', object: { target: { value: '5' } } }]), '<unknown>/5');
    assert.equal(
      targets([{ type: 'Resource', resource: { name: 'cpu', target: {} } }]),
      'cpu: <unknown>/<auto>',
    );
  });
});
