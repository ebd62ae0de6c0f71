/** `kubectl port-forward` to a pod and to a Service, with real connections through it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { ask } from './http.ts';
import { unlessReal } from './needs.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';
import type { Stream } from './stream.ts';

const skip = unlessReal('kubectl port-forward with real containers');
const LARGE_BYTES = 10 * 1024 * 1024;
const CONNECTIONS = 20;
const IDLE_MAX_MS = 10_000;
/** Serves its own name and a large file; on another port it sums what it is sent. */
const SERVER = [
  'mkdir /www',
  'hostname > /www/index.html',
  `head -c ${LARGE_BYTES} /dev/urandom > /www/large`,
  `printf '#!/bin/sh\nhead -c ${LARGE_BYTES} | sha256sum\n' > /sum`,
  'chmod +x /sum',
  'nc -ll -p 9000 -e /sum &',
  'exec httpd -f -p 8080 -h /www',
].join('\n');

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

interface Forward {
  readonly stream: Stream;
  readonly port: number;
  readonly url: string;
}

describe('kubectl port-forward', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    await cluster.runWeb(SERVER);
  });
  after(() => cluster?.close());

  /** A forwarder that listens, and where. */
  const forward = async (...args: string[]): Promise<Forward> => {
    const stream = cluster.product.stream(['port-forward', ...args]);
    const [, port = ''] = await stream.until(/Forwarding from 127\.0\.0\.1:(\d+) -> \d+\n/);
    return { stream, port: Number(port), url: `http://127.0.0.1:${port}` };
  };
  const get = async (url: string): Promise<Buffer> => {
    const { status, body } = await ask(url);
    assert.equal(status, 200);
    return body;
  };

  it('to a pod: HTTP, one connection after the other', async () => {
    const { stream, url } = await forward('pod/web', ':8080');
    for (let i = 0; i < CONNECTIONS; i++) assert.equal(String(await get(url)), 'web\n');
    await stream.stop();
    assert.equal(stream.complained(), '');
  });

  it('to a Service: by its port, to the port that the pod names', async () => {
    const { stream, url } = await forward('service/web', ':80');
    assert.equal(String(await get(url)), 'web\n');
    await stream.stop();
  });

  it('many connections at once', async () => {
    const { stream, url } = await forward('pod/web', ':8080');
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => get(url)));
    assert.deepEqual([...new Set(answers.map(String))], ['web\n']);
    await stream.stop();
  });

  it('a large body from the pod, whole, and two at once', async () => {
    const [sum = ''] = (await cluster.ok('exec web -- sha256sum /www/large')).split(' ');
    const { stream, url } = await forward('pod/web', ':8080');
    const bodies = await Promise.all([get(`${url}/large`), get(`${url}/large`)]);
    assert.deepEqual(bodies.map(sha256), [sum, sum]);
    await stream.stop();
    assert.equal(stream.complained(), '');
  });

  it('a large body to the pod, whole', async () => {
    const { stream, port } = await forward('pod/web', ':9000');
    const data = randomBytes(LARGE_BYTES);
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(IDLE_MAX_MS, () => socket.destroy(new Error('no answer')));
    socket.write(data);
    const answer = (await buffer(socket)).toString();
    assert.equal(answer.split(' ')[0], sha256(data));
    await stream.stop();
  });

  it('says that nobody listens in the pod, and kubectl ends, as with upstream', async () => {
    const { stream, url } = await forward('pod/web', ':9999');
    await assert.rejects(ask(url));
    assert.equal(await stream.exit(), 1);
    assert.match(stream.complained(), /forwarding \d+ -> 9999: .*connection refused/i);
    assert.match(stream.complained(), /error: lost connection to pod/);
  });

  it('is refused for a pod that does not run', async () => {
    const pod = podManifest('pending', 'true', { spec: { nodeSelector: { absent: 'yes' } } });
    await cluster.ok('create -f -', JSON.stringify(pod));
    const { code, stderr } = await cluster.product.kubectl(['port-forward', 'pod/pending', ':80']);
    assert.equal(code, 1);
    assert.match(stderr, /unable to forward port because pod is not running/);
  });
});
