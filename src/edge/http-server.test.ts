import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { Handler, HttpRequest } from '#base/http/message.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from './http-client.ts';
import { serveHttp } from './http-server.ts';
import { http2Ask, httpBench, text } from './http-test-kit.ts';
import { testPki } from './test-kit.ts';

const { pki, servers, closers, serve, rawExchange, http2Session, end } = httpBench();
afterEach(end);

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
      assert.equal(request.peer?.address, '127.0.0.1');
    }
    assert.deepEqual(
      seen.map(({ peer }) => peer?.isMultiplexed),
      [undefined, true],
    );
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

const fingerprintOf = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');

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
    assert.deepEqual(await asked(port, one), {
      commonName: 'jane',
      organizations: ['dev', 'ops'],
      fingerprint: fingerprintOf(one.cert),
    });
    const alone = pki.client({ commonName: 'system:kube-scheduler' });
    assert.deepEqual(await asked(port, alone), {
      commonName: 'system:kube-scheduler',
      organizations: [],
      fingerprint: fingerprintOf(alone.cert),
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

  it('in pieces whose memory is written again once it is given back arrive whole', async () => {
    const whole = Buffer.concat(
      Array.from({ length: 64 }, (_, index) => Buffer.alloc(128 * 1024, `${index % 10}`)),
    );
    let given = 0;
    const { port } = await serve(async () => ({
      status: 200,
      headers: {},
      body: {
        kind: 'pieces',
        pieces: Array.from({ length: 64 }, (_, i) =>
          Buffer.from(whole.subarray(i * 128 * 1024, (i + 1) * 128 * 1024)),
        ),
        length: whole.length,
        release: (piece) => {
          given++;
          piece.fill(0);
        },
      },
    }));
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const answer = await client.handler({ method: 'GET', url: '/', headers: {} });
    assert.ok(whole.equals(await readBody(answer.body)), 'over HTTP/1.1');
    const { body } = await http2Ask(http2Session(port), { ':path': '/' });
    assert.ok(body === whole.toString(), 'over HTTP/2');
    // The callbacks of the last ones may come behind the client's end.
    assert.ok(given > 64, `only ${given} of 128 pieces were given back`);
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
