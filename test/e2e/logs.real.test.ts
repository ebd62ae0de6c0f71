/** `kubectl logs` of real containers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('kubectl logs with real containers');
/** Prints a line for each file that appears, and ends with the last. */
const ON_COMMAND = [
  'echo begun',
  'for n in 1 2 3; do while [ ! -e /tmp/$n ]; do sleep 0.02; done; echo line $n; done',
].join('\n');
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d)`;

describe('kubectl logs', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    // The two outputs are two pipes: only time puts one before the other.
    const script = 'seq 1 100; sleep 0.5; echo wrong >&2; sleep 3600';
    await cluster.runPod('counted', script);
    const stream = cluster.product.stream('logs -f counted');
    await stream.until(/wrong\n$/);
    await stream.stop();
  });
  after(() => cluster?.close());

  it('-f follows line by line, and ends when the container ends', async () => {
    await cluster.runPod('grows', ON_COMMAND, { spec: { restartPolicy: 'Never' } });
    const stream = cluster.product.stream('logs -f grows');
    await stream.until(/^begun\n$/);
    for (const number of [1, 2, 3]) {
      await cluster.ok(`exec grows -- touch /tmp/${number}`);
      await stream.until(new RegExp(`line ${number}\n$`));
    }
    assert.equal(await stream.exit(), 0);
    assert.equal(stream.printed(), 'begun\nline 1\nline 2\nline 3\n');
  });

  it('-f ends when the pod is deleted', async () => {
    await cluster.runPod(
      'leaves',
      'trap "echo bye; exit" TERM; echo here; while :; do sleep 0.05; done',
    );
    const stream = cluster.product.stream('logs -f leaves');
    await stream.until(/^here\n/);
    await cluster.ok('delete pod leaves');
    assert.equal(await stream.exit(), 0);
    assert.equal(stream.printed(), 'here\nbye\n');
  });

  it('--previous is the log of the container that crashed', async () => {
    const script =
      'if [ -e /keep/second ]; then echo second; sleep 3600; fi; touch /keep/second; echo first; exit 1';
    const over = {
      spec: { volumes: [{ name: 'keep', emptyDir: {} }] },
      container: { volumeMounts: [{ name: 'keep', mountPath: '/keep' }] },
    };
    const early = await cluster.product.kubectl(['logs', 'counted', '--previous']);
    assert.match(early.stderr, /^Error from server \(BadRequest\): /);
    await cluster.ok('create -f -', JSON.stringify(podManifest('crashes', script, over)));
    await cluster.ok(
      'wait --for=jsonpath={.status.containerStatuses[0].restartCount}=1 pod/crashes --timeout=60s',
    );
    const stream = cluster.product.stream('logs -f crashes');
    await stream.until(/^second\n$/);
    await stream.stop();
    assert.equal(await cluster.ok('logs crashes --previous'), 'first\n');
    assert.match(await cluster.ok('get pod crashes'), /crashes\s+1\/1\s+Running\s+1 \(/);
  });

  it('--tail, --limit-bytes', async () => {
    assert.equal(await cluster.ok('logs counted --tail=3'), '99\n100\nwrong\n');
    assert.equal(await cluster.ok('logs counted --tail=0'), '');
    assert.equal((await cluster.ok('logs counted --tail=1000')).split('\n').length, 102);
    assert.equal(await cluster.ok('logs counted --limit-bytes=5'), '1\n2\n3');
  });

  it('--timestamps puts the time before each line', async () => {
    const lines = (await cluster.ok('logs counted --timestamps --tail=2')).trimEnd().split('\n');
    assert.match(lines[0] ?? '', new RegExp(`^${TIME} 100$`));
    assert.match(lines[1] ?? '', new RegExp(`^${TIME} wrong$`));
  });

  it('--since-time and --since leave out what is older', async () => {
    const gapSeconds = 4;
    await cluster.runPod('aged', `echo old; sleep ${gapSeconds}; echo new; sleep 3600`);
    const stream = cluster.product.stream('logs -f aged --timestamps');
    const [, time = ''] = await stream.until(/\n(\S+) new\n/);
    await stream.stop();
    assert.equal(await cluster.ok(`logs aged --since-time=${time}`), 'new\n');
    // Two seconds for kubectl to get there, and the old line is still older.
    const seconds = Math.ceil((Date.now() - Date.parse(time)) / 1000) + gapSeconds - 2;
    assert.equal(await cluster.ok(`logs aged --since=${seconds}s`), 'new\n');
    assert.equal(await cluster.ok('logs aged --since=1h'), 'old\nnew\n');
  });

  it('--all-containers, with --prefix too; one by -c', async () => {
    const container = (name: string) => ({
      name,
      image: BUSYBOX,
      command: ['sh', '-c', `echo from ${name}; exec sleep 3600`],
    });
    const init = { ...container('init'), command: ['echo', 'from init'] };
    const spec = { initContainers: [init], containers: ['a', 'b'].map(container) };
    await cluster.runPod('several', '', { spec });
    // kubectl asks for the containers in an order of its own, another one each time.
    const lines = async (command: string): Promise<string[]> =>
      (await cluster.ok(command)).trimEnd().split('\n').toSorted();
    assert.deepEqual(await lines('logs several --all-containers'), [
      'from a',
      'from b',
      'from init',
    ]);
    assert.deepEqual(await lines('logs several --all-containers --prefix'), [
      '[pod/several/a] from a',
      '[pod/several/b] from b',
      '[pod/several/init] from init',
    ]);
    assert.equal(await cluster.ok('logs several -c b'), 'from b\n');
    assert.equal(await cluster.ok('logs several'), 'from a\n');
    const wrong = await cluster.product.kubectl(['logs', 'several', '-c', 'c']);
    assert.equal(wrong.stderr, 'error: container c is not valid for pod several\n');
  });

  it('by label, with the prefix; and of a Deployment', async () => {
    await cluster.ok([
      'create',
      'deployment',
      'many',
      `--image=${BUSYBOX}`,
      '--replicas=2',
      '--',
      'sh',
      '-c',
      'echo $HOSTNAME; sleep 3600',
    ]);
    await cluster.ok('rollout status deployment/many --timeout=60s');
    const lines = (await cluster.ok('logs -l app=many --prefix')).trimEnd().split('\n');
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /^\[pod\/(many-\S+)\/busybox\] \1$/);
    assert.match(await cluster.ok('logs deployment/many'), /many-/);
    await cluster.ok('delete deployment many');
  });

  it('gives every line of a large log, also while it is written', async () => {
    const count = 100_000;
    const all = Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');
    const over = { spec: { restartPolicy: 'Never' } };
    const script = `while [ ! -e /tmp/1 ]; do sleep 0.02; done; seq 1 ${count}; sleep 2`;
    await cluster.runPod('large', script, over);
    const stream = cluster.product.stream('logs -f large');
    await cluster.ok('exec large -- touch /tmp/1');
    assert.equal(await stream.exit(), 0);
    assert.equal(stream.printed(), all);
    assert.equal(await cluster.ok('logs large'), all);
  });
});
