import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import {
  bridgeRemoteCommand,
  chooseChannelProtocol,
  type RemoteCommandBridge,
} from './remote-command.ts';
import type { Body } from './message.ts';
import { SpdyConnection, type SpdyStream } from './spdy.ts';
import { type SpdyHeaders, SpdyHeaderReader, SpdyHeaderWriter } from './spdy-headers.ts';
import { webSocketResponse } from './web-socket-body.ts';
import { acceptHeaders, WebSocketConnection } from './websocket.ts';

/** Two ends of a wire that delivers in pieces of `size` bytes. */
function wire(size = 7): [Duplex, Duplex] {
  const end = (): Duplex & { other?: Duplex } =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        const { other } = this as unknown as { other: Duplex };
        for (let i = 0; i < chunk.length; i += size)
          other.push(Buffer.from(chunk.subarray(i, i + size)));
        done();
      },
      final(done) {
        (this as unknown as { other: Duplex }).other.push(null);
        done();
      },
    });
  const [a, b] = [end(), end()];
  a.other = b;
  b.other = a;
  return [a, b];
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const NOTHING = new Uint8Array(0);

describe('SPDY headers', () => {
  it('are read as they were written, block after block', () => {
    const writer = new SpdyHeaderWriter();
    const reader = new SpdyHeaderReader();
    for (const headers of [
      { streamtype: 'error', port: '80' },
      {},
      { streamtype: 'x'.repeat(100_000) },
    ]) {
      assert.deepEqual(reader.decode(writer.encode(headers)), headers);
    }
  });
  it('begin with the checksum of the dictionary that all speakers share', () => {
    assert.equal(
      Buffer.from(new SpdyHeaderWriter().encode({})).subarray(0, 6).toString('hex'),
      '78bbe3c6a7c2',
    );
  });
});

describe('SpdyConnection', () => {
  const pair = () => {
    const [a, b] = wire();
    const accepted: [SpdyStream, SpdyHeaders][] = [];
    const client = new SpdyConnection(a, NOTHING, { role: 'client' });
    const server = new SpdyConnection(b, NOTHING, {
      role: 'server',
      onStream: (stream, headers) => accepted.push([stream, headers]),
    });
    return { client, server, accepted, a, b };
  };

  it('carries several streams both ways, and their ends', async () => {
    const { client, accepted } = pair();
    const one = client.openStream({ streamtype: 'data' });
    const two = client.openStream({ streamtype: 'error' });
    one.write(Buffer.from('up'));
    one.end();
    let down = '';
    let ended = false;
    two.onData = (bytes) => {
      down += Buffer.from(bytes).toString();
    };
    two.onEnd = () => {
      ended = true;
    };
    await settled();
    assert.deepEqual(
      accepted.map(([stream, headers]) => [stream.id, headers]),
      [
        [1, { streamtype: 'data' }],
        [3, { streamtype: 'error' }],
      ],
    );
    assert.equal(accepted[0]![0].remoteEnded, true);
    accepted[1]![0].reply();
    accepted[1]![0].write(Buffer.from('down'));
    accepted[1]![0].end();
    await settled();
    assert.deepEqual([down, ended], ['down', true]);
  });

  it('ends all streams when the connection breaks', async () => {
    const { client, a } = pair();
    let ends = 0;
    client.openStream({}).onEnd = () => ends++;
    client.openStream({}).onEnd = () => ends++;
    a.destroy();
    await settled();
    assert.equal(ends, 2);
  });

  it('breaks off what is no SPDY', async () => {
    const [a, b] = wire(1000);
    let error: Error | undefined;
    const connection = new SpdyConnection(a, NOTHING, {
      role: 'server',
      onStream: () => {},
      onClose: (why) => {
        error = why;
      },
    });
    b.write(Buffer.from('8003000100000010000000010000000000000000ffffffffffff', 'hex'));
    await settled();
    assert.ok(error instanceof Error);
    connection.close();
  });
});

