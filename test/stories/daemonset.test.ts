/** Stories of DaemonSets in a whole cluster: API server, controllers, scheduler, nodes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { ControllerRevision, DaemonSet, DaemonSetSpec } from '#api/gen/apps-v1.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { TestCluster } from '#kit/cluster.ts';
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';

const LABELS = { app: 'log' };
const HASH = 'controller-revision-hash';

function template(image: string, spec: Partial<PodSpec> = {}): DaemonSetSpec['template'] {
  return {
    metadata: { labels: LABELS },
    spec: { containers: [{ name: 'main', image }], ...spec },
  };
}

function log(spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  return {
    metadata: { name: 'log', namespace: 'default' },
    spec: { selector: { matchLabels: LABELS }, template: template('v1'), ...spec },
  };
}

async function deploy(spec: Partial<DaemonSetSpec> = {}, nodes = 3): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes });
  await cluster.create(DAEMON_SET, log(spec));
  await cluster.settle();
  return cluster;
}

const current = (cluster: TestCluster): Promise<DaemonSet> =>
  cluster.get(DAEMON_SET, 'log', 'default');
const podsOf = (cluster: TestCluster): Promise<Pod[]> => cluster.list(POD, 'default');

async function change(cluster: TestCluster, spec: object): Promise<void> {
  await cluster.patch(DAEMON_SET, await current(cluster), { spec });
}

const roll = (cluster: TestCluster, image: string): Promise<void> =>
  change(cluster, { template: { spec: { containers: [{ name: 'main', image }] } } });

/** `node-1=v1` for each Pod, in order. */
async function placed(cluster: TestCluster): Promise<string> {
  return (await podsOf(cluster))
    .map(({ spec }) => `${spec?.nodeName ?? ''}=${spec?.containers[0]?.image}`)
    .toSorted((a, b) => a.localeCompare(b))
    .join(' ');
}

const isReady = (pod: Pod): boolean =>
  pod.metadata?.deletionTimestamp === undefined &&
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true;

async function reasons(cluster: TestCluster): Promise<string[]> {
  const events = await cluster.list(EVENT, 'default');
  return events
    .filter(({ reportingComponent }) => reportingComponent === 'daemonset-controller')
    .map(({ reason, message, count }) => `${reason} x${count}: ${message}`);
}

async function setPhase(cluster: TestCluster, pod: Pod, phase: string): Promise<void> {
  const target = { name: pod.metadata?.name ?? '', namespace: 'default' };
  const patch = { status: { phase } };
  await cluster.run(cluster.client.patch(POD, target, 'merge', patch, { subresource: 'status' }));
}

const label = async (cluster: TestCluster, node: string, labels: object): Promise<void> => {
  await cluster.patch(NODE, await cluster.get(NODE, node), { metadata: { labels } });
};

async function history(cluster: TestCluster): Promise<string[]> {
  const revisions = await cluster.list(CONTROLLER_REVISION, 'default');
  return revisions
    .map(({ revision, data }) => `${revision} ${/"image":"(\w+)"/.exec(JSON.stringify(data))?.[1]}`)
    .toSorted((a, b) => a.localeCompare(b));
}

