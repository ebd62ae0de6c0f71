/** Pods end in order before the machine does. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { Processes } from '#base/doors.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { NODE } from '../resources.ts';
import { isMachineStopping } from './machine-state.ts';
import { shutdownGroups, shutdownPeriods } from './shutdown-groups.ts';

const SECOND = 1000;
const CRITICAL = 2_000_000_000;

describe('shutdownPeriods', () => {
  const rows: readonly (readonly [string, Partial<KubeletConfiguration>, [number, number][]])[] = [
    ['nothing', {}, []],
    [
      'one period',
      { shutdownGracePeriod: '30s' },
      [
        [0, 30],
        [CRITICAL, 0],
      ],
    ],
    [
      'a part for critical pods',
      { shutdownGracePeriod: '30500ms', shutdownGracePeriodCriticalPods: '10s' },
      [
        [0, 20],
        [CRITICAL, 10],
      ],
    ],
    [
      'by priority, in any order',
      {
        shutdownGracePeriodByPodPriority: [
          { priority: 100, shutdownGracePeriodSeconds: 5 },
          { priority: 9, shutdownGracePeriodSeconds: 7 },
        ],
      },
      [
        [9, 7],
        [100, 5],
      ],
    ],
  ];
  for (const [name, given, expected] of rows)
    it(name, () => {
      const periods = shutdownPeriods(defaultKubeletConfiguration(given));
      const found = periods.map((one) => [one.priority, one.shutdownGracePeriodSeconds]);
      assert.deepEqual(found, expected);
    });
});

it('shutdownGroups: a pod belongs to the highest priority that is not above its own', () => {
  const periods = [10, 100, 1000].map((priority) => ({
    priority,
    shutdownGracePeriodSeconds: priority,
  }));
  const pods = [-5, 10, 99, 100, 5000].map(
    (priority): Pod => ({
      metadata: { name: String(priority) },
      spec: { priority, containers: [] },
    }),
  );
  const names = shutdownGroups(periods, pods).map(({ gracePeriodSeconds, pods: group }) => [
    gracePeriodSeconds,
    ...group.map(({ metadata }) => metadata?.name),
  ]);
  assert.deepEqual(names, [
    [10, '-5', '10', '99'],
    [100, '100'],
    [1000, '5000'],
  ]);
  assert.equal(shutdownGroups(periods, pods.slice(0, 1)).length, 1);
});

async function start(
  t: TestContext,
  given: Partial<KubeletConfiguration> = {
    shutdownGracePeriod: '30s',
    shutdownGracePeriodCriticalPods: '10s',
  },
): Promise<KubeletWorld> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  await world.start(given);
  return world;
}

const run = (world: KubeletWorld, name: string, spec: Partial<PodSpec> = {}): Promise<void> =>
  world.runPod(name, spec, spec.priorityClassName === undefined ? 'default' : 'kube-system');

const stateOf = async (world: KubeletWorld, name: string, namespace = 'default') => {
  const { phase, reason, message, conditions } = (await world.pod(name, namespace))?.status ?? {};
  const target = conditions?.find(({ type }) => type === 'DisruptionTarget');
  return { phase, reason, message, target: target?.reason };
};

const TERMINATED = {
  phase: 'Failed',
  reason: 'Terminated',
  message: 'Pod was terminated in response to imminent node shutdown.',
  target: 'TerminationByKubelet',
};

describe('a shutdown', () => {
  it('ends pods, then critical pods; none is taken any more', async (t) => {
    const world = await start(t);
    await run(world, 'web', { terminationGracePeriodSeconds: 60 });
    await run(world, 'dns', { priorityClassName: 'system-cluster-critical' });
    assert.deepEqual(world.running(), ['dns/main', 'web/main']);
    world.cri.stopMs = 100 * SECOND;
    const done = world.kubelet?.shutDown();
    await world.advance(2 * SECOND);
    const [node] = await world.cluster.list(NODE);
    const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ['False', 'KubeletNotReady', 'node is shutting down'],
    );
    await run(world, 'late');
    assert.deepEqual(await stateOf(world, 'late'), {
      phase: 'Failed',
      reason: 'NodeShutdown',
      message: 'Pod was rejected: Pod was rejected as the node is shutting down.',
      target: undefined,
    });
    // Twenty seconds for the first group, though the pod would like sixty.
    await world.advance(12_500);
    assert.deepEqual(world.running(), ['dns/main', 'web/main']);
    await world.advance(2 * SECOND);
    assert.deepEqual(world.running(), ['dns/main']);
    assert.deepEqual(await stateOf(world, 'web'), TERMINATED);
    await world.advance(8 * SECOND);
    assert.deepEqual(world.running(), ['dns/main']);
    await world.advance(3 * SECOND);
    assert.deepEqual(world.running(), []);
    assert.deepEqual(await stateOf(world, 'dns', 'kube-system'), TERMINATED);
    await world.cluster.run(done ?? Promise.reject(new Error('no kubelet')));
    const told = world.events.filter(({ reason }) => reason === 'NodeShutdown');
    assert.deepEqual(
      told.map(({ type, message }) => `${type}: ${message}`),
      [
        'Normal: Shutdown manager detected shutdown event',
        'Warning: Pod was rejected as the node is shutting down.',
      ],
    );
  });

  it('waits no longer than it must, and gives a pod no more than its own grace', async (t) => {
    const world = await start(t);
    await run(world, 'web', { terminationGracePeriodSeconds: 3 });
    world.cri.stopMs = 100 * SECOND;
    const began = world.cluster.environment.clock.now();
    let endedMs = 0;
    void world.kubelet?.shutDown().then(() => {
      endedMs = world.cluster.environment.clock.now() - began;
    });
    await world.advance(15 * SECOND);
    assert.ok(endedMs >= 3 * SECOND && endedMs < 4 * SECOND, `ended after ${endedMs} ms`);
  });

  it('goes on after the time of a group, whatever the runtime does', async (t) => {
    const world = await start(t, {
      shutdownGracePeriodByPodPriority: [
        { priority: 0, shutdownGracePeriodSeconds: 4 },
        { priority: 5, shutdownGracePeriodSeconds: 1 },
      ],
    });
    await run(world, 'web');
    const hung = Promise.withResolvers<never>();
    const call = world.cri.call.bind(world.cri);
    world.cri.call = (name, ...rest) =>
      name === 'stopContainer' ? hung.promise : (call(name, ...rest) as never);
    let isDone = false;
    void world.kubelet?.shutDown().then(() => {
      isDone = true;
    });
    await world.advance(3900);
    assert.equal(isDone, false);
    await world.advance(200);
    assert.equal(isDone, true);
    hung.reject(new Error('the runtime ended'));
  });

  it('is not waited for where the configuration gives pods no time', async (t) => {
    const world = await start(t, {});
    await run(world, 'web');
    await world.cluster.run(world.kubelet?.shutDown() ?? Promise.reject(new Error('no kubelet')));
    await run(world, 'second');
    assert.deepEqual(world.running(), ['second/main', 'web/main']);
  });

  it('is told of by metrics, also after the machine has started again', async (t) => {
    const world = await start(t);
    await run(world, 'web');
    world.cri.stopMs = 8 * SECOND;
    const began = world.cluster.environment.clock.now();
    await world.cluster.run(world.kubelet?.shutDown() ?? Promise.reject(new Error('no kubelet')));
    await world.stop();
    await world.start();
    const text = world.kubelet?.context?.metrics.registry.text() ?? '';
    const valueOf = (name: string): number =>
      Number(
        new RegExp(`^kubelet_graceful_shutdown_${name}_time_seconds (.+)$`, 'm').exec(text)?.[1],
      );
    for (const [name, seconds] of [
      ['start', 0],
      ['end', 8],
    ] as const) {
      const off = valueOf(name) - began / SECOND - seconds;
      assert.ok(Math.abs(off) < 2, `${name}: ${off}`);
    }
  });
});

describe('isMachineStopping', () => {
  const answering = (text: string): Processes => ({
    run: (command, args) => {
      assert.deepEqual([command, ...args], ['systemctl', 'is-system-running']);
      const none = new Uint8Array();
      return Promise.resolve({ exitCode: 1, stdout: Buffer.from(text), stderr: none });
    },
  });

  it('goes by what systemd says', async () => {
    assert.equal(await isMachineStopping(answering('stopping\n')), true);
    assert.equal(await isMachineStopping(answering('running\n')), false);
  });

  it('is false without systemd', async () => {
    const missing = { run: () => Promise.reject(new Error('ENOENT')) };
    assert.equal(await isMachineStopping(missing), false);
  });
});
