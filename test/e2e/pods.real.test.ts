/** kubectl on real pods: `get -w`, `cp`, `delete` with its grace period. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('kubectl with real pods');
const LARGE_BYTES = 10 * 1024 * 1024;
/** Says that it was asked to end, and goes on. */
const DEAF = 'trap "echo asked" TERM; echo up; while :; do sleep 0.02; done';

describe('kubectl on real pods', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    await cluster.runPod('box', 'sleep 3600');
  });
  after(() => cluster?.close());

  it('get -w shows a pod through its life', async () => {
    // Behind a gate until the watch is there, and sees all that comes.
    const overrides = { spec: { schedulingGates: [{ name: 'example.com/watched' }] } };
    await cluster.ok([
      'run',
      'lives',
      `--image=${BUSYBOX}`,
      '--labels=watched=yes',
      `--overrides=${JSON.stringify(overrides)}`,
      '--command',
      '--',
      'sleep',
      '3600',
    ]);
    const watch = cluster.product.stream('get pods -w -l watched=yes');
    await watch.until(/lives\s+0\/1\s+SchedulingGated\s+0/);
    const ungate = JSON.stringify([{ op: 'remove', path: '/spec/schedulingGates' }]);
    await cluster.ok(['patch', 'pod', 'lives', '--type=json', '-p', ungate]);
    await watch.until(
      /lives\s+0\/1\s+Pending\s+0[^]*lives\s+0\/1\s+ContainerCreating\s+0[^]*lives\s+1\/1\s+Running\s+0/,
    );
    await cluster.ok('delete pod lives --grace-period=1');
    await watch.until(/Running[^]*lives\s+1\/1\s+Terminating\s+0/);
    await watch.stop();
  });

  it('get -o wide tells the address that the pod itself has, and its node', async () => {
    const [address = ''] = /10\.244\.\d+\.\d+/.exec(await cluster.ok('get pod box -o wide')) ?? [];
    assert.notEqual(address, '');
    assert.match(
      await cluster.ok('exec box -- ip -4 addr show eth0'),
      new RegExp(`inet ${address}/`),
    );
  });

  it('cp: a large binary file to the pod and back', async () => {
    const data = randomBytes(LARGE_BYTES);
    const [there, back] = [join(cluster.directory, 'there'), join(cluster.directory, 'back')];
    writeFileSync(there, data);
    await cluster.ok(['cp', there, 'box:/tmp/large']);
    assert.match(await cluster.ok('exec box -- wc -c /tmp/large'), new RegExp(`^${LARGE_BYTES} `));
    await cluster.ok(['cp', 'box:/tmp/large', back]);
    assert.ok(readFileSync(back).equals(data));
  });

  it('cp: folders with odd names and modes, both ways', async () => {
    const folder = join(cluster.directory, 'folder');
    mkdirSync(join(folder, 'deep'), { recursive: true });
    const script = join(folder, 'deep', 'a script');
    writeFileSync(script, '#!/bin/sh\necho ran\n');
    chmodSync(script, 0o755);
    writeFileSync(join(folder, 'empty'), '');
    await cluster.ok(['cp', folder, 'box:/tmp/copied']);
    assert.equal(await cluster.ok(['exec', 'box', '--', '/tmp/copied/deep/a script']), 'ran\n');
    const back = join(cluster.directory, 'folder-back');
    await cluster.ok(['cp', 'box:/tmp/copied', back]);
    assert.deepEqual(readdirSync(back, { recursive: true }).map(String).toSorted(), [
      'deep',
      'deep/a script',
      'empty',
    ]);
    // kubectl gives what it brings modes of its own.
    assert.equal(readFileSync(join(back, 'deep', 'a script'), 'utf8'), '#!/bin/sh\necho ran\n');
  });

  /** Deletes a pod that does not end by itself; how long that took, and what it printed. */
  const deleteDeaf = async (
    name: string,
    ...flags: string[]
  ): Promise<{ seconds: number; log: string }> => {
    await cluster.runPod(name, DEAF, { spec: { terminationGracePeriodSeconds: 30 } });
    const log = cluster.product.stream(['logs', '-f', name]);
    await log.until(/up\n/);
    const began = performance.now();
    await cluster.ok(['delete', 'pod', name, ...flags]);
    const seconds = (performance.now() - began) / 1000;
    await log.exit();
    return { seconds, log: log.printed() };
  };

  it('delete --grace-period=4: asked, and killed after four seconds', async () => {
    const { seconds, log } = await deleteDeaf('deaf', '--grace-period=4');
    assert.equal(log, 'up\nasked\n');
    assert.ok(seconds >= 4 && seconds < 10, `${seconds} s`);
  });

  it('delete --now is a grace of one second', async () => {
    const { seconds, log } = await deleteDeaf('now', '--now');
    assert.equal(log, 'up\nasked\n');
    assert.ok(seconds >= 1 && seconds < 7, `${seconds} s`);
  });

  it('delete waits for a container that ends in time, no longer', async () => {
    await cluster.runPod('polite', 'trap "exit 0" TERM; echo up; while :; do sleep 0.02; done', {
      spec: { terminationGracePeriodSeconds: 60 },
    });
    const log = cluster.product.stream('logs -f polite');
    await log.until(/up\n/);
    const began = performance.now();
    await cluster.ok('delete pod polite');
    assert.ok(performance.now() - began < 10_000);
  });

  it('delete --force --grace-period=0: gone from the API at once, and then from the node', async () => {
    await cluster.ok('create -f -', JSON.stringify(podManifest('forced', DEAF)));
    await cluster.ok('wait --for=condition=Ready pod/forced --timeout=60s');
    const log = cluster.product.stream('logs -f forced');
    await log.until(/up\n/);
    await cluster.ok('delete pod forced --force --grace-period=0');
    assert.equal(await cluster.ok('get pod forced --ignore-not-found'), '');
    await log.exit();
  });
});