describe('a DaemonSet', () => {
  it('has one Pod on each node, bound to it by name, marked with its revision', async () => {
    const cluster = await deploy();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v1 node-3=v1');
    const [revision] = await cluster.list(CONTROLLER_REVISION, 'default');
    const hash = revision?.metadata?.labels?.[HASH] ?? '';
    assert.equal(revision?.metadata?.name, `log-${hash}`);
    const [pod] = await podsOf(cluster);
    assert.deepEqual(pod?.metadata?.labels, {
      app: 'log',
      [HASH]: hash,
      'pod-template-generation': '1',
    });
    assert.match(pod?.metadata?.name ?? '', /^log-[a-z0-9]{5}$/);
    assert.deepEqual(pod?.spec?.affinity, {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchFields: [
                { key: 'metadata.name', operator: 'In', values: [pod?.spec?.nodeName] },
              ],
            },
          ],
        },
      },
    });
    assert.deepEqual((await current(cluster)).status, {
      currentNumberScheduled: 3,
      numberMisscheduled: 0,
      desiredNumberScheduled: 3,
      numberReady: 3,
      observedGeneration: 1,
      updatedNumberScheduled: 3,
      numberAvailable: 3,
    });
    const told = await reasons(cluster);
    assert.ok(told.includes(`SuccessfulCreate x1: Created pod: ${pod?.metadata?.name}`));
    await cluster.stop();
  });

  it('follows nodes: new ones get a Pod, those that are gone lose theirs', async () => {
    const cluster = await deploy({}, 1);
    cluster.startNode('node-2');
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v1');
    cluster.killNode('node-2');
    await cluster.delete(NODE, await cluster.get(NODE, 'node-2'));
    await cluster.settle(120_000);
    assert.equal(await placed(cluster), 'node-1=v1');
    assert.equal((await current(cluster)).status?.desiredNumberScheduled, 1);
    await cluster.stop();
  });

  it('follows labels of nodes, and taints', async () => {
    const cluster = await deploy({ template: template('v1', { nodeSelector: { disk: 'ssd' } }) });
    assert.equal(await placed(cluster), '');
    await label(cluster, 'node-2', { disk: 'ssd' });
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-2=v1');
    await label(cluster, 'node-2', { disk: null });
    await cluster.settle();
    assert.equal(await placed(cluster), '');
    await change(cluster, { template: { spec: { nodeSelector: null } } });
    await cluster.settle();
    const node = await cluster.get(NODE, 'node-1');
    const taint = { key: 'full', value: 'yes' };
    await cluster.patch(NODE, node, { spec: { taints: [{ ...taint, effect: 'NoSchedule' }] } });
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v1 node-3=v1', 'it may stay');
    const { status } = await current(cluster);
    assert.deepEqual([status?.desiredNumberScheduled, status?.numberMisscheduled], [2, 1]);
    await cluster.patch(NODE, node, { spec: { taints: [{ ...taint, effect: 'NoExecute' }] } });
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-2=v1 node-3=v1');
    await cluster.stop();
  });

  it('runs on nodes that are cordoned or not ready', async () => {
    const cluster = await deploy({}, 1);
    const node = await cluster.get(NODE, 'node-1');
    await cluster.patch(NODE, node, { spec: { unschedulable: true } });
    await cluster.settle();
    const [pod] = await podsOf(cluster);
    await cluster.delete(POD, pod!);
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1');
    cluster.killNode('node-1');
    await cluster.advance(400_000);
    assert.equal(await placed(cluster), 'node-1=v1', 'not evicted');
    // Nothing new is scheduled to a node that nobody reaches.
    const { status } = await current(cluster);
    assert.deepEqual([status?.desiredNumberScheduled, status?.numberMisscheduled], [0, 1]);
    await cluster.stop();
  });

  it('replaces a Pod that was deleted, one that ended, and the younger of two', async () => {
    const cluster = await deploy({}, 2);
    const [first, second] = await podsOf(cluster);
    await cluster.delete(POD, first!);
    await setPhase(cluster, second!, 'Succeeded');
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v1');
    const uids = new Set((await podsOf(cluster)).map(({ metadata }) => metadata?.uid));
    assert.ok(!uids.has(first?.metadata?.uid) && !uids.has(second?.metadata?.uid));
    const told = await reasons(cluster);
    const message = `SucceededDaemonPod x1: Found succeeded daemon pod default/${second?.metadata?.name} on node ${second?.spec?.nodeName}, will try to delete it`;
    assert.ok(told.includes(message), told.join('\n'));

    const extra: Pod = {
      metadata: { name: 'extra', namespace: 'default', labels: LABELS },
      spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'v1' }] },
    };
    await cluster.create(POD, extra);
    await cluster.settle();
    assert.deepEqual(new Set((await podsOf(cluster)).map(({ metadata }) => metadata?.uid)), uids);
    await cluster.stop();
  });

  it('deletes a Pod that fails at once, and the next ones ever later', async () => {
    const cluster = await deploy({}, 1);
    const waitedMs: number[] = [];
    for (let i = 0; i < 4; i++) {
      const [pod] = await podsOf(cluster);
      await setPhase(cluster, pod!, 'Failed');
      const sinceMs = cluster.environment.elapsedMs;
      const { uid } = pod!.metadata!;
      while ((await podsOf(cluster)).some(({ metadata }) => metadata?.uid === uid))
        await cluster.advance(100);
      waitedMs.push(cluster.environment.elapsedMs - sinceMs);
      while (!(await podsOf(cluster)).some(isReady)) await cluster.advance(50);
    }
    const [first = 0, second = 0, third = 0, fourth = 0] = waitedMs;
    assert.ok(first < 1_000 && second < third && third < fourth && fourth < 8_000, waitedMs.join());
    const told = await reasons(cluster);
    assert.equal(told.filter((text) => text.startsWith('FailedDaemonPod x')).length, 4);
    await cluster.stop();
  });

  it('adopts what matches, and releases what no longer does', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    const orphan: Pod = {
      metadata: { name: 'orphan', namespace: 'default', labels: LABELS },
      spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'v1' }] },
    };
    await cluster.create(POD, orphan);
    await cluster.create(DAEMON_SET, log({ updateStrategy: { type: 'OnDelete' } }));
    await cluster.settle();
    const owner = async (): Promise<string | undefined> =>
      controllerOf(await cluster.get(POD, 'orphan', 'default'))?.name;
    assert.equal(await owner(), 'log');
    assert.equal((await podsOf(cluster)).length, 2);
    await cluster.patch(POD, orphan, { metadata: { labels: { app: 'free' } } });
    await cluster.settle();
    assert.equal(await owner(), undefined);
    assert.equal((await podsOf(cluster)).length, 3);
    await cluster.stop();
  });

  it('counts a Pod as available after minReadySeconds, with no event to wake it', async () => {
    const cluster = await TestCluster.start({ nodes: 1 });
    await cluster.create(DAEMON_SET, log({ minReadySeconds: 10 }));
    await cluster.advance(9_000);
    const { status } = await current(cluster);
    assert.deepEqual(
      [status?.numberReady, status?.numberAvailable, status?.numberUnavailable],
      [1, undefined, 1],
    );
    await cluster.settle(15_000);
    const after = (await current(cluster)).status;
    assert.deepEqual([after?.numberAvailable, after?.numberUnavailable], [1, undefined]);
    await cluster.stop();
  });

  it('keeps conditions that others set in its status', async () => {
    const cluster = await deploy({}, 1);
    const conditions = [{ type: 'Mine', status: 'True' }];
    await cluster.run(
      cluster.client.patch(
        DAEMON_SET,
        { name: 'log', namespace: 'default' },
        'merge',
        { status: { conditions } },
        { subresource: 'status' },
      ),
    );
    cluster.startNode('node-2');
    await cluster.settle();
    const { status } = await current(cluster);
    assert.equal(status?.desiredNumberScheduled, 2);
    assert.equal(status?.conditions?.[0]?.type, 'Mine');
    await cluster.stop();
  });

  it('goes away with its Pods and its history, or leaves them to the next', async () => {
    const cluster = await deploy({}, 2);
    const uids = (await podsOf(cluster)).map(({ metadata }) => metadata?.uid);
    await cluster.delete(DAEMON_SET, await current(cluster), { propagationPolicy: 'Orphan' });
    await cluster.settle();
    await cluster.create(DAEMON_SET, log());
    await cluster.settle();
    assert.deepEqual(
      (await podsOf(cluster)).map(({ metadata }) => metadata?.uid),
      uids,
    );
    assert.deepEqual(await history(cluster), ['1 v1']);
    await cluster.delete(DAEMON_SET, await current(cluster), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    assert.deepEqual([await placed(cluster), await history(cluster)], ['', []]);
    await cluster.stop();
  });
});

