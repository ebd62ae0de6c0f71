import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { readBody } from '#base/http/message.ts';
import { apiRoad } from './api-road.ts';

const REQUESTS = 100;

describe('the way to an API server', () => {
  /** Answers that are held back, by path. */
  const held: ServerResponse[] = [];
  let sockets = 0;
  const server = createServer((request, response) => {
    if (request.url?.includes('held') === true) held.push(response);
    else response.end('done');
  });
  server.on('connection', () => sockets++);
  const road = () => apiRoad({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const get = (url: string) => ({ method: 'GET', url, headers: {} });

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is of few connections, however many requests come at once', async () => {
    sockets = 0;
    const way = road();
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, async () => {
        const { body } = await way.handler(get('/api/v1/pods'));
        return Buffer.from(await readBody(body)).toString();
      }),
    );
    assert.deepEqual(new Set(answers), new Set(['done']));
    assert.ok(sockets > 1 && sockets <= 16, String(sockets));
    way.close();
  });

  it('is free for requests while watches are open, whose number has no such limit', async () => {
    sockets = 0;
    const way = road();
    const watches = Array.from({ length: 40 }, () => way.handler(get('/held?watch=true')));
    const { status } = await way.handler(get('/api/v1/pods?watchful=1'));
    assert.equal(status, 200);
    while (held.length < watches.length) await once(server, 'request');
    for (const response of held.splice(0)) response.end();
    await Promise.all(watches);
    assert.equal(sockets, watches.length + 1);
    way.close();
  });
});
