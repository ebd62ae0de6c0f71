import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import { type Reply, TestApiServer } from '#kit/api-server.ts';
import type { Backend } from './transport.ts';

const NS = '/api/v1/namespaces/shop';
let api: TestApiServer;
let asked: (Partial<Backend> & Partial<HttpRequest>)[] = [];
let answer: (request: HttpRequest) => HttpResponse;

const page = (text: string, headers: object = {}): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8', 'content-length': '999', ...headers },
  body: { kind: 'bytes', bytes: Buffer.from(text) },
});

async function makePod(name: string, ips: string[], spec: object = {}): Promise<void> {
  const ports = [{ containerPort: 8080, name: 'http' }];
  await api.must(`POST ${NS}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: 'a', image: 'x', ports }], ...spec },
  });
  await api.must(`PATCH ${NS}/pods/${name}/status`, {
    status: { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) },
  });
}

async function makeSlice(name: string, endpoints: object[], ports: object[]): Promise<void> {
  await api.must('POST /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', {
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints,
    ports,
  });
}

const endpoint = (ip: string, pod: string, namespace = 'shop', ready = true): object => ({
  addresses: [ip],
  conditions: { ready },
  targetRef: { kind: 'Pod', name: pod, namespace },
});

before(async () => {
  api = await TestApiServer.start({
    backends: {
      to: (backend) => async (request) => {
        asked.push({ ...backend, ...request });
        return answer(request);
      },
    },
    kubelets: {
      to: (node) => async (request) => {
        asked.push({ host: `kubelet of ${node.metadata?.name}`, ...request });
        return answer(request);
      },
    },
  });
  await api.must('POST /api/v1/namespaces', { metadata: { name: 'shop' } });
  await api.must(`POST ${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  await makePod('web', ['10.244.0.7']);
  await makePod('away', ['169.254.169.254']);
  await makePod('inside', ['127.0.0.1']);
  await makePod('service', ['10.96.0.1']);
});

beforeEach(() => {
  asked = [];
  answer = () => ({ status: 200, headers: {} });
});

/** `host:port METHOD url` of what the backend was asked. */
const targets = (): string[] =>
  asked.map(
    ({ host, port, tls, method, url }) =>
      `${tls === undefined ? '' : 'https:'}${host}${port === undefined ? '' : `:${port}`} ${method} ${url}`,
  );

describe('pods/proxy', () => {
  const cases: readonly (readonly [string, string])[] = [
    [`GET ${NS}/pods/web/proxy/`, '10.244.0.7:8080 GET /'],
    [`POST ${NS}/pods/web/proxy`, '10.244.0.7:8080 POST /'],
    [`GET ${NS}/pods/web:81/proxy/a/b?x=1&y`, '10.244.0.7:81 GET /a/b?x=1&y'],
    [`PUT ${NS}/pods/http:web:81/proxy/a//b/`, '10.244.0.7:81 PUT /a/b/'],
    [`OPTIONS ${NS}/pods/https:web:/proxy/a`, 'https:10.244.0.7:8080 OPTIONS /a'],
    [`HEAD ${NS}/pods/https:web:443/proxy/a%20b/%C3%BC`, 'https:10.244.0.7:443 HEAD /a%20b/%C3%BC'],
    [`DELETE ${NS}/pods/web/proxy/%2e%2e/..%2f..%2fx`, '10.244.0.7:8080 DELETE /x'],
    [`PATCH ${NS}/pods/web/proxy/a?path=b`, '10.244.0.7:8080 PATCH /a?path=b'],
  ];
  for (const [request, wanted] of cases) {
    it(`${request} asks ${wanted}`, async () => {
      assert.equal((await api.call(request)).status, 200);
      assert.deepEqual(targets(), [wanted]);
    });
  }

  it('sends a reader of the bare name to where relative links work', async () => {
    const { status, headers } = await api.call(`GET ${NS}/pods/web/proxy?x=1`);
    assert.deepEqual(
      [status, headers['location'], asked.length],
      [301, `${NS}/pods/web/proxy/?x=1`, 0],
    );
  });

  it('says who asks only as far as a backend may know', async () => {
    await api.call(
      `POST ${NS}/pods/web/proxy/a/`,
      { some: 'body' },
      {
        headers: {
          host: 'localhost:8001',
          authorization: 'Basic x',
          'x-remote-user': 'admin',
          'x-remote-extra-a': 'b',
          'keep-alive': '5',
          connection: 'x-hop',
          'x-hop': '1',
          'x-own': '2',
        },
      },
    );
    const { 'user-agent': _, accept: __, ...headers } = asked[0]?.headers ?? {};
    assert.deepEqual(headers, {
      'content-type': 'application/json',
      host: 'localhost:8001',
      'x-own': '2',
      'x-forwarded-uri': `${NS}/pods/web/proxy/a/`,
    });
    assert.deepEqual(JSON.parse(Buffer.from(asked[0]?.body ?? '').toString()), { some: 'body' });
  });

  it('rewrites the URLs of a page, and leaves out its length and who else may read it', async () => {
    answer = () => page('<a href="/x">', { 'access-control-allow-origin': '*', 'x-a': '1' });
    const { body, headers } = await api.call(`GET ${NS}/pods/web/proxy/`);
    assert.equal(body, `<a href="${NS}/pods/web/proxy/x">`);
    assert.equal(headers['x-a'], '1');
    assert.equal(headers['content-length'], undefined);
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  it('hands a redirect to the client, rewritten, and does not follow it', async () => {
    const location = async (to: string): Promise<[number, string | undefined]> => {
      answer = () => ({ status: 302, headers: { location: to } });
      const { status, headers } = await api.call(`GET ${NS}/pods/web/proxy/`);
      return [status, headers['location']];
    };
    assert.deepEqual(await location('/login'), [302, `${NS}/pods/web/proxy/login`]);
    assert.deepEqual(await location('http://169.254.169.254/x'), [302, 'http://169.254.169.254/x']);
    assert.equal(asked.length, 2);
  });

  it('keeps what a backend says about caches', async () => {
    answer = () => page('x', { 'cache-control': 'max-age=5' });
    const { headers } = await api.call(`GET ${NS}/pods/web/proxy/`);
    assert.equal(headers['cache-control'], 'max-age=5');
  });

  const refusals: readonly (readonly [string, string])[] = [
    ['pods/none/proxy/', '404 pods "none" not found'],
    ['pods/away:80/proxy/latest/meta-data', '400 address not allowed'],
    ['pods/inside:6443/proxy/', '400 address not allowed'],
    ['pods/service:443/proxy/', '400 address not allowed'],
    ['pods/ftp:web:80/proxy/', '400 invalid pod request "ftp:web:80"'],
    ['pods/a:b:c:d/proxy/', '400 invalid pod request "a:b:c:d"'],
    ['pods/web:0/proxy/', '400 invalid pod request "web:0"'],
    ['pods/web/proxy/?dryRun=All', '400 dryRun is not supported'],
  ];
  for (const [path, wanted] of refusals) {
    it(`refuses ${path}`, async () => {
      assert.equal(await api.refusal(`GET ${NS}/${path}`), wanted);
      assert.deepEqual(asked, []);
    });
  }

  it('tells when the pod does not answer', async () => {
    answer = () => {
      throw new Error('connect ECONNREFUSED');
    };
    const reply = await api.call(`GET ${NS}/pods/web/proxy/`);
    assert.deepEqual(
      [reply.status, reply.body.reason, reply.body.message],
      [503, 'ServiceUnavailable', 'error trying to reach service: connect ECONNREFUSED'],
    );
  });

  it('asks for the verb of the method on pods/proxy', async () => {
    const as = { name: 'jane', groups: [] };
    const verb = async (method: string): Promise<Reply> =>
      api.call(`${method} ${NS}/pods/web/proxy/`, undefined, { as });
    const message = (word: string): string =>
      `pods "web" is forbidden: User "jane" cannot ${word} resource "pods/proxy" in API group "" in the namespace "shop"`;
    for (const [method, word] of [
      ['GET', 'get'],
      ['HEAD', 'get'],
      ['POST', 'create'],
      ['PUT', 'update'],
      ['PATCH', 'patch'],
      ['DELETE', 'delete'],
    ] as const)
      assert.equal((await verb(method)).body.message, message(word));
    assert.equal((await verb('OPTIONS')).status, 403);
    assert.deepEqual(asked, []);
  });

  it('joins an upgraded connection, and passes on a refusal to upgrade', async () => {
    const send = (): Promise<HttpResponse> =>
      api.server.handler({
        method: 'GET',
        url: `${NS}/pods/web/proxy/ws`,
        headers: {
          connection: 'keep-alive, Upgrade',
          upgrade: 'websocket',
          'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.c2VjcmV0, chat',
        },
        peer: { component: { name: 'admin', groups: ['system:masters'] }, address: '10.0.0.9' },
      });
    const joined: unknown[] = [];
    answer = () => ({
      status: 101,
      headers: { upgrade: 'websocket', connection: 'Upgrade' },
      upgrade: (socket) => joined.push(socket),
    });
    const reply = await send();
    reply.upgrade?.('the socket' as never, new Uint8Array());
    assert.deepEqual(
      [reply.status, reply.headers['upgrade'], joined],
      [101, 'websocket', ['the socket']],
    );
    assert.deepEqual(asked[0]?.headers, {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-protocol': 'chat',
      'x-forwarded-for': '10.0.0.9',
    });
    answer = () => ({ status: 403, headers: {} });
    assert.equal((await send()).status, 403);
    answer = () => ({ status: 200, headers: {} });
    assert.equal((await send()).status, 500);
  });
});

describe('services/proxy', () => {
  const service = (name: string): Promise<object> =>
    api.must(`POST ${NS}/services`, {
      metadata: { name },
      spec: { selector: { app: name }, ports: [{ name: 'web', port: 80, targetPort: 'http' }] },
    });

  before(async () => {
    for (const name of ['shop', 'empty', 'unready', 'foreign', 'lying']) await service(name);
    const ports = [{ name: 'web', port: 8080 }];
    await makeSlice('shop', [endpoint('10.244.0.9', 'gone'), endpoint('10.244.0.7', 'web')], ports);
    await makeSlice('unready', [endpoint('10.244.0.7', 'web', 'shop', false)], ports);
    await makeSlice('foreign', [endpoint('10.244.0.7', 'web', 'other')], ports);
    await makeSlice('lying', [endpoint('10.244.0.99', 'web')], ports);
  });

  it('speaks to a ready pod, by number or name of the port', async () => {
    await api.must(`GET ${NS}/services/shop:80/proxy/a`);
    await api.must(`GET ${NS}/services/https:shop:web/proxy/a`);
    assert.deepEqual(targets(), ['10.244.0.7:8080 GET /a', 'https:10.244.0.7:8080 GET /a']);
  });

  const refusals: readonly (readonly [string, string])[] = [
    ['none', '404 endpoints "none" not found'],
    ['none:80', '404 services "none" not found'],
    ['shop:81', '503 no service port 81 found for service "shop"'],
    ['shop', '503 no endpoints available for service "shop"'],
    ['shop:other', '503 no endpoints available for service "shop:other"'],
    ['empty:80', '503 no endpoints available for service "empty"'],
    ['unready:80', '503 no endpoints available for service "unready:80"'],
    ['lying:80', '503 no endpoints available for service "lying:80"'],
    ['foreign:80', '503 no endpoints available for service "foreign:80"'],
    ['ftp:shop:80', '400 invalid service request "ftp:shop:80"'],
  ];
  for (const [id, wanted] of refusals) {
    it(`refuses ${id}`, async () => {
      assert.equal(await api.refusal(`GET ${NS}/services/${id}/proxy/`), wanted);
      assert.deepEqual(asked, []);
    });
  }
});

describe('nodes/proxy', () => {
  const node = async (name: string, address: string): Promise<void> => {
    await api.must('POST /api/v1/nodes', { metadata: { name } });
    await api.must(`PATCH /api/v1/nodes/${name}/status`, {
      status: {
        addresses: [{ type: 'InternalIP', address }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      },
    });
  };
  before(async () => {
    await node('n1', '192.168.0.7');
    await node('own', '10.0.0.1');
    await node('loop', '127.0.0.1');
  });

  it('speaks to the kubelet as the API server', async () => {
    await api.must('GET /api/v1/nodes/n1/proxy/healthz');
    await api.must('GET /api/v1/nodes/n1:10250/proxy/logs/');
    await api.must('GET /api/v1/nodes/own/proxy/healthz');
    assert.deepEqual(targets(), [
      'kubelet of n1 GET /healthz',
      'kubelet of n1 GET /logs/',
      'kubelet of own GET /healthz',
    ]);
  });

  it('speaks to other ports as nobody', async () => {
    await api.must('GET /api/v1/nodes/https:n1:9100/proxy/metrics');
    assert.deepEqual(targets(), ['https:192.168.0.7:9100 GET /metrics']);
  });

  it("refuses the control plane's own ports, and nodes that are nowhere", async () => {
    for (const id of ['own:6443', 'own:2379', 'loop', 'loop:80'])
      assert.equal(await api.refusal(`GET /api/v1/nodes/${id}/proxy/`), '400 address not allowed');
    assert.equal(await api.refusal('GET /api/v1/nodes/n9/proxy/'), '404 nodes "n9" not found');
    assert.deepEqual(asked, []);
  });

  it('has its pages rewritten to a path without a namespace', async () => {
    answer = () => page('<a href="/x">');
    assert.equal(
      (await api.call('GET /api/v1/nodes/n1/proxy/logs/')).body,
      '<a href="/api/v1/nodes/n1/proxy/x">',
    );
  });
});