describe('a DaemonSet on a bad line', () => {
  const FAULTS: Faults = {
    ...NO_FAULTS,
    latencyMsMax: 20,
    writeFailureRatio: 0.1,
    lostAnswerRatio: 0,
    watchDelayMsMax: 300,
    watchBreakRatio: 0.01,
  };
  for (let seed = 1; seed <= 8; seed++)
    it(`never has two Pods on a node, and ends with one on each (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      const cluster = await deploy();
      cluster.faults = FAULTS;
      let image = 'v1';
      for (let round = 0; round < 5; round++) {
        image = random.pick(['v1', 'v2', 'v3']);
        await roll(cluster, image);
        const pod = random.pick(await podsOf(cluster));
        if (random.chance(0.5)) await setPhase(cluster, pod, 'Failed');
        if (random.chance(0.5)) await label(cluster, 'node-2', { round: String(round) });
        for (let i = 0; i < 60; i++) {
          await cluster.advance(50);
          const kept = (await podsOf(cluster)).filter(
            ({ metadata }) => metadata?.deletionTimestamp === undefined,
          );
          const wanted = ({ spec }: Pod): string =>
            spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
              ?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0] ?? '';
          assert.equal(new Set(kept.map(wanted)).size, kept.length, 'two Pods for one node');
        }
      }
      cluster.faults = NO_FAULTS;
      await cluster.settle();
      assert.equal(await placed(cluster), `node-1=${image} node-2=${image} node-3=${image}`);
      const { writes } = cluster;
      await cluster.advance(60_000);
      assert.equal(cluster.writes, writes, 'settled means silence');
      await cluster.stop();
    });
});

describe('the history of a DaemonSet', () => {
  it('is stored byte for byte as upstream would, so that its tools find it', async () => {
    const cluster = await deploy({ template: template('<v1>') }, 1);
    const path = '/apis/apps/v1/namespaces/default/controllerrevisions';
    const text = await cluster.run(cluster.client.raw('GET', path));
    const container = String.raw`{"image":"\u003cv1\u003e","imagePullPolicy":"IfNotPresent","name":"main","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}`;
    const spec = `{"containers":[${container}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}`;
    const expected = `"data":{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"log"}},"spec":${spec}}}},"revision":1`;
    assert.ok(text.includes(expected), text);
    await cluster.stop();
  });

  it('is adopted when it is found without an owner', async () => {
    const cluster = await deploy({}, 1);
    const [revision] = await cluster.list(CONTROLLER_REVISION, 'default');
    const none = { metadata: { ownerReferences: null } };
    await cluster.patch(CONTROLLER_REVISION, revision!, none);
    await cluster.settle();
    const [after] = await cluster.list(CONTROLLER_REVISION, 'default');
    assert.equal(controllerOf(after!)?.name, 'log');
    const stranger = { name: 'stranger', namespace: 'default', labels: LABELS };
    await cluster.create(CONTROLLER_REVISION, { metadata: stranger, data: {}, revision: 1 });
    await cluster.settle();
    const [, second] = await cluster.list(CONTROLLER_REVISION, 'default');
    assert.equal(controllerOf(second!)?.name, 'log');
    await cluster.stop();
  });
});

