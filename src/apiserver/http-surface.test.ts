import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeEnvelope } from '#api/codec/protobuf.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import { TestApiServer } from '../../test/kit/api-server.ts';

const ADMIN = { component: { name: 'admin', groups: ['system:masters'] } };
const NO_METHOD = 'the server does not allow this method on the requested resource';
const NO_RESOURCE = 'the server could not find the requested resource';

let server: TestApiServer;
before(async () => {
  server = await TestApiServer.start({ flags: new Map([['bind-address', '0.0.0.0']]) });
});
after(() => server.server.stop());

interface Answer {
  readonly response: HttpResponse;
  readonly text: string;
  readonly bytes: Uint8Array;
}

async function ask(request: string, headers: Record<string, string> = {}): Promise<Answer> {
  const [method = '', url = ''] = request.split(' ');
  const all = { accept: 'application/json', ...headers };
  const body = method === 'GET' || method === 'HEAD' ? {} : { body: Buffer.from('{}') };
  const response = await server.environment.resolve(
    server.server.handler({ method, url, headers: all, peer: ADMIN, ...body }),
  );
  const bytes = await readBody(response.body);
  return { response, bytes, text: Buffer.from(bytes).toString() };
}

async function status(request: string, headers: Record<string, string> = {}): Promise<string> {
  const { response, text } = await ask(request, headers);
  const message = text.startsWith('{') ? (JSON.parse(text) as { message?: string }).message : text;
  return `${response.status} ${message ?? ''}`.trimEnd();
}

describe('what has no route', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['GET /nothing', '404 404 page not found'],
    ['GET /apis/nothing/v1/foos', '404 404 page not found'],
    ['GET //api/v1/pods', '404 404 page not found'],
    ['GET /apis/apps/v9/deployments', `404 ${NO_RESOURCE}`],
    ['GET /apis/apps/v9', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/nothing', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/pods/x', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/bindings', `404 ${NO_RESOURCE}`],
    ['GET /api/v1//pods', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/namespaces/default/nodes', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/namespaces/default/pods/x/nothing', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/namespaces/default/configmaps/x/status', `404 ${NO_RESOURCE}`],
    ['GET /api/v1/namespaces/default/pods/x/status/y', `404 ${NO_RESOURCE}`],
    ['PUT /api/v1/pods', `405 ${NO_METHOD}`],
    ['POST /api/v1/pods', `405 ${NO_METHOD}`],
    ['POST /api/v1/namespaces/default/pods/x', `405 ${NO_METHOD}`],
    ['DELETE /api/v1/namespaces/default/pods/x/status', `405 ${NO_METHOD}`],
    ['DELETE /api/v1/namespaces/default/pods/x/exec', `405 ${NO_METHOD}`],
    ['HEAD /api/v1/pods', `405 ${NO_METHOD}`],
    ['OPTIONS /api/v1/pods', `405 ${NO_METHOD}`],
    ['POST /version', `405 ${NO_METHOD}`],
    ['DELETE /api/v1', `405 ${NO_METHOD}`],
    ['PATCH /api/v1/namespaces/default/configmaps/x', '415 415: Unsupported Media Type'],
  ];
  for (const [request, want] of cases) {
    test(`${request} is ${want}`, async () => {
      const type = { 'content-type': 'application/json' };
      assert.equal(await status(request, type), want);
    });
  }

  test('the index names what there is, and that is there', async () => {
    const { paths } = JSON.parse((await ask('GET /')).text) as { paths: string[] };
    assert.deepEqual(paths, paths.toSorted());
    for (const path of paths) {
      const { response } = await ask(`GET ${path}`, { accept: '*/*' });
      assert.equal(response.status, 200, path);
    }
  });
});

