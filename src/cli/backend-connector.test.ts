/** The proxies of the API server over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { backendConnector } from './backend-connector.ts';

const PATH = '/api/v1/namespaces/shop/pods/web:8080/proxy';
let backend: Server;
let front: RunningHttpServer;

before(async () => {
  backend = createServer((request, response) => {
    if (request.url === '/bare') {
      request.socket.end('HTTP/1.0 200 OK\nContent-Type: text/plain\n\nbare');
      return;
    }
    response.setHeader('set-cookie', ['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2']);
    response.setHeader('x-length', request.headers['content-length'] ?? 'none');
    request.pipe(response);
  });
  backend.on('upgrade', (_: IncomingMessage, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
    );
    socket.pipe(socket);
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port } = backend.address() as AddressInfo;
  const connector = backendConnector();
  const api = await TestApiServer.start({
    // The pod's address is at no interface of this machine.
    backends: { to: (target) => connector.to({ ...target, host: '127.0.0.1', port }) },
  });
  await api.must('POST /api/v1/namespaces', { metadata: { name: 'shop' } });
  await api.must('POST /api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'default' } });
  await api.must('POST /api/v1/namespaces/shop/pods', {
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'a', image: 'x' }] },
  });
  await api.must('PATCH /api/v1/namespaces/shop/pods/web/status', {
    status: { podIPs: [{ ip: '10.244.0.7' }] },
  });
  const admin = { name: 'admin', groups: ['system:masters'] };
  front = await serveHttp({
    handler: (request) => api.server.handler({ ...request, peer: { component: admin } }),
    streamsBody: (request) => api.server.streamsBody(request),
    bodyMaxBytes: 1000,
  });
});

after(async () => {
  backend.closeAllConnections();
  backend.close();
  await front.close();
});

const open = (options: object): ReturnType<typeof httpRequest> =>
  httpRequest({ host: '127.0.0.1', port: front.port, path: `${PATH}/echo`, ...options });

describe('a proxy over sockets', () => {
  it('passes each piece of a body on as it comes, both ways, beyond the limit of a body', async () => {
    const request = open({ method: 'POST' });
    request.write('first');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const [first] = await once(response, 'data');
    assert.equal(String(first), 'first');
    let size = 0;
    response.on('data', (chunk: Buffer) => (size += chunk.length));
    request.end(Buffer.alloc(1_000_000));
    await once(response, 'end');
    assert.equal(size, 1_000_000);
  });

  it('keeps a length that is known, also of a DELETE, and each cookie', async () => {
    const request = open({ method: 'DELETE', headers: { 'content-length': 4 } });
    request.end('body');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const [body] = await once(response, 'data');
    assert.equal(String(body), 'body');
    assert.equal(response.headers['x-length'], '4');
    assert.deepEqual(response.headers['set-cookie'], [
      'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT',
      'b=2',
    ]);
  });

  it('passes on a body of unknown length with any method', async () => {
    const request = open({ method: 'DELETE', headers: { 'transfer-encoding': 'chunked' } });
    request.end('body');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const [body] = await once(response, 'data');
    assert.deepEqual([String(body), response.headers['x-length']], ['body', 'none']);
  });

  it('joins the two ends of an upgraded connection', async () => {
    const request = open({ headers: { connection: 'Upgrade', upgrade: 'echo' } });
    request.end();
    const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];
    socket.write('ping');
    const [echoed] = await once(socket, 'data');
    assert.equal(String(echoed), 'ping');
    socket.end();
    await once(socket, 'close');
  });

  it('takes the answer of a server that ends its lines without CR', async () => {
    const request = open({ path: `${PATH}/bare` });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const [body] = await once(response, 'data');
    assert.deepEqual([response.statusCode, String(body)], [200, 'bare']);
  });

  it('ends the request to the backend when the client goes', async () => {
    const request = open({ method: 'POST' });
    request.on('error', () => {});
    const taken = once(backend, 'request');
    request.write('first');
    const [inner] = (await taken) as [IncomingMessage];
    const closed = new Promise((resolve) => inner.socket.on('close', resolve));
    request.destroy();
    await closed;
  });
});
