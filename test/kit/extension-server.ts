/**
 * For tests of the aggregation layer: an extension API server with one group and one resource in
 * memory, and a server of ours that it is registered with.
 *
 * It believes front proxies (delegated authentication) by the very ConfigMap that our server
 * publishes.
 */
import type { ByteSink, Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import { TestApiServer } from './api-server.ts';
import type { User } from '#apiserver/context.ts';
import type { Backend } from '#apiserver/proxy/transport.ts';
import { REQUEST_HEADERS, requestHeaderAuthenticator } from '#apiserver/aggregator/identity.ts';

export const GROUP = 'wardle.example.com';
export const GROUP_PATH = `/apis/${GROUP}/v1alpha1`;
const V2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const RESOURCES = [
  {
    name: 'flunders',
    singularName: 'flunder',
    namespaced: true,
    kind: 'Flunder',
    verbs: ['create', 'get', 'list', 'watch'],
  },
];

const DISCOVERY = {
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [
    {
      metadata: { name: GROUP },
      versions: [
        {
          version: 'v1alpha1',
          freshness: 'Current',
          resources: [
            {
              resource: 'flunders',
              responseKind: { group: GROUP, version: 'v1alpha1', kind: 'Flunder' },
              scope: 'Namespaced',
              singularResource: 'flunder',
              verbs: ['create', 'get', 'list', 'watch'],
            },
          ],
        },
      ],
    },
  ],
};

const SCHEMA = { type: 'object', properties: { spec: { type: 'string' } } };

export class ExtensionServer {
  /** Who asked what. */
  readonly asked: { readonly user: User | undefined; readonly url: string }[] = [];
  /** Of each request, what its audit event is to be known by. */
  readonly auditIds: (string | undefined)[] = [];
  /** Without it the server knows discovery in the old form alone. */
  aggregatedDiscovery = true;
  resources: readonly object[] = RESOURCES;
  readonly #objects: object[] = [];
  readonly #watchers: ByteSink[] = [];
  readonly #authenticate = requestHeaderAuthenticator(REQUEST_HEADERS);

  readonly handler: Handler = async (request) => {
    const user = await this.#authenticate(request, () => {});
    this.asked.push({ user, url: request.url });
    this.auditIds.push(request.headers['audit-id']);
    if (user === undefined) return json(401, { kind: 'Status', code: 401 });
    return this.#answer(request, new URL(request.url, 'https://extension'));
  };

  #answer(request: HttpRequest, { pathname, searchParams }: URL): HttpResponse {
    if (pathname === '/apis') return this.#groups(request);
    if (pathname === GROUP_PATH)
      return json(200, {
        kind: 'APIResourceList',
        groupVersion: `${GROUP}/v1alpha1`,
        resources: this.resources,
      });
    if (pathname.startsWith('/openapi')) return openApi(request, pathname);
    if (pathname.endsWith('/redirect'))
      return { status: 302, headers: { location: 'https://elsewhere.example.com/' } };
    if (pathname.endsWith('/shell') && request.headers['upgrade'] !== undefined)
      return {
        status: 101,
        headers: { upgrade: 'shell', connection: 'Upgrade' },
        upgrade: (socket) => socket.pipe(socket),
      };
    if (!pathname.endsWith('/flunders')) return json(404, { kind: 'Status', code: 404 });
    if (request.method === 'POST') return this.#create(request);
    if (searchParams.get('watch') === 'true') return this.#watch();
    return json(200, { kind: 'FlunderList', items: this.#objects });
  }

  #groups(request: HttpRequest): HttpResponse {
    if (!this.aggregatedDiscovery || !(request.headers['accept'] ?? '').includes('as=APIGroupDis'))
      return json(200, { kind: 'APIGroupList', groups: [] });
    if (request.headers['if-none-match'] === '"1"') return { status: 304, headers: {} };
    const answer = json(200, DISCOVERY);
    return { ...answer, headers: { ...answer.headers, 'content-type': V2, etag: '"1"' } };
  }

  #create(request: HttpRequest): HttpResponse {
    const object = JSON.parse(Buffer.from(request.body ?? '').toString()) as object;
    this.#objects.push(object);
    for (const watcher of this.#watchers)
      watcher.write(Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`));
    return json(201, object);
  }

  #watch(): HttpResponse {
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: { kind: 'stream', start: (sink) => void this.#watchers.push(sink) },
    };
  }
}

function openApi(request: HttpRequest, path: string): HttpResponse {
  const info = { title: 'wardle', version: 'v0' };
  if (path === '/openapi/v3')
    return json(200, {
      paths: {
        [GROUP_PATH.slice(1)]: { serverRelativeURL: `/openapi/v3${GROUP_PATH}?hash=AB` },
        version: { serverRelativeURL: '/openapi/v3/version?hash=CD' },
      },
    });
  if (path === `/openapi/v3${GROUP_PATH}`)
    return json(200, { openapi: '3.0.0', info, hash: new URL(request.url, 'https://x').search });
  const flunder = 'com.example.wardle.Flunder';
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
  return json(200, {
    swagger: '2.0',
    info,
    paths: {
      [`${GROUP_PATH}/flunders`]: {
        get: { responses: { 200: { schema: { $ref: `#/definitions/${flunder}` } } } },
      },
      '/apis/apps/v1/stolen': { get: {} },
    },
    definitions: {
      [flunder]: {
        ...SCHEMA,
        properties: { ...SCHEMA.properties, metadata: { $ref: `#/definitions/${meta}` } },
      },
      [meta]: { type: 'object', description: 'not ours' },
      unused: { type: 'string' },
    },
  });
}

