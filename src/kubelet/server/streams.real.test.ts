/**
 * Logs, exec and port-forward through the kubelet's server, against a real containerd.
 *
 * Needs root and Linux; elsewhere the tests are skipped, and say why.
 */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { SpdyConnection } from '#base/http/spdy.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { BUSYBOX } from '#kit/busybox-image.ts';
import { RealTestNode, whyNot } from '#kit/kubelet/real-node.ts';
import { POD } from '../resources.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;
const SCRIPT =
  'echo one; echo two >&2; echo three; echo ok > /tmp/index.html; httpd -p 8080 -h /tmp; trap "exit 0" TERM; while true; do sleep 0.05; done';

/** The client's end of a WebSocket as a stream of the bytes in its messages. Frames are masked. */
function tunnel(socket: Duplex): Duplex {
  let buffer = Buffer.alloc(0);
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const head = Buffer.alloc(8);
      head[0] = 0x82;
      head[1] = 0x80 | 126;
      head.writeUInt16BE(chunk.length, 2);
      // A mask of zeros leaves the bytes as they are.
      socket.write(Buffer.concat([head, chunk]));
      done();
    },
  });
  socket.on('close', () => stream.push(null));
  socket.on('data', (bytes: Buffer) => {
    buffer = Buffer.concat([buffer, bytes]);
    while (buffer.length >= 2) {
      const short = buffer[1]! & 0x7f;
      const start = short === 126 ? 4 : 2;
      const length = short === 126 ? buffer.readUInt16BE(2) : short;
      if (buffer.length < start + length) return;
      if ((buffer[0]! & 0x0f) === 2)
        stream.push(Buffer.from(buffer.subarray(start, start + length)));
      buffer = buffer.subarray(start + length);
    }
  });
  return stream;
}

