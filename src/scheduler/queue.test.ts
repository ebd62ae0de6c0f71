/** Which pod is tried when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { aNode, aPod, type PodWords, snapshotOf } from '#kit/scheduler-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { ClusterEvent } from './cluster-events.ts';
import { PLUGINS } from './plugins/order.ts';
import { ATTEMPT_FAILED, type Failure, SchedulingQueue } from './queue.ts';

const MINUTES_MS = 60_000;
const WEB = { key: 'default/web', uid: 'web' };

function refusedBy(...plugins: string[]): Failure {
  return { unschedulable: new Set(plugins), pending: new Set() };
}

function queueOf(hasGroups = false) {
  const environment = new VirtualEnvironment();
  const t = { environment, woken: 0 };
  const queue = new SchedulingQueue({
    environment,
    cluster: snapshotOf({ nodes: [] }),
    plugins: PLUGINS,
    hasGroups,
    wake: () => t.woken++,
  });
  return Object.assign(t, { queue });
}

/** A queue with one pod that was refused. */
function refused(failure: Failure = refusedBy('NodeName'), words: PodWords = {}) {
  const t = queueOf();
  t.queue.set(aPod('web', words));
  t.queue.pop();
  t.queue.failed(WEB, failure);
  t.woken = 0;
  return t;
}

const gone = (words: PodWords = {}, nodeName = 'a'): ClusterEvent => ({
  resource: 'Pod',
  action: 'Delete',
  before: aPod('other', { ...words, nodeName }),
});

