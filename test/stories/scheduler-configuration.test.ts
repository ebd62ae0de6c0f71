/** Stories of a scheduler that was configured: several profiles, and extenders. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import type { Handler } from '#base/http/message.ts';
import { TestCluster } from '#kit/cluster.ts';
import { readSchedulerConfig } from '#scheduler/config/read.ts';
import { Extender } from '#scheduler/extender.ts';
import { completedConfig, profilesOf } from '#scheduler/profile.ts';
import { schedulerRecorders } from '#scheduler/recorder.ts';
import { Scheduler } from '#scheduler/scheduler.ts';
import { explain } from '#why/explain.ts';

const SCHEDULER = { name: 'system:kube-scheduler', groups: [] };
const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function pod(name: string, spec: Partial<PodSpec> & { cpu?: string } = {}): Pod {
  const { cpu = '0', ...rest } = spec;
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      containers: [{ name: 'main', image: 'web', resources: { requests: { cpu } } }],
      ...rest,
    },
  };
}

/** A cluster whose only scheduler has this configuration; `handler` is every extender. */
async function clusterWith(...words: Parameters<typeof started>): Promise<TestCluster> {
  return (await started(...words)).cluster;
}

async function started(
  text: string,
  { nodes = 1, handler }: { nodes?: number; handler?: Handler } = {},
): Promise<{ readonly cluster: TestCluster; readonly scheduler: Scheduler }> {
  const cluster = await TestCluster.start({ nodes, scheduler: false });
  const { environment } = cluster;
  const config = completedConfig(readSchedulerConfig(HEAD + text));
  const { signal } = new AbortController();
  const client = cluster.clientOf(SCHEDULER, signal);
  const absent: Handler = () => Promise.reject(new Error('connection refused'));
  const scheduler = new Scheduler({
    environment,
    client,
    informers: new InformerFactory({ client, environment }),
    eventsOf: schedulerRecorders({ client, environment, signal }),
    profiles: profilesOf(config),
    extenders: (config.extenders ?? []).map(
      (each) => new Extender({ config: each, handler: handler ?? absent, environment }),
    ),
    podInitialBackoffMs: config.podInitialBackoffSeconds * 1000,
    podMaxBackoffMs: config.podMaxBackoffSeconds * 1000,
  });
  await cluster.run(scheduler.start(signal));
  return { cluster, scheduler };
}

const read = (cluster: TestCluster, name: string): Promise<Pod> =>
  cluster.get(POD, name, 'default');

const placeOf = async (cluster: TestCluster, name: string): Promise<string> =>
  (await read(cluster, name)).spec?.nodeName ?? '';

const refusalOf = async (cluster: TestCluster, name: string): Promise<string> =>
  podCondition(await read(cluster, name), 'PodScheduled')?.message ?? '';

