/** Stories of StatefulSets in a whole cluster: API server, controllers, scheduler, nodes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { EVENT } from '#api/core/event.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { allControllers } from '#controllers/index.ts';
import { TestCluster } from '#kit/cluster.ts';
import { SimulatedCsiDriver } from '#kit/csi/driver.ts';
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';

const LABELS = { app: 'web' };
const SPEC: StatefulSetSpec = {
  replicas: 3,
  serviceName: 'web',
  selector: { matchLabels: LABELS },
  template: {
    metadata: { labels: LABELS },
    spec: { containers: [{ name: 'main', image: 'v1' }] },
  },
};
const CLAIM: PersistentVolumeClaim = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

function web(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  return { metadata: { name: 'web', namespace: 'default' }, spec: { ...SPEC, ...spec } };
}

async function deploy(
  spec: Partial<StatefulSetSpec> = {},
  options: Parameters<typeof TestCluster.start>[0] = {},
): Promise<TestCluster> {
  const cluster = await TestCluster.start({ csi: new SimulatedCsiDriver(), ...options });
  await cluster.create(STATEFUL_SET, web(spec));
  await cluster.settle();
  return cluster;
}

const current = (cluster: TestCluster): Promise<StatefulSet> =>
  cluster.get(STATEFUL_SET, 'web', 'default');
const podsOf = (cluster: TestCluster): Promise<Pod[]> => cluster.list(POD, 'default');
const claimsOf = (cluster: TestCluster): Promise<PersistentVolumeClaim[]> =>
  cluster.list(PERSISTENT_VOLUME_CLAIM, 'default');

async function change(cluster: TestCluster, spec: object): Promise<void> {
  await cluster.patch(STATEFUL_SET, await current(cluster), { spec });
}

const image = (text: string): object => ({
  template: { spec: { containers: [{ name: 'main', image: text }] } },
});

/** `web-0=v1` for each Pod, by name. */
async function images(cluster: TestCluster): Promise<string> {
  const pods = await podsOf(cluster);
  return pods
    .map(({ metadata, spec }) => `${metadata?.name}=${spec?.containers[0]?.image}`)
    .toSorted()
    .join(' ');
}

async function names(cluster: TestCluster): Promise<string> {
  return (await podsOf(cluster))
    .map(({ metadata }) => metadata?.name ?? '')
    .toSorted((a, b) => a.localeCompare(b))
    .join(' ');
}

/** Names of Pods in the order in which they were seen to come and to go (`-web-2`). */
async function order(cluster: TestCluster, forMs: number): Promise<string[]> {
  const seen: string[] = [];
  let before = new Set((await podsOf(cluster)).map(({ metadata }) => metadata?.name ?? ''));
  for (let i = 0; i < forMs / 20; i++) {
    await cluster.advance(20);
    const now = new Set((await podsOf(cluster)).map(({ metadata }) => metadata?.name ?? ''));
    for (const name of before) if (!now.has(name)) seen.push(`-${name}`);
    for (const name of now) if (!before.has(name)) seen.push(name);
    before = now;
  }
  return seen;
}

/** How many Pods are neither going nor ready, at most, while time passes. */
async function mostAtOnce(
  cluster: TestCluster,
  forMs: number,
  counts: (pod: Pod) => boolean,
): Promise<number> {
  let most = 0;
  for (let i = 0; i < forMs / 20; i++) {
    await cluster.advance(20);
    most = Math.max(most, (await podsOf(cluster)).filter(counts).length);
  }
  return most;
}

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
  true;

async function reasons(cluster: TestCluster): Promise<string[]> {
  const events = await cluster.list(EVENT, 'default');
  return events
    .filter(({ reportingComponent }) => reportingComponent === 'statefulset-controller')
    .map(({ reason, message }) => `${reason}: ${message}`);
}