describe('SchedulingQueue', () => {
  it('tries a pod again that nothing seems to help', async () => {
    const t = refused();
    await t.environment.advance(4 * MINUTES_MS);
    assert.equal(t.woken, 0);
    await t.environment.advance(2 * MINUTES_MS);
    assert.equal(t.woken, 1);
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  it('counts the time of a pod from when it could be tried, not from when it was', async () => {
    const t = queueOf();
    t.queue.set(aPod('web'));
    await t.environment.advance(3_000);
    t.queue.pop();
    const waited = () => {
      const { count = 0, firstMs = 0, beganMs = 0 } = t.queue.attemptsOf(WEB) ?? {};
      return [count, beganMs - firstMs];
    };
    assert.deepEqual(waited(), [1, 3_000]);
    t.queue.failed(WEB, ATTEMPT_FAILED);
    await t.environment.advance(2_000);
    t.queue.pop();
    assert.deepEqual(waited(), [2, 5_000]);
  });

  it('tries a pod of a group again after its back-off, whatever happens', async () => {
    for (const hasGroups of [true, false]) {
      const t = queueOf(hasGroups);
      t.queue.set(aPod('web', { schedulingGroup: { podGroupName: 'g' } }));
      t.queue.set(aPod('alone'));
      t.queue.pop();
      t.queue.pop();
      t.queue.failed(WEB, refusedBy('NodeName'));
      t.queue.failed({ key: 'default/alone', uid: 'alone' }, refusedBy('NodeName'));
      assert.equal(t.queue.pop(), undefined);
      await t.environment.advance(2_000);
      assert.deepEqual(
        [t.queue.pop()?.key, t.queue.pop()?.key],
        [hasGroups ? 'default/web' : undefined, undefined],
      );
    }
  });

  it('has no pod and no timer when it is cleared', async () => {
    const t = refused();
    t.queue.clear();
    await t.environment.advance(10 * MINUTES_MS);
    assert.equal(t.woken, 0);
    assert.equal(t.queue.pop(), undefined);
  });

  it('gives the more important pod first, then the older one', async () => {
    const { queue, environment } = queueOf();
    queue.set(aPod('old'));
    await environment.advance(1);
    queue.set(aPod('new'));
    queue.set(aPod('important', { priority: 5 }));
    const order = [queue.pop(), queue.pop(), queue.pop()].map((info) => info?.pod.metadata?.name);
    assert.deepEqual(order, ['important', 'old', 'new']);
  });

  it('puts a pod that was refused behind those that came meanwhile', async () => {
    const t = refused(refusedBy('NodeName'));
    await t.environment.advance(5_000);
    t.queue.set(aPod('new'));
    await t.environment.advance(5_000);
    t.queue.moved({ resource: 'Node', action: 'Add', after: aNode('a') });
    assert.equal(t.queue.pop()?.key, 'default/web', 'refused at 0 s, before the other came');
    assert.equal(t.queue.pop()?.key, 'default/new');
  });

  const HOST = 'kubernetes.io/hostname';
  type Row = [
    claim: string,
    plugin: string,
    words: PodWords,
    event: ClusterEvent,
    expected: 'tried' | 'left',
  ];
  const node = (words: Parameters<typeof aNode>[1] = {}): ClusterEvent => ({
    resource: 'Node',
    action: 'Add',
    after: aNode('a', words),
  });
  const term = { topologyKey: HOST, labelSelector: { matchLabels: { app: 'x' } } };
  const near = {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
  };
  const away = {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
  };
  const came = (words: PodWords): ClusterEvent => ({
    resource: 'Pod',
    action: 'Add',
    after: aPod('other', { nodeName: 'a', ...words }),
  });
  const CORDONED = 'node.kubernetes.io/unschedulable';
  const tolerating = (key: string): ClusterEvent => ({
    resource: 'Pod',
    action: 'UpdatePodToleration',
    before: aPod('web'),
    after: aPod('web', { tolerations: [{ key, operator: 'Exists' }] }),
  });
  const rows: Row[] = [
    ['room', 'NodeResourcesFit', { cpu: '1' }, gone(), 'tried'],
    ['a pod that had no node', 'NodeResourcesFit', { cpu: '1' }, gone({}, ''), 'left'],
    ['a node with room', 'NodeResourcesFit', { cpu: '1' }, node(), 'tried'],
    ['a node that is too small', 'NodeResourcesFit', { cpu: '8' }, node(), 'left'],
    ['room, when a taint is the matter', 'TaintToleration', {}, gone(), 'left'],
    ['a node without taints', 'TaintToleration', {}, node(), 'tried'],
    [
      'a node with a taint',
      'TaintToleration',
      {},
      node({ taints: [{ key: 'k', effect: 'NoSchedule' }] }),
      'left',
    ],
    ['a toleration of cordoned nodes', 'NodeUnschedulable', {}, tolerating(CORDONED), 'tried'],
    ['another toleration', 'NodeUnschedulable', {}, tolerating('other'), 'left'],
    ['a cordoned node', 'NodeUnschedulable', {}, node({ unschedulable: true }), 'left'],
    [
      'a node that it selects',
      'NodeAffinity',
      { nodeSelector: { disk: 'ssd' } },
      node({ labels: { disk: 'ssd' } }),
      'tried',
    ],
    ['another node', 'NodeAffinity', { nodeSelector: { disk: 'ssd' } }, node(), 'left'],
    ['its host port', 'NodePorts', { hostPort: 80 }, gone({ hostPort: 80 }), 'tried'],
    ['another host port', 'NodePorts', { hostPort: 80 }, gone({ hostPort: 81 }), 'left'],
    [
      'the pod it must be near to',
      'InterPodAffinity',
      { affinity: near },
      came({ labels: { app: 'x' } }),
      'tried',
    ],
    ['a stranger', 'InterPodAffinity', { affinity: near }, came({}), 'left'],
    [
      'the end of a pod that it keeps away from',
      'InterPodAffinity',
      { affinity: away },
      gone({ labels: { app: 'x' } }),
      'tried',
    ],
    [
      'the end of a pod that kept it away',
      'InterPodAffinity',
      { labels: { app: 'x' } },
      gone({ affinity: away }),
      'tried',
    ],
    [
      'the end of a pod that it spreads with',
      'PodTopologySpread',
      {
        topologySpreadConstraints: [{ maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', ...term }],
      },
      gone({ labels: { app: 'x' } }),
      'tried',
    ],
  ];
  for (const [what, plugin, words, event, expected] of rows) {
    it(`${expected === 'tried' ? 'tries' : 'leaves'} a pod of ${plugin} for ${what}`, () => {
      const { queue } = refused(refusedBy(plugin), words);
      queue.moved(event);
      assert.equal(queue.pop() === undefined ? 'left' : 'tried', expected);
    });
  }

  it('waits for the end of the back-off while there is something else to do', async () => {
    const t = refused(refusedBy('NodeResourcesFit'), { cpu: '1' });
    t.queue.set(aPod('other'));
    t.queue.moved(gone());
    assert.equal(t.queue.pop()?.key, 'default/other');
    await t.environment.advance(999);
    t.queue.set(aPod('another'));
    assert.equal(t.queue.pop()?.key, 'default/another');
    await t.environment.advance(1);
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  it('backs off for longer each time that the attempt fails, up to ten seconds', async () => {
    const t = refused(ATTEMPT_FAILED);
    const waitsMs: number[] = [];
    for (let i = 0; i < 6; i++) {
      const fromMs = t.environment.elapsedMs;
      while (t.queue.pop() === undefined) await t.environment.advance(500);
      waitsMs.push(t.environment.elapsedMs - fromMs);
      t.queue.failed(WEB, ATTEMPT_FAILED);
    }
    assert.deepEqual(waitsMs, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  /** Two pods that back off for a second: `web` since the first of these times, then `other`. */
  async function backingOff([webMs, otherMs]: [number, number], first: Failure, words: PodWords) {
    const t = queueOf();
    await t.environment.advance(webMs);
    const refuse = (pod: Pod, failure: Failure): void => {
      t.queue.set(pod);
      t.queue.pop();
      t.queue.failed(
        { key: `default/${pod.metadata?.name}`, uid: pod.metadata?.uid ?? '' },
        failure,
      );
    };
    refuse(aPod('web', { cpu: '1' }), first);
    await t.environment.advance(otherMs - webMs);
    refuse(aPod('other', { cpu: '1', ...words }), refusedBy('NodeResourcesFit'));
    t.queue.set(aPod('busy'));
    t.queue.moved(gone());
    assert.equal(t.queue.pop()?.key, 'default/busy');
    return t.queue;
  }

  it('takes the more important pod of those whose back-off ends in the same second', async () => {
    const cpu = refusedBy('NodeResourcesFit');
    const near = await backingOff([0, 900], cpu, { priority: 5 });
    assert.equal(near.pop()?.key, 'default/other');
    const far = await backingOff([500, 1_100], cpu, { priority: 5 });
    assert.equal(
      far.pop()?.key,
      'default/web',
      'one back-off ends in the second second, one in the third',
    );
  });

  it('does not have a pod that was refused wait for one whose attempt failed', async () => {
    const queue = await backingOff([0, 100], ATTEMPT_FAILED, {});
    assert.equal(queue.pop()?.key, 'default/other');
    assert.equal(queue.pop(), undefined);
  });

  it('tries a pod at once for which something was under way', async () => {
    const pending = new Set(['NodePorts']);
    const t = refused({ unschedulable: new Set(), pending }, { hostPort: 80 });
    await t.environment.advance(1);
    t.queue.set(aPod('other'));
    t.queue.moved(gone({ hostPort: 80 }));
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  const gated = (...gates: string[]): Pod =>
    aPod('web', { schedulingGates: gates.map((name) => ({ name })) });

  it('does not try a pod that was removed, wherever it waited', () => {
    const active = queueOf();
    active.queue.set(aPod('web'));
    active.queue.remove('default/web');
    assert.equal(active.queue.pop(), undefined);
    const { queue } = refused(ATTEMPT_FAILED);
    queue.remove('default/web');
    assert.equal(queue.pop(), undefined);
  });

  /** A pod of NodePorts that others are asked about, while `meanwhile` happens. */
  const asked = (meanwhile: (queue: SchedulingQueue) => void): SchedulingQueue => {
    const { queue } = queueOf();
    queue.set(aPod('web', { hostPort: 80 }));
    queue.pop();
    queue.watch(WEB);
    meanwhile(queue);
    queue.failed(WEB, refusedBy('NodePorts', 'TaintToleration'));
    return queue;
  };

  it('tries a pod again for what happened while others were asked about it', () => {
    const freed = asked((queue) => queue.moved(gone({ hostPort: 80 })));
    assert.equal(freed.pop()?.key, 'default/web');
    const tolerations = [{ key: 'a', operator: 'Exists' as const }];
    const changed = asked((queue) => queue.set(aPod('web', { hostPort: 80, tolerations })));
    assert.equal(changed.pop()?.key, 'default/web');
    assert.equal(asked((queue) => queue.moved(gone({ hostPort: 81 }))).pop(), undefined);
    const others = asked((queue) => queue.moved(gone({ hostPort: 80 }), () => false));
    assert.equal(others.pop(), undefined, 'the event is about other pods');
    const many = asked((queue) => {
      for (let nth = 0; nth < 1_001; nth++) queue.moved(gone({ hostPort: 81 }));
    });
    assert.equal(many.pop()?.key, 'default/web', 'more than is looked at');
  });

  it('wants no events for a pod that is being bound', () => {
    const { queue } = queueOf();
    queue.set(aPod('web'));
    queue.pop();
    queue.watch(WEB);
    assert.equal(queue.wantsEvents, true);
    queue.decided(WEB);
    assert.equal(queue.wantsEvents, false);
  });

  it('does not take another pod for one of its name that it was to try', () => {
    const { queue } = queueOf();
    const next = aPod('web');
    queue.set(aPod('web'));
    queue.pop();
    queue.remove('default/web');
    queue.set({ ...next, metadata: { ...next.metadata, uid: 'next' } });
    queue.done(WEB);
    assert.equal(queue.has(WEB), false);
    assert.equal(queue.pop()?.uid, 'next');
    queue.failed(WEB, ATTEMPT_FAILED);
    assert.equal(queue.counts().backoff, 0);
  });

  it('backs off to the end though an earlier back-off of it would have ended', async () => {
    const t = refused(ATTEMPT_FAILED);
    t.queue.activate(WEB);
    t.queue.pop();
    t.queue.failed(WEB, ATTEMPT_FAILED);
    await t.environment.advance(1_500);
    assert.equal(t.queue.pop(), undefined, 'the first lasted a second, the second lasts two');
    await t.environment.advance(1_000);
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  it('does not try a pod with gates, for whatever reason', async () => {
    const t = queueOf();
    t.queue.set(gated('one', 'two'));
    t.queue.moved(node());
    await t.environment.advance(10 * MINUTES_MS);
    assert.equal(t.queue.pop(), undefined);
    t.queue.set(gated('two'));
    assert.equal(t.queue.pop(), undefined);
    t.queue.set(gated());
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  it('keeps a nomination that the API does not show yet', () => {
    const { queue } = queueOf();
    queue.set(aPod('web'));
    const info = queue.pop();
    assert.ok(info !== undefined);
    queue.nominator.set(info, 'a');
    queue.set(aPod('web', { labels: { changed: 'yes' } }));
    assert.equal(queue.nominator.nodeOf('default/web'), 'a');
    queue.set(aPod('web', { status: { nominatedNodeName: 'b' } }));
    assert.deepEqual(
      queue.nominator.on('b').map(({ key }) => key),
      ['default/web'],
    );
    queue.set(aPod('web'));
    assert.equal(queue.nominator.size, 0);
  });
});