describe('two profiles in one scheduler', () => {
  const TWO = `
profiles:
- schedulerName: default-scheduler
- schedulerName: anywhere
  plugins:
    filter: {disabled: [{name: NodeUnschedulable}, {name: TaintToleration}]}
`;

  it('give each pod a node by the plug-ins of the name that it asks for', async () => {
    const cluster = await clusterWith(TWO);
    const [node] = await cluster.list(NODE);
    assert.ok(node);
    await cluster.patch(NODE, node, { spec: { unschedulable: true } });
    await cluster.settle();
    await cluster.create(POD, pod('careful'));
    await cluster.create(POD, pod('careless', { schedulerName: 'anywhere' }));
    await cluster.create(POD, pod('strange', { schedulerName: 'somebody-else' }));
    await cluster.settle();
    assert.equal(await placeOf(cluster, 'careless'), 'node-1');
    assert.equal(await placeOf(cluster, 'careful'), '');
    assert.match(await refusalOf(cluster, 'careful'), /1 node\(s\) were unschedulable/);
    const { status } = await read(cluster, 'strange');
    assert.equal(podCondition({ status: status ?? {} }, 'PodScheduled'), undefined);
    await cluster.stop();
  });

  it('speak each in its own name', async () => {
    const cluster = await clusterWith(TWO);
    await cluster.create(POD, pod('a'));
    await cluster.create(POD, pod('b', { schedulerName: 'anywhere' }));
    await cluster.settle();
    const events = await cluster.list(EVENT, 'default');
    assert.deepEqual(
      events
        .filter(({ reason }) => reason === 'Scheduled')
        .map((event) => `${event.involvedObject.name} ${event.reportingComponent}`)
        .toSorted(),
      ['a default-scheduler', 'b anywhere'],
    );
    await cluster.stop();
  });

  it('have each the events of the cluster weighed by its own plug-ins', async () => {
    const added =
      '{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Exists}]}]}}';
    const cluster = await clusterWith(`
profiles:
- schedulerName: default-scheduler
- schedulerName: disks
  pluginConfig: [{name: NodeAffinity, args: {addedAffinity: ${added}}}]
`);
    await cluster.create(POD, pod('a', { schedulerName: 'disks' }));
    await cluster.settle();
    assert.equal(
      await refusalOf(cluster, 'a'),
      "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
    // For the default profile every new node would be a reason to try again.
    cluster.startNode('node-2');
    await cluster.advance(15_000);
    assert.match(await refusalOf(cluster, 'a'), /^0\/1 nodes/);
    await cluster.create(NODE, { metadata: { name: 'node-3', labels: { disk: 'ssd' } } });
    await cluster.advance(15_000);
    assert.match(await refusalOf(cluster, 'a'), /^0\/3 nodes/);
    await cluster.stop();
  });

  it('make room for pods only where the profile has DefaultPreemption', async () => {
    const cluster = await clusterWith(
      `profiles: [{plugins: {postFilter: {disabled: [{name: DefaultPreemption}]}}}]`,
    );
    await cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 100 });
    const [node] = await cluster.list(NODE);
    const cpu = String(node?.status?.allocatable?.['cpu']);
    await cluster.create(POD, pod('low', { cpu }));
    await cluster.settle();
    await cluster.create(POD, pod('boss', { cpu, priorityClassName: 'high' }));
    await cluster.settle();
    assert.equal(await placeOf(cluster, 'low'), 'node-1');
    assert.equal(
      await refusalOf(cluster, 'boss'),
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate',
    );
    await cluster.stop();
  });
});

describe('a profile', () => {
  const BARE = '{name: PrioritySort}, {name: DefaultBinder}';

  it('without scores takes the first node that will do, each time the next one', async () => {
    const cluster = await clusterWith('profiles: [{plugins: {score: {disabled: [{name: "*"}]}}}]', {
      nodes: 3,
    });
    const places: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await cluster.create(POD, pod(name));
      await cluster.settle();
      places.push(await placeOf(cluster, name));
    }
    assert.equal(new Set(places.slice(0, 3)).size, 3);
    assert.deepEqual(places.slice(3), places.slice(0, 3));
    await cluster.stop();
  });

  it('looks at as many nodes as it says', async () => {
    const plugins = `{multiPoint: {disabled: [{name: "*"}], enabled: [${BARE}, {name: NodeAffinity}]}}`;
    const cluster = await clusterWith(
      `profiles: [{schedulerName: some, plugins: ${plugins}}, {schedulerName: all, percentageOfNodesToScore: 100, plugins: ${plugins}}]`,
      { nodes: 0 },
    );
    for (let i = 0; i < 150; i++) {
      const labels = i === 149 ? { disk: 'ssd' } : {};
      await cluster.create(NODE, { metadata: { name: `n${i}`, labels } });
    }
    const preference = { matchExpressions: [{ key: 'disk', operator: 'Exists' as const }] };
    const wish = { weight: 1, preference };
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [wish] };
    const placed = async (schedulerName: string): Promise<string> => {
      await cluster.create(POD, pod(schedulerName, { schedulerName, affinity: { nodeAffinity } }));
      await cluster.advance(1_000);
      return placeOf(cluster, schedulerName);
    };
    assert.equal(await placed('all'), 'n149');
    assert.notEqual(await placed('some'), 'n149');
    await cluster.stop();
  });

  it('waits for volumes as long as VolumeBinding says', async () => {
    const cluster = await clusterWith(
      'profiles: [{pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: 5}}]}]',
    );
    await cluster.create(STORAGE_CLASS, {
      metadata: { name: 'never' },
      provisioner: 'example.com/never',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      metadata: { name: 'c', namespace: 'default' },
      spec: {
        storageClassName: 'never',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    });
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
    await cluster.create(POD, pod('a', { volumes }));
    const reason = async () => podCondition(await read(cluster, 'a'), 'PodScheduled')?.reason;
    await cluster.advance(4_000);
    assert.equal(await reason(), undefined);
    await cluster.advance(2_000);
    assert.equal(await reason(), 'SchedulerError');
    await cluster.stop();
  });
});

