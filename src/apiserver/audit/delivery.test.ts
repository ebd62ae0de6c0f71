/** How events and answers depend on each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpRequest } from '#base/http/message.ts';
import { AuditedServer, BATCH } from '#kit/audit.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = { metadata: { name: 'a' } };

async function metric(server: AuditedServer, name: string): Promise<number> {
  const { body } = await server.api.call('GET /metrics');
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(String(body))?.[1] ?? Number.NaN);
}

function create(server: AuditedServer): { readonly isAnswered: () => boolean; end: Promise<void> } {
  let isAnswered = false;
  const request: HttpRequest = {
    method: 'POST',
    url: MAPS,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(map)),
    peer: { component: { name: 'admin', groups: ['system:masters'] } },
  };
  const end = server.api.server.handler(request).then(() => {
    isAnswered = true;
  });
  return { isAnswered: () => isAnswered, end };
}

describe('an answer', () => {
  it('waits until its event is written, where the log blocks', async () => {
    const server = await AuditedServer.start([
      { level: 'Metadata', omitStages: ['RequestReceived'] },
    ]);
    const open = Promise.withResolvers<void>();
    server.output.gate = open.promise;
    const { isAnswered, end } = create(server);
    await server.api.environment.advance(1000);
    assert.ok(!isAnswered());
    assert.equal(server.output.text, '');
    open.resolve();
    await server.api.environment.resolve(end);
    assert.equal(server.take()[0]?.['stage'], 'ResponseComplete');
  });

  it('does not wait where events gather', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }], {
      log: { mode: 'batch', batch: { ...BATCH, maxSize: 400, maxWaitMs: 5000 } },
    });
    await server.api.environment.resolve(create(server).end);
    assert.equal(server.output.text, '');
    await server.api.environment.advance(5000);
    assert.equal(server.take().length, 2);
    assert.equal(server.output.writes.length, 1);
  });

  it('is given although its event is lost, and the loss is counted', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    server.output.failure = new Error('disk full');
    assert.equal((await server.api.call(`POST ${MAPS}`, map)).status, 201);
    server.output.failure = undefined;
    assert.equal(await metric(server, 'apiserver_audit_error_total\\{plugin="log"\\}'), 2);
    assert.equal(await metric(server, 'apiserver_audit_requests_rejected_total'), 0);
  });

  it('is a refusal where the log is strict and the first event is lost', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }], {
      log: { mode: 'blocking-strict' },
    });
    server.output.failure = new Error('disk full');
    const reply = await server.api.call(`POST ${MAPS}`, map);
    assert.deepEqual(
      [reply.status, reply.body.message],
      [500, 'Internal error occurred: failed to store audit event'],
    );
    server.output.failure = undefined;
    assert.equal(await metric(server, 'apiserver_audit_requests_rejected_total'), 1);
    assert.equal((await server.api.call(`GET ${MAPS}/a`)).status, 404, 'it was not served');
  });
});

describe('metrics of the audit log', () => {
  it('count events, and requests by level', async () => {
    const server = await AuditedServer.start([
      { level: 'None', nonResourceURLs: ['*'] },
      { level: 'Metadata' },
    ]);
    const before = await metric(server, 'apiserver_audit_event_total');
    await server.api.call(`GET ${MAPS}`);
    assert.equal((await metric(server, 'apiserver_audit_event_total')) - before, 2);
    assert.equal(await metric(server, 'apiserver_audit_level_total\\{level="Metadata"\\}'), 1);
    assert.ok((await metric(server, 'apiserver_audit_level_total\\{level="None"\\}')) > 1);
  });
});

describe('the end of a server', () => {
  it('writes what has gathered, and closes the log', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }], {
      log: { mode: 'batch', batch: { ...BATCH, maxSize: 400, maxWaitMs: 1e9 } },
    });
    await server.api.call(`GET ${MAPS}`);
    assert.equal(server.output.text, '');
    const open = Promise.withResolvers<void>();
    server.output.gate = open.promise;
    let isOver = false;
    const end = server.api.server.stop().then(() => {
      isOver = true;
    });
    await server.api.environment.advance(120_000);
    assert.ok(!isOver, 'it waits for what is being written');
    open.resolve();
    await server.api.environment.resolve(end);
    assert.equal(server.take().length, 2);
    assert.ok(server.output.isClosed);
  });
});

describe('a server that audits nothing', () => {
  it('knows nothing of it', async () => {
    const server = await AuditedServer.start([]);
    const { api } = server;
    assert.deepEqual(await server.of(`GET ${MAPS}`), []);
    const { TestApiServer } = await import('#kit/api-server.ts');
    const plain = await TestApiServer.start();
    const { body } = await plain.call('GET /metrics');
    assert.ok(!String(body).includes('apiserver_audit'));
    assert.ok(String((await api.call('GET /metrics')).body).includes('apiserver_audit'));
  });
});
