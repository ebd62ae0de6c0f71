/** Streamed answers as they go over the line. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import type { Handler } from '#base/http/message.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from './http-client.ts';
import { http2Ask, httpBench } from './http-test-kit.ts';

const { pki, closers, serve, rawExchange, http2Session, end } = httpBench();
afterEach(end);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Streams `pieces`, each in a turn of its own, as fast as the reader reads. */
const streaming =
  (pieces: readonly Uint8Array[]): Handler =>
  async () => ({
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: {
      kind: 'stream',
      start(sink) {
        let next = 0;
        const more = async (): Promise<void> => {
          for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
            if (!sink.write(piece)) return;
            await turn();
            await turn();
          }
          sink.end();
        };
        sink.onDrain(() => void more());
        void more();
      },
    },
  });
const small = streaming(['ab', '', 'cdefghijklmnopq', 'r'].map((text) => Buffer.from(text)));

it('over HTTP/1.1 they are chunks, and the connection serves on behind them', async () => {
  const { port } = await serve(small);
  const ask = 'GET / HTTP/1.1\r\nHost: x\r\n';
  // The second request is there before the first is answered.
  const answer = await rawExchange(port, `${ask}\r\n${ask}Connection: close\r\n\r\n`);
  const answers = answer.split(/(?=HTTP\/1\.1 )/);
  assert.equal(answers.length, 2);
  for (const one of answers) {
    assert.match(one, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(one, /\r\nTransfer-Encoding: chunked\r\n/i);
    const body = one.slice(one.indexOf('\r\n\r\n') + 4);
    assert.match(body, /^([0-9a-f]+\r\n[a-r]+\r\n)+0\r\n\r\n$/);
    assert.equal(
      body.replaceAll(/[0-9a-f]+\r\n([a-r]+)\r\n/g, '$1'),
      'abcdefghijklmnopqr0\r\n\r\n',
    );
  }
});

it('that have nothing in them end at once', async () => {
  const { port } = await serve(streaming([]));
  const answer = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  assert.match(answer, /\r\n\r\n0\r\n\r\n$/);
});

it('to HTTP/1.0 and over HTTP/2 they are the bytes alone', async () => {
  const { port } = await serve(small);
  const answer = await rawExchange(port, 'GET / HTTP/1.0\r\n\r\n');
  assert.doesNotMatch(answer, /chunked/i);
  assert.match(answer, /\r\n\r\nabcdefghijklmnopqr$/);
  const { body } = await http2Ask(http2Session(port), { ':path': '/' });
  assert.equal(body, 'abcdefghijklmnopqr');
});

it('that are large arrive whole, at the same time at many readers', async () => {
  const pieces = Array.from({ length: 80 }, (_, index) => Buffer.alloc(100_000, `${index % 10}`));
  const whole = Buffer.concat(pieces);
  const { port } = await serve(streaming(pieces));
  const read = async (): Promise<boolean> => {
    const client = httpClient({ port, tls: { ca: pki.ca } });
    closers.push(() => client.close());
    const { body } = await client.handler({ method: 'GET', url: '/', headers: {} });
    return whole.equals(await readBody(body));
  };
  assert.deepEqual(await Promise.all([read(), read(), read()]), [true, true, true]);
});