describe('streams of the kubelet', { skip }, () => {
  let node: RealTestNode;
  let server: RunningHttpServer;

  before(async () => {
    node = new RealTestNode();
    await node.startContainerd();
    await node.startKubelet();
    const handler = node.kubelet.servers().whole;
    const peer = { component: { name: 'test', groups: [] } };
    server = await serveHttp({ handler: (request) => handler({ ...request, peer }) });
    await node.api.create(POD, {
      metadata: { name: 'served', namespace: 'default' },
      spec: {
        nodeName: 'node-1',
        terminationGracePeriodSeconds: 2,
        containers: [{ name: 'main', image: BUSYBOX, command: ['sh', '-c', SCRIPT] }],
      },
    });
    await node.api.until('it runs', () => {
      const phase = node.api.find(POD, 'served', 'default')?.status?.phase;
      return phase === 'Running' ? true : undefined;
    });
  });

  after(async () => {
    await server.close();
    await node.cleanUp();
  });

  const get = async (path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return response.text();
  };

  it('gives the log, its end, and one stream of it', async () => {
    const path = '/containerLogs/default/served/main';
    let all = '';
    for (let tries = 0; tries < 50 && !all.includes('three'); tries++) all = await get(path);
    assert.deepEqual(all.trim().split('\n').toSorted(), ['one', 'three', 'two']);
    assert.equal((await get(`${path}?tailLines=1`)).split('\n').length, 2);
    assert.equal(await get(`${path}?stream=Stderr`), 'two\n');
    assert.match(await get(`${path}?timestamps=true&tailLines=1`), /^20\d\d-\d\d-\d\dT\S+ /);
    assert.equal(await get(`${path}?limitBytes=2`), all.slice(0, 2));
    assert.equal(await get(`${path}?sinceTime=2999-01-01T00:00:00Z`), '');
  });

  it('says what is wrong with a request for a log', async () => {
    const previous = await get('/containerLogs/default/served/main?previous=true');
    assert.equal(previous, 'previous terminated container "main" in pod "served" not found');
    const none = await get('/containerLogs/default/served/nothing');
    assert.equal(none, 'container "nothing" in pod "served" is not available');
    assert.equal(await get('/containerLogs/default/nobody/main'), 'pod "nobody" not found');
  });

  /** Output by channel. */
  const exec = (
    query: string,
    protocol: string,
    talk: (socket: WebSocket) => void = () => {},
  ): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const url = `ws://127.0.0.1:${server.port}/exec/default/served/main?${query}`;
      const socket = new WebSocket(url, protocol);
      const output = ['', '', '', '', ''];
      socket.on('open', () => talk(socket));
      socket.on('message', (data: Buffer) => {
        output[data[0]!] += data.subarray(1).toString();
      });
      socket.on('close', () => resolve(output));
      socket.on('error', reject);
    });

  it('runs a command, and tells its output and how it ended', async () => {
    const ok = await exec(
      'command=sh&command=-c&command=echo+a;echo+b+>%262&output=1&error=1',
      'v4.channel.k8s.io',
    );
    assert.deepEqual(ok.slice(0, 3), ['', 'a\n', 'b\n']);
    assert.equal(JSON.parse(ok[3]!).status, 'Success');
    const failed = await exec('command=sh&command=-c&command=exit+7&output=1', 'v5.channel.k8s.io');
    const { reason: why, details } = JSON.parse(failed[3]!);
    assert.equal(why, 'NonZeroExitCode');
    assert.deepEqual(details.causes, [{ reason: 'ExitCode', message: '7' }]);
  });

  it('passes on what is typed, and its end', async () => {
    const output = await exec('command=cat&input=1&output=1', 'v5.channel.k8s.io', (socket) => {
      socket.send(Buffer.from('\0hello '));
      socket.send(Buffer.from('\0world'));
      socket.send(Buffer.from([255, 0]));
    });
    assert.equal(output[1], 'hello world');
  });

  it('passes on large output whole', async () => {
    const count = 3_000_000;
    const command = `command=head&command=-c&command=${count}&command=/dev/zero`;
    const output = await exec(`${command}&output=1`, 'v5.channel.k8s.io');
    assert.equal(output[1]!.length, count);
  });

  it('gives a terminal of the size that is asked for', async () => {
    const query = 'command=sh&input=1&output=1&tty=1';
    const output = await exec(query, 'v5.channel.k8s.io', (socket) => {
      socket.send(Buffer.from('\x04{"Width":77,"Height":33}\n'));
      const known = 'until [ "$(stty size)" = "33 77" ]; do sleep 0.05; done';
      socket.send(Buffer.from(`\0${known}; echo it has 33 rows; exit\n`));
    });
    assert.match(output[1]!, /\nit has 33 rows/);
  });

  const upgrade = (
    path: string,
    headers: Record<string, string>,
    method = 'POST',
  ): Promise<[Duplex, Buffer]> =>
    new Promise((resolve, reject) => {
      const call = httpRequest({
        port: server.port,
        host: '127.0.0.1',
        path,
        method,
        headers,
      });
      call.on('upgrade', (_response, socket, head) => resolve([socket, head]));
      call.on('response', (response) => reject(new Error(`status ${response.statusCode}`)));
      call.on('error', reject);
      call.end();
    });

  const fetchThrough = async (spdy: SpdyConnection): Promise<[string, string]> => {
    const labels = { port: '8080', requestid: '0' };
    const errors = spdy.openStream({ streamtype: 'error', ...labels });
    errors.end();
    const data = spdy.openStream({ streamtype: 'data', ...labels });
    let answer = '';
    let trouble = '';
    errors.onData = (bytes) => {
      trouble += Buffer.from(bytes).toString();
    };
    data.onData = (bytes) => {
      answer += Buffer.from(bytes).toString();
    };
    const ended = new Promise<void>((resolve) => {
      data.onEnd = resolve;
    });
    data.write(Buffer.from('GET /index.html HTTP/1.0\r\n\r\n'));
    await ended;
    spdy.close();
    return [answer, trouble];
  };

  it('forwards a port to a client that speaks SPDY', async () => {
    const [socket, head] = await upgrade('/portForward/default/served', {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'portforward.k8s.io',
    });
    const [answer, trouble] = await fetchThrough(
      new SpdyConnection(socket, head, { role: 'client' }),
    );
    assert.equal(trouble, '');
    assert.match(answer, /^HTTP\/1\.\d 200 OK[^]*\r\n\r\nok\n$/);
  });

  it('forwards a port to a client that tunnels SPDY through a WebSocket', async () => {
    const [socket] = await upgrade(
      '/portForward/default/served',
      {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
      },
      'GET',
    );
    const [answer, trouble] = await fetchThrough(
      new SpdyConnection(tunnel(socket), Buffer.alloc(0), { role: 'client' }),
    );
    assert.equal(trouble, '');
    assert.match(answer, /200 OK[^]*\r\n\r\nok\n$/);
  });

  it('follows a log until its container ends', async () => {
    const followed = get('/containerLogs/default/served/main?follow=true');
    await node.api.delete(POD, { name: 'served', namespace: 'default' });
    assert.match(await followed, /three/);
  });
});
