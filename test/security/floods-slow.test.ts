/**
 * Clients that are slow on purpose, over HTTP/1.1 and HTTP/2: what they hold is bounded, and they
 * are cut off. The limits of time are the server's, shortened.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { Handler } from '#base/http/message.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { testPki } from '../../src/edge/test-kit.ts';
import { FLAG, FRAME, type Frame, frame, getBlock, postBlock, WireClient } from './http2-wire.ts';

const SHORT_MS = 200;
const PIECES = 1_000;
const PIECE = Buffer.alloc(256 * 1024);
const WHOLE = FLAG.endStream + FLAG.endHeaders;

const pki = testPki();
const sockets: Socket[] = [];
let server: RunningHttpServer;
/** Pieces of the large answer that were made, and bytes that were given to the stream. */
let made = 0;
let written = 0;
/** Whether the handler was told that its reader is gone. */
let gone = Promise.withResolvers<void>();

function* pieces(): Generator<Buffer> {
  for (let nth = 0; nth < PIECES; nth++) {
    made++;
    yield PIECE;
  }
}

const handler: Handler = async ({ url, signal, body }) => {
  signal?.addEventListener('abort', () => gone.resolve());
  if (url === '/list')
    return {
      status: 200,
      headers: {},
      body: { kind: 'pieces', length: PIECES * PIECE.length, pieces: pieces() },
    };
  if (url === '/watch')
    return {
      status: 200,
      headers: {},
      body: {
        kind: 'stream',
        start(sink) {
          const fill = (): void => {
            while (sink.write(PIECE)) written += PIECE.length;
          };
          sink.onDrain(fill);
          fill();
        },
      },
    };
  return { status: 200, headers: {}, body: { kind: 'bytes', bytes: body ?? Buffer.from('ok') } };
};

before(async () => {
  server = await serveHttp({
    handler,
    tls: { ...pki.server, clientCa: pki.ca },
    headersTimeoutMs: SHORT_MS,
    requestTimeoutMs: 2 * SHORT_MS,
    readTimeoutMs: SHORT_MS,
    idleTimeoutMs: SHORT_MS,
    bodiesMaxBytes: 1024 * 1024,
  });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  made = 0;
  written = 0;
  gone = Promise.withResolvers();
});
after(() => server.close());

async function http1(): Promise<Socket> {
  const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: pki.ca });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

async function http2(window?: number): Promise<WireClient> {
  const client = await WireClient.open(server.port, window === undefined ? {} : { window });
  sockets.push(client.socket);
  return client;
}

const ended = (socket: Socket): Promise<unknown> => once(socket.resume(), 'close');

describe('who asks and never reads', () => {
  for (const path of ['/list', '/watch'])
    it(`${path} over HTTP/1.1 gets little, and is cut off`, async () => {
      const socket = await http1();
      socket.pause().write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await gone.promise;
      // What the kernel takes for a connection is some megabytes.
      assert.ok(made * PIECE.length + written < (PIECES * PIECE.length) / 4);
    });

  for (const path of ['/list', '/watch'])
    it(`${path} over HTTP/2 gets little, and is cut off`, async () => {
      const client = await http2(0);
      await client.send(frame(FRAME.headers, WHOLE, 1, getBlock(path)));
      await gone.promise;
      assert.ok(made * PIECE.length + written <= 8 * PIECE.length);
      await client.ended;
    });

  it('small answers, one after the other, is cut off', async () => {
    const socket = await http1();
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause().write(request.repeat(200_000));
    await closed;
  });
});

describe('who sends too slowly', () => {
  it('a handshake is cut off', async () => {
    const socket = connectTcp({ port: server.port, host: '127.0.0.1' });
    sockets.push(socket);
    await ended(socket);
  });

  it('a header is cut off, over HTTP/1.1', async () => {
    const socket = await http1();
    socket.write('GET / HTTP/1.1\r\nHost:');
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 408 /);
    await ended(socket);
  });

  it('a header is cut off, over HTTP/2', async () => {
    const client = await http2();
    await client.send(frame(FRAME.headers, 0, 1, getBlock('/')));
    await client.ended;
  });

  it('half a frame is cut off', async () => {
    const client = await http2();
    await client.send(frame(FRAME.headers, WHOLE, 1, getBlock('/')).subarray(0, 12));
    await client.ended;
  });

  it('a body is cut off, over HTTP/1.1', async () => {
    const socket = await http1();
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nslow');
    await ended(socket);
  });

  it('a body is cut off, over HTTP/2', async () => {
    const client = await http2();
    await client.send(
      frame(FRAME.headers, FLAG.endHeaders, 1, postBlock('/')),
      frame(FRAME.data, 0, 1, Buffer.from('slow')),
    );
    await client.next(({ type, stream }) => type === FRAME.reset && stream === 1);
    await client.ended;
  });
});

describe('who does nothing', () => {
  it('is sent away, over HTTP/1.1', async () => {
    const socket = await http1();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await ended(socket);
  });

  it('is sent away, over HTTP/2, also when it says that it is there', async () => {
    const client = await http2();
    const isPing = ({ type }: Frame): boolean => type === FRAME.ping;
    while (await client.survives()) client.frames.splice(client.frames.findIndex(isPing), 1);
    assert.equal(client.goodbye, 0);
  });
});

describe('bodies that are coming', () => {
  it('hold so much together: then the oldest is broken off, and the youngest goes on', async () => {
    const client = await http2();
    const half = Buffer.alloc(16_000);
    const post = (stream: number): Buffer =>
      frame(FRAME.headers, FLAG.endHeaders, stream, postBlock('/'));
    const open = 9;
    for (let nth = 0; nth < open; nth++) {
      const stream = 2 * nth + 1;
      const data = Array.from({ length: 8 }, () => frame(FRAME.data, 0, stream, half));
      await client.send(post(stream), ...data);
    }
    const last = 2 * open - 1;
    await client.send(frame(FRAME.data, FLAG.endStream, last));
    const first = await client.next(({ type }) => type === FRAME.reset);
    assert.equal(first?.stream, 1);
    const answer = await client.next(({ type }) => type === FRAME.headers);
    assert.equal(answer?.stream, last);
  });
});
