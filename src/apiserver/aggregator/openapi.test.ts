import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { AggregatedServers, GROUP, GROUP_PATH } from '#kit/extension-server.ts';
import { mergeIntoText } from './merge-openapi.ts';

let servers: AggregatedServers;
before(async () => {
  servers = await AggregatedServers.start();
});

describe('OpenAPI of other servers', () => {
  it('joins ours, and leaves with its server', async () => {
    const { api } = servers;
    const both = async (): Promise<unknown[]> => [
      await api.must('GET /openapi/v3'),
      await api.must('GET /openapi/v2'),
    ];
    const alone = await both();
    await servers.serve();
    const [v3, v2] = (await both()) as [{ paths: object }, Record<string, Record<string, object>>];
    assert.deepEqual(
      Object.keys(v3.paths).filter((path) => path.includes(GROUP)),
      [GROUP_PATH.slice(1)],
    );
    assert.ok(v2['paths']?.[`${GROUP_PATH}/flunders`]);
    assert.ok(v2['paths']?.['/apis/apps/v1/namespaces/{namespace}/deployments']);
    assert.equal(v2['paths']?.['/apis/apps/v1/stolen'], undefined);
    await api.must(`DELETE /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`);
    await servers.settle();
    assert.deepEqual(await both(), alone);
  });

  it('has models under names of their own where ours differ, and none that nothing needs', async () => {
    await servers.register();
    await servers.settle();
    const { definitions } = await servers.api.must('GET /openapi/v2');
    const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
    assert.deepEqual(definitions['com.example.wardle.Flunder'].properties.metadata, {
      $ref: `#/definitions/${meta}_v2`,
    });
    assert.deepEqual(definitions[`${meta}_v2`], { type: 'object', description: 'not ours' });
    assert.ok(definitions[meta].properties.name);
    assert.equal(definitions['unused'], undefined);
  });

  it('v3 documents come from the server that the index names', async () => {
    const { api } = servers;
    const { paths } = await api.must('GET /openapi/v3');
    const { serverRelativeURL } = paths[GROUP_PATH.slice(1)];
    assert.equal(serverRelativeURL, `/openapi/v3${GROUP_PATH}?hash=AB`);
    assert.equal((await api.must(`GET ${serverRelativeURL}`)).hash, '?hash=AB');
    assert.ok((await api.must('GET /openapi/v3/apis/apps/v1')).paths);
  });

  it('is protobuf for who asks for that', async () => {
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const reply = await servers.api.call('GET /openapi/v2', undefined, { headers: { accept } });
    assert.equal(
      reply.headers['content-type'],
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    );
    assert.match(reply.body, /com\.example\.wardle\.Flunder/);
  });

  it('has an ETag', async () => {
    for (const path of ['/openapi/v2', '/openapi/v3']) {
      const { headers } = await servers.api.call(`GET ${path}`);
      const again = await servers.api.call(`GET ${path}`, undefined, {
        headers: { 'if-none-match': headers['etag'] ?? '' },
      });
      assert.equal(again.status, 304, path);
    }
  });
});

describe('merging a document into the text of ours', () => {
  const own = JSON.stringify({
    swagger: '2.0',
    paths: { '/api/': { get: {} } },
    definitions: { a: { type: 'object', description: 'a "{" b' }, b: { type: 'string' } },
    security: [],
  });
  const merged = (definitions: Record<string, object>): Record<string, unknown> => {
    const paths = { '/apis/g/v1/x': { get: { s: { $ref: '#/definitions/a' } } } };
    const spec = { paths, definitions } as never;
    return JSON.parse(mergeIntoText(own, spec, [{ group: 'g', version: 'v1' }])).definitions;
  };

  it('shares a model that is the same but for its words', () => {
    const definitions = merged({ a: { type: 'object', description: 'other' } });
    assert.deepEqual(Object.keys(definitions), ['a', 'b']);
  });

  it('follows references to themselves', () => {
    const a = { type: 'array', items: { $ref: '#/definitions/a' } };
    assert.deepEqual(merged({ a })['a_v2'], {
      type: 'array',
      items: { $ref: '#/definitions/a_v2' },
    });
  });

  it('leaves alone what it does not know', () => {
    assert.equal(mergeIntoText('{}', { paths: {} }, []), '{}');
  });
});
