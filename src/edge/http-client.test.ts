import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { type Handler, readBody } from '#base/http/message.ts';
import { type HttpClient, type HttpClientOptions, httpClient } from './http-client.ts';
import { type RunningHttpServer, serveHttp } from './http-server.ts';
import { testPki } from './test-kit.ts';

const pki = testPki();
const clients: HttpClient[] = [];
const servers: RunningHttpServer[] = [];
const rawServers: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) await server.close();
  for (const { server, sockets } of rawServers.splice(0)) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});

function clientOf(options: HttpClientOptions): HttpClient {
  const client = httpClient(options);
  clients.push(client);
  return client;
}

async function serve(handler: Handler, withTls = true): Promise<number> {
  const tls = withTls ? { tls: { ...pki.server, clientCa: pki.ca } } : {};
  const server = await serveHttp({ handler, ...tls });
  servers.push(server);
  return server.port;
}

async function rawServer(onConnection: (socket: Socket, number: number) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket, sockets.size);
  });
  rawServers.push({ server, sockets });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

const get = { method: 'GET', url: '/', headers: {} };
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const bodyOf = async (client: HttpClient, request = get): Promise<string> =>
  Buffer.from(await readBody((await client.handler(request)).body)).toString();

describe('httpClient', () => {
  it('shows its certificate, and a new one after a change', async () => {
    const port = await serve(async ({ peer }) => ({
      status: 200,
      headers: {},
      body: { kind: 'bytes', bytes: Buffer.from(peer?.certificate?.commonName ?? 'nobody') },
    }));
    const client = clientOf({ port, tls: { ca: pki.ca, ...pki.client({ commonName: 'jane' }) } });
    assert.equal(await bodyOf(client), 'jane');
    client.setTls({ ca: pki.ca, ...pki.client({ commonName: 'john' }) });
    assert.equal(await bodyOf(client), 'john');
  });

  it('breaks off what goes on with the old certificate, when told', async () => {
    const port = await serve(async ({ peer }) => ({
      status: 200,
      headers: {},
      body: {
        kind: 'stream',
        start: (sink) => void sink.write(Buffer.from(peer?.certificate?.commonName ?? 'nobody')),
      },
    }));
    const client = clientOf({ port, tls: { ca: pki.ca, ...pki.client({ commonName: 'jane' }) } });
    const { body } = await client.handler(get);
    const reading = assert.rejects(readBody(body));
    client.setTls({ ca: pki.ca, ...pki.client({ commonName: 'john' }) }, { breaksOff: true });
    await reading;
  });

  it('trusts only its authority, and only for the address it dials', async () => {
    const port = await serve(async () => ({ status: 200, headers: {} }));
    const stranger = clientOf({ port, tls: { ca: testPki().ca } });
    await assert.rejects(stranger.handler(get));
    const client = clientOf({ port, tls: { ca: pki.ca } });
    const named = { ...get, headers: { host: 'somewhere.else' } };
    assert.equal((await client.handler(named)).status, 200);
    const misnamed = clientOf({ port, tls: { ca: pki.ca, serverName: 'somewhere.else' } });
    await assert.rejects(misnamed.handler(get), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const elsewhere = clientOf({ port, tls: { ca: pki.ca, serverName: '127.0.0.2' } });
    await assert.rejects(elsewhere.handler(get), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('adds headers that may change', async () => {
    const port = await serve(async ({ headers }) => ({
      status: 200,
      headers: {},
      body: { kind: 'bytes', bytes: Buffer.from(headers['authorization'] ?? '') },
    }));
    let token = 'one';
    const headers = (): Record<string, string> => ({ authorization: `Bearer ${token}` });
    const client = clientOf({ port, tls: { ca: pki.ca }, headers });
    assert.equal(await bodyOf(client), 'Bearer one');
    token = 'two';
    assert.equal(await bodyOf(client), 'Bearer two');
  });

  it('uses a connection again, also after answers without a body', async () => {
    let connections = 0;
    const port = await rawServer((socket) => {
      connections++;
      socket.on('data', (chunk) => {
        const request = String(chunk);
        if (request.startsWith('HEAD'))
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n');
        else if (request.startsWith('DELETE')) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        else socket.write(ok);
      });
    });
    const client = clientOf({ port });
    for (const method of ['HEAD', 'GET', 'DELETE', 'GET']) {
      const { body } = await client.handler({ ...get, method });
      await readBody(body);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(connections, 1);
  });

  it('repeats a GET, and no POST, that met a connection grown old', async () => {
    const asked: string[] = [];
    const port = await rawServer((socket) => {
      let requests = 0;
      socket.on('data', (chunk) => {
        asked.push(String(chunk).split(' ')[0] ?? '');
        // The second request on a connection meets its end.
        if (++requests === 2) socket.destroy();
        else socket.write(ok);
      });
    });
    const client = clientOf({ port });
    assert.equal(await bodyOf(client), 'ok');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await bodyOf(client), 'ok');
    assert.deepEqual(asked, ['GET', 'GET', 'GET']);
    assert.equal(await bodyOf(client), 'ok');
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(client.handler({ ...get, method: 'POST' }), { code: 'ECONNRESET' });
  });

  it('rejects with the platform error when nobody listens', async () => {
    const port = await rawServer(() => {});
    rawServers.at(-1)?.server.close();
    await assert.rejects(clientOf({ port }).handler(get), { code: 'ECONNREFUSED' });
  });

  it('gives up on a server that takes too long to shake hands', async () => {
    const port = await rawServer(() => {});
    const client = clientOf({ port, tls: { ca: pki.ca }, connectTimeoutMs: 50 });
    await assert.rejects(client.handler(get), /no answer within 50 ms/);
  });

  it('rejects with the reason of its signal', async () => {
    const port = await rawServer(() => {});
    const abort = new AbortController();
    const asked = clientOf({ port }).handler({ ...get, signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(asked, /enough/);
  });

  it('breaks off a stream when its signal is aborted', async () => {
    const port = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
    });
    const abort = new AbortController();
    const { body } = await clientOf({ port }).handler({ ...get, signal: abort.signal });
    const read = readBody(body);
    abort.abort();
    await assert.rejects(read);
  });

  it('tells a body that was cut off from one that ended', async () => {
    const port = await rawServer((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
    });
    const { body } = await clientOf({ port }).handler(get);
    await assert.rejects(readBody(body));
  });

  it('takes no more than a little while its reader is slow', async () => {
    const block = Buffer.alloc(64 * 1024);
    const total = 64 * 1024 * 1024;
    const stuck = Promise.withResolvers<void>();
    const port = await rawServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      let sent = 0;
      const more = (): void => {
        while (sent < total) {
          sent += block.length;
          if (!socket.write(block)) break;
        }
        // When nothing leaves for so long, nobody reads.
        const timer = setTimeout(stuck.resolve, 200);
        socket.once('drain', () => clearTimeout(timer));
      };
      socket.on('drain', more);
      more();
    });
    const { body } = await clientOf({ port }).handler(get);
    assert.ok(body?.kind === 'stream');
    let received = 0;
    let slow = true;
    let drain = (): void => {};
    const ended = Promise.withResolvers<void>();
    body.start({
      write(bytes) {
        received += bytes.length;
        return !slow;
      },
      end: ended.resolve,
      abort: ended.reject,
      onDrain(callback) {
        drain = callback;
      },
      onClose() {},
    });
    await stuck.promise;
    assert.ok(received < 1024 * 1024, `${received} bytes were taken`);
    slow = false;
    drain();
    await ended.promise;
    assert.equal(received, total);
  });

  it('passes both ways what follows an upgrade, early bytes included', async () => {
    const port = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nearly',
        );
        socket.pipe(socket);
      });
    });
    const client = clientOf({ port });
    const headers = { connection: 'Upgrade', upgrade: 'x' };
    const response = await client.handler({ ...get, headers });
    assert.equal(response.status, 101);
    // The other end of the caller's socket.
    const far = Promise.withResolvers<Socket>();
    const near = await rawServer(far.resolve);
    const socket = connect(near, '127.0.0.1');
    await once(socket, 'connect');
    response.upgrade?.(await far.promise, Buffer.from('first '));
    let got = '';
    socket.on('data', (chunk) => {
      got += String(chunk);
    });
    while (!got.endsWith('earlyfirst ')) await once(socket, 'data');
    socket.write('then');
    while (!got.endsWith('earlyfirst then')) await once(socket, 'data');
    socket.destroy();
  });
});
