/** Pods that end so that a critical one has room. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { POD } from '../resources.ts';
import { victimsFor } from './victims.ts';

const SECOND = 1000;

type Requests = Readonly<Record<string, string>>;

function podOf(
  name: string,
  requests: Requests,
  more: { limits?: Requests; priority?: number } = {},
): Pod {
  const { limits, priority } = more;
  const resources = { requests, ...(limits === undefined ? {} : { limits }) };
  return {
    metadata: { name },
    spec: {
      containers: [{ name: 'main', resources }],
      ...(priority === undefined ? {} : { priority }),
    },
  };
}

describe('victimsFor', () => {
  const critical = podOf('critical', {}, { priority: 2_000_000_000 });
  const all = { cpu: '500m', memory: '1Gi' };
  const others = [
    podOf('small', { cpu: '100m', memory: '1Gi' }),
    podOf('middle', { cpu: '300m', memory: '2Gi' }),
    podOf('alike', { cpu: '300m', memory: '1Gi' }),
    podOf('sure', all, { limits: all }),
    podOf('idle', {}),
    podOf('safe', { cpu: '5' }, { priority: 2_000_000_001 }),
  ];
  const names = (lacks: Readonly<Record<string, number>>, pod = critical) =>
    victimsFor(pod, others, new Map(Object.entries(lacks)))?.map(({ metadata }) => metadata?.name);

  it('takes the fewest of the least sure, and of two alike the smaller one', () => {
    assert.deepEqual(names({ cpu: 250 }), ['alike']);
    assert.deepEqual(names({ cpu: 100 }), ['small']);
    assert.deepEqual(names({ cpu: 600 }), ['alike', 'middle']);
    assert.deepEqual(names({ pods: 1 }), ['idle']);
  });

  it('takes a Guaranteed one only when the others do not do', () => {
    assert.deepEqual(names({ cpu: 701 }), ['alike', 'sure']);
    assert.deepEqual(names({ cpu: 1200 }), ['alike', 'middle', 'small', 'sure']);
  });

  it('weighs each resource the same', () => {
    assert.deepEqual(names({ cpu: 300, memory: 2 * 2 ** 30 }), ['middle']);
  });

  it('spares critical pods, but for one of a higher priority', () => {
    assert.equal(names({ cpu: 1201 }), undefined);
    const above = podOf('above', {}, { priority: 2_000_000_002 });
    assert.deepEqual(names({ cpu: 4000 }, above), ['safe']);
  });
});

describe('a critical pod', () => {
  async function start(t: TestContext): Promise<KubeletWorld> {
    const cluster = await TestCluster.start({ nodes: 0 });
    t.after(() => cluster.stop());
    const world = await KubeletWorld.make(cluster);
    t.after(() => world.stop());
    await world.fileSystem.writeFile('/proc/cpuinfo', 'processor : 0\n\nprocessor : 1\n');
    await world.start();
    await world.advance(5 * SECOND);
    return world;
  }

  async function run(world: KubeletWorld, name: string, cpu: string, spec: Partial<PodSpec> = {}) {
    await world.cluster.create(POD, {
      metadata: {
        name,
        namespace: spec.priorityClassName === undefined ? 'default' : 'kube-system',
      },
      spec: {
        nodeName: 'n1',
        terminationGracePeriodSeconds: 4,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'i', resources: { requests: { cpu } } }],
        ...spec,
      },
    });
    await world.advance(SECOND);
  }

  const CRITICAL = { priorityClassName: 'system-node-critical' };
  const reasonOf = async (world: KubeletWorld, name: string, namespace?: string) =>
    (await world.pod(name, namespace))?.status?.reason;

  it('starts when enough others have ended', async (t) => {
    const world = await start(t);
    await run(world, 'a', '1');
    await run(world, 'b', '500m');
    world.cri.stopMs = 3 * SECOND;
    await run(world, 'dns', '1', CRITICAL);
    assert.deepEqual(world.running(), ['a/main', 'b/main']);
    await world.advance(9 * SECOND);
    assert.deepEqual(world.running(), ['a/main', 'dns/main']);
    const { phase, reason, message, conditions } = (await world.pod('b'))?.status ?? {};
    const text = 'Preempted in order to admit critical pod';
    assert.deepEqual([phase, reason, message], ['Failed', 'Preempting', text]);
    assert.equal(
      conditions?.find(({ type }) => type === 'DisruptionTarget')?.message,
      'Pod was preempted by Kubelet to accommodate a critical pod.',
    );
    const told = world.events.filter((event) => event.reason === 'Preempting');
    assert.deepEqual(
      told.map((event) => [event.type, event.message]),
      [['Warning', text]],
    );
  });

  it('is refused where all the others together would not do, or are critical too', async (t) => {
    const world = await start(t);
    await run(world, 'first', '1500m', CRITICAL);
    await run(world, 'a', '100m');
    await run(world, 'second', '1', CRITICAL);
    assert.deepEqual(world.running(), ['a/main', 'first/main']);
    const { reason, message } = (await world.pod('second', 'kube-system'))?.status ?? {};
    assert.equal(reason, 'UnexpectedAdmissionError');
    assert.match(
      message ?? '',
      /no set of running pods found to reclaim resources: \[\(res: cpu, q: 600\), \]$/,
    );
  });

  it('is refused for another reason, without that anybody ends', async (t) => {
    const world = await start(t);
    await run(world, 'a', '2');
    await run(world, 'dns', '1', { ...CRITICAL, nodeSelector: { disk: 'none' } });
    assert.deepEqual(world.running(), ['a/main']);
    assert.equal(await reasonOf(world, 'dns', 'kube-system'), 'NodeAffinity');
  });

  it('is what another pod is not: that is refused', async (t) => {
    const world = await start(t);
    await run(world, 'a', '2');
    await run(world, 'b', '1');
    assert.deepEqual(world.running(), ['a/main']);
    assert.equal(await reasonOf(world, 'b'), 'OutOfcpu');
  });
});
