import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverIdentity } from './identity-lease.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { FakeReader } from '#kit/fake-reader.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { ClusterRole } from '#api/gen/rbac-v1.ts';
import { bootstrap } from './bootstrap.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { rbacPolicy } from './rbac-policy.ts';

const names = (list: { items: { metadata: { name: string } }[] }): string[] =>
  list.items.map(({ metadata }) => metadata.name);
const OWN = '/api/v1/namespaces/default/services/kubernetes';
const SLICE = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
const ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles';

describe('bootstrap on an empty store', () => {
  it('makes what every cluster has', async () => {
    const api = await TestApiServer.start();
    assert.deepEqual(names(await api.must('GET /api/v1/namespaces')), [
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ]);
    const classes = await api.must('GET /apis/scheduling.k8s.io/v1/priorityclasses');
    assert.deepEqual(
      classes.items.map(({ metadata, value }: { metadata: { name: string }; value: number }) => [
        metadata.name,
        value,
      ]),
      [
        ['system-cluster-critical', 2_000_000_000],
        ['system-node-critical', 2_000_001_000],
      ],
    );
    const policy = rbacPolicy(new FeatureGates());
    assert.equal(names(await api.must(`GET ${ROLES}`)).length, policy.clusterRoles.length);
    const { data } = await api.must(
      'GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
    );
    assert.deepEqual(data, { 'client-ca-file': 'A CA\n' });
    const cidr = await api.must('GET /apis/networking.k8s.io/v1/servicecidrs/kubernetes');
    assert.deepEqual(
      [cidr.spec.cidrs, cidr.status.conditions[0].status],
      [['10.96.0.0/16'], 'True'],
    );
  });

  it('makes it anew, and right, when somebody takes it away', async () => {
    const api = await TestApiServer.start();
    const map = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    const { metadata } = await api.must(`GET ${map}`);
    await api.must(`DELETE ${map}`);
    await api.must(`DELETE ${SLICE}`);
    await api.must(`DELETE ${OWN}`);
    await api.environment.advance(1_000);
    const again = await api.must(`GET ${map}`);
    assert.notEqual(again.metadata.uid, metadata.uid);
    assert.deepEqual(again.data, { 'client-ca-file': 'A CA\n' });
    assert.equal((await api.must(`GET ${OWN}`)).spec.clusterIP, '10.96.0.1');
    assert.deepEqual((await api.must(`GET ${SLICE}`)).endpoints[0].addresses, ['10.0.0.1']);
  });

  it('publishes itself as the Service kubernetes', async () => {
    const api = await TestApiServer.start();
    const { spec, metadata } = await api.must(`GET ${OWN}`);
    assert.deepEqual(
      [spec.clusterIP, spec.clusterIPs, spec.type],
      ['10.96.0.1', ['10.96.0.1'], 'ClusterIP'],
    );
    assert.deepEqual(spec.ports, [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }]);
    assert.deepEqual(metadata.labels, { component: 'apiserver', provider: 'kubernetes' });
    const slice = await api.must(`GET ${SLICE}`);
    assert.deepEqual(slice.endpoints, [{ addresses: ['10.0.0.1'], conditions: { ready: true } }]);
    assert.deepEqual(slice.ports, [{ name: 'https', port: 6443, protocol: 'TCP' }]);
    const { subsets } = await api.must('GET /api/v1/namespaces/default/endpoints/kubernetes');
    assert.deepEqual(subsets[0].addresses, [{ ip: '10.0.0.1' }]);
  });
});

describe('bootstrap on a store that has all', () => {
  it('writes nothing but that it lives', async () => {
    const { environment, store } = await TestApiServer.start();
    await environment.advance(5_000);
    const before = await store.revision();
    await TestApiServer.start({ environment, store });
    await environment.advance(1_000);
    const { items } = await store.list('/registry/');
    const written = items.filter(({ modRevision }) => modRevision > before).map(({ key }) => key);
    assert.deepEqual(written, [`/registry/leases/kube-system/${serverIdentity('localhost')}`]);
  });

  it('follows the address and port of the server', async () => {
    const { environment, store, server } = await TestApiServer.start();
    await environment.resolve(server.stop());
    const api = await TestApiServer.start({
      environment,
      store,
      advertise: { address: '10.0.0.2', port: 7443 },
    });
    assert.equal((await api.must(`GET ${OWN}`)).spec.ports[0].targetPort, 7443);
    const slice = await api.must(`GET ${SLICE}`);
    assert.deepEqual([slice.endpoints[0].addresses, slice.ports[0].port], [['10.0.0.2'], 7443]);
  });

  it('repairs roles, keeps what others added, and leaves alone who opted out', async () => {
    const first = await TestApiServer.start();
    const read = (api: TestApiServer, name: string): Promise<ClusterRole> =>
      api.must(`GET ${ROLES}/${name}`);
    const dns = await read(first, 'system:kube-dns');
    const added = { verbs: ['get'], apiGroups: [''], resources: ['nodes'] };
    await first.must(`PUT ${ROLES}/system:kube-dns`, { ...dns, rules: [added] });
    await first.must(`PATCH ${ROLES}/system:node-proxier`, {
      metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [],
    });
    await first.must(`DELETE ${ROLES}/system:monitoring`);
    const { environment, store } = first;
    const api = await TestApiServer.start({ environment, store });
    assert.deepEqual((await read(api, 'system:kube-dns')).rules, [
      added,
      { verbs: ['list', 'watch'], apiGroups: [''], resources: ['endpoints'] },
      { verbs: ['list', 'watch'], apiGroups: [''], resources: ['services'] },
    ]);
    assert.deepEqual((await read(api, 'system:node-proxier')).rules ?? [], []);
    assert.equal((await read(api, 'system:monitoring')).metadata?.name, 'system:monitoring');
  });

  it('gathers into view what others have labelled', async () => {
    const first = await TestApiServer.start();
    const rule = { verbs: ['get'], apiGroups: ['x.io'], resources: ['things'] };
    const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
    await first.must(`POST ${ROLES}`, { metadata: { name: 'things', labels }, rules: [rule] });
    const { environment, store } = first;
    const api = await TestApiServer.start({ environment, store });
    const view: ClusterRole = await api.must(`GET ${ROLES}/view`);
    assert.deepEqual(view.rules.at(-1), rule);
  });
});

describe('bootstrap when a write is refused', () => {
  const run = async (refused: string): Promise<VirtualEnvironment> => {
    const environment = new VirtualEnvironment();
    const handler = async ({ url }: { url: string }) => {
      const bytes = Buffer.from(JSON.stringify({ message: 'no' }));
      return {
        status: url.endsWith(refused) ? 422 : 201,
        headers: {},
        body: { kind: 'bytes' as const, bytes },
      };
    };
    const options = {
      serviceClusterIpRange: '10.96.0.0/16',
      advertise: { address: '127.0.0.1', port: 6443 },
      clientCa: '',
    };
    await bootstrap({
      environment,
      handler,
      reader: new FakeReader(),
      options,
      gates: new FeatureGates(),
    });
    return environment;
  };

  it('rejects', async () => {
    await assert.rejects(
      run('/clusterroles'),
      /^Error: Cannot POST \/apis\/rbac.authorization.k8s.io\/v1\/clusterroles: no$/,
    );
  });

  it('goes on and says so when it is the Service of the server', async () => {
    const environment = await run('/services');
    assert.deepEqual(
      environment.lines('warn').map(({ message, values }) => [message, values['error']]),
      [
        [
          'the Service of this server cannot be made',
          'Cannot POST /api/v1/namespaces/default/services: no',
        ],
      ],
    );
  });
});
