/** Objects of another cluster, put into a store, and what a server on that store makes of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { MemoryStore } from '#store/memory.ts';
import { importObjects } from './import.ts';

const NAMESPACES: readonly KubeObject[] = ['default', 'kube-system'].map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, uid: `uid of ${name}`, creationTimestamp: '2020-01-01T00:00:00Z' },
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
}));

const MANAGED = [
  {
    manager: 'kubectl',
    operation: 'Apply' as const,
    apiVersion: 'v1',
    time: '2020-01-02T00:00:00Z',
    fieldsType: 'FieldsV1' as const,
    fieldsV1: { 'f:metadata': { 'f:labels': { 'f:tier': {} } } },
  },
];

/** A pod that no server would take like that from a client. */
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    namespace: 'default',
    labels: { tier: 'front' },
    uid: 'uid of web',
    resourceVersion: '4711',
    generation: 3,
    creationTimestamp: '2020-01-02T00:00:00Z',
    deletionTimestamp: '2020-01-03T00:00:00Z',
    deletionGracePeriodSeconds: 30,
    finalizers: ['example.com/hold'],
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: 'uid of rs',
        controller: true,
      },
    ],
    managedFields: MANAGED,
  },
  spec: { nodeName: 'gone', containers: [{ name: 'main', image: 'web' }] },
  status: { phase: 'Running', podIP: '10.0.0.7' },
};

async function serverWith(
  objects: readonly KubeObject[],
): Promise<{ api: TestApiServer; unknown: KubeObject[] }> {
  const environment = new VirtualEnvironment();
  const store = new MemoryStore(environment);
  const all = [...NAMESPACES, ...objects];
  const unknown = await importObjects(store, all, new FeatureGates());
  return { api: await TestApiServer.start({ environment, store }), unknown };
}

describe('imported objects', () => {
  it('are what they were, but for their resourceVersion', async () => {
    const { api, unknown } = await serverWith([POD]);
    assert.deepEqual(unknown, []);
    const read = await api.must('GET /api/v1/namespaces/default/pods/web');
    const { resourceVersion, ...metadata } = read.metadata;
    const { resourceVersion: _, ...expected } = POD.metadata;
    assert.deepEqual(metadata, expected);
    assert.notEqual(resourceVersion, '4711');
    assert.deepEqual([read.spec.nodeName, read.status.podIP], ['gone', '10.0.0.7']);
    const namespace = await api.must('GET /api/v1/namespaces/default');
    assert.equal(namespace.metadata.uid, 'uid of default');
    await api.server.stop();
  });

  it('are listed, changed and applied to as any others', async () => {
    const { api } = await serverWith([POD]);
    const path = '/api/v1/namespaces/default/pods';
    assert.equal((await api.must(`GET ${path}`)).items.length, 1);
    const patched = await api.must(`PATCH ${path}/web`, { metadata: { labels: { app: 'web' } } });
    assert.equal(patched.metadata.managedFields[0].manager, 'kubectl');
    await api.must(`PATCH ${path}/web`, { metadata: { finalizers: null } });
    await api.must(`DELETE ${path}/web?gracePeriodSeconds=0`);
    assert.equal((await api.call(`GET ${path}/web`)).status, 404);
    await api.server.stop();
  });

  it('are in the form in which their kind is stored', async () => {
    const binding = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'default', uid: 'uid of hpa' },
      spec: {
        maxReplicas: 3,
        minReplicas: 1,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
          },
        ],
      },
    };
    const { api } = await serverWith([binding]);
    const path = 'namespaces/default/horizontalpodautoscalers/web';
    const newer = await api.must(`GET /apis/autoscaling/v2/${path}`);
    assert.deepEqual(newer.spec.metrics, binding.spec.metrics);
    const older = await api.must(`GET /apis/autoscaling/v1/${path}`);
    assert.equal(older.spec.targetCPUUtilizationPercentage, 50);
    await api.server.stop();
  });

  it('may be custom, in any version that is served', async () => {
    const version = (name: string, storage: boolean) => ({
      name,
      storage,
      served: true,
      schema: {
        openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    });
    const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
    const condition = (type: string) => ({
      type,
      status: 'True',
      reason: 'Fine',
      message: '',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    });
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com', uid: 'uid of widgets' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names,
        versions: [version('v1', true), version('v1beta1', false)],
        conversion: { strategy: 'None' },
      },
      status: {
        acceptedNames: names,
        storedVersions: ['v1'],
        conditions: [condition('NamesAccepted'), condition('Established')],
      },
    };
    const widget = (name: string, apiVersion: string) => ({
      apiVersion,
      kind: 'Widget',
      metadata: { name, namespace: 'default', uid: `uid of ${name}` },
      spec: { size: 3 },
    });
    const old = widget('b', 'example.com/v1beta1');
    const stranger = { ...widget('c', 'example.com/v2'), kind: 'Gadget' };
    const { api, unknown } = await serverWith([
      old,
      widget('a', 'example.com/v1'),
      definition,
      stranger,
    ]);
    assert.deepEqual(unknown, [stranger]);
    await api.environment.advance(1_000);
    const list = await api.must('GET /apis/example.com/v1/namespaces/default/widgets');
    assert.deepEqual(
      list.items.map(({ apiVersion, metadata, spec }: KubeObject & { spec: object }) => [
        apiVersion,
        metadata?.uid,
        spec,
      ]),
      [
        ['example.com/v1', 'uid of a', { size: 3 }],
        ['example.com/v1', 'uid of b', { size: 3 }],
      ],
    );
    await api.server.stop();
  });
});
