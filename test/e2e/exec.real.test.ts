/** `kubectl exec` into a real container, at a terminal and without one. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const LARGE_BYTES = 10 * 1024 * 1024;
const skip = unlessReal('kubectl exec with real containers');

describe('kubectl exec', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    await cluster.runPod('sh', 'sleep 3600');
  });
  after(() => cluster?.close());

  it('at a terminal: a prompt, what is typed, and the exit code', async () => {
    const terminal = await cluster.terminal('exec -it sh -- sh');
    await terminal.until(/\/ # /);
    terminal.type('echo $((40+2)) $(tty)\r');
    await terminal.until(/\r\n42 \/dev\/pts\/\d+\r\n/);
    terminal.type('exit 7\r');
    assert.equal(await terminal.exit(), 7);
  });

  it('at a terminal: Ctrl-C ends the command, not the session', async () => {
    const terminal = await cluster.terminal('exec -it sh -- sh');
    await terminal.until(/\/ # /);
    terminal.type('echo begun; sleep 1000\r');
    await terminal.until(/\r\nbegun\r\n/);
    terminal.type('\u0003');
    await terminal.until(/\^C[^]*\/ # /);
    terminal.type('echo code $?; exit\r');
    await terminal.until(/code 130/);
    await terminal.exit();
  });

  it('at a terminal: the size is the window’s, also when that changes', async () => {
    const script = 'trap "stty size" WINCH; stty size; while :; do sleep 0.05; done';
    const terminal = await cluster.terminal(['exec', '-it', 'sh', '--', 'sh', '-c', script], {
      rows: 31,
      columns: 77,
    });
    await terminal.until(/\b31 77\r\n/);
    await terminal.resize({ rows: 43, columns: 111 });
    await terminal.until(/\b43 111\r\n/);
    terminal.type('\u0003');
    assert.equal(await terminal.exit(), 130);
  });

  it('without one: both outputs apart, and the exit code', async () => {
    const script = 'echo out; echo err >&2; exit 3';
    const output = await cluster.product.kubectl(['exec', 'sh', '--', 'sh', '-c', script]);
    assert.equal(output.code, 3);
    assert.equal(output.stdout, 'out\n');
    assert.equal(output.stderr, 'err\ncommand terminated with exit code 3\n');
  });

  it('passes on large binary input and output, whole', async () => {
    const data = randomBytes(LARGE_BYTES);
    const stream = cluster.product.stream('exec -i sh -- cat');
    stream.type(data);
    stream.endInput();
    assert.equal(await stream.exit(), 0, stream.complained());
    assert.ok(stream.bytes().equals(data), `${stream.bytes().length} bytes came back`);
  });

  it('ends with the command, though the input is still open', async () => {
    const stream = cluster.product.stream(['exec', '-i', 'sh', '--', 'sh', '-c', 'echo done']);
    assert.equal(await stream.exit(), 0, stream.complained());
    assert.equal(stream.printed(), 'done\n');
  });

  it('answers each question while the input stays open', async () => {
    const stream = cluster.product.stream('exec -i sh -- cat');
    for (const word of ['one', 'two', 'three']) {
      stream.type(`${word}\n`);
      await stream.until(new RegExp(`${word}\n$`));
    }
    stream.endInput();
    assert.equal(await stream.exit(), 0);
  });

  it('says which command is not there', async () => {
    const { code, stderr } = await cluster.product.kubectl(['exec', 'sh', '--', 'absent']);
    assert.notEqual(code, 0);
    assert.match(stderr, /exec: "absent": executable file not found in \$PATH/);
  });

  it('picks the container by -c, else by the annotation, else the first', async () => {
    const container = (name: string): object => ({
      name,
      image: BUSYBOX,
      command: ['sleep', '3600'],
      env: [{ name: 'WHO', value: name }],
    });
    const pod = podManifest('two', '', { spec: { containers: ['a', 'b'].map(container) } });
    await cluster.ok('create -f -', JSON.stringify(pod));
    await cluster.ok('wait --for=condition=Ready pod/two --timeout=60s');
    const who = (...args: string[]): Promise<string> =>
      cluster.ok(['exec', 'two', ...args, '--', 'sh', '-c', 'echo $WHO']);
    assert.equal(await who(), 'a\n');
    assert.equal(await who('-c', 'b'), 'b\n');
    await cluster.ok('annotate pod two kubectl.kubernetes.io/default-container=b');
    assert.equal(await who(), 'b\n');
    const wrong = await cluster.product.kubectl(['exec', 'two', '-c', 'c', '--', 'true']);
    assert.equal(
      wrong.stderr,
      'Error from server (BadRequest): container c is not valid for pod two\n',
    );
  });
});