describe('a StatefulSet', () => {
  it('makes its Pods one after the other, each with its name, labels and revision', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(STATEFUL_SET, web());
    const pending = (pod: Pod): boolean => !isReady(pod);
    assert.equal(await mostAtOnce(cluster, 3_000, pending), 1);
    const pods = await podsOf(cluster);
    const [first] = pods;
    const { status, metadata } = await current(cluster);
    const revision = status?.currentRevision ?? '';
    assert.match(revision, /^web-[0-9a-z]+$/);
    assert.deepEqual(first?.metadata?.labels, {
      app: 'web',
      'statefulset.kubernetes.io/pod-name': 'web-0',
      'apps.kubernetes.io/pod-index': '0',
      'controller-revision-hash': revision,
    });
    assert.equal(first?.metadata?.generateName, 'web-');
    assert.deepEqual([first?.spec?.hostname, first?.spec?.subdomain], ['web-0', 'web']);
    assert.deepEqual(first?.metadata?.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        name: 'web',
        uid: metadata?.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    assert.deepEqual(status, {
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: revision,
      updateRevision: revision,
      collisionCount: 0,
      availableReplicas: 3,
    });
    const told = await reasons(cluster);
    assert.ok(told.includes('SuccessfulCreate: Create Pod web-0 in StatefulSet web successful'));
    await cluster.stop();
  });

  it('makes them all at once in parallel', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(STATEFUL_SET, web({ podManagementPolicy: 'Parallel', replicas: 5 }));
    const pending = (pod: Pod): boolean => !isReady(pod);
    assert.equal(await mostAtOnce(cluster, 200, pending), 5);
    await cluster.settle();
    assert.equal(await names(cluster), 'web-0 web-1 web-2 web-3 web-4');
    await cluster.stop();
  });

  it('counts from the first ordinal, and moves when it changes', async () => {
    const cluster = await deploy({ ordinals: { start: 5 }, replicas: 2 });
    assert.equal(await names(cluster), 'web-5 web-6');
    await change(cluster, { ordinals: { start: 6 } });
    await cluster.settle();
    assert.equal(await names(cluster), 'web-6 web-7');
    const index = (await podsOf(cluster))[1]?.metadata?.labels?.['apps.kubernetes.io/pod-index'];
    assert.equal(index, '7');
    await cluster.stop();
  });

  it('scales down from the highest, one at a time', async () => {
    const cluster = await deploy({ replicas: 4 });
    await change(cluster, { replicas: 1 });
    const going = (pod: Pod): boolean => pod.metadata?.deletionTimestamp !== undefined;
    assert.equal(await mostAtOnce(cluster, 200, going), 1);
    assert.deepEqual(await order(cluster, 4_000), ['-web-3', '-web-2', '-web-1']);
    const told = await reasons(cluster);
    assert.ok(told.includes('SuccessfulDelete: Delete Pod web-3 in StatefulSet web successful'));
    await cluster.stop();
  });

  it('waits for a Pod that is not ready before it scales, up or down', async () => {
    const cluster = await deploy({ replicas: 2 });
    cluster.killNode('node-1');
    const [first] = await podsOf(cluster);
    await cluster.run(
      cluster.client.patch(
        POD,
        { name: first?.metadata?.name ?? '', namespace: 'default' },
        'strategic',
        { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
        { subresource: 'status' },
      ),
    );
    await change(cluster, { replicas: 3 });
    await cluster.advance(1_000);
    assert.equal(await names(cluster), 'web-0 web-1');
    await change(cluster, { replicas: 1 });
    await cluster.advance(1_000);
    assert.ok(
      (await podsOf(cluster)).every(({ metadata }) => metadata?.deletionTimestamp === undefined),
    );
    await cluster.stop();
  });

  it('replaces a Pod that failed, one that ended, and one that was deleted, by its name', async () => {
    const cluster = await deploy({ replicas: 3 });
    const before = await podsOf(cluster);
    for (const [index, phase] of ['Failed', 'Succeeded'].entries()) {
      const { name = '' } = before[index]?.metadata ?? {};
      await cluster.run(
        cluster.client.patch(
          POD,
          { name, namespace: 'default' },
          'merge',
          { status: { phase } },
          { subresource: 'status' },
        ),
      );
    }
    await cluster.delete(POD, before[2]!);
    await cluster.settle();
    const after = await podsOf(cluster);
    assert.equal(await names(cluster), 'web-0 web-1 web-2');
    const uids = new Set(before.map(({ metadata }) => metadata?.uid));
    assert.ok(after.every((pod) => isReady(pod) && !uids.has(pod.metadata?.uid)));
    await cluster.stop();
  });

  it('gives a Pod its label back', async () => {
    const cluster = await deploy({ replicas: 1 });
    const label = 'statefulset.kubernetes.io/pod-name';
    const [pod] = await podsOf(cluster);
    await cluster.patch(POD, pod!, { metadata: { labels: { [label]: null } } });
    await cluster.settle();
    assert.equal((await podsOf(cluster))[0]?.metadata?.labels?.[label], 'web-0');
    const told = await reasons(cluster);
    assert.ok(told.includes('SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful'));
    await cluster.stop();
  });

  it('adopts an orphan of its name, and releases a Pod whose labels no longer match', async () => {
    const cluster = await TestCluster.start();
    const orphan = (name: string): Pod => ({
      metadata: { name, namespace: 'default', labels: LABELS },
      spec: { containers: [{ name: 'main', image: 'v1' }] },
    });
    await cluster.create(POD, orphan('web-0'));
    await cluster.create(POD, orphan('stranger'));
    await cluster.create(STATEFUL_SET, web({ replicas: 1 }));
    await cluster.settle();
    const owner = async (name: string): Promise<string | undefined> =>
      controllerOf(await cluster.get(POD, name, 'default'))?.name;
    assert.deepEqual([await owner('web-0'), await owner('stranger')], ['web', undefined]);
    await cluster.patch(POD, orphan('web-0'), { metadata: { labels: { app: 'free' } } });
    await cluster.advance(1_000);
    assert.equal(await owner('web-0'), undefined);
    const told = await reasons(cluster);
    assert.ok(!told.some((text) => text.startsWith('FailedCreate')), 'the name is taken: no event');
    await cluster.delete(POD, orphan('web-0'));
    await cluster.settle();
    assert.equal(await owner('web-0'), 'web');
    await cluster.stop();
  });

  it('counts a Pod as available after minReadySeconds, and waits so long for the next', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(STATEFUL_SET, web({ replicas: 2, minReadySeconds: 10 }));
    await cluster.advance(9_000);
    const { status } = await current(cluster);
    assert.deepEqual([status?.readyReplicas, status?.availableReplicas], [1, 0]);
    assert.equal(await names(cluster), 'web-0');
    await cluster.advance(4_000);
    assert.equal(await names(cluster), 'web-0 web-1');
    await cluster.settle(15_000);
    assert.equal((await current(cluster)).status?.availableReplicas, 2);
    await cluster.stop();
  });

  it('says why a Pod cannot be made, and goes on when it can', async () => {
    const cluster = await TestCluster.start();
    const template = {
      ...SPEC.template,
      spec: { ...SPEC.template.spec!, serviceAccountName: 'robot' },
    };
    await cluster.create(STATEFUL_SET, web({ replicas: 1, template }));
    await cluster.advance(5_000);
    const told = await reasons(cluster);
    const message =
      'FailedCreate: Create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found';
    assert.ok(told.includes(message), told.join('\n'));
    await cluster.stop();
  });

  it('keeps conditions that others set in its status', async () => {
    const cluster = await deploy({ replicas: 1 });
    const conditions = [{ type: 'Mine', status: 'True' }];
    await cluster.run(
      cluster.client.patch(
        STATEFUL_SET,
        { name: 'web', namespace: 'default' },
        'merge',
        { status: { conditions } },
        { subresource: 'status' },
      ),
    );
    await change(cluster, { replicas: 2 });
    await cluster.settle();
    const { status } = await current(cluster);
    assert.equal(status?.replicas, 2);
    assert.equal(status?.conditions?.[0]?.type, 'Mine');
    await cluster.stop();
  });

  it('is left to the garbage collector when it is deleted, and its orphans stay', async () => {
    const cluster = await deploy({ replicas: 2 });
    await cluster.delete(STATEFUL_SET, await current(cluster), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    assert.deepEqual([await names(cluster), (await history(cluster)).length], ['', 0]);
    await cluster.create(STATEFUL_SET, web({ replicas: 2 }));
    await cluster.settle();
    const uids = (await podsOf(cluster)).map(({ metadata }) => metadata?.uid);
    await cluster.delete(STATEFUL_SET, await current(cluster), { propagationPolicy: 'Orphan' });
    await cluster.settle();
    assert.equal(await names(cluster), 'web-0 web-1');
    await cluster.create(STATEFUL_SET, web({ replicas: 2 }));
    await cluster.settle();
    const after = (await podsOf(cluster)).map(({ metadata }) => metadata?.uid);
    assert.deepEqual(after, uids, 'adopted, not made anew: the revision is the same');
    await cluster.stop();
  });
});

