import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AggregatedServers, GROUP, GROUP_PATH, SERVICE_PATH } from '#kit/extension-server.ts';

const FLUNDERS = `${GROUP_PATH}/namespaces/default/flunders`;
let servers: AggregatedServers;
beforeEach(async () => {
  servers = await AggregatedServers.start();
});

describe('the condition Available', () => {
  it('says what is missing, one thing after the other', async () => {
    const said: string[] = [];
    const look = async (): Promise<void> => {
      await servers.settle();
      said.push(await servers.available());
    };
    await servers.register();
    await look();
    await servers.createService([{ port: 80 }]);
    await look();
    await servers.api.must(`PATCH ${SERVICE_PATH}/services/api`, {
      spec: { ports: [{ port: 443 }] },
    });
    await look();
    await servers.createSlice({ endpoints: [] });
    await look();
    const slice = '/apis/discovery.k8s.io/v1/namespaces/wardle/endpointslices/api-1';
    servers.broken = 'connect ECONNREFUSED';
    await servers.api.must(`PATCH ${slice}`, { endpoints: [{ addresses: ['10.244.0.7'] }] });
    await look();
    servers.broken = undefined;
    await servers.settle(600);
    await look();
    assert.deepEqual(said, [
      'False ServiceNotFound: service/api in "wardle" is not present',
      'False ServicePortError: service/api in "wardle" is not listening on port 443',
      'False EndpointsNotFound: cannot find endpointslices for service/api in "wardle"',
      'False MissingEndpoints: endpointslices for service/api in "wardle" have no addresses with port name ""',
      `False FailedDiscoveryCheck: failing or missing response from https://10.244.0.7:8443${GROUP_PATH}: connect ECONNREFUSED`,
      'True Passed: all checks passed',
    ]);
  });

  it('is looked at again though nothing changes', async () => {
    await servers.serve();
    servers.broken = 'no route';
    await servers.settle(29_000);
    assert.match(await servers.available(), /^True/);
    await servers.settle(2_000);
    assert.match(await servers.available(), /^False FailedDiscoveryCheck/);
  });

  it('keeps the time at which it became what it is', async () => {
    const since = async (): Promise<string> => {
      await servers.settle();
      const path = `/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`;
      return (await servers.api.must(`GET ${path}`)).status.conditions[0].lastTransitionTime;
    };
    await servers.register();
    const missing = await since();
    await servers.settle(5_000);
    await servers.createService();
    assert.equal(await since(), missing);
    await servers.settle(5_000);
    await servers.createSlice();
    assert.notEqual(await since(), missing);
  });

  it('is not written when it stays the same', async () => {
    await servers.serve();
    const path = `GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`;
    const before = await servers.api.must(path);
    await servers.settle(100_000);
    assert.equal(
      (await servers.api.must(path)).metadata.resourceVersion,
      before.metadata.resourceVersion,
    );
  });

  it('refuses a server that does not know us', async () => {
    await servers.createService();
    await servers.createSlice();
    await servers.register({}, 'v2.wardle.example.com');
    await servers.settle();
    assert.match(await servers.available('v2.wardle.example.com'), /bad status from .*: 404$/);
  });

  it('is Local for what becomes local', async () => {
    await servers.register();
    await servers.settle();
    const path = `/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`;
    await servers.api.must(`PATCH ${path}`, { spec: { service: null, caBundle: null } });
    await servers.settle();
    assert.equal(await servers.available(), 'True Local: Local APIServices are always available');
  });
});

