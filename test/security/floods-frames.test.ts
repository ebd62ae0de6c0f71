/**
 * Floods of HTTP/2 frames against the API server, on a socket with TLS. The attacker has a
 * certificate: who has none is sent away after one answer.
 *
 * Each flood ends with the attacker's connection ended, and another client is answered beside it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import type { PemPair } from '../../src/edge/test-kit.ts';
import { type HttpsApiServer, startHttpsApiServer } from '#kit/https-api-server.ts';
import { FLAG, FRAME, frame, getBlock, literal, postBlock, WireClient } from './http2-wire.ts';

const WHOLE = FLAG.endStream + FLAG.endHeaders;
const NAMESPACES = '/api/v1/namespaces';
const CANCEL = Buffer.from([0, 0, 0, 8]);

/** `count` times what `make` makes, in one piece. */
function many(count: number, make: (nth: number) => readonly Uint8Array[]): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, nth) => make(nth)).flat());
}

const streamOf = (nth: number): number => 2 * nth + 1;
const get = (nth: number): Buffer =>
  frame(FRAME.headers, WHOLE, streamOf(nth), getBlock(NAMESPACES));

/** Each of them is more than the limit that it meets. */
const FLOODS: Readonly<Record<string, () => Buffer>> = {
  'streams that are reset at once (CVE-2023-44487)': () =>
    many(3_000, (nth) => [get(nth), frame(FRAME.reset, 0, streamOf(nth), CANCEL)]),
  'requests at a time, more than the server allows': () => many(150, (nth) => [get(nth)]),
  'streams that the server must reset (CVE-2025-8671)': () =>
    many(3_000, (nth) => [
      get(nth),
      frame(FRAME.windowUpdate, 0, streamOf(nth), Buffer.from([0, 0, 0, 0])),
    ]),
  'a header block in many CONTINUATION frames (CVE-2024-27316)': () =>
    Buffer.concat([
      frame(FRAME.headers, FLAG.endStream, 1, getBlock(NAMESPACES)),
      many(20, (nth) => [frame(FRAME.continuation, 0, 1, literal(`x-${nth}`, 'y'))]),
      frame(FRAME.continuation, FLAG.endHeaders, 1),
    ]),
  'CONTINUATION frames with nothing in them': () =>
    Buffer.concat([
      frame(FRAME.headers, FLAG.endStream, 1, getBlock(NAMESPACES)),
      many(20, () => [frame(FRAME.continuation, 0, 1)]),
      frame(FRAME.continuation, FLAG.endHeaders, 1),
    ]),
  'SETTINGS (CVE-2019-9515)': () =>
    many(5_000, () => [frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 255, 255]))]),
  'one SETTINGS frame with many settings': () =>
    frame(
      FRAME.settings,
      0,
      0,
      many(100, () => [Buffer.from([0, 4, 0, 0, 255, 255])]),
    ),
  'PING (CVE-2019-9512)': () => many(5_000, () => [frame(FRAME.ping, 0, 0, Buffer.alloc(8))]),
  'DATA frames with nothing in them (CVE-2019-9518)': () =>
    Buffer.concat([
      frame(FRAME.headers, FLAG.endHeaders, 1, postBlock(NAMESPACES)),
      many(2_000, () => [frame(FRAME.data, 0, 1)]),
    ]),
  'PRIORITY (CVE-2019-9513)': () =>
    many(30_000, (nth) => [frame(FRAME.priority, 0, streamOf(nth % 1_000), Buffer.alloc(5))]),
  'frames of no type that there is': () => many(30_000, () => [frame(0x77, 0, 0)]),
};

let server: HttpsApiServer;
let identity: PemPair;
let other: ClientHttp2Session;
const attackers: WireClient[] = [];

/** The status that the other client gets. */
async function answered(): Promise<number> {
  const stream = other.request({ ':path': '/version' });
  const [head] = await once(stream, 'response');
  stream.resume();
  await once(stream, 'close');
  return head[':status'];
}

async function attacker(as: PemPair | undefined = identity): Promise<WireClient> {
  const client = await WireClient.open(server.port, as === undefined ? {} : { identity: as });
  attackers.push(client);
  return client;
}

before(async () => {
  server = await startHttpsApiServer();
  identity = server.identity('mallory');
  other = connect(`https://127.0.0.1:${server.port}`, { ca: server.ca, ...server.identity('bob') });
});
after(async () => {
  for (const { socket } of attackers) socket.destroy();
  other.destroy();
  await server.stop();
});

describe('a flood of', () => {
  for (const [name, make] of Object.entries(FLOODS))
    it(`${name} ends its connection, and no other`, async () => {
      const client = await attacker();
      const sent = client.send(make());
      assert.equal(await answered(), 200);
      await sent;
      assert.equal(await client.survives(), false);
      assert.equal(await answered(), 200);
    });

  it('WINDOW_UPDATE holds nothing, and leaves another client its answers', async () => {
    const client = await attacker();
    const one = Buffer.from([0, 0, 0, 1]);
    await client.send(many(20_000, () => [frame(FRAME.windowUpdate, 0, 0, one)]));
    assert.equal(await answered(), 200);
    assert.equal(await client.survives(), true);
  });
});

describe('who shows no identity over HTTP/2', () => {
  it('gets one answer, and is sent away', async () => {
    for (const path of ['/version', NAMESPACES]) {
      const client = await WireClient.open(server.port);
      attackers.push(client);
      await client.send(frame(FRAME.headers, WHOLE, 1, getBlock(path)));
      await client.ended;
      const types = client.frames.map(({ type }) => type);
      assert.deepEqual([types.includes(FRAME.headers), client.goodbye], [true, 0], path);
    }
  });

  it('is sent away after a token that is none, too; who has one stays', async () => {
    const bad = await WireClient.open(server.port);
    attackers.push(bad);
    const block = Buffer.concat([getBlock(NAMESPACES), literal('authorization', 'Bearer x')]);
    await bad.send(frame(FRAME.headers, WHOLE, 1, block));
    await bad.ended;
    assert.equal(bad.goodbye, 0);
    const good = await attacker();
    await good.send(get(0));
    await good.next(({ type }) => type === FRAME.headers);
    assert.equal(await good.survives(), true);
  });
});
