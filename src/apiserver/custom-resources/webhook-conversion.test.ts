import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { HttpRequest } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string): string => `/apis/x.example.com/${version}/namespaces/default/hosts`;

const version = (name: string, storage: boolean, properties: object) => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: { type: 'object', properties } },
});

const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'hosts.x.example.com' },
  spec: {
    group: 'x.example.com',
    scope: 'Namespaced',
    names: { plural: 'hosts', singular: 'host', kind: 'Host' },
    versions: [
      version('v1', true, { hostPort: { type: 'string' } }),
      version('v2', false, { host: { type: 'string' }, port: { type: 'string', default: '80' } }),
    ],
    conversion: {
      strategy: 'Webhook',
      webhook: {
        clientConfig: { url: 'https://10.0.0.7:9443/convert' },
        conversionReviewVersions: ['v1'],
      },
    },
  },
};

interface Converted {
  apiVersion: string;
  metadata: { name: string };
  hostPort?: string;
  host?: string;
  port?: string;
}

interface Review {
  readonly apiVersion: string;
  readonly request: { uid: string; desiredAPIVersion: string; objects: Converted[] };
}

/** `host:port` in v1 is two fields in v2. */
function convert(object: Converted, apiVersion: string): Converted {
  const { hostPort, host, port, ...rest } = object;
  const [first = '', second] = (hostPort ?? '').split(':');
  return apiVersion.endsWith('v1')
    ? { ...rest, apiVersion, hostPort: `${host}:${port}` }
    : { ...rest, apiVersion, host: first, ...(second === undefined ? {} : { port: second }) };
}

let server: TestApiServer;
let asked: string[] = [];
let respond: (review: Review) => object;

function honest({ apiVersion, request }: Review): object {
  const convertedObjects = request.objects.map((one: Converted) =>
    convert(one, request.desiredAPIVersion),
  );
  const response = { uid: request.uid, convertedObjects, result: { status: 'Success' } };
  return { apiVersion, kind: 'ConversionReview', response };
}

beforeEach(async () => {
  asked = [];
  respond = honest;
  server = await TestApiServer.start({
    backends: {
      to:
        ({ host, port, tls }) =>
        async ({ url, body }: HttpRequest) => {
          const review = JSON.parse(Buffer.from(body ?? '').toString());
          const { objects, desiredAPIVersion } = review.request;
          asked.push(
            `${tls?.serverName}/${host}:${port}${url} ${objects.length} ${desiredAPIVersion}`,
          );
          const bytes = Buffer.from(JSON.stringify(respond(review)));
          return { status: 200, headers: {}, body: { kind: 'bytes', bytes } };
        },
    },
  });
  await server.must(`POST ${CRDS}`, DEFINITION);
  await server.environment.advance(10);
});

const v1 = (name: string, hostPort: string) => ({
  apiVersion: 'x.example.com/v1',
  kind: 'Host',
  metadata: { name },
  hostPort,
});

