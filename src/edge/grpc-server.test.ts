/** The gRPC server with the gRPC client, over real unix sockets. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import {
  frameGrpcMessage,
  GRPC_CODE,
  GRPC_REQUEST_BYTES_MAX,
  GrpcError,
  type GrpcMethods,
  type GrpcServer,
  type GrpcSocketChannel,
} from '#base/grpc.ts';
import { realGrpcSockets } from './grpc-sockets.ts';

const directory = mkdtempSync(join(tmpdir(), 'cox-grpc-'));
const path = join(directory, 's.sock');
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (message: Uint8Array): string => Buffer.from(message).toString();

describe('a gRPC server on a unix socket', () => {
  const sockets = realGrpcSockets();
  let server: GrpcServer | undefined;
  let channel: GrpcSocketChannel = sockets.open(path);

  async function serve(methods: GrpcMethods): Promise<void> {
    server = await sockets.serve(path, methods);
    channel = sockets.open(path);
  }
  afterEach(async () => {
    channel.close();
    await server?.close();
  });
  after(() => rmSync(directory, { recursive: true }));

  it('answers, and gives errors as they were thrown', async () => {
    await serve({
      unary: {
        '/a.B/Echo': (request) => Promise.resolve(bytes(`${text(request)}!`)),
        '/a.B/Refuse': () =>
          Promise.reject(new GrpcError(GRPC_CODE.resourceExhausted, 'too much: 100 % ü')),
        '/a.B/Break': () => {
          throw new Error('broken');
        },
      },
    });
    assert.equal(text(await channel.unary('/a.B/Echo', bytes('hello'))), 'hello!');
    assert.equal(text(await channel.unary('/a.B/Echo', bytes(''))), '!');
    const refusals = ['/a.B/Refuse', '/a.B/Break', '/a.B/No', '/a.C/Echo', '/toString'];
    const said = await Promise.all(
      refusals.map((each) => channel.unary(each, bytes('')).catch((error: Error) => error.message)),
    );
    assert.deepEqual(said, [
      'rpc error: code = ResourceExhausted desc = too much: 100 % ü',
      'rpc error: code = Unknown desc = broken',
      'rpc error: code = Unimplemented desc = unknown method No for service a.B',
      'rpc error: code = Unimplemented desc = unknown service a.C',
      'rpc error: code = Unimplemented desc = unknown service toString',
    ]);
  });

  it('streams, waits for a slow reader, and knows when nobody reads any more', async () => {
    const sent: number[] = [];
    const over = Promise.withResolvers<void>();
    await serve({
      serverStream: {
        '/a.B/Three': async (request, send) => {
          for (const n of [1, 2, 3]) await send(bytes(`${text(request)}${n}`));
        },
        '/a.B/Half': async (_request, send) => {
          await send(bytes('one'));
          throw new GrpcError(GRPC_CODE.notFound, 'no more');
        },
        '/a.B/Forever': async (_request, send, { signal }) => {
          signal.addEventListener('abort', () => over.resolve());
          for (let n = 0; !signal.aborted; n++) {
            await send(new Uint8Array(2 ** 20));
            sent.push(n);
          }
        },
      },
    });
    const got: string[] = [];
    await channel.serverStream('/a.B/Three', bytes('n'), (message) => got.push(text(message)));
    assert.deepEqual(got, ['n1', 'n2', 'n3']);
    await assert.rejects(
      channel.serverStream('/a.B/Half', bytes(''), (message) => got.push(text(message))),
      /code = NotFound desc = no more/,
    );
    assert.equal(got.at(-1), 'one');

    // A reader that takes nothing.
    const session = connect('http://localhost', { createConnection: () => connectSocket(path) });
    const lazy = session.request({
      ':method': 'POST',
      ':path': '/a.B/Forever',
      'content-type': 'application/grpc',
    });
    lazy.on('error', () => {});
    lazy.end(frameGrpcMessage(bytes('')));
    await new Promise((resolve) => lazy.once('response', resolve));
    await channel.serverStream('/a.B/Three', bytes('n'), () => {});
    assert.ok(sent.length < 3, `${sent.length} MiB were made for nobody`);
    lazy.close(constants.NGHTTP2_CANCEL);
    await over.promise;
    session.destroy();
  });

  it('ends a call whose time is over, and tells the method', async () => {
    const over = Promise.withResolvers<void>();
    await serve({
      unary: {
        '/a.B/Wait': (_request, { signal }) => {
          signal.addEventListener('abort', () => over.resolve());
          return new Promise(() => {});
        },
      },
    });
    const session = connect('http://localhost', { createConnection: () => connectSocket(path) });
    const call = session.request({
      ':method': 'POST',
      ':path': '/a.B/Wait',
      'content-type': 'application/grpc',
      'grpc-timeout': '5m',
    });
    call.end(frameGrpcMessage(bytes('')));
    const headers = await new Promise<Record<string, unknown>>((resolve) =>
      call.once('response', (found) => resolve({ ...found })),
    );
    assert.equal(headers['grpc-status'], String(GRPC_CODE.deadlineExceeded));
    await over.promise;
    session.destroy();
  });

  it('refuses what is no call: another method, another type, no message, two, too long a one', async () => {
    await serve({ unary: { '/a.B/Echo': (request) => Promise.resolve(request) } });
    const session = connect('http://localhost', { createConnection: () => connectSocket(path) });
    const ask = (headers: Record<string, string>, body: Uint8Array): Promise<unknown[]> => {
      const call = session.request({
        ':method': 'POST',
        ':path': '/a.B/Echo',
        'content-type': 'application/grpc',
        ...headers,
      });
      call.on('error', () => {});
      if (headers[':method'] === 'GET') call.end();
      else call.end(body);
      call.resume();
      return new Promise((resolve) =>
        call.once('response', (found) => resolve([found[':status'], found['grpc-status']])),
      );
    };
    const one = frameGrpcMessage(bytes('x'));
    const head = new Uint8Array(5);
    new DataView(head.buffer).setUint32(1, GRPC_REQUEST_BYTES_MAX + 1);
    assert.deepEqual(
      [
        await ask({ ':method': 'GET' }, one),
        await ask({ 'content-type': 'text/plain' }, one),
        await ask({}, new Uint8Array(0)),
        await ask({}, one.subarray(0, 5)),
        await ask({}, Buffer.concat([one, one])),
        await ask({}, head),
        await ask({}, one),
      ],
      [
        [405, undefined],
        [415, undefined],
        [200, '13'],
        [200, '13'],
        [200, '13'],
        [200, '8'],
        [200, undefined],
      ],
    );
    session.destroy();
  });

  it('takes over a socket that was left behind, is seen to come and go, and removes its own', async () => {
    writeFileSync(path, '');
    await assert.rejects(sockets.open(path).connected(), /code = Unavailable/);
    await serve({ unary: {} });
    const { closed } = await channel.connected();
    assert.ok((await channel.connected()).closed instanceof Promise);
    await server?.close();
    await closed;
    assert.equal(existsSync(path), false);
    await assert.rejects(channel.connected(), /code = Unavailable desc = connection error/);
    channel.close();
    await assert.rejects(channel.connected(), /code = Canceled/);
    server = undefined;
  });

  it('closes connections that are too many', async () => {
    await serve({ unary: { '/a.B/Echo': (request) => Promise.resolve(request) } });
    const many = Array.from({ length: 64 }, () => sockets.open(path));
    for (const each of many) await each.unary('/a.B/Echo', bytes('x'));
    const { closed } = await channel.connected();
    await closed;
    many[0]?.close();
    for (const each of many) each.close();
  });

  it('cannot listen where there is no directory', async () => {
    await assert.rejects(sockets.serve(join(directory, 'no/s.sock'), {}), /listen E/);
  });
});