/** A frame as a client sends it: masked. */
function clientFrame(opcode: number, payload: Uint8Array, fin = true): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([0, 0x80 | length])
      : Buffer.from([0, 0x80 | 126, length >> 8, length & 255]);
  head[0] = (fin ? 0x80 : 0) | opcode;
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}

describe('WebSocketConnection', () => {
  it('answers the handshake as RFC 6455 shows it', () => {
    const headers = acceptHeaders(
      { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
      'SPDY/3.1+portforward.k8s.io',
    );
    assert.equal(headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
  });

  const open = () => {
    const [near, far] = wire(3);
    const messages: string[] = [];
    let closed = 0;
    const connection = new WebSocketConnection(near, NOTHING, {
      onMessage: (bytes) => messages.push(Buffer.from(bytes).toString()),
      onClose: () => closed++,
    });
    const received: Buffer[] = [];
    far.on('data', (bytes: Buffer) => received.push(bytes));
    return {
      connection,
      far,
      messages,
      received: () => Buffer.concat(received),
      closed: () => closed,
    };
  };

  it('joins the frames of a message, with a ping between them', async () => {
    const t = open();
    t.far.write(
      Buffer.concat([
        clientFrame(2, Buffer.from('he'), false),
        clientFrame(9, Buffer.from('?')),
        clientFrame(0, Buffer.from('y')),
      ]),
    );
    t.far.write(clientFrame(2, Buffer.from('z'.repeat(300))));
    await settled();
    assert.deepEqual(t.messages, ['hey', 'z'.repeat(300)]);
    assert.equal(t.received().toString('hex'), '8a013f');
  });

  it('closes when it is told to, and on what a client may not send', async () => {
    const told = open();
    told.far.write(clientFrame(8, NOTHING));
    const wrong = open();
    wrong.far.write(Buffer.from([0x82, 0x01, 0x41]));
    await settled();
    assert.deepEqual([told.closed(), wrong.closed()], [1, 1]);
    assert.equal(wrong.received().toString('hex'), '880203ea');
  });

  it('writes lengths in the form that fits', async () => {
    const t = open();
    for (const length of [125, 126, 65_536]) t.connection.send(Buffer.alloc(length));
    await settled();
    const bytes = t.received();
    assert.equal(bytes.subarray(0, 2).toString('hex'), '827d');
    assert.equal(bytes.subarray(127, 131).toString('hex'), '827e007e');
    assert.equal(bytes.subarray(257, 267).toString('hex'), '827f0000000000010000');
  });
});

describe('bridgeRemoteCommand', () => {
  const open = (protocol: string) => {
    const [near, far] = wire(1000);
    const [a, b] = wire(1000);
    const streams = new Map<string, SpdyStream>();
    const made: { bridge?: RemoteCommandBridge } = {};
    const webSocket = new WebSocketConnection(near, NOTHING, {
      onMessage: (bytes, text) => made.bridge?.onMessage(bytes, text),
      onClose: () => made.bridge?.onWebSocketClose(),
    });
    const spdy = new SpdyConnection(a, NOTHING, {
      role: 'client',
      onClose: () => made.bridge?.onSpdyClose(),
    });
    new SpdyConnection(b, NOTHING, {
      role: 'server',
      onStream: (stream, { streamtype = '' }) => streams.set(streamtype, stream),
    });
    const wanted = { stdin: true, stdout: true, stderr: true, tty: false };
    made.bridge = bridgeRemoteCommand(webSocket, spdy, wanted, protocol);
    const received: Buffer[] = [];
    far.on('data', (bytes: Buffer) => received.push(bytes));
    return { far, streams, received: () => Buffer.concat(received) };
  };

  it('gives each channel a stream, and the status last', async () => {
    const t = open('v5.channel.k8s.io');
    await settled();
    assert.deepEqual([...t.streams.keys()].toSorted(), ['error', 'stderr', 'stdin', 'stdout']);
    let typed = '';
    const stdin = t.streams.get('stdin')!;
    stdin.onData = (bytes) => {
      typed += Buffer.from(bytes).toString();
    };
    t.far.write(clientFrame(2, Buffer.from('\0in')));
    t.far.write(clientFrame(2, Buffer.from([255, 0])));
    await settled();
    assert.deepEqual([typed, stdin.remoteEnded], ['in', true]);
    t.streams.get('error')!.write(Buffer.from('{"status":"Failure"}'));
    t.streams.get('error')!.end();
    t.streams.get('stdout')!.write(Buffer.from('out'));
    for (const name of ['stdout', 'stderr']) t.streams.get(name)!.end();
    await settled();
    const text = t.received().toString('latin1');
    assert.ok(
      text.indexOf('\x01out') > 0 &&
        text.indexOf('\x03{"status":"Failure"}') > text.indexOf('\x01out'),
    );
    assert.ok(text.endsWith('\x88\x02\x03\xe8'));
  });

  it('says Success when the command says nothing', async () => {
    const t = open('v4.channel.k8s.io');
    await settled();
    for (const name of ['error', 'stdout', 'stderr']) t.streams.get(name)!.end();
    await settled();
    assert.match(t.received().toString(), /\x03\{"metadata":\{\},"status":"Success"\}/);
  });

  it('says nothing of success, and of a failure its message, to who knows no status', async () => {
    for (const [said, last] of [
      ['{"metadata":{},"status":"Success"}', ''],
      ['', ''],
      ['{"status":"Failure","message":"exit code 3"}', '\x03exit code 3'],
    ] as const) {
      const t = open('channel.k8s.io');
      await settled();
      t.streams.get('error')!.write(Buffer.from(said));
      for (const name of ['error', 'stdout', 'stderr']) t.streams.get(name)!.end();
      await settled();
      // The first frame is empty, the last one closes.
      const bytes = t.received();
      const frame = bytes.subarray(3, bytes.length - 4).subarray(last === '' ? 0 : 2);
      assert.equal(frame.toString('latin1'), last);
    }
  });

  it('speaks base64 with who wants text', async () => {
    const t = open('v4.base64.channel.k8s.io');
    await settled();
    t.streams.get('stdout')!.write(Buffer.from('out'));
    await settled();
    assert.match(t.received().toString(), /1b3V0$/);
  });
});

describe('chooseChannelProtocol', () => {
  it('takes the first that both know', () => {
    assert.equal(
      chooseChannelProtocol(['x', 'v5.channel.k8s.io', 'v4.channel.k8s.io']),
      'v5.channel.k8s.io',
    );
    assert.equal(chooseChannelProtocol([]), '');
    assert.equal(chooseChannelProtocol(['x']), undefined);
  });
});

describe('webSocketResponse', () => {
  const headers = (protocol?: string) => ({
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
  });
  const body = (): Body => ({
    kind: 'stream',
    start: (sink) => {
      sink.write(Buffer.from('one\n'));
      sink.write(Buffer.from('two\n'));
      sink.end();
    },
  });
  const sent = async (protocol?: string): Promise<string> => {
    const [near, far] = wire(1000);
    const received: Buffer[] = [];
    far.on('data', (bytes: Buffer) => received.push(bytes));
    webSocketResponse(headers(protocol), body()).upgrade?.(near, NOTHING);
    await settled();
    return Buffer.concat(received).toString('latin1');
  };

  it('sends an empty message, then a message for each piece, and closes', async () => {
    const binary = '\x82\0\x82\x04one\n\x82\x04two\n\x88\x02\x03\xe8';
    assert.equal(await sent('binary.k8s.io'), binary);
    assert.equal(await sent(), binary);
  });

  it('sends text to who asks for base64', async () => {
    assert.match(await sent('base64.binary.k8s.io'), /^\x81\0\x81\x08b25lCg==\x81\x08dHdvCg==/);
  });

  it('refuses protocols that it does not know', () => {
    assert.equal(webSocketResponse(headers('channel.k8s.io'), body()).status, 403);
  });
});