describe('conversion by webhook', () => {
  it('shows an object in another version, without the defaults of that, and asks once', async () => {
    await server.must(`POST ${at('v1')}`, v1('a', 'web:8080'));
    await server.must(`POST ${at('v1')}`, v1('b', 'db'));
    const shown = await server.must(`GET ${at('v2')}/a`);
    assert.deepEqual(
      [shown.apiVersion, shown.host, shown.port],
      ['x.example.com/v2', 'web', '8080'],
    );
    assert.equal((await server.must(`GET ${at('v2')}/b`)).port, undefined);
    await server.must(`GET ${at('v2')}/a`);
    const road = '10.0.0.7/10.0.0.7:9443/convert?timeout=30s';
    assert.deepEqual(asked, [`${road} 1 x.example.com/v2`, `${road} 1 x.example.com/v2`]);
  });

  it('stores what is written in another version in the one that is stored', async () => {
    const body = { apiVersion: 'x.example.com/v2', kind: 'Host', metadata: { name: 'a' } };
    const made = await server.must(`POST ${at('v2')}`, { ...body, host: 'web', port: '1' });
    assert.equal(made.host, 'web');
    assert.equal((await server.must(`GET ${at('v1')}/a`)).hostPort, 'web:1');
    await server.must(`PATCH ${at('v2')}/a`, { port: '2' });
    assert.equal((await server.must(`GET ${at('v1')}/a`)).hostPort, 'web:2');
  });

  it('converts a list in one call, only what needs it', async () => {
    for (const name of ['a', 'b', 'c'])
      await server.must(`POST ${at('v1')}`, v1(name, `${name}:1`));
    const list = await server.must(`GET ${at('v2')}`);
    assert.deepEqual(
      list.items.map(({ host }: Converted) => host),
      ['a', 'b', 'c'],
    );
    assert.equal(asked.length, 1);
    assert.equal(
      (await server.must(`GET ${at('v1')}?fieldSelector=metadata.name=b`)).items.length,
      1,
    );
    assert.equal((await server.must(`GET ${at('v2')}?labelSelector=none`)).items.length, 0);
    assert.equal(asked.length, 1);
  });

  it('sends events of a watch converted, in order', async () => {
    const list = await server.must(`GET ${at('v2')}`);
    const query = `watch=1&resourceVersion=${list.metadata.resourceVersion}&timeoutSeconds=5`;
    const watch = server.call(`GET ${at('v2')}?${query}`);
    await server.must(`POST ${at('v1')}`, v1('a', 'one:1'));
    await server.must(`PATCH ${at('v1')}/a`, { hostPort: 'two:2' });
    await server.must(`DELETE ${at('v1')}/a`);
    await server.environment.advance(6_000);
    const lines = String((await watch).body)
      .trim()
      .split('\n');
    const events = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.host]),
      [
        ['ADDED', 'one'],
        ['MODIFIED', 'two'],
        ['DELETED', 'two'],
      ],
    );
  });

  it('that cannot be reached is told as an error without a reason, and holds no deletion up', async () => {
    await server.must(`POST ${at('v1')}`, v1('a', 'web:8080'));
    respond = () => {
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    };
    const { status, body } = await server.call(`GET ${at('v2')}/a`);
    assert.deepEqual(
      [status, body.reason, body.message],
      [
        500,
        undefined,
        'conversion webhook for x.example.com/v1, Kind=Host failed: Post "https://10.0.0.7:9443/convert?timeout=30s": dial tcp 10.0.0.7:9443: connect: connection refused',
      ],
    );
    await server.must(`PATCH ${CRDS}/hosts.x.example.com`, {
      spec: { versions: [{ ...version('v1', true, {}), served: false }, version('v2', false, {})] },
    });
    await server.must(`DELETE ${CRDS}/hosts.x.example.com`);
    await server.environment.advance(10);
    assert.match(await server.refusal(`GET ${CRDS}/hosts.x.example.com`), /^404 /);
  });

  const faults: readonly (readonly [string, (review: Review) => object, RegExp])[] = [
    [
      'says why it cannot',
      ({ apiVersion, request }) => ({
        apiVersion,
        kind: 'ConversionReview',
        response: { uid: request.uid, result: { status: 'Failed', message: 'no such host' } },
      }),
      /^500 .*conversion webhook for x.example.com\/v1, Kind=Host failed: no such host$/,
    ],
    [
      'answers another question',
      (review) => {
        const answer = honest(review) as { response: { uid: string } };
        answer.response.uid = 'other';
        return answer;
      },
      /failed: expected response.uid="[^"]+", got "other"$/,
    ],
    [
      'loses objects',
      (review) => {
        const answer = honest(review) as { response: { convertedObjects: object[] } };
        answer.response.convertedObjects = [];
        return answer;
      },
      /returned 0 objects, expected 1$/,
    ],
    [
      'renames an object',
      (review) => {
        const answer = honest(review) as { response: { convertedObjects: Converted[] } };
        for (const object of answer.response.convertedObjects) object.metadata.name = 'other';
        return answer;
      },
      /invalid converted object at index 0: must have the same name: a != other$/,
    ],
  ];
  for (const [what, answer, message] of faults) {
    it(`is refused when the webhook ${what}`, async () => {
      await server.must(`POST ${at('v1')}`, v1('a', 'web:1'));
      respond = answer;
      assert.match(await server.refusal(`GET ${at('v2')}/a`), message);
      assert.match(await server.refusal(`GET ${at('v2')}`), message);
    });
  }
});