/** `1 v1`: number and image of each revision. */
async function history(cluster: TestCluster): Promise<string[]> {
  const revisions = await cluster.list(CONTROLLER_REVISION, 'default');
  return revisions
    .map(({ revision, data }) => `${revision} ${/"image":"(\w+)"/.exec(JSON.stringify(data))?.[1]}`)
    .toSorted();
}

describe('an update of a StatefulSet', () => {
  it('goes from the highest Pod to the lowest, one at a time, and ends with one revision', async () => {
    const cluster = await deploy();
    await change(cluster, image('v2'));
    const seen: string[] = [];
    for (let i = 0; i < 300; i++) {
      await cluster.advance(20);
      const now = await images(cluster);
      if (seen.at(-1) !== now) seen.push(now);
      assert.ok((await podsOf(cluster)).filter(isReady).length >= 2);
    }
    assert.deepEqual(
      seen.filter((text) => text.split(' ').length === 3),
      [
        'web-0=v1 web-1=v1 web-2=v1',
        'web-0=v1 web-1=v1 web-2=v2',
        'web-0=v1 web-1=v2 web-2=v2',
        'web-0=v2 web-1=v2 web-2=v2',
      ],
    );
    const { status } = await current(cluster);
    assert.equal(status?.currentRevision, status?.updateRevision);
    assert.equal(status?.currentReplicas, 3);
    assert.deepEqual(await history(cluster), ['1 v1', '2 v2']);
    await cluster.stop();
  });

  it('stops at the partition, and what is below it comes back as it was', async () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } as const;
    const cluster = await deploy({ updateStrategy });
    await change(cluster, image('v2'));
    await cluster.settle();
    assert.equal(await images(cluster), 'web-0=v1 web-1=v1 web-2=v2');
    const { status } = await current(cluster);
    assert.notEqual(status?.currentRevision, status?.updateRevision);
    assert.deepEqual([status?.currentReplicas, status?.updatedReplicas], [2, 1]);
    for (const pod of await podsOf(cluster)) await cluster.delete(POD, pod);
    await cluster.settle();
    assert.equal(await images(cluster), 'web-0=v1 web-1=v1 web-2=v2');
    await change(cluster, { updateStrategy: { rollingUpdate: { partition: 0 } } });
    await cluster.settle();
    assert.equal(await images(cluster), 'web-0=v2 web-1=v2 web-2=v2');
    await cluster.stop();
  });

  it('takes as many at once as may be unavailable, with the gate', async () => {
    const cluster = await TestCluster.start({
      controllers: allControllers({ namespaceGraceMs: 0, maxUnavailableStatefulSet: true }),
      apiServer: {
        featureGates: new FeatureGates(new Map([['MaxUnavailableStatefulSet', true]])),
      },
    });
    await cluster.create(STATEFUL_SET, web({ replicas: 5, podManagementPolicy: 'Parallel' }));
    await cluster.settle();
    const { updateStrategy } = (await current(cluster)).spec!;
    assert.deepEqual(updateStrategy?.rollingUpdate, { partition: 0, maxUnavailable: 1 });
    await change(cluster, {
      ...image('v2'),
      updateStrategy: { rollingUpdate: { maxUnavailable: 2 } },
    });
    const missing = async (): Promise<number> => 5 - (await podsOf(cluster)).filter(isReady).length;
    let most = 0;
    for (let i = 0; i < 300; i++) {
      await cluster.advance(20);
      most = Math.max(most, await missing());
    }
    assert.equal(most, 2);
    assert.equal(await images(cluster), 'web-0=v2 web-1=v2 web-2=v2 web-3=v2 web-4=v2');
    await cluster.stop();
  });

  it('keeps no limit that the gate does not let in', async () => {
    const updateStrategy = { rollingUpdate: { maxUnavailable: 2 } };
    const cluster = await deploy({ replicas: 1, updateStrategy });
    const { rollingUpdate } = (await current(cluster)).spec!.updateStrategy!;
    assert.deepEqual(rollingUpdate, { partition: 0 });
    await cluster.stop();
  });

  it('waits with OnDelete until somebody deletes the Pods', async () => {
    const cluster = await deploy({ updateStrategy: { type: 'OnDelete' } });
    await change(cluster, image('v2'));
    await cluster.settle();
    assert.equal(await images(cluster), 'web-0=v1 web-1=v1 web-2=v1');
    await cluster.delete(POD, (await podsOf(cluster))[1]!);
    await cluster.settle();
    assert.equal(await images(cluster), 'web-0=v1 web-1=v2 web-2=v1');
    await cluster.stop();
  });

  it('goes back to an old revision under a new number', async () => {
    const cluster = await deploy({ replicas: 1 });
    const first = (await current(cluster)).status?.currentRevision;
    for (const text of ['v2', 'v1']) {
      await change(cluster, image(text));
      await cluster.settle();
    }
    assert.deepEqual(await history(cluster), ['2 v2', '3 v1']);
    assert.equal((await current(cluster)).status?.currentRevision, first);
    await cluster.stop();
  });

  it('keeps as many old revisions as it is told', async () => {
    const cluster = await deploy({ replicas: 1, revisionHistoryLimit: 1 });
    for (const text of ['v2', 'v3', 'v4']) {
      await change(cluster, image(text));
      await cluster.settle();
    }
    assert.deepEqual(await history(cluster), ['3 v3', '4 v4']);
    await cluster.stop();
  });

  it('takes another name when its own is taken by another revision', async () => {
    const cluster = await deploy({ replicas: 1 });
    const name = (await current(cluster)).status?.currentRevision ?? '';
    await cluster.delete(STATEFUL_SET, await current(cluster));
    await cluster.settle();
    const data = { spec: { template: { $patch: 'replace' } } };
    const metadata = { name, namespace: 'default' };
    await cluster.create(CONTROLLER_REVISION, { metadata, data, revision: 7 });
    await cluster.create(STATEFUL_SET, web({ replicas: 1 }));
    await cluster.settle();
    const { status } = await current(cluster);
    assert.equal(status?.collisionCount, 1);
    assert.notEqual(status?.currentRevision, name);
    await cluster.stop();
  });

  it('that never becomes ready is not mended by another: the Pod must be deleted', async () => {
    const cluster = await deploy({ replicas: 1 }, { delays: { readyMs: 0 } });
    cluster.killNode('node-1');
    await change(cluster, image('broken'));
    await cluster.advance(1_000);
    await cluster.delete(POD, (await podsOf(cluster))[0]!, { gracePeriodSeconds: 0 });
    await cluster.advance(1_000);
    assert.equal(await images(cluster), 'web-0=broken');
    await change(cluster, image('v3'));
    await cluster.advance(10_000);
    assert.equal(await images(cluster), 'web-0=broken');
    await cluster.delete(POD, (await podsOf(cluster))[0]!, { gracePeriodSeconds: 0 });
    await cluster.advance(1_000);
    assert.equal(await images(cluster), 'web-0=v3');
    await cluster.stop();
  });
});