function json(status: number, value: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(value)) },
  };
}

export const SERVICE_PATH = '/api/v1/namespaces/wardle';

/** A server of ours and an extension server behind a Service; what the road shows is recorded. */
export class AggregatedServers {
  readonly extension = new ExtensionServer();
  readonly backends: Backend[] = [];
  /** What the road to the extension server says instead of an answer. */
  broken: string | undefined;
  readonly api: TestApiServer;

  constructor(api?: ConstructorParameters<typeof TestApiServer>[0]) {
    this.api = new TestApiServer({
      frontProxy: { certificate: 'CERT', key: 'KEY', authority: 'PROXY CA\n' },
      backends: {
        to: (backend) => async (request) => {
          this.backends.push(backend);
          if (this.broken !== undefined) throw new Error(this.broken);
          const { cert } = backend.tls ?? {};
          const peer = cert === 'CERT' ? { frontProxy: { commonName: 'front-proxy-client' } } : {};
          return this.extension.handler({ ...request, peer });
        },
      },
      ...api,
    });
  }

  static async start(
    options?: ConstructorParameters<typeof TestApiServer>[0],
  ): Promise<AggregatedServers> {
    const servers = new AggregatedServers(options);
    const { api } = servers;
    await api.environment.resolve(api.server.start());
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'wardle' } });
    return servers;
  }

  register(over: object = {}, name = `v1alpha1.${GROUP}`): Promise<unknown> {
    const [version, ...group] = name.split('.');
    return this.api.must('POST /apis/apiregistration.k8s.io/v1/apiservices', {
      metadata: { name },
      spec: {
        group: group.join('.'),
        version,
        groupPriorityMinimum: 1000,
        versionPriority: 15,
        caBundle: Buffer.from('A CA').toString('base64'),
        service: { namespace: 'wardle', name: 'api' },
        ...over,
      },
    });
  }

  createService(ports: object[] = [{ port: 443, targetPort: 8443 }]): Promise<unknown> {
    return this.api.must(`POST ${SERVICE_PATH}/services`, {
      metadata: { name: 'api' },
      spec: { ports },
    });
  }

  createSlice(over: object = {}): Promise<unknown> {
    return this.api.must('POST /apis/discovery.k8s.io/v1/namespaces/wardle/endpointslices', {
      metadata: { name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.0.7'] }],
      ports: [{ name: '', port: 8443 }],
      ...over,
    });
  }

  /** Service, slice and APIService, checked. */
  async serve(): Promise<void> {
    await this.createService();
    await this.createSlice();
    await this.register();
    await this.settle();
  }

  /** Runs what is under way, and no timer that waits for long. */
  settle(ms = 1): Promise<void> {
    return this.api.environment.advance(ms);
  }

  async available(name = `v1alpha1.${GROUP}`): Promise<string> {
    const { status } = await this.api.must(
      `GET /apis/apiregistration.k8s.io/v1/apiservices/${name}`,
    );
    const [condition] = status.conditions ?? [];
    return condition === undefined
      ? ''
      : `${condition.status} ${condition.reason}: ${condition.message}`;
  }
}
