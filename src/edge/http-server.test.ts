import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ByteSink, Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from './http-client.ts';
import { type HttpServerOptions, type RunningHttpServer, serveHttp } from './http-server.ts';
import { testPki } from './test-kit.ts';

const pki = testPki();
const text = (body: string): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'text/plain' },
  body: { kind: 'bytes', bytes: Buffer.from(body) },
});

let servers: RunningHttpServer[] = [];
let closers: (() => void)[] = [];
beforeEach(() => {
  servers = [];
  closers = [];
});
afterEach(async () => {
  for (const close of closers) close();
  await Promise.all(servers.map((server) => server.close()));
});

async function serve(
  handler: Handler,
  options: Partial<HttpServerOptions> = {},
): Promise<RunningHttpServer> {
  const server = await serveHttp({ handler, tls: { ...pki.server, clientCa: pki.ca }, ...options });
  servers.push(server);
  return server;
}

/** What a raw HTTP/1.1 exchange over TLS gives, until the server closes. */
async function rawExchange(port: number, request: string): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', ca: pki.ca });
  closers.push(() => socket.destroy());
  socket.write(request);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

function http2Session(port: number, tls: object = {}): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: pki.ca, ...tls });
  session.on('error', () => {});
  closers.push(() => session.destroy());
  return session;
}

async function http2Ask(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: Uint8Array,
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  const stream = session.request(headers, { endStream: body === undefined });
  stream.on('error', () => {});
  if (body !== undefined) stream.end(body);
  const [head] = await once(stream, 'response');
  let answer = '';
  for await (const chunk of stream) answer += String(chunk);
  return { status: head[':status'], body: answer, headers: head };
}