describe('a StatefulSet on a bad line', () => {
  const FAULTS: Faults = {
    ...NO_FAULTS,
    latencyMsMax: 20,
    writeFailureRatio: 0.1,
    lostAnswerRatio: 0.05,
    watchDelayMsMax: 300,
    watchBreakRatio: 0.01,
  };
  for (let seed = 1; seed <= 8; seed++)
    it(`never makes a Pod before the one below it is ready (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      const cluster = await TestCluster.start({ seed, nodes: 2, csi: new SimulatedCsiDriver() });
      await cluster.create(STATEFUL_SET, web({ replicas: 1, volumeClaimTemplates: [CLAIM] }));
      cluster.faults = FAULTS;
      let text = 'v1';
      for (let round = 0; round < 6; round++) {
        const replicas = random.below(5);
        text = random.pick(['v1', 'v2', 'v3']);
        await change(cluster, { replicas, ...image(text) });
        const known = new Set((await podsOf(cluster)).map(({ metadata }) => metadata?.uid));
        for (let i = 0; i < 100; i++) {
          await cluster.advance(50);
          const pods = await podsOf(cluster);
          const fresh = pods.filter(({ metadata }) => !known.has(metadata?.uid));
          for (const { metadata } of fresh) {
            known.add(metadata?.uid);
            const ordinal = Number(metadata?.name?.slice(4));
            const below = pods.filter((pod) => Number(pod.metadata?.name?.slice(4)) < ordinal);
            assert.equal(below.length, ordinal, `${metadata?.name} came too early`);
            assert.ok(below.every(isReady), `${metadata?.name} came too early`);
          }
        }
      }
      cluster.faults = NO_FAULTS;
      await change(cluster, { replicas: 3 });
      await cluster.settle();
      assert.equal(await images(cluster), `web-0=${text} web-1=${text} web-2=${text}`);
      const { writes } = cluster;
      await cluster.advance(60_000);
      assert.equal(cluster.writes, writes, 'settled means silence');
      await cluster.stop();
    });
});

describe('claims of a StatefulSet', () => {
  const owners = async (cluster: TestCluster): Promise<string> =>
    (await claimsOf(cluster))
      .map(({ metadata }) => {
        const kinds = metadata?.ownerReferences?.map(({ kind, name }) => `${kind}/${name}`) ?? [];
        return `${metadata?.name}:${kinds.join('+')}`;
      })
      .join(' ');

  it('are there before their Pods, outlive them, and are used again', async () => {
    const cluster = await deploy({ replicas: 2, volumeClaimTemplates: [CLAIM] });
    assert.equal(await owners(cluster), 'data-web-0: data-web-1:');
    const [claim] = await claimsOf(cluster);
    assert.deepEqual(claim?.metadata?.labels, LABELS);
    const [pod] = await podsOf(cluster);
    assert.deepEqual(pod?.spec?.volumes?.[0], {
      name: 'data',
      persistentVolumeClaim: { claimName: 'data-web-0' },
    });
    assert.ok(
      (claim?.metadata?.creationTimestamp ?? '') <= (pod?.metadata?.creationTimestamp ?? ''),
    );
    const told = await reasons(cluster);
    const message =
      'SuccessfulCreate: Create Claim data-web-0 Pod web-0 in StatefulSet web success';
    assert.ok(told.includes(message));
    await change(cluster, { replicas: 0 });
    await cluster.settle();
    await change(cluster, { replicas: 1 });
    await cluster.settle();
    assert.equal(await owners(cluster), 'data-web-0: data-web-1:');
    assert.equal((await claimsOf(cluster))[0]?.metadata?.uid, claim?.metadata?.uid);
    await cluster.stop();
  });

  it('are made again for a Pod that waits for one', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(STATEFUL_SET, web({ replicas: 1, volumeClaimTemplates: [CLAIM] }));
    await cluster.settle();
    const [claim] = await claimsOf(cluster);
    await cluster.patch(PERSISTENT_VOLUME_CLAIM, claim!, { metadata: { finalizers: null } });
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim!);
    await cluster.settle();
    const [again] = await claimsOf(cluster);
    assert.ok(again !== undefined && again.metadata?.uid !== claim?.metadata?.uid);
    await cluster.stop();
  });

  it('go with the set when it is deleted, if whenDeleted says so', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Retain' };
    const cluster = await deploy({
      replicas: 2,
      volumeClaimTemplates: [CLAIM],
      persistentVolumeClaimRetentionPolicy,
    });
    assert.equal(await owners(cluster), 'data-web-0:StatefulSet/web data-web-1:StatefulSet/web');
    await change(cluster, { replicas: 1 });
    await cluster.settle();
    assert.equal(await owners(cluster), 'data-web-0:StatefulSet/web data-web-1:StatefulSet/web');
    await cluster.delete(STATEFUL_SET, await current(cluster));
    await cluster.settle();
    assert.equal(await owners(cluster), '');
    await cluster.stop();
  });

  it('go with their Pod when the set is scaled down, if whenScaled says so', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Retain', whenScaled: 'Delete' };
    const cluster = await deploy({
      replicas: 2,
      volumeClaimTemplates: [CLAIM],
      persistentVolumeClaimRetentionPolicy,
    });
    assert.equal(await owners(cluster), 'data-web-0: data-web-1:');
    const before = (await claimsOf(cluster))[1]?.metadata?.uid;
    await change(cluster, { replicas: 1 });
    await cluster.settle();
    assert.equal(await owners(cluster), 'data-web-0:');
    await change(cluster, { replicas: 2 });
    await cluster.settle();
    assert.equal(await owners(cluster), 'data-web-0: data-web-1:');
    assert.notEqual((await claimsOf(cluster))[1]?.metadata?.uid, before);
    await cluster.delete(STATEFUL_SET, await current(cluster));
    await cluster.settle();
    assert.equal(await owners(cluster), 'data-web-0: data-web-1:');
    await cluster.stop();
  });

  it('go when the set is deleted in the foreground while it is scaled down', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Retain', whenScaled: 'Delete' };
    const cluster = await deploy({
      replicas: 2,
      volumeClaimTemplates: [CLAIM],
      persistentVolumeClaimRetentionPolicy,
    });
    await change(cluster, { replicas: 1 });
    await cluster.advance(100);
    await cluster.delete(STATEFUL_SET, await current(cluster), { propagationPolicy: 'Foreground' });
    await cluster.settle(20_000);
    assert.deepEqual(await cluster.list(STATEFUL_SET, 'default'), []);
    assert.deepEqual([await names(cluster), await owners(cluster)], ['', 'data-web-0:']);
    await cluster.stop();
  });

  it('get and lose their owners when the policy changes', async () => {
    const cluster = await deploy({ replicas: 1, volumeClaimTemplates: [CLAIM] });
    for (const [whenDeleted, expected] of [
      ['Delete', 'data-web-0:StatefulSet/web'],
      ['Retain', 'data-web-0:'],
    ]) {
      await change(cluster, { persistentVolumeClaimRetentionPolicy: { whenDeleted } });
      await cluster.settle();
      assert.equal(await owners(cluster), expected);
    }
    await cluster.stop();
  });
});
