/** Programs in JavaScript: `@kubernetes/client-node` against the control plane over HTTPS. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { type HttpsCluster, startHttpsCluster } from './https-cluster.ts';

const NAMESPACE = 'default';

const configMap = (name: string, labels: Record<string, string> = {}): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NAMESPACE, labels },
  data: { a: '1' },
});

/** The code of the refusal. */
async function refusal(request: Promise<unknown>): Promise<number> {
  try {
    await request;
  } catch (error) {
    return (error as { code: number }).code;
  }
  throw new Error('it was not refused');
}

describe('@kubernetes/client-node', () => {
  const config = new KubeConfig();
  let cluster: HttpsCluster;
  let core: CoreV1Api;

  before(async () => {
    cluster = await startHttpsCluster();
    config.loadFromFile(cluster.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  });
  after(() => cluster.stop());

  it('creates, reads, replaces, lists and deletes', async () => {
    const body = configMap('one', { set: 'crud' });
    const made = await core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    const name = { name: 'one', namespace: NAMESPACE };
    made.data = { a: '2' };
    await core.replaceNamespacedConfigMap({ ...name, body: made });
    assert.equal((await core.readNamespacedConfigMap(name)).data?.['a'], '2');
    assert.equal(
      await refusal(core.replaceNamespacedConfigMap({ ...name, body: made })),
      409,
      'an old version',
    );
    const list = { namespace: NAMESPACE, labelSelector: 'set=crud' };
    assert.equal((await core.listNamespacedConfigMap(list)).items.length, 1);
    await core.deleteNamespacedConfigMap(name);
    assert.equal(await refusal(core.readNamespacedConfigMap(name)), 404);
  });

  it('patches in every way, and applies', async () => {
    const name = { name: 'patched', namespace: NAMESPACE };
    await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap('patched') });
    const patches: readonly [PatchStrategy, unknown][] = [
      [PatchStrategy.JsonPatch, [{ op: 'add', path: '/data/json', value: 'yes' }]],
      [PatchStrategy.MergePatch, { data: { merge: 'yes' } }],
      [PatchStrategy.StrategicMergePatch, { data: { strategic: 'yes' } }],
    ];
    for (const [strategy, body] of patches) {
      await core.patchNamespacedConfigMap(
        { ...name, body },
        setHeaderOptions('Content-Type', strategy),
      );
    }
    const applied = configMap('patched');
    applied.data = { applied: 'yes' };
    const after = await core.patchNamespacedConfigMap(
      { ...name, body: applied, fieldManager: 'test', force: true },
      setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
    );
    assert.deepEqual(after.data, {
      a: '1',
      json: 'yes',
      merge: 'yes',
      strategic: 'yes',
      applied: 'yes',
    });
    const managers = after.metadata?.managedFields?.map(({ manager }) => manager);
    assert.ok(managers?.includes('test'));
  });

  it('watches from a version on', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace: NAMESPACE });
    const { promise, resolve, reject } = Promise.withResolvers<[string, V1ConfigMap]>();
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${NAMESPACE}/configmaps`,
      { resourceVersion: metadata?.resourceVersion ?? '', labelSelector: 'set=watched' },
      (phase, object: V1ConfigMap) => resolve([phase, object]),
      (error: unknown) => reject(error instanceof Error ? error : new Error('the watch ended')),
    );
    const body = configMap('watched', { set: 'watched' });
    await core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
    const [phase, object] = await promise;
    controller.abort();
    assert.deepEqual([phase, object.metadata?.name], ['ADDED', 'watched']);
  });

  it('keeps a cache by an informer', async () => {
    const labelSelector = 'set=informed';
    const one = configMap('informed', { set: 'informed' });
    await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: one });
    const informer = makeInformer(
      config,
      `/api/v1/namespaces/${NAMESPACE}/configmaps`,
      () => core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector }),
      labelSelector,
    );
    const seen = async (event: 'add' | 'update' | 'delete', work: () => Promise<unknown>) => {
      const { promise, resolve } = Promise.withResolvers<V1ConfigMap>();
      informer.on(event, resolve);
      await work();
      const object = await promise;
      informer.off(event, resolve);
      return object.metadata?.name;
    };
    assert.equal(await seen('add', () => informer.start()), 'informed');
    assert.equal(informer.get('informed', NAMESPACE)?.data?.['a'], '1');
    const name = { name: 'informed', namespace: NAMESPACE };
    const change = (): Promise<unknown> =>
      core.replaceNamespacedConfigMap({
        ...name,
        body: { metadata: one.metadata ?? {}, data: { a: '2' } },
      });
    assert.equal(await seen('update', change), 'informed');
    assert.equal(informer.get('informed', NAMESPACE)?.data?.['a'], '2');
    const remove = (): Promise<unknown> => core.deleteNamespacedConfigMap(name);
    assert.equal(await seen('delete', remove), 'informed');
    assert.deepEqual(informer.list(NAMESPACE), []);
    await informer.stop();
  });

  it('finds kinds by discovery, and works on objects without a class for them', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const made = await objects.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'lease', namespace: NAMESPACE },
    });
    assert.equal((made as { kind?: string }).kind, 'Lease');
    const lease = { name: 'lease', namespace: NAMESPACE };
    const read = await objects.read({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: lease,
    });
    assert.equal(read.metadata?.name, made.metadata?.name);
    assert.equal((await config.makeApiClient(VersionApi).getCode()).minor, '36');
  });

  it('reads and writes the scale of a Deployment', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const labels = { app: 'web' };
    await apps.createNamespacedDeployment({
      namespace: NAMESPACE,
      body: {
        metadata: { name: 'web' },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } },
        },
      },
    });
    const name = { name: 'web', namespace: NAMESPACE };
    const scale = await apps.readNamespacedDeploymentScale(name);
    assert.equal(scale.status?.selector, 'app=web');
    await apps.replaceNamespacedDeploymentScale({
      ...name,
      body: { metadata: scale.metadata ?? {}, spec: { replicas: 2 } },
    });
    assert.equal((await apps.readNamespacedDeployment(name)).spec?.replicas, 2);
  });
});