describe('requests for a group version of another server', () => {
  it('go to a ready endpoint of its Service, with our certificate, and check its name', async () => {
    await servers.serve();
    servers.backends.length = 0;
    await servers.api.must(`POST ${FLUNDERS}`, { metadata: { name: 'a' } });
    const list = await servers.api.must(`GET ${FLUNDERS}?labelSelector=a%3Db&x`);
    assert.deepEqual(list.items, [{ metadata: { name: 'a' } }]);
    assert.equal(servers.extension.asked.at(-1)?.url, `${FLUNDERS}?labelSelector=a%3Db&x`);
    assert.deepEqual(servers.backends.at(-1), {
      host: '10.244.0.7',
      port: 8443,
      tls: { serverName: 'api.wardle.svc', ca: 'A CA', cert: 'CERT', key: 'KEY' },
    });
  });

  it('are in the name of their user, whatever their headers say', async () => {
    await servers.serve();
    await servers.api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'r' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    });
    await servers.api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'r' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jäne' }],
    });
    await servers.api.must(`GET ${FLUNDERS}`, undefined, {
      headers: {
        'impersonate-user': 'jäne',
        'impersonate-uid': '7',
        'impersonate-group': 'a',
        'impersonate-extra-example.com%2fx': 'y',
        'x-remote-user': 'admin',
        'x-remote-group': 'system:masters',
      },
    });
    assert.deepEqual(servers.extension.asked.at(-1)?.user, {
      name: 'jäne',
      uid: '7',
      groups: ['a', 'system:authenticated'],
      extra: { 'example.com/x': ['y'] },
    });
  });

  it('are authorized by the path that the other server reads', async () => {
    await servers.serve();
    const { api } = servers;
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'flunders' },
      rules: [{ apiGroups: ['*'], resources: ['flunders', '..'], verbs: ['*'] }],
    });
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'flunders' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flunders' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    const as = { name: 'jane', groups: [] };
    const status = async (path: string): Promise<number> =>
      (await api.call(`GET ${GROUP_PATH}${path}`, undefined, { as })).status;
    assert.equal(await status('/namespaces/default/flunders'), 200);
    assert.equal(await status('/namespaces/default%2fsecrets/flunders'), 403);
    assert.equal(await status('/namespaces/default/../flunders'), 404);
    assert.equal(await status('/namespaces/default/%2e%2e/flunders'), 404);
  });

  it('need the right to make them here', async () => {
    await servers.serve();
    const before = servers.extension.asked.length;
    const reply = await servers.api.call(`GET ${FLUNDERS}`, undefined, {
      as: { name: 'jane', groups: [] },
    });
    assert.equal(reply.status, 403);
    assert.equal(servers.extension.asked.length, before);
  });

  it('of a user that no header can name are refused', async () => {
    await servers.serve();
    const reply = await servers.api.call(`GET ${FLUNDERS}`, undefined, {
      as: { name: 'jane\nadmin', groups: ['system:masters'] },
    });
    assert.equal(reply.status, 503);
  });

  it('stream: events of a watch come as they happen', async () => {
    await servers.serve();
    const response = await servers.api.environment.resolve(
      servers.api.server.handler({
        method: 'GET',
        url: `${FLUNDERS}?watch=true`,
        headers: {},
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
    const events: string[] = [];
    assert.equal(response.body?.kind, 'stream');
    if (response.body?.kind !== 'stream') return;
    response.body.start({
      write: (bytes) => events.push(Buffer.from(bytes).toString()) > 0,
      end: () => {},
      abort: () => {},
      onDrain: () => {},
      onClose: () => {},
    });
    assert.deepEqual(events, []);
    await servers.api.must(`POST ${FLUNDERS}`, { metadata: { name: 'b' } });
    assert.deepEqual(events, ['{"type":"ADDED","object":{"metadata":{"name":"b"}}}\n']);
  });

  it('are joined when they are upgraded', async () => {
    await servers.serve();
    const { status, headers, upgrade } = await servers.api.server.handler({
      method: 'GET',
      url: `${FLUNDERS}/a/shell`,
      headers: { connection: 'Upgrade', upgrade: 'shell' },
      peer: { component: { name: 'admin', groups: ['system:masters'] } },
    });
    assert.deepEqual([status, headers['upgrade'], typeof upgrade], [101, 'shell', 'function']);
    assert.equal(servers.extension.asked.at(-1)?.user?.name, 'admin');
  });

  it('are never redirected', async () => {
    await servers.serve();
    const reply = await servers.api.call(`GET ${FLUNDERS}/a/redirect`);
    assert.deepEqual(
      [reply.status, reply.body, reply.headers['location']],
      [502, 'the backend attempted to redirect this request, which is not permitted', undefined],
    );
  });

  it('are answered 503 while the server is not available', async () => {
    await servers.register();
    await servers.settle();
    const reply = await servers.api.call(`GET ${FLUNDERS}`);
    assert.deepEqual([reply.status, reply.body], [503, 'service unavailable\n']);
  });

  it('are answered 503 with the cause when the server breaks', async () => {
    await servers.serve();
    servers.broken = 'connect ECONNREFUSED';
    const reply = await servers.api.call(`GET ${FLUNDERS}`);
    assert.deepEqual(
      [reply.status, reply.body],
      [503, 'error trying to reach service: connect ECONNREFUSED\n'],
    );
  });

  it('are not found when its APIService is gone', async () => {
    await servers.serve();
    await servers.api.must(`DELETE /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`);
    await servers.settle();
    assert.equal((await servers.api.call(`GET ${FLUNDERS}`)).status, 404);
    const before = servers.extension.asked.length;
    await servers.settle(100_000);
    assert.equal(servers.extension.asked.length, before);
  });

  it('may have a body of any size', async () => {
    await servers.serve();
    const { server } = servers.api;
    assert.equal(server.streamsBody({ method: 'POST', url: `${FLUNDERS}?a` }), true);
    assert.equal(server.streamsBody({ method: 'POST', url: '/apis/apps/v1/deployments' }), false);
  });
});

describe('APIServices of our own', () => {
  it('follow custom resources', async () => {
    const { api } = servers;
    const name = 'cats.example.com';
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const schema = { openAPIV3Schema: { type: 'object' } };
    await api.must(`POST ${path}`, {
      metadata: { name },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'cats', kind: 'Cat' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    await servers.settle(6_000);
    assert.match(await servers.available('v1.example.com'), /^True Local/);
    await servers.serve();
    const { groups } = await api.must('GET /apis');
    const listed = groups.map((group: { name: string }) => group.name);
    assert.deepEqual(
      listed.filter((group: string) => group.endsWith('example.com')),
      ['example.com', GROUP],
    );
    await api.must(`DELETE ${path}/${name}`);
    await servers.settle(6_000);
    const apiService = '/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com';
    assert.equal((await api.call(`GET ${apiService}`)).status, 404);
  });

  const all = async (): Promise<Map<string, { spec: object; metadata: { labels: object } }>> => {
    const { items } = await servers.api.must('GET /apis/apiregistration.k8s.io/v1/apiservices');
    return new Map(items.map((item: { metadata: { name: string } }) => [item.metadata.name, item]));
  };

  it('are there from the start, with upstream’s priorities and label', async () => {
    const services = await all();
    assert.deepEqual(services.get('v1.apps')?.spec, {
      group: 'apps',
      version: 'v1',
      groupPriorityMinimum: 17_800,
      versionPriority: 15,
    });
    assert.deepEqual(services.get('v1.')?.spec, {
      version: 'v1',
      groupPriorityMinimum: 18_000,
      versionPriority: 1,
    });
    assert.deepEqual(services.get('v1.apps')?.metadata.labels, {
      'kube-aggregator.kubernetes.io/automanaged': 'onstart',
    });
    assert.equal(services.has('v1.apiregistration.k8s.io'), false);
    assert.equal(
      await servers.available('v1.apps'),
      'True Local: Local APIServices are always available',
    );
  });

  it('are mended and cleaned at the next start, but for what is not ours', async () => {
    const path = '/apis/apiregistration.k8s.io/v1/apiservices';
    const { api } = servers;
    await api.must(`DELETE ${path}/v1.batch`);
    await api.must(`PATCH ${path}/v1.apps`, { spec: { versionPriority: 7 } });
    await api.must(`PATCH ${path}/v1.policy`, {
      metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': null } },
      spec: { versionPriority: 7 },
    });
    await api.must(`POST ${path}`, {
      metadata: {
        name: 'v9.old.example.com',
        labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' },
      },
      spec: {
        group: 'old.example.com',
        version: 'v9',
        groupPriorityMinimum: 1,
        versionPriority: 1,
      },
    });
    const { environment, store } = api;
    await environment.resolve(api.server.stop());
    servers = new AggregatedServers({ environment, store });
    await environment.resolve(servers.api.server.start());
    const services = await all();
    const priority = (name: string): unknown =>
      (services.get(name)?.spec as { versionPriority?: number } | undefined)?.versionPriority;
    assert.deepEqual(['v1.batch', 'v1.apps', 'v1.policy', 'v9.old.example.com'].map(priority), [
      15,
      15,
      7,
      undefined,
    ]);
  });
});

describe('extension-apiserver-authentication', () => {
  it('tells extension servers whom to believe', async () => {
    const { data } = await servers.api.must(
      'GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
    );
    assert.deepEqual(data, {
      'client-ca-file': 'A CA\n',
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-client-ca-file': 'PROXY CA\n',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
  });
});

describe('a front proxy before our server', () => {
  const whoAmI = async (commonName: string, headers: Record<string, string>): Promise<unknown> => {
    const { api } = servers;
    const response = await api.environment.resolve(
      api.server.handler({
        method: 'POST',
        url: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        headers: { 'content-type': 'application/json', ...headers },
        body: Buffer.from('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'),
        peer: { frontProxy: { commonName } },
      }),
    );
    if (response.body?.kind !== 'bytes') throw new Error('no answer');
    return JSON.parse(Buffer.from(response.body.bytes).toString()).status?.userInfo;
  };

  it('speaks for users', async () => {
    const headers = {
      'x-remote-user': 'jane',
      'x-remote-group': 'a, b\nc',
      'x-remote-extra-example.com%2fx': 'y',
    };
    assert.deepEqual(await whoAmI('front-proxy-client', headers), {
      username: 'jane',
      groups: ['a, b', 'c', 'system:authenticated'],
      extra: { 'example.com/x': ['y'] },
    });
  });

  it('is believed only by its name, and says nothing without a user', async () => {
    assert.equal(await whoAmI('somebody', { 'x-remote-user': 'jane' }), undefined);
    assert.equal(
      await whoAmI('front-proxy-client', { 'x-remote-group': 'system:masters' }),
      undefined,
    );
  });
});