interface Asked {
  readonly verb: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An extender that answers by a table of verbs, and remembers what it was asked. */
function extender(answers: Readonly<Record<string, (body: Asked['body']) => unknown>>) {
  const asked: Asked[] = [];
  const handler: Handler = async ({ url, body }) => {
    const verb = url.slice(1);
    const sent = JSON.parse(Buffer.from(body ?? []).toString()) as Asked['body'];
    asked.push({ verb, body: sent });
    const answer = answers[verb]?.(sent);
    const bytes = Buffer.from(JSON.stringify(answer ?? {}));
    return {
      status: answer === undefined ? 500 : 200,
      headers: {},
      body: { kind: 'bytes', bytes },
    };
  };
  return { asked, handler };
}

describe('an extender', () => {
  const FILTER = 'filterVerb: filter, nodeCacheCapable: true';
  const configured = (words: string): string => `extenders: [{urlPrefix: "http://x/", ${words}}]`;

  it('has the last word on which nodes will do', async () => {
    const { asked, handler } = extender({ filter: () => ({ NodeNames: ['node-2'] }) });
    const cluster = await clusterWith(configured(FILTER), { nodes: 3, handler });
    await cluster.create(POD, pod('a'));
    await cluster.settle();
    assert.equal(await placeOf(cluster, 'a'), 'node-2');
    const { Pod: sent, NodeNames, Nodes } = asked[0]?.body ?? {};
    assert.equal((sent as Pod).metadata?.name, 'a');
    assert.deepEqual((NodeNames as string[]).toSorted(), ['node-1', 'node-2', 'node-3']);
    assert.equal(Nodes, null);
    await cluster.stop();
  });

  it('is sent whole nodes when it keeps none, and may answer in any case', async () => {
    const { asked, handler } = extender({
      filter: ({ Nodes }) => ({ nodes: { items: [(Nodes as { items: unknown[] }).items[0]] } }),
    });
    const cluster = await clusterWith(configured('filterVerb: filter'), { nodes: 2, handler });
    await cluster.create(POD, pod('a'));
    await cluster.settle();
    assert.ok(asked[0]);
    const { items } = asked[0].body['Nodes'] as { items: { metadata: { name: string } }[] };
    assert.equal(items.length, 2);
    assert.equal(await placeOf(cluster, 'a'), items[0]?.metadata.name);
    await cluster.stop();
  });

  it('that refuses every node is told of as it said, and any event has the pod tried again', async () => {
    let isOpen = false;
    const { handler } = extender({
      filter: ({ NodeNames }) =>
        isOpen
          ? { NodeNames }
          : {
              NodeNames: [],
              FailedNodes: { 'node-1': 'too loud', 'node-2': 'too loud' },
              FailedAndUnresolvableNodes: { 'node-2': 'too far' },
            },
    });
    const cluster = await clusterWith(configured(FILTER), { nodes: 3, handler });
    await cluster.create(POD, pod('a'));
    await cluster.settle();
    assert.equal(
      await refusalOf(cluster, 'a'),
      '0/3 nodes are available: 1 too far, 1 too loud. no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
    );
    isOpen = true;
    const [node] = await cluster.list(NODE);
    assert.ok(node);
    await cluster.patch(NODE, node, { metadata: { annotations: { a: 'b' } } });
    await cluster.advance(15_000);
    assert.notEqual(await placeOf(cluster, 'a'), '');
    await cluster.stop();
  });

  it('adds its points, ten for each of its own, times its weight', async () => {
    const { handler } = extender({
      points: ({ NodeNames }) =>
        (NodeNames as string[]).map((Host) => ({ Host, Score: Host === 'node-3' ? 1 : 0 })),
    });
    const words = 'prioritizeVerb: points, weight: 20, nodeCacheCapable: true';
    const cluster = await clusterWith(configured(words), { nodes: 3, handler });
    const [node] = await cluster.list(NODE);
    const cpu = `${Math.floor(Number(node?.status?.allocatable?.['cpu']) / 3)}`;
    // With fewer points the emptiest node would be taken.
    for (const name of ['a', 'b', 'c']) {
      await cluster.create(POD, pod(name, { cpu }));
      await cluster.settle();
      assert.equal(await placeOf(cluster, name), 'node-3', name);
    }
    await cluster.stop();
  });

  it('binds the pod when it says so', async () => {
    const { asked, handler } = extender({ bind: () => ({}) });
    const cluster = await clusterWith(configured('bindVerb: bind'), { handler });
    const made = await cluster.create(POD, pod('a'));
    await cluster.settle();
    assert.deepEqual(asked[0], {
      verb: 'bind',
      body: {
        PodName: 'a',
        PodNamespace: 'default',
        PodUID: made.metadata?.uid,
        Node: 'node-1',
      },
    });
    assert.equal(await placeOf(cluster, 'a'), '', 'the scheduler has left that to the extender');
    await cluster.stop();
  });

  it('that fails has the pod wait, in its own words; one that may fail is passed over', async () => {
    const cluster = await clusterWith(configured(FILTER), { handler: extender({}).handler });
    await cluster.create(POD, pod('a'));
    await cluster.advance(500);
    const { reason, message } = podCondition(await read(cluster, 'a'), 'PodScheduled') ?? {};
    assert.deepEqual(
      [reason, message],
      ['SchedulerError', 'failed filter with extender at URL http://x/filter, code 500'],
    );
    await cluster.stop();
    const other = await clusterWith(configured(`${FILTER}, ignorable: true`), {
      handler: extender({}).handler,
    });
    await other.create(POD, pod('a'));
    await other.settle();
    assert.equal(await placeOf(other, 'a'), 'node-1');
    await other.stop();
  });

  it('that does not answer is waited for as long as httpTimeout says', async () => {
    const handler: Handler = () => new Promise(() => {});
    const cluster = await clusterWith(configured(`${FILTER}, httpTimeout: 2s`), { handler });
    await cluster.create(POD, pod('a'));
    await cluster.advance(1_500);
    assert.equal(await refusalOf(cluster, 'a'), '');
    await cluster.advance(1_000);
    assert.equal(
      await refusalOf(cluster, 'a'),
      'Post "http://x/filter": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    );
    await cluster.stop();
  });

  it('is not asked about pods without the resources that it manages', async () => {
    const { asked, handler } = extender({ filter: () => ({ NodeNames: ['node-1'] }) });
    const managed =
      'managedResources: [{name: example.com/gpu, ignoredByScheduler: true}, {name: example.com/nic}]';
    const cluster = await clusterWith(configured(`${FILTER}, ${managed}`), { handler });
    await cluster.create(POD, pod('plain'));
    const amounts = { 'example.com/gpu': '1' };
    const resources = { requests: amounts, limits: amounts };
    const containers = [{ name: 'main', image: 'web', resources }];
    await cluster.create(POD, pod('asking', { containers }));
    await cluster.settle();
    assert.deepEqual(
      asked.map(({ body }) => (body['Pod'] as Pod).metadata?.name),
      ['asking'],
    );
    // No node says that it has such a thing: only the extender knows.
    assert.equal(await placeOf(cluster, 'asking'), 'node-1');
    await cluster.stop();
  });

  it('chooses among the nodes and pods that are to make room', async () => {
    const { asked, handler } = extender({
      preempt: ({ NodeNameToMetaVictims }) => ({
        NodeNameToMetaVictims: Object.fromEntries(
          Object.entries(NodeNameToMetaVictims as object).filter(([node]) => node === 'node-2'),
        ),
      }),
    });
    const words = 'preemptVerb: preempt, nodeCacheCapable: true';
    const cluster = await clusterWith(configured(words), { nodes: 2, handler });
    await cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 100 });
    const [node] = await cluster.list(NODE);
    const cpu = String(node?.status?.allocatable?.['cpu']);
    for (const name of ['x', 'y']) await cluster.create(POD, pod(name, { cpu }));
    await cluster.settle();
    await cluster.create(POD, pod('boss', { cpu, priorityClassName: 'high' }));
    await cluster.settle();
    assert.deepEqual(Object.keys(asked[0]?.body['NodeNameToMetaVictims'] as object).toSorted(), [
      'node-1',
      'node-2',
    ]);
    assert.equal(await placeOf(cluster, 'boss'), 'node-2');
    await cluster.stop();
  });

  it('that fails while room is to be made is told of, and nobody has to go', async () => {
    const words = 'preemptVerb: preempt, nodeCacheCapable: true';
    const cluster = await clusterWith(configured(words), { handler: extender({}).handler });
    await cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 100 });
    const [node] = await cluster.list(NODE);
    const cpu = String(node?.status?.allocatable?.['cpu']);
    await cluster.create(POD, pod('low', { cpu }));
    await cluster.settle();
    await cluster.create(POD, pod('boss', { cpu, priorityClassName: 'high' }));
    await cluster.settle();
    assert.equal(
      await refusalOf(cluster, 'boss'),
      '0/1 nodes are available: 1 Insufficient cpu. preemption: failed preempt with extender at URL http://x/preempt, code 500',
    );
    assert.equal(await placeOf(cluster, 'low'), 'node-1');
    await cluster.stop();
  });

  it('has a pod that it refuses tried again for what happened before it answered', async () => {
    const answers: (() => void)[] = [];
    const handler: Handler = () =>
      new Promise((resolve) => {
        const NodeNames = answers.length === 0 ? [] : ['node-1'];
        const bytes = Buffer.from(JSON.stringify({ NodeNames }));
        answers.push(() => resolve({ status: 200, headers: {}, body: { kind: 'bytes', bytes } }));
      });
    const cluster = await clusterWith(configured(FILTER), { handler });
    await cluster.create(POD, pod('a'));
    await cluster.advance(500);
    const [node] = await cluster.list(NODE);
    assert.ok(node);
    await cluster.patch(NODE, node, { metadata: { annotations: { a: 'b' } } });
    await cluster.advance(500);
    answers[0]?.();
    await cluster.advance(2_000);
    assert.equal(answers.length, 2);
    answers[1]?.();
    await cluster.settle();
    assert.equal(await placeOf(cluster, 'a'), 'node-1');
    await cluster.stop();
  });

  it('is asked alone, and what became of the pod meanwhile stands', async () => {
    const waiting: (() => void)[] = [];
    const handler: Handler = () =>
      new Promise((resolve) => {
        const bytes = Buffer.from(JSON.stringify({ NodeNames: ['node-1'] }));
        waiting.push(() => resolve({ status: 200, headers: {}, body: { kind: 'bytes', bytes } }));
      });
    const cluster = await clusterWith(configured(FILTER), { handler });
    const [node] = await cluster.list(NODE);
    const cpu = String(node?.status?.allocatable?.['cpu']);
    await cluster.create(POD, pod('first', { cpu }));
    await cluster.create(POD, pod('next', { cpu }));
    await cluster.advance(500);
    assert.equal(waiting.length, 1);
    const target = { name: 'first', namespace: 'default' };
    const binding = { metadata: target, target: { kind: 'Node', name: 'node-1' } };
    await cluster.run(cluster.client.createSubresource(POD, target, 'binding', binding));
    await cluster.advance(500);
    waiting[0]?.();
    await cluster.settle();
    assert.equal(await placeOf(cluster, 'first'), 'node-1');
    assert.equal(await placeOf(cluster, 'next'), '');
    assert.match(await refusalOf(cluster, 'next'), /^0\/1 nodes are available: 1 Insufficient cpu/);
    await cluster.stop();
  });
});

