/**
 * Who shows no identity reaches health and the version, and nothing else: asked for every path that
 * there is, with every method, without credentials and with ones that are none.
 *
 * The paths are those of the server's own lists (`/`, discovery, OpenAPI), and every text in the
 * source that looks like one: a new path is asked for without being named here.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { explainerOn } from '#cli/explainer.ts';
import { componentPages } from '#cli/component/pages.ts';
import { PageAccess } from '#cli/component/access.ts';
import { servingFlags } from '#cli/component/serving.ts';
import { configOf } from '#cli/proxy/config.ts';
import { joinRoles } from '#cli/join-roles.ts';
import type { Client } from '#client/client.ts';
import { type HttpRequest, readBody } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { AggregatedServers, GROUP_PATH } from '#kit/extension-server.ts';
import { startHttpsApiServer } from '#kit/https-api-server.ts';
import { StatsWorld } from '#kit/kubelet/stats-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { testPki } from '../../src/edge/test-kit.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'WATCH'];
const BAD_TOKEN = { authorization: 'Bearer nobody' };
/** Upstream's role `system:public-info-viewer`. */
const OPEN = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const DUMPS = '/debug/api_priority_and_fairness';
const DEBUG = [
  ...['priority_levels', 'queues', 'requests'].map((what) => `${DUMPS}/dump_${what}`),
  '/debug/pprof/',
  '/debug/pprof/profile',
  '/debug/flags/v',
  '/logs/',
  '/logs/x',
];
const KUBELET_PATHS = [
  '/pods',
  '/runningpods/',
  '/healthz',
  '/stats/summary',
  '/metrics/cadvisor',
  '/exec/n/p/c',
  '/run/n/p/c',
  '/attach/n/p/c',
  '/portForward/n/p',
  '/containerLogs/n/p/c',
];
const CUSTOM = {
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    names: { plural: 'crontabs', kind: 'CronTab' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object' } },
      },
    ],
  },
};

interface ApiResource {
  readonly name: string;
  readonly namespaced: boolean;
}

/** Every text in the files of `folder` that looks like a path of a page. */
function pathsIn(folder: string): string[] {
  const found = new Set<string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    for (const [, path = ''] of text.matchAll(/'(\/[a-z.][\w./-]*)'/g)) found.add(path);
  }
  return [...found];
}

const environment = new VirtualEnvironment();
const servers: AggregatedServers = new AggregatedServers({
  environment,
  explain: explainerOn((request) => servers.api.server.handler(request), environment),
});
const { api } = servers;

async function ask(request: HttpRequest): Promise<{ status: number; text: string }> {
  const { status, body } = await api.environment.resolve(api.server.handler(request));
  // A stream would be a watch, which nobody may have.
  const text = body?.kind === 'stream' ? 'a stream' : Buffer.from(await readBody(body)).toString();
  return { status, text };
}

/** Paths of one group version, by its discovery: collections, objects, and what is below these. */
async function pathsOf(root: string): Promise<string[]> {
  const { resources } = (await api.must(`GET ${root}`)) as { resources: ApiResource[] };
  return resources.flatMap(({ name, namespaced }) => {
    const [resource = '', ...sub] = name.split('/');
    const places = namespaced ? [root, `${root}/namespaces/default`] : [root];
    const names = ['kubernetes', 'system:masters'];
    return places.flatMap((place) => [
      ...(sub.length === 0 ? [`${place}/${resource}`, `${place}/watch/${resource}`] : []),
      ...names.map((each) => [place, resource, each, ...sub].join('/')),
    ]);
  });
}

async function allPaths(): Promise<string[]> {
  const { paths } = (await api.must('GET /')) as { paths: string[] };
  const roots = paths.filter((path) => /^\/api\/[^/]+$|^\/apis\/[^/]+\/[^/]+$/.test(path));
  const { paths: schemas } = (await api.must('GET /openapi/v3')) as { paths: object };
  const found = new Set([
    ...paths,
    ...DEBUG,
    ...pathsIn('src/apiserver').filter((path) => !path.includes('..')),
    ...Object.keys(schemas).map((path) => `/openapi/v3/${path}`),
  ]);
  for (const root of new Set([...roots, GROUP_PATH]))
    for (const path of await pathsOf(root)) found.add(path);
  return [...found];
}

