import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ByteSink, Handler, HttpRequest } from '#base/http/message.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from './http-client.ts';
import { type RunningHttpServer, serveHttp } from './http-server.ts';
import { held, http2Ask, httpBench, text } from './http-test-kit.ts';

const { pki, servers, closers, serve, rawExchange, http2Session, end } = httpBench();
afterEach(end);

describe('streams', () => {
  function streaming(): { handler: Handler; sink: Promise<ByteSink>; requests: HttpRequest[] } {
    const started = Promise.withResolvers<ByteSink>();
    const requests: HttpRequest[] = [];
    const handler: Handler = async (request) => {
      requests.push(request);
      return { status: 200, headers: {}, body: { kind: 'stream', start: started.resolve } };
    };
    return { handler, sink: started.promise, requests };
  }

  for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
    it(`over ${protocol} send the head at once, and a turn's writes in one piece`, async () => {
      const { handler, sink } = streaming();
      const { port } = await serve(handler);
      const chunks: string[] = [];
      const arrived = Promise.withResolvers<void>();
      const take = (chunk: Uint8Array): boolean => {
        chunks.push(Buffer.from(chunk).toString());
        if (chunks.join('').endsWith('!')) arrived.resolve();
        return true;
      };
      if (protocol === 'HTTP/2') {
        const stream = http2Session(port).request({ ':path': '/' });
        await once(stream, 'response');
        stream.on('data', take);
      } else {
        const client = httpClient({ port, tls: { ca: pki.ca } });
        closers.push(() => client.close());
        const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
        assert.ok(body?.kind === 'stream');
        body.start({ write: take, end() {}, abort() {}, onDrain() {}, onClose() {} });
      }
      const out = await sink;
      for (const word of ['a', 'b', 'c']) out.write(Buffer.from(word));
      await Promise.resolve();
      out.write(Buffer.from('!'));
      await arrived.promise;
      assert.deepEqual(chunks, ['abc!']);
    });

    it(`over ${protocol} tell the handler when the client goes away`, async () => {
      const { handler, sink, requests } = streaming();
      const { port } = await serve(handler);
      if (protocol === 'HTTP/2') {
        const stream = http2Session(port).request({ ':path': '/' });
        await once(stream, 'response');
        (await sink).onClose(() => {});
        stream.close();
      } else {
        const socket = connectTls({ port, host: '127.0.0.1', ca: pki.ca });
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
        socket.destroy();
      }
      const out = await sink;
      await new Promise<void>((resolve) => out.onClose(resolve));
      assert.equal(requests[0]?.signal?.aborted, true);
      assert.equal(out.write(Buffer.from('x')), false);
    });
  }

  it('do not abort the signal when they end well', async () => {
    const { handler, sink, requests } = streaming();
    const { port } = await serve(handler);
    const asked = http2Ask(http2Session(port), { ':path': '/' });
    const out = await sink;
    const closed = new Promise<void>((resolve) => out.onClose(resolve));
    out.write(Buffer.from('all'));
    out.end();
    assert.equal((await asked).body, 'all');
    await closed;
    assert.equal(requests[0]?.signal?.aborted, false);
  });

  it('make the producer wait while the reader is slow, and wake it after', async () => {
    const { handler, sink } = streaming();
    const { port } = await serve(handler);
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    assert.ok(body?.kind === 'stream');
    let received = 0;
    let slow = true;
    let drain = (): void => {};
    const finished = Promise.withResolvers<void>();
    body.start({
      write(bytes) {
        received += bytes.length;
        return !slow;
      },
      end: finished.resolve,
      abort: finished.reject,
      onDrain: (callback) => {
        drain = callback;
      },
      onClose: () => {},
    });
    const out = await sink;
    const block = Buffer.alloc(256 * 1024);
    let sent = 0;
    while (out.write(block)) {
      sent += block.length;
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(sent < 256 * 1024 * 1024, 'the sink never said to wait');
    }
    sent += block.length;
    out.onDrain(() => {
      if (sent > 0) out.end();
    });
    slow = false;
    drain();
    await finished.promise;
    assert.equal(received, sent);
  });

  it('that are aborted end for the reader with an error', async () => {
    const { handler, sink } = streaming();
    const { port } = await serve(handler);
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    const read = readBody(body);
    const out = await sink;
    out.write(Buffer.from('part'));
    setImmediate(() => out.abort(new Error('no more')));
    await assert.rejects(read);
  });
});

