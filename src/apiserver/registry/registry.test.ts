import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readBody } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const EVENTS = '/api/v1/namespaces/default/events';

function event(name: string): object {
  return {
    metadata: { name },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' },
    reason: 'Testing',
    type: 'Normal',
  };
}

describe('objects that live for a time', () => {
  const isThere = async (server: TestApiServer, name: string): Promise<boolean> =>
    (await server.call(`GET ${EVENTS}/${name}`)).status === 200;

  it('go away that long after they were made', async () => {
    const server = await TestApiServer.start({ limits: { eventTtlSeconds: 600 } });
    await server.must(`POST ${EVENTS}`, event('a'));
    await server.environment.advance(599_000);
    assert.ok(await isThere(server, 'a'));
    await server.environment.advance(65_000);
    assert.equal(await isThere(server, 'a'), false);
  });

  it('begin anew with each write, whichever API they are written by', async () => {
    const server = await TestApiServer.start({ limits: { eventTtlSeconds: 600 } });
    await server.must(`POST ${EVENTS}`, event('a'));
    await server.environment.advance(500_000);
    await server.must(`PATCH ${EVENTS}/a`, { count: 2 });
    await server.environment.advance(500_000);
    assert.ok(await isThere(server, 'a'));
    await server.must(`PATCH /apis/events.k8s.io/v1/namespaces/default/events/a`, {
      metadata: { labels: { again: 'yes' } },
    });
    await server.environment.advance(500_000);
    assert.ok(await isThere(server, 'a'));
    await server.environment.advance(165_000);
    assert.equal(await isThere(server, 'a'), false);
  });

  it('are no others', async () => {
    const server = await TestApiServer.start({ limits: { eventTtlSeconds: 60 } });
    await server.must('POST /api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } });
    await server.environment.advance(3_600_000);
    assert.equal((await server.call('GET /api/v1/namespaces/default/configmaps/a')).status, 200);
  });
});

describe('an apply of YAML', () => {
  const url = 'PATCH /api/v1/namespaces/default/configmaps/a?fieldManager=me';
  const twice =
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: "1"\n  k: "2"\n';
  async function apply(query: string, text: string) {
    const server = await TestApiServer.start();
    return server.environment.resolve(
      server.server.handler({
        method: 'PATCH',
        url: `${url.slice('PATCH '.length)}${query}`,
        headers: { 'content-type': 'application/apply-patch+yaml', accept: 'application/json' },
        body: Buffer.from(text),
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
  }

  it('with a key that comes twice is refused, warned of or taken, as asked', async () => {
    const strict = await apply('&fieldValidation=Strict', twice);
    assert.equal(strict.status, 400);
    const warned = await apply('&fieldValidation=Warn', twice);
    assert.equal(warned.status, 201);
    assert.match(warned.headers['warning'] ?? '', /already set in map/);
    const taken = await apply('&fieldValidation=Ignore', twice);
    assert.equal(taken.status, 201);
    assert.equal(taken.headers['warning'], undefined);
  });

  it('with metadata that are no object is refused as other types that are wrong are', async () => {
    const { body } = await apply('', 'apiVersion: v1\nkind: ConfigMap\nmetadata: true\n');
    const { message } = JSON.parse(Buffer.from(await readBody(body)).toString());
    assert.match(message, /failed to create typed patch object .*\.metadata: expected map/);
  });

  it('to an object that holds what does not fit its type is refused', async () => {
    const server = await TestApiServer.start();
    const path = '/api/v1/namespaces/default/serviceaccounts';
    await server.must(`POST ${path}`, { metadata: { name: 'b' }, secrets: [{ kind: 'x' }] });
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'b' } };
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const reply = await server.call(`PATCH ${path}/b?fieldManager=me`, body, { headers });
    assert.equal(reply.status, 500);
    assert.match(
      reply.body.message,
      /^failed to create typed live object \(default\/b; \/v1, Kind=ServiceAccount\): \.secrets: element 0: associative list with keys has an element that omits all key fields/,
    );
    assert.deepEqual(server.environment.lines('error'), []);
  });

  it('that is no YAML is a 400', async () => {
    assert.equal((await apply('', 'a: [')).status, 400);
  });
});

it('a name that no store takes is a 422, where a kind has no rule that refuses it before', async () => {
  const server = await TestApiServer.start();
  const roles = 'POST /apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
  for (const name of ['a\u0000b', 'x'.repeat(5_000)])
    assert.match(
      await server.refusal(roles, { metadata: { name } }),
      /^422 .*cannot be part of a key/,
    );
});

it('an update that names another uid names the key that is there, a dry run without its prefix', async () => {
  const server = await TestApiServer.start();
  const path = '/api/v1/namespaces/default/configmaps';
  const { metadata } = await server.must(`POST ${path}`, { metadata: { name: 'a' } });
  const other = { metadata: { ...metadata, uid: 'x' } };
  assert.match(
    await server.refusal(`PUT ${path}/a`, other),
    / Key: \/registry\/configmaps\/default\/a,/,
  );
  assert.match(
    await server.refusal(`PUT ${path}/a?dryRun=All`, other),
    / Key: \/configmaps\/default\/a,/,
  );
});