describe('requests', () => {
  it('come over HTTP/1.1 and HTTP/2 as the same message', async () => {
    const seen: HttpRequest[] = [];
    const { port } = await serve(async (request) => {
      seen.push(request);
      return text('yes');
    });
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const headers = { 'x-a': 'b', accept: 'text/plain' };
    const body = Buffer.from('payload');
    const one = await client.handler({ method: 'POST', url: '/p?q=1', headers, body });
    assert.equal(Buffer.from(await readBody(one.body)).toString(), 'yes');
    const session = http2Session(port);
    const two = await http2Ask(session, { ...headers, ':method': 'POST', ':path': '/p?q=1' }, body);
    assert.equal(two.body, 'yes');
    for (const request of seen) {
      assert.equal(request.method, 'POST');
      assert.equal(request.url, '/p?q=1');
      assert.equal(request.headers['x-a'], 'b');
      assert.equal(request.headers['host'], `127.0.0.1:${port}`);
      assert.equal(Buffer.from(request.body ?? []).toString(), 'payload');
      assert.deepEqual(request.peer, { address: '127.0.0.1' });
    }
    assert.equal(seen.length, 2);
  });

  it('have path and query alone where the client sent the whole URL', async () => {
    const { port } = await serve(async ({ url }) => text(url));
    const answer = await rawExchange(
      port,
      'GET https://x.example/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /\r\n\r\n\/a\?b$/);
  });

  it('are served over a unix socket without TLS', async () => {
    const path = join(tmpdir(), `edge-${process.pid}.sock`);
    const server = await serveHttp({ handler: async () => text('unix'), path });
    servers.push(server);
    const client = httpClient({ path });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    assert.equal(Buffer.from(await readBody(body)).toString(), 'unix');
  });
});

describe('client certificates', () => {
  const who: Handler = async ({ peer }) => text(JSON.stringify(peer?.certificate ?? null));
  const asked = async (port: number, tls: object): Promise<unknown> => {
    const session = http2Session(port, tls);
    const { body: h2 } = await http2Ask(session, { ':path': '/' });
    const client = httpClient({ port, tls: { ca: pki.ca, ...tls } });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    const h1 = Buffer.from(await readBody(body)).toString();
    assert.equal(h1, h2);
    return JSON.parse(h1);
  };

  it('that verify name the peer', async () => {
    const { port } = await serve(who);
    const one = pki.client({ commonName: 'jane', organizations: ['dev', 'ops'] });
    assert.deepEqual(await asked(port, one), { commonName: 'jane', organizations: ['dev', 'ops'] });
    const alone = pki.client({ commonName: 'system:kube-scheduler' });
    assert.deepEqual(await asked(port, alone), {
      commonName: 'system:kube-scheduler',
      organizations: [],
    });
  });

  it('of another authority count for nothing, but are let in', async () => {
    const { port } = await serve(who);
    const forged = testPki().client({ commonName: 'jane', organizations: ['system:masters'] });
    assert.equal(await asked(port, forged), null);
  });

  it('that have expired count for nothing', async () => {
    const { port } = await serve(who);
    assert.equal(await asked(port, pki.client({ commonName: 'old' }, { lifeMs: -1000 })), null);
  });

  it('that expire while the connection stands count no longer', async () => {
    const { port } = await serve(who);
    const session = http2Session(port, pki.client({ commonName: 'brief' }, { lifeMs: 1500 }));
    const ask = async (): Promise<string> => (await http2Ask(session, { ':path': '/' })).body;
    assert.match(await ask(), /brief/);
    while ((await ask()) !== 'null') await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('meant for servers count for nothing', async () => {
    const { port } = await serve(who);
    assert.equal(await asked(port, { cert: pki.server.cert, key: pki.server.key }), null);
  });

  it('of the server may be changed while it runs', async () => {
    const server = await serve(who);
    const other = testPki();
    server.setTls({ ...other.server, clientCa: other.ca });
    const client = httpClient({ port: server.port, tls: { ca: other.ca } });
    closers.push(() => client.close());
    const { status } = await client.handler({ method: 'GET', url: '/', headers: {} });
    assert.equal(status, 200);
  });
});

describe('limits', () => {
  const length: Handler = async ({ body }) => text(`${body?.length ?? 0}`);
  const large = Buffer.alloc(2 * 1024 * 1024, 'x');

  it('refuse a body that is announced too large, before it comes', async () => {
    const { port } = await serve(length, { bodyMaxBytes: 1000 });
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${large.length}\r\n\r\n`;
    const answer = await rawExchange(port, head + large.toString());
    assert.match(answer, /^HTTP\/1\.1 413 .*"Request entity too large: limit is 1000"/s);
  });

  it('refuse a body that turns out too large, with the whole answer', async () => {
    const { port } = await serve(length, { bodyMaxBytes: 1_000_000 });
    const chunk = `${large.length.toString(16)}\r\n${large.toString()}\r\n0\r\n\r\n`;
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await rawExchange(port, head + chunk);
    assert.match(answer, /^HTTP\/1\.1 413 .*"code":413\}$/s);
    assert.match(answer, /connection: close/i);
  });

  it('refuse it over HTTP/2 and leave the connection usable', async () => {
    const { port } = await serve(length, { bodyMaxBytes: 1_000_000 });
    const session = http2Session(port);
    const refused = await http2Ask(session, { ':method': 'POST', ':path': '/' }, large);
    assert.equal(refused.status, 413);
    const small = await http2Ask(session, { ':method': 'POST', ':path': '/' }, Buffer.from('ok'));
    assert.equal(small.body, '2');
  });

  it('send no 100 Continue for what will be refused', async () => {
    const { port } = await serve(length, { bodyMaxBytes: 1000 });
    const head = (size: number): string =>
      `POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`;
    const refused = connectTls({ port, host: '127.0.0.1', ca: pki.ca });
    closers.push(() => refused.destroy());
    refused.write(head(2000));
    const [first] = await once(refused, 'data');
    assert.match(String(first), /^HTTP\/1\.1 413/);
    assert.match(await rawExchange(port, `${head(2)}ok`), /^HTTP\/1\.1 100 .*HTTP\/1\.1 200 /s);
  });

  it('may differ by request', async () => {
    const { port } = await serve(length, {
      bodyMaxBytes: ({ url }) => (url === '/big' ? 3_000_000 : 1000),
    });
    const session = http2Session(port);
    const post = (path: string) => http2Ask(session, { ':method': 'POST', ':path': path }, large);
    assert.equal((await post('/big')).body, `${large.length}`);
    assert.equal((await post('/')).status, 413);
  });

  it('refuse a header block of more than a mebibyte', async () => {
    const { port } = await serve(length);
    const head = `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'y'.repeat(1_100_000)}\r\n\r\n`;
    assert.match(await rawExchange(port, head), /^HTTP\/1\.1 431 /);
  });

  it('cut off who is too slow with a header', async () => {
    const { port } = await serve(length, { headersTimeoutMs: 200 });
    assert.match(await rawExchange(port, 'GET / HTTP/1.1\r\nHost:'), /^HTTP\/1\.1 408 /);
  });

  it('end connections that stand idle, but not those with an open stream', async () => {
    const { port } = await serve(
      async ({ url }) =>
        url === '/stream'
          ? { status: 200, headers: {}, body: { kind: 'stream', start: () => {} } }
          : text('x'),
      { idleTimeoutMs: 100 },
    );
    const busy = http2Session(port);
    const stream = busy.request({ ':path': '/stream' });
    await once(stream, 'response');
    const idle = http2Session(port);
    await http2Ask(idle, { ':path': '/' });
    await once(idle, 'close');
    assert.match(await rawExchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), / 200 OK/);
    assert.equal(busy.closed, false);
    assert.equal((await http2Ask(busy, { ':path': '/' })).body, 'x');
    stream.close();
    await once(busy, 'close');
  });

  it('answer 400 to what is no HTTP', async () => {
    const { port } = await serve(length);
    assert.match(await rawExchange(port, 'HELLO\r\n\r\n'), /^HTTP\/1\.1 400 /);
  });
});

describe('answers', () => {
  it('in pieces arrive whole, with their length', async () => {
    const pieces = Array.from({ length: 5000 }, (_, index) => Buffer.alloc(300, `${index % 10}`));
    const whole = Buffer.concat(pieces);
    const { port } = await serve(async () => ({
      status: 200,
      headers: {},
      body: { kind: 'pieces', pieces, length: whole.length },
    }));
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const answer = await client.handler({ method: 'GET', url: '/', headers: {} });
    assert.equal(answer.headers['content-length'], `${whole.length}`);
    assert.ok(whole.equals(await readBody(answer.body)));
    const session = http2Session(port);
    assert.equal((await http2Ask(session, { ':path': '/' })).body, whole.toString());
  });

  it('to HEAD have a length and no body', async () => {
    const { port } = await serve(async () => text('12345'));
    const answer = await rawExchange(
      port,
      'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /content-length: 5\r\n/i);
    assert.match(answer, /\r\n\r\n$/);
  });

  it('over HTTP/2 carry no headers of a connection', async () => {
    const headers = { connection: 'close', 'x-a': '1' };
    const { port } = await serve(async () => ({ status: 204, headers }));
    const answer = await http2Ask(http2Session(port), { ':path': '/' });
    assert.equal(answer.headers['connection'], undefined);
    assert.equal(answer.headers['x-a'], '1');
  });

  it('of a handler that rejects are broken off, and said in the log', async () => {
    const lines: string[] = [];
    const log = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string) => lines.push(message),
      with: () => log,
    };
    const { port } = await serve(() => Promise.reject(new Error('bug')), { log });
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    await assert.rejects(client.handler({ method: 'POST', url: '/', headers: {} }));
    assert.deepEqual(lines, ['Cannot answer a request']);
  });
});

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
    const inside = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const server = await plain(async () => {
      inside.resolve();
      await finish.promise;
      return text('finished');
    });
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
    const finish = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const server = await serve(async () => {
      inside.resolve();
      await finish.promise;
      return text('finished');
    });
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