describe('an update of a DaemonSet', () => {
  /** The fewest ready Pods, and the most Pods of one node, while an update goes on. */
  async function watchRoll(cluster: TestCluster): Promise<{ ready: number; onNode: number }> {
    let [ready, onNode] = [Number.POSITIVE_INFINITY, 0];
    for (let i = 0; i < 400; i++) {
      await cluster.advance(20);
      const pods = await podsOf(cluster);
      ready = Math.min(ready, pods.filter(isReady).length);
      const kept = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
      const counts = Map.groupBy(kept, ({ spec }) => spec?.nodeName ?? '');
      counts.delete('');
      onNode = Math.max(onNode, ...[...counts.values()].map(({ length }) => length));
    }
    return { ready, onNode };
  }

  it('takes down as many nodes at once as may be unavailable', async () => {
    const rollingUpdate = { maxUnavailable: 2 };
    const cluster = await deploy({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }, 4);
    await roll(cluster, 'v2');
    assert.deepEqual(await watchRoll(cluster), { ready: 2, onNode: 1 });
    assert.equal(await placed(cluster), 'node-1=v2 node-2=v2 node-3=v2 node-4=v2');
    assert.deepEqual(await history(cluster), ['1 v1', '2 v2']);
    assert.equal((await current(cluster)).status?.updatedNumberScheduled, 4);
    await cluster.stop();
  });

  it('makes new Pods beside the old ones with surge, and no node is ever without', async () => {
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    const cluster = await deploy({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
    await roll(cluster, 'v2');
    assert.deepEqual(await watchRoll(cluster), { ready: 3, onNode: 2 });
    assert.equal(await placed(cluster), 'node-1=v2 node-2=v2 node-3=v2');
    await cluster.stop();
  });

  it('waits with OnDelete until somebody deletes the Pods', async () => {
    const cluster = await deploy({ updateStrategy: { type: 'OnDelete' } }, 2);
    await roll(cluster, 'v2');
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v1');
    assert.equal((await current(cluster)).status?.updatedNumberScheduled, undefined);
    const pods = await podsOf(cluster);
    await cluster.delete(POD, pods.find(({ spec }) => spec?.nodeName === 'node-2')!);
    await cluster.settle();
    assert.equal(await placed(cluster), 'node-1=v1 node-2=v2');
    await cluster.stop();
  });

  it('goes back to an old revision under a new number, and keeps as many as it is told', async () => {
    const cluster = await deploy({ revisionHistoryLimit: 1 }, 1);
    for (const image of ['v2', 'v1']) {
      await roll(cluster, image);
      await cluster.settle();
    }
    assert.deepEqual(await history(cluster), ['2 v2', '3 v1']);
    for (const image of ['v3', 'v4']) {
      await roll(cluster, image);
      await cluster.settle();
    }
    assert.deepEqual(await history(cluster), ['4 v3', '5 v4']);
    await cluster.stop();
  });

  it('takes another name when its own is taken by another revision', async () => {
    const cluster = await deploy({}, 1);
    const [revision] = await cluster.list(CONTROLLER_REVISION, 'default');
    const name = revision?.metadata?.name ?? '';
    await cluster.delete(DAEMON_SET, await current(cluster));
    await cluster.settle();
    const data = { spec: { template: { $patch: 'replace' } } };
    await cluster.create(CONTROLLER_REVISION, {
      metadata: { name, namespace: 'default' },
      data,
      revision: 7,
    });
    await cluster.create(DAEMON_SET, log());
    await cluster.settle();
    assert.equal((await current(cluster)).status?.collisionCount, 1);
    assert.equal(await placed(cluster), 'node-1=v1');
    await cluster.stop();
  });

  it('keeps one of two revisions that are the same, and marks the Pods with it', async () => {
    const cluster = await deploy({}, 1);
    const [revision] = await cluster.list(CONTROLLER_REVISION, 'default');
    const { name: _, uid: __, resourceVersion: ___, ...metadata } = revision!.metadata!;
    const twin: ControllerRevision = {
      ...revision!,
      metadata: { ...metadata, name: 'twin', labels: { ...metadata.labels, [HASH]: 'twin' } },
      revision: 2,
    };
    const [pod] = await podsOf(cluster);
    await cluster.create(CONTROLLER_REVISION, twin);
    await cluster.settle();
    assert.equal((await cluster.list(CONTROLLER_REVISION, 'default')).length, 2, 'no haste');
    await change(cluster, { minReadySeconds: 1 });
    await cluster.settle();
    const left = await cluster.list(CONTROLLER_REVISION, 'default');
    assert.deepEqual(
      left.map((each) => each.metadata?.name),
      ['twin'],
    );
    const [after] = await podsOf(cluster);
    assert.equal(after?.metadata?.uid, pod?.metadata?.uid, 'not replaced');
    assert.equal(after?.metadata?.labels?.[HASH], 'twin');
    await cluster.stop();
  });

  it('marks a revision that has no hash with its name', async () => {
    const cluster = await deploy({}, 1);
    const [revision] = await cluster.list(CONTROLLER_REVISION, 'default');
    await cluster.patch(CONTROLLER_REVISION, revision!, { metadata: { labels: { [HASH]: null } } });
    await cluster.settle();
    const [after] = await cluster.list(CONTROLLER_REVISION, 'default');
    assert.equal(after?.metadata?.labels?.[HASH], after?.metadata?.name);
    await cluster.stop();
  });
});
