/**
 * Bombs of headers: a few bytes that become many, many headers, huge ones; over HTTP/1.1 and HTTP/2.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { testPki } from '../../src/edge/test-kit.ts';
import { FLAG, FRAME, frame, getBlock, literal, NEWEST, WireClient } from './http2-wire.ts';

const WHOLE = FLAG.endStream + FLAG.endHeaders;
const MIB = 1024 * 1024;
const HELD = '/held';
/** As large as one entry of a table of 4096 bytes can be. */
const LARGE = 3_900;

const pki = testPki();
const sockets: Socket[] = [];
let server: RunningHttpServer;
/** Bytes of the headers of all requests that the handler has seen. */
let seen = 0;

before(async () => {
  server = await serveHttp({
    tls: { ...pki.server, clientCa: pki.ca },
    async handler({ url, headers }) {
      for (const [name, value] of Object.entries(headers)) seen += name.length + value.length;
      if (url === HELD) await new Promise(() => {});
      return { status: 200, headers: {} };
    },
  });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  seen = 0;
});
after(() => server.close());

async function http2(): Promise<WireClient> {
  const client = await WireClient.open(server.port);
  sockets.push(client.socket);
  return client;
}

/** The first line of the answer to a request with these header lines. */
async function http1(lines: string): Promise<string> {
  const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: pki.ca });
  socket.on('error', () => {});
  sockets.push(socket);
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
  const [answer] = await once(socket, 'data');
  return String(answer).split('\r\n')[0] ?? '';
}

/** How the server takes a request whose block ends with `rest`: with an answer, or a reset. */
async function verdict(client: WireClient, stream: number, rest: Buffer): Promise<number> {
  await client.send(frame(FRAME.headers, WHOLE, stream, Buffer.concat([getBlock('/'), rest])));
  const answer = await client.next((each) => each.stream === stream);
  return answer?.type ?? FRAME.goAway;
}

describe('over HTTP/1.1', () => {
  it('huge headers are refused', async () => {
    assert.equal(await http1('X-A: b\r\n'), 'HTTP/1.1 200 OK');
    const huge = `X-A: ${'b'.repeat(MIB)}\r\n`;
    assert.equal(await http1(huge), 'HTTP/1.1 431 Request Header Fields Too Large');
  });

  it('more than 2,000 headers are refused', async () => {
    assert.equal(await http1('A: b\r\n'.repeat(1_900)), 'HTTP/1.1 200 OK');
    const refused = 'HTTP/1.1 431 Request Header Fields Too Large';
    assert.equal(await http1('A: b\r\n'.repeat(2_001)), refused);
    assert.equal(await http1('A: b\r\n'.repeat(100_000)), refused);
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    assert.equal(await http1(upgrade + 'A: b\r\n'.repeat(2_001)), refused);
  });
});

describe('over HTTP/2', () => {
  it('a block of more than a mebibyte, made of a few bytes, is refused', async () => {
    const client = await http2();
    const bomb = literal('x-bomb', 'y'.repeat(LARGE), true);
    assert.equal(await verdict(client, 1, bomb), FRAME.headers);
    assert.equal(await verdict(client, 3, Buffer.alloc(200, NEWEST)), FRAME.headers);
    assert.equal(await verdict(client, 5, Buffer.alloc(300, NEWEST)), FRAME.reset);
    assert.equal(await verdict(client, 7, Buffer.alloc(16_000, NEWEST)), FRAME.reset);
    assert.ok(seen < MIB);
  });

  it('more than 2,000 headers are refused', async () => {
    const client = await http2();
    // Entry 16 of the static table, `accept-encoding`.
    assert.equal(await verdict(client, 1, Buffer.alloc(1_900, 0x90)), FRAME.headers);
    assert.equal(await verdict(client, 3, Buffer.alloc(2_001, 0x90)), FRAME.reset);
  });

  it('blocks of all requests of a connection hold 64 MiB together', async () => {
    const client = await http2();
    const bomb = Buffer.concat([getBlock(HELD), literal('x-bomb', 'y'.repeat(LARGE), true)]);
    await client.send(frame(FRAME.headers, WHOLE, 1, bomb));
    const again = Buffer.concat([getBlock(HELD), Buffer.alloc(250, NEWEST)]);
    for (let stream = 3; stream < 200; stream += 2)
      await client.send(frame(FRAME.headers, WHOLE, stream, again));
    await client.next(({ type }) => type === FRAME.reset);
    assert.ok(seen > MIB && seen <= 64 * MIB);
  });

  it('a block that never ends ends its connection', async () => {
    const client = await http2();
    const part = literal('x-a', 'y'.repeat(16_000));
    await client.send(
      frame(FRAME.headers, FLAG.endStream, 1, getBlock('/')),
      ...Array.from({ length: 100 }, () => frame(FRAME.continuation, 0, 1, part)),
    );
    await client.ended;
  });
});