describe('the API server', () => {
  let paths: string[] = [];

  before(async () => {
    await api.environment.resolve(api.server.start());
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'wardle' } });
    await servers.serve();
    await api.must('POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', CUSTOM);
    await servers.settle(1_000);
    paths = await allPaths();
  });

  it('has the paths that this test means', () => {
    const some = [
      '/metrics',
      '/flagz',
      '/openid/v1/jwks',
      '/api/v1/namespaces/default/pods/kubernetes/exec',
      '/apis/stable.example.com/v1/crontabs',
      `${GROUP_PATH}/namespaces/default/flunders`,
    ];
    assert.deepEqual(
      some.filter((path) => !paths.includes(path)),
      [],
    );
  });

  it('answers nobody with content but for health and version', async () => {
    const answered: string[] = [];
    for (const path of paths)
      for (const method of METHODS) {
        const { status } = await ask({ method, url: path, headers: {}, peer: {} });
        if (status !== 403 && status !== 401) answered.push(`${method} ${path} ${status}`);
      }
    const open = OPEN.filter((path) => paths.includes(path));
    const isOpen = (each: string): boolean =>
      open.some((path) => each.startsWith(`GET ${path} `) || each.startsWith(`HEAD ${path} `));
    assert.deepEqual(
      answered.filter((each) => !isOpen(each)),
      [],
    );
    for (const path of open) assert.ok(answered.includes(`GET ${path} 200`), path);
  });

  it('answers a token that is none with 401, whatever it asks for', async () => {
    const others: string[] = [];
    for (const path of paths)
      for (const method of ['GET', 'POST', 'DELETE']) {
        const { status } = await ask({ method, url: path, headers: BAD_TOKEN, peer: {} });
        if (status !== 401) others.push(`${method} ${path} ${status}`);
      }
    assert.deepEqual(others, []);
  });

  it('opens no watch, no proxy and no history to nobody', async () => {
    const pod = '/api/v1/namespaces/default/pods/x';
    const urls = [
      '/api/v1/secrets?watch=1',
      '/api/v1/namespaces/default/secrets?watch=true&sendInitialEvents=true',
      `${pod}/proxy/healthz`,
      `${pod}/log?follow=true`,
      `${pod}/exec?command=id`,
      '/api/v1/nodes/n/proxy/version',
      '/apis/why.coxswain.dev/v1alpha1/api/v1/namespaces/default/pods/x',
      '/apis/history.coxswain.dev/v1alpha1/api/v1/namespaces/default/pods/x',
      '//version',
      '/version/../metrics',
      '/healthz/../metrics',
      '/healthz/etcd',
      '/healthz?verbose',
    ];
    const statuses = new Map<string, number>();
    for (const url of urls)
      statuses.set(url, (await ask({ method: 'GET', url, headers: {}, peer: {} })).status);
    assert.deepEqual(
      [...statuses].filter(([url, status]) => status !== 403 && url !== '/healthz?verbose'),
      [],
    );
  });

  it('opens with a binding what the binding says: the issuer, kube-public/cluster-info', async () => {
    const url = '/openid/v1/jwks';
    const nobody = { method: 'GET', headers: {}, peer: {} };
    const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
    const statuses = async (): Promise<number[]> => [
      (await ask({ ...nobody, url })).status,
      (await ask({ ...nobody, url: info })).status,
      (await ask({ ...nobody, url: '/api/v1/namespaces/kube-public/configmaps/other' })).status,
      (await ask({ ...nobody, url: '/api/v1/namespaces/kube-public/configmaps' })).status,
    ];
    await api.must('POST /api/v1/namespaces/kube-public/configmaps', {
      metadata: { name: 'cluster-info' },
    });
    assert.deepEqual(await statuses(), [403, 403, 403, 403]);
    const groups = '/apis/rbac.authorization.k8s.io/v1';
    await api.must(`POST ${groups}/clusterrolebindings`, {
      metadata: { name: 'issuer' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:service-account-issuer-discovery',
      },
      subjects: [
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' },
      ],
    });
    for (const object of joinRoles()) {
      const { kind, metadata } = object;
      const place = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
      await api.must(`POST ${groups}${place}/${kind.toLowerCase()}s`, object);
    }
    assert.deepEqual(await statuses(), [200, 200, 403, 403]);
  });
});

describe('the API server, on its socket', () => {
  let port = 0;
  let stop = async (): Promise<void> => {};

  before(async () => {
    const server = await startHttpsApiServer();
    ({ port } = server);
    stop = () => server.stop();
  });
  after(() => stop());

  it('takes a certificate of somebody else for none', async () => {
    const { cert, key } = testPki().client({
      commonName: 'admin',
      organizations: ['system:masters'],
    });
    const socket = connectTls({ port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
    socket.write('GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.match(answer, /system:anonymous/);
  });
});

describe("the kubelet's server", () => {
  it('answers nobody, on any path, with any method', async () => {
    const world = new StatsWorld({ version: 2, mount: '/cg' });
    const server = world.server();
    const paths = [...pathsIn('src/kubelet/server'), ...KUBELET_PATHS, ...DEBUG];
    assert.equal((await server('/healthz')).status, 200);
    const answered: string[] = [];
    for (const path of paths)
      for (const method of METHODS)
        for (const headers of [{}, BAD_TOKEN]) {
          const { status } = await server(path, { method, name: '', headers });
          if (status !== 401 && status !== 405) answered.push(`${method} ${path} ${status}`);
        }
    assert.deepEqual(answered, []);
  });
});

describe('the pages of scheduler and controller manager', () => {
  it('are health for everybody, and nothing else', async () => {
    const client = {
      create: async () => ({ status: { authenticated: false, allowed: false } }),
    } as unknown as Client;
    const pages = componentPages({
      environment,
      access: new PageAccess({
        client,
        clock: environment.clock,
        always: servingFlags('1')['authorization-always-allow-paths'].fallback.split(','),
        requestHeaders: {
          allowedNames: [],
          usernameHeaders: ['x-remote-user'],
          uidHeaders: [],
          groupHeaders: ['x-remote-group'],
          extraHeaderPrefixes: [],
        },
      }),
      metrics: new MetricRegistry(),
      checks: new Map(),
      readyChecks: new Map(),
      name: 'kube-scheduler',
      flags: new Map(),
      config: {},
    });
    const paths = [...pathsIn('src/cli/component'), ...pathsIn('src/apiserver'), ...DEBUG];
    const answered = new Set<string>();
    const forged = { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' };
    for (const url of paths)
      for (const method of METHODS)
        for (const headers of [{}, BAD_TOKEN, forged]) {
          const { status } = await pages({ method, url, headers, peer: {} });
          if (status < 400) answered.add(url);
        }
    assert.deepEqual(answered, new Set(['/healthz', '/livez', '/readyz']));
  });
});

describe('the pages of the proxy', () => {
  it('are on loopback, but for health', () => {
    const { metricsBindAddress, healthzBindAddress } = configOf({});
    assert.deepEqual(
      [metricsBindAddress, healthzBindAddress],
      ['127.0.0.1:10249', '0.0.0.0:10256'],
    );
  });
});