describe('errors', () => {
  const missing = 'GET /api/v1/namespaces/default/pods/x';

  test('have their fields in upstream’s order', async () => {
    assert.equal(
      (await ask(missing)).text,
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \\"x\\" not found","reason":"NotFound","details":{"name":"x","kind":"pods"},"code":404}\n',
    );
  });

  test('come in the form that the client takes', async () => {
    const yaml = await ask(missing, { accept: 'application/yaml' });
    assert.match(yaml.text, /^apiVersion: v1\ncode: 404\n/);
    const binary = await ask(missing, { accept: 'application/vnd.kubernetes.protobuf' });
    assert.equal(decodeEnvelope(binary.bytes)?.kind, 'Status');
    const pretty = await ask(missing, { 'user-agent': 'curl/8' });
    assert.match(pretty.text, /^\{\n {2}"kind": "Status",\n/);
    assert.ok(pretty.text.endsWith('}\n'));
  });

  test('come as indented JSON to who takes no form that there is', async () => {
    const { response, text } = await ask(missing, { accept: 'text/html' });
    assert.equal(response.status, 406);
    assert.match(text, /^\{\n {2}"kind": "Status",\n/);
    assert.ok(text.endsWith('}'));
  });

  test('a body of another kind is told so in upstream’s words', async () => {
    const server2 = server;
    const post = (body: object) => server2.call('POST /api/v1/namespaces/default/configmaps', body);
    const messages = await Promise.all(
      [
        { kind: 'Pod', apiVersion: 'v1' },
        { kind: 'Nothing', apiVersion: 'v1' },
        { kind: 'Foo', apiVersion: 'a/b/c' },
      ].map(async (body) => (await post(body)).body.message as string),
    );
    assert.deepEqual(messages, [
      'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
      'Nothing in version "v1" cannot be handled as a ConfigMap: no kind "Nothing" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
      'the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({"kind":"Foo","apiVersion":"a/ ...)',
    ]);
  });

  test('a timeout that is none is a bad request', async () => {
    assert.equal(
      await status('GET /api/v1/pods?timeout=x'),
      '400 invalid timeout specified in the request URL - time: invalid duration "x"',
    );
    assert.equal((await ask('GET /api/v1/pods?timeout=5s')).response.status, 200);
  });
});

describe('forms of a list', () => {
  const as = (kind: string, version = 'v1') => ({
    accept: `application/json;as=${kind};g=meta.k8s.io;v=${version}`,
  });

  test('a Table says the version that was asked for', async () => {
    const { text } = await ask('GET /api/v1/namespaces', as('Table', 'v1beta1'));
    const table = JSON.parse(text) as {
      apiVersion: string;
      rows: { object: { apiVersion: string } }[];
    };
    assert.equal(table.apiVersion, 'meta.k8s.io/v1beta1');
    assert.equal(table.rows[0]?.object.apiVersion, 'meta.k8s.io/v1beta1');
  });

  test('what is no form of a list is refused', async () => {
    assert.equal(
      await status('GET /api/v1/pods', as('PartialObjectMetadata')),
      '406 you requested PartialObjectMetadata, but the requested object is a list (*core.PodList)',
    );
    assert.equal(
      await status('GET /api/v1/pods?includeObject=Foo', as('Table')),
      "400 Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty",
    );
    assert.match(
      await status('GET /api/v1/pods?watch=1', { accept: 'application/yaml' }),
      /^406 apiVersion: v1\ncode: 406\n/,
    );
  });
});

describe('health', () => {
  test('names its checks, leaves out what is excluded, and says what it cannot exclude', async () => {
    const { text, response } = await ask('GET /readyz?verbose&exclude=ping&exclude=xx');
    assert.equal(response.status, 200);
    assert.match(
      text,
      /^\[\+\]ping excluded: ok\n\[\+\]log ok\n\[\+\]etcd ok\n\[\+\]etcd-readiness ok\n/,
    );
    assert.match(
      text,
      /warn: some health checks cannot be excluded: no matches for "xx"\nreadyz check passed\n$/,
    );
    assert.equal(await status('GET /healthz/poststarthook/rbac/bootstrap-roles'), '200 ok');
    assert.equal(await status('GET /readyz/nothing'), '404 404 page not found');
  });

  test('fails before the server is ready, but not livez', async () => {
    const fresh = new TestApiServer();
    const at = async (url: string) =>
      fresh.environment.resolve(
        fresh.server.handler({ method: 'GET', url, headers: {}, peer: ADMIN }),
      );
    assert.equal((await at('/readyz')).status, 500);
    assert.equal((await at('/healthz')).status, 500);
    assert.equal((await at('/livez')).status, 200);
    fresh.server.health.fail('store', 'gone');
    assert.equal((await at('/livez')).status, 500);
    assert.equal((await at('/livez/etcd')).status, 500);
  });
});

describe('statusz and flagz', () => {
  const structured = (kind: string) => ({
    accept: `application/json;v=v1beta1;g=config.k8s.io;as=${kind}`,
  });

  test('are text for people, and objects for who asks for their kind', async () => {
    assert.match(
      (await ask('GET /statusz', { accept: 'text/plain' })).text,
      /^\napiserver statusz\n/,
    );
    const { text } = await ask('GET /flagz', structured('Flagz'));
    const flagz = JSON.parse(text) as { kind: string; flags: object };
    assert.deepEqual(flagz.flags, { 'bind-address': '0.0.0.0' });
    assert.match((await ask('GET /statusz', structured('Statusz'))).text, /"kind":"Statusz"/);
    assert.equal(
      await status('GET /flagz'),
      '406 only the following media types are accepted: application/json, application/yaml, text/plain',
    );
  });

  test('are gone when their gates are off', async () => {
    const off = await TestApiServer.start({
      featureGates: new FeatureGates(
        parseFeatureGates('ComponentStatusz=false,ComponentFlagz=false'),
      ),
    });
    assert.equal(
      (await off.call('GET /statusz', undefined, { headers: { accept: '*/*' } })).status,
      404,
    );
    await off.server.stop();
  });
});

test('requests are counted by verb, resource and code; objects by resource', async () => {
  await ask('GET /api/v1/namespaces/default/secrets/none');
  await ask('GET /api/v1/namespaces');
  // What ran in the last second is known when it is over.
  await server.environment.advance(1000);
  const { text } = await ask('GET /metrics', { accept: '*/*' });
  assert.match(
    text,
    /apiserver_request_total\{code="404",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="GET",version="v1"\} 1\n/,
  );
  assert.match(text, /\napiserver_storage_objects\{resource="namespaces"\} 4\n/);
  assert.match(text, /\napiserver_current_inflight_requests\{request_kind="readOnly"\} 1\n/);
  assert.match(
    text,
    /apiserver_request_duration_seconds_bucket\{component="apiserver",dry_run="",group="",resource="namespaces",scope="cluster",subresource="",verb="LIST",version="v1",le="\+Inf"\} \d+\n/,
  );
  assert.match(text, /\nkubernetes_feature_enabled\{name="WatchList",stage="BETA"\} 1\n/);
});

test('an open watch is counted until it is closed', async () => {
  const controller = new AbortController();
  const count = async (): Promise<string> =>
    /apiserver_longrunning_requests\{.*resource="leases".*verb="WATCH".*\} (\d+)/.exec(
      (await ask('GET /metrics', { accept: '*/*' })).text,
    )?.[1] ?? 'none';
  const response = await server.environment.resolve(
    server.server.handler({
      method: 'GET',
      url: '/apis/coordination.k8s.io/v1/leases?watch=1&resourceVersion=1',
      headers: {},
      peer: ADMIN,
      signal: controller.signal,
    }),
  );
  assert.equal(response.body?.kind, 'stream');
  const closers: (() => void)[] = [];
  if (response.body?.kind === 'stream')
    response.body.start({
      write: () => true,
      end: () => {},
      abort: () => {},
      onDrain: () => {},
      onClose: (callback) => closers.push(callback),
    });
  assert.equal(await count(), '1');
  for (const close of closers) close();
  assert.equal(await count(), '0');
});