describe('upgrades', () => {
  const echo: Handler = async ({ headers }) => ({
    status: 101,
    headers: { connection: 'Upgrade', upgrade: headers['upgrade'] ?? '' },
    upgrade(socket, head) {
      socket.write(Buffer.concat([Buffer.from('>'), head]));
      socket.pipe(socket);
    },
  });
  const head = 'POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';

  it('hand over the socket and what the client had sent', async () => {
    const { port } = await serve(echo);
    const socket = connectTls({ port, host: '127.0.0.1', ca: pki.ca });
    closers.push(() => socket.destroy());
    let got = '';
    socket.on('data', (chunk) => {
      got += String(chunk);
    });
    socket.write(`${head}early`);
    while (!got.endsWith('>early')) await once(socket, 'data');
    assert.match(got, /^HTTP\/1\.1 101 Switching Protocols\r\n(.*\r\n)*\r\n>early$/);
    socket.write('later');
    while (!got.endsWith('later')) await once(socket, 'data');
  });

  it('that are refused get an ordinary answer, streams included', async () => {
    const { port } = await serve(async () => ({
      status: 403,
      headers: {},
      body: {
        kind: 'stream',
        start(sink) {
          sink.write(Buffer.from('forbidden'));
          sink.end();
        },
      },
    }));
    const answer = await rawExchange(port, head);
    assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/);
    assert.match(answer, /forbidden/);
  });

  it('to HTTP/2 in clear text are not taken up', async () => {
    const { port } = await serve(async ({ body }) => text(Buffer.from(body ?? []).toString()));
    const answer = await rawExchange(
      port,
      'POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nplain',
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*plain$/s);
  });

  it('go through a client to a server and back', async () => {
    const { port } = await serve(echo);
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const proxy = await serve((request) => client.handler(request));
    const socket = connectTls({ port: proxy.port, host: '127.0.0.1', ca: pki.ca });
    closers.push(() => socket.destroy());
    let got = '';
    socket.on('data', (chunk) => {
      got += String(chunk);
    });
    socket.write(`${head}early`);
    while (!got.endsWith('>early') && !got.endsWith('early>')) await once(socket, 'data');
    socket.write('later');
    while (!got.endsWith('later')) await once(socket, 'data');
  });
});

describe('close', () => {
  const idle = async (port: number): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' });
    closers.push(() => socket.destroy());
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    return socket;
  };
  const plain = (handler: Handler): Promise<RunningHttpServer> =>
    serveHttp({ handler }).then((server) => {
      servers.push(server);
      return server;
    });

  it('ends idle connections at once', async () => {
    const server = await plain(async () => text('x'));
    const socket = await idle(server.port);
    const ended = once(socket, 'close');
    await server.close({ graceMs: 60_000 });
    await ended;
  });

  it('lets a request finish within the grace, and no new one begin', async () => {
    const { inside, finish, handler } = held();
    const server = await plain(handler);
    const client = httpClient({ port: server.port });
    closers.push(() => client.close());
    const asked = client.handler({ method: 'GET', url: '/', headers: {} });
    await inside.promise;
    const closed = server.close({ graceMs: 60_000 });
    await assert.rejects(idle(server.port));
    finish.resolve();
    const { body, headers } = await asked;
    assert.equal(Buffer.from(await readBody(body)).toString(), 'finished');
    assert.equal(headers['connection'], 'close');
    await closed;
  });

  it('breaks off what outlives the grace', async () => {
    const started = Promise.withResolvers<ByteSink>();
    const server = await plain(async () => ({
      status: 200,
      headers: {},
      body: { kind: 'stream', start: started.resolve },
    }));
    const client = httpClient({ port: server.port });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    const read = assert.rejects(readBody(body));
    await started.promise;
    await server.close({ graceMs: 20 });
    await read;
  });

  it('ends HTTP/2 connections when their last request is answered', async () => {
    const { inside, finish, handler } = held();
    const server = await serve(handler);
    const session = http2Session(server.port);
    const asked = http2Ask(session, { ':path': '/' });
    await inside.promise;
    const closed = server.close({ graceMs: 60_000 });
    finish.resolve();
    assert.equal((await asked).body, 'finished');
    await closed;
  });

  it('rejects when the port is taken', async () => {
    const { port } = await plain(async () => text('x'));
    await assert.rejects(serveHttp({ handler: async () => text('y'), port }), {
      code: 'EADDRINUSE',
    });
  });
});
