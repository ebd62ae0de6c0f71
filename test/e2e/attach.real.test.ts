/** `kubectl attach` and `kubectl run` with a real container's own process. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('kubectl attach and run with real containers');
const ECHO = 'while read -r line; do echo "got $line"; echo "err $line" >&2; done; echo over';

/** `kubectl run` of a pod that is not started again; its command follows. */
function runFlags(name: string, ...flags: string[]): string[] {
  return ['run', name, ...flags, '--restart=Never', `--image=${BUSYBOX}`, '--command', '--'];
}

describe('kubectl attach', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
  });
  after(() => cluster?.close());

  const phase = (name: string): Promise<string> =>
    cluster.ok(['get', 'pod', name, '-o', 'jsonpath={.status.phase}']);
  const untilPhase = (name: string, wanted: string): Promise<string> =>
    cluster.ok(`wait --for=jsonpath={.status.phase}=${wanted} pod/${name} --timeout=60s`);

  it('reaches the main process: input, and both outputs apart', async () => {
    await cluster.runPod('echo', ECHO, { container: { stdin: true } });
    const stream = cluster.product.stream('attach -i echo');
    stream.type('hello\n');
    await stream.until(/got hello\n/);
    stream.type('again\n');
    await stream.until(/got hello\ngot again\n/);
    await stream.untilComplained(/err hello\nerr again\n/);
    await stream.stop();
    assert.doesNotMatch(stream.printed(), /err/);
  });

  it('leaves the process running when the client goes, and takes the next one', async () => {
    const stream = cluster.product.stream('attach -i echo');
    stream.type('later\n');
    await stream.until(/got later\n/);
    await stream.stop();
    assert.equal(await phase('echo'), 'Running');
    assert.doesNotMatch(stream.printed(), /hello/, 'what was before is the log’s');
    assert.match(await cluster.ok('logs echo'), /got hello\n[^]*got later\n/);
  });

  it('shows output to several at once', async () => {
    const watcher = cluster.product.stream('attach echo');
    const typist = cluster.product.stream('attach -i echo');
    // The watcher is there once it has seen something: what is typed until then is repeated.
    for (let tries = 0; !/got all/.test(watcher.printed()); tries++) {
      typist.type(`all ${tries}\n`);
      await typist.until(new RegExp(`got all ${tries}\n`));
    }
    typist.type('both\n');
    await Promise.all([watcher.until(/got both\n/), typist.until(/got both\n/)]);
    await Promise.all([watcher.stop(), typist.stop()]);
  });

  it('with stdinOnce the end of the input is the end of the process', async () => {
    const over = {
      container: { stdin: true, stdinOnce: true },
      spec: { restartPolicy: 'Never' },
    };
    await cluster.runPod('once', ECHO, over);
    const stream = cluster.product.stream('attach -i once');
    stream.type('hello\n');
    await stream.until(/got hello\n/);
    stream.endInput();
    assert.equal(await stream.exit(), 0, stream.complained());
    assert.match(stream.printed(), /got hello\nover\n$/);
    await untilPhase('once', 'Succeeded');
  });

  it('at a terminal: the shell that the container is', async () => {
    await cluster.runPod('shell', 'exec sh', { container: { stdin: true, tty: true } });
    const terminal = await cluster.terminal('attach -it shell', { rows: 29, columns: 91 });
    // kubectl first tells another size, so that whoever draws the screen draws it anew.
    const untilSize = async (size: string, sum: number): Promise<void> => {
      terminal.type(
        `until [ "$(stty size)" = "${size}" ]; do sleep 0.05; done; echo is $((${sum}+1))\r`,
      );
      await terminal.until(new RegExp(`is ${sum + 1}\r\n`));
    };
    await untilSize('29 91', 41);
    await terminal.resize({ rows: 17, columns: 55 });
    await untilSize('17 55', 42);
    // How the container ended is its status's to tell, as with upstream.
    terminal.type('exit\r');
    assert.equal(await terminal.exit(), 0);
  });

  it('run --rm -it: a shell that leaves nothing behind, and its exit code', async () => {
    const terminal = await cluster.terminal([...runFlags('visit', '--rm', '-it'), 'sh']);
    await terminal.until(/\/ # /);
    terminal.type('echo $((6*7)); exit 5\r');
    await terminal.until(/\r\n42\r\n/);
    assert.equal(await terminal.exit(), 5);
    assert.match(terminal.printed(), /pod "visit" deleted/);
    assert.equal(await cluster.ok('get pod visit --ignore-not-found'), '');
  });

  it('run --rm -i: input from a pipe, output and exit code back', async () => {
    const { code, stdout } = await cluster.product.kubectl(
      [...runFlags('sum', '--rm', '-i', '--quiet'), 'sh', '-c', 'wc -c; exit 4'],
      { input: 'four' },
    );
    assert.equal(stdout, '4\n');
    assert.equal(code, 4);
  });

  it('run --restart=Never goes to completion', async () => {
    await cluster.ok([...runFlags('job'), 'sh', '-c', 'echo did it']);
    await untilPhase('job', 'Succeeded');
    assert.equal(await cluster.ok('logs job'), 'did it\n');
    assert.match(await cluster.ok('get pod job'), /job\s+0\/1\s+Completed\s+0/);
  });
});