describe('the question why', () => {
  const GUESS = /^How the scheduler (.*) is configured is not known here: .* default profile/;

  it('is answered by the profile of the scheduler of the pod, where that is at hand', async () => {
    const { cluster, scheduler } = await started(
      `profiles:
- schedulerName: default-scheduler
- schedulerName: lenient
  plugins: {filter: {disabled: [{name: TaintToleration}]}, score: {disabled: [{name: TaintToleration}]}}
`,
      { nodes: 0 },
    );
    const taints = [{ key: 'kept', effect: 'NoSchedule' as const }];
    const status = { allocatable: { cpu: '1', pods: '10' } };
    await cluster.create(NODE, { metadata: { name: 'a' }, spec: { taints }, status });
    await cluster.advance(1_000);
    const why = async (schedulerName: string) => {
      const name = `of-${schedulerName}`;
      await cluster.create(POD, pod(name, { schedulerName, cpu: '2' }));
      const subject = { type: POD, name, namespace: 'default' };
      const pluginsFor = (asked: Pod) => scheduler.pluginsFor(asked);
      const { clock, random } = cluster.environment;
      const explaining = { clock, random, pluginsFor };
      const found = await cluster.run(explain(cluster.client, subject, explaining));
      return { causes: found?.causes.map(({ what }) => what), note: found?.note };
    };
    const taint = 'node(s) had untolerated taint(s)';
    assert.deepEqual(await why('default-scheduler'), {
      causes: [taint, 'Insufficient cpu'],
      note: undefined,
    });
    assert.deepEqual(await why('lenient'), { causes: ['Insufficient cpu'], note: undefined });
    const { causes, note = '' } = await why('stranger');
    assert.deepEqual(causes, [taint, 'Insufficient cpu']);
    assert.equal(GUESS.exec(note)?.[1], 'stranger');
    await cluster.stop();
  });
});
