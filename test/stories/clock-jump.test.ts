/** The wall clock is set forward, as NTP does it, or a machine that slept: nothing has died of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { NODE } from '#api/core/node.ts';
import { isPodReady } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import { deployment } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';

const HOUR_MS = 3_600_000;

describe('a wall clock that is set forward', () => {
  it('kills no node, and makes no Pod not ready', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(DEPLOYMENT, { ...deployment('replicas=3') });
    await cluster.settle();
    const before = (await cluster.list(POD, 'default')).map(({ metadata }) => metadata?.name);
    let least = 3;
    cluster.environment.setWallClock(HOUR_MS);
    for (let second = 0; second < 60; second++) {
      await cluster.advance(1_000);
      const pods = await cluster.list(POD, 'default');
      least = Math.min(least, pods.filter(isPodReady).length);
    }
    const after = await cluster.list(POD, 'default');
    assert.deepEqual([least, after.map(({ metadata }) => metadata?.name)], [3, before]);
    const taints = (await cluster.list(NODE)).flatMap(({ spec }) => spec?.taints ?? []);
    assert.deepEqual(taints, []);
    await cluster.stop();
  });

  it('does not end a toleration before its time', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(DEPLOYMENT, { ...deployment('replicas=1') });
    await cluster.settle();
    const [pod] = await cluster.list(POD, 'default');
    cluster.killNode(pod?.spec?.nodeName ?? '');
    // Given up after 50 s; tolerated for 300 s more.
    await cluster.advance(120_000);
    cluster.environment.setWallClock(HOUR_MS);
    // It is looked at again.
    const tolerations = [...(pod?.spec?.tolerations ?? []), { key: 'x', operator: 'Exists' }];
    await cluster.patch(POD, pod ?? {}, { spec: { tolerations } });
    await cluster.advance(120_000);
    const [still] = await cluster.list(POD, 'default');
    assert.deepEqual(
      [still?.metadata?.uid, still?.metadata?.deletionTimestamp],
      [pod?.metadata?.uid, undefined],
    );
    await cluster.advance(120_000);
    const uids = (await cluster.list(POD, 'default')).filter(isPodReady);
    assert.notEqual(uids[0]?.metadata?.uid, pod?.metadata?.uid);
    await cluster.stop();
  });
});
