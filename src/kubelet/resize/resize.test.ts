/** Resizes of pods from the wish in the spec to the status, in virtual time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { PodWorld } from '#kit/kubelet/pod-world.ts';
import { POD } from '../resources.ts';

const ROOM = { pods: '10', cpu: '4', memory: '1Gi' };

type Sizes = Readonly<Record<string, string>>;

function main(requests: Sizes, limits?: Sizes, more: Partial<Container> = {}): Container {
  const resources = { requests, ...(limits === undefined ? {} : { limits }) };
  return { name: 'main', image: 'i', resources, ...more };
}

function of(...containers: Container[]): (spec: PodSpec) => PodSpec {
  return (spec) => ({ ...spec, containers });
}

/** Type, reason, message and generation of the conditions of a resize. */
function conditions(pod: Pod) {
  return (pod.status?.conditions ?? [])
    .filter(({ type }) => type.startsWith('PodResize'))
    .map(({ type, reason, message, observedGeneration }) => [
      type,
      reason,
      message,
      observedGeneration,
    ]);
}

function shown(pod: Pod) {
  const [status] = pod.status?.containerStatuses ?? [];
  return [status?.allocatedResources, status?.resources, status?.restartCount];
}

const reasons = (world: PodWorld): string[] =>
  world.events.map(({ reason }) => reason).filter((reason) => reason.startsWith('Resize'));

const DEFERRED =
  "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000";

describe('resize of a pod', () => {
  it('changes a running container, shows it, and leaves no condition', async () => {
    const world = new PodWorld(ROOM);
    const [old, wanted] = [
      { cpu: '1', memory: '64Mi' },
      { cpu: '1500m', memory: '96Mi' },
    ];
    await world.start({ containers: [main(old, old)] });
    assert.deepEqual(shown(world.find('p')), [old, { limits: old, requests: old }, 0]);
    await world.change('p', of(main(wanted, wanted)));
    const pod = world.find('p');
    assert.deepEqual(shown(pod), [wanted, { limits: wanted, requests: wanted }, 0]);
    assert.deepEqual([conditions(pod), pod.status?.observedGeneration], [[], 2]);
    assert.deepEqual(
      world.cri.updates.map(([, { cpuQuota, cpuShares, memoryLimitInBytes }]) => [
        cpuShares,
        cpuQuota,
        memoryLimitInBytes,
      ]),
      [
        [1024, 100_000, 96 * 2 ** 20],
        [1536, 150_000, 96 * 2 ** 20],
      ],
    );
    assert.deepEqual(
      world.events
        .filter(({ reason }) => reason.startsWith('Resize'))
        .map(({ type, reason, message }) => [type, reason, message]),
      ['started', 'completed'].map((what) => [
        'Normal',
        what === 'started' ? 'ResizeStarted' : 'ResizeCompleted',
        `Pod resize ${what}: {"containers":[{"name":"main","resources":{"limits":{"cpu":"1500m","memory":"96Mi"},"requests":{"cpu":"1500m","memory":"96Mi"}}}],"generation":2}`,
      ]),
    );
  });

  it('never speaks of a spec before it is decided on', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    const { promise, resolve } = Promise.withResolvers<void>();
    world.diskGate = promise;
    await world.change('p', of(main({ cpu: '2' })));
    assert.equal(world.find('p').status?.observedGeneration, 1);
    resolve();
    await world.environment.advance(0);
    assert.equal(world.find('p').status?.observedGeneration, 2);
  });

  it('waits for room, says so, and is done when room comes', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '2' })] }, 'other');
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '3' })));
    assert.deepEqual(conditions(world.find('p')), [['PodResizePending', 'Deferred', DEFERRED, 2]]);
    assert.deepEqual(shown(world.find('p'))[0], { cpu: '1' });
    const [event] = world.events.filter(({ reason }) => reason === 'ResizeDeferred');
    assert.equal(
      event?.message,
      `Pod resize OutOfcpu: {"containers":[{"name":"main","resources":{"requests":{"cpu":"3"}}}],"generation":2,"error":"${DEFERRED}"}`,
    );
    await world.environment.advance(600_000);
    assert.deepEqual(reasons(world), ['ResizeDeferred'], 'it is said once');
    await world.change('other', of(main({ cpu: '500m' })));
    await world.environment.advance(0);
    assert.deepEqual([conditions(world.find('p')), shown(world.find('p'))[0]], [[], { cpu: '3' }]);
  });

  it('shows volumes of the downward API what is allocated, and labels as they are', async () => {
    const world = new PodWorld(ROOM);
    const seen = (): unknown[] => {
      const { metadata, spec } = world.mounted.get('p') ?? {};
      return [spec?.containers[0]?.resources?.requests, metadata?.labels];
    };
    await world.start({ containers: [main({ cpu: '2' })] }, 'other');
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '3' })));
    assert.deepEqual(seen(), [{ cpu: '1' }, undefined]);
    const labels = { tier: 'front' };
    const pod = world.find('p');
    await world.api.update(POD, { ...pod, metadata: { ...pod.metadata, labels } });
    world.workers.get(pod.metadata?.uid ?? '')?.update(world.find('p'));
    await world.environment.advance(0);
    assert.deepEqual(seen(), [{ cpu: '1' }, labels]);
    await world.change('other', of(main({ cpu: '500m' })));
    await world.environment.advance(0);
    assert.deepEqual(seen(), [{ cpu: '3' }, labels]);
  });

  it('is done when a pod that held the room is gone', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '2' })] }, 'other');
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '3' })));
    await world.delete(undefined, 'other');
    await world.environment.advance(0);
    assert.deepEqual(shown(world.find('p'))[0], { cpu: '3' });
  });

  it('is done when a pod that held the room has ended', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '2' })], restartPolicy: 'Never' }, 'other');
    const [other = ''] = world.cri.containers.keys();
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '3' })));
    world.cri.exit(other, 0);
    await world.node.cache.relist();
    await world.environment.advance(0);
    assert.deepEqual(shown(world.find('p'))[0], { cpu: '3' });
  });

  it('gives room to the more important pod, though it came later', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '2' })] }, 'other');
    await world.start({ containers: [main({ cpu: '1' })] }, 'low');
    await world.start({ containers: [main({ cpu: '1' })], priority: 5 }, 'high');
    await world.change('low', of(main({ cpu: '2' })));
    await world.change('high', of(main({ cpu: '2' })));
    await world.change('other', of(main({ cpu: '1' })));
    await world.environment.advance(0);
    assert.deepEqual(
      ['low', 'high'].map((name) => shown(world.find(name))[0]),
      [{ cpu: '1' }, { cpu: '2' }],
    );
  });

  it('forgets a wish that is taken back', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '5' })));
    assert.equal(conditions(world.find('p')).length, 1);
    await world.change('p', of(main({ cpu: '1' })));
    assert.deepEqual([conditions(world.find('p')), world.cri.updates], [[], []]);
  });

  it('takes no new pod where the room is given to a resize', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '3500m' })));
    await world.start({ containers: [main({ cpu: '1' })] }, 'late');
    assert.equal(world.find('late').status?.reason, 'OutOfcpu');
  });

  it('restarts a container that asks for it, at once and again and again', async () => {
    const world = new PodWorld(ROOM);
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const sized = (memory: string) => main({ memory }, { memory }, { resizePolicy });
    await world.start({ containers: [sized('64Mi')] });
    for (const memory of ['96Mi', '64Mi', '128Mi']) {
      await world.environment.advance(1000);
      await world.change('p', of(sized(memory)));
    }
    const pod = world.find('p');
    assert.deepEqual(shown(pod), [
      { memory: '128Mi' },
      { limits: { memory: '128Mi' }, requests: { memory: '128Mi' } },
      3,
    ]);
    assert.deepEqual([world.running(), world.cri.updates], [['main'], []]);
    assert.deepEqual(conditions(pod), []);
    const killed = world.events.find(({ reason }) => reason === 'Killing');
    assert.equal(killed?.message, 'Container main resize requires restart');
  });

  it('does not restart for a resource that asks for none', async () => {
    const world = new PodWorld(ROOM);
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const sized = (cpu: string) => main({ cpu, memory: '1Mi' }, undefined, { resizePolicy });
    await world.start({ containers: [sized('1')] });
    await world.change('p', of(sized('2')));
    assert.deepEqual([shown(world.find('p'))[2], world.cri.updates.length], [0, 1]);
  });

  it('resizes sidecars too', async () => {
    const world = new PodWorld(ROOM);
    const sidecar = { ...main({ cpu: '1' }), name: 'side', restartPolicy: 'Always' };
    await world.start({ initContainers: [sidecar] });
    const resources = { requests: { cpu: '2' } };
    await world.change('p', (spec) => ({ ...spec, initContainers: [{ ...sidecar, resources }] }));
    const [status] = world.find('p').status?.initContainerStatuses ?? [];
    assert.deepEqual([status?.resources, status?.restartCount], [resources, 0]);
    assert.deepEqual(
      world.cri.updates.map(([name]) => name),
      ['side'],
    );
  });

  it('lowers no memory limit below what is used, until less is used', async () => {
    const world = new PodWorld(ROOM);
    const sized = (memory: string) => main({ memory }, { memory });
    await world.start({ containers: [sized('64Mi')] });
    world.cri.memoryUsage = 40 * 2 ** 20;
    await world.change('p', of(sized('32Mi')));
    const message =
      'cannot decrease memory limits: attempting to set container "main" memory limit (33554432) below current usage (41943040)';
    assert.deepEqual(conditions(world.find('p')), [['PodResizeInProgress', 'Error', message, 2]]);
    assert.deepEqual(shown(world.find('p')).slice(0, 2), [
      { memory: '32Mi' },
      { limits: { memory: '64Mi' }, requests: { memory: '32Mi' } },
    ]);
    await world.environment.advance(30_000);
    assert.deepEqual(reasons(world), ['ResizeStarted', 'ResizeError']);
    world.cri.memoryUsage = 1;
    await world.environment.advance(10_000);
    assert.deepEqual(conditions(world.find('p')), []);
    assert.deepEqual(reasons(world), ['ResizeStarted', 'ResizeError', 'ResizeCompleted']);
    assert.equal(
      world.find('p').status?.containerStatuses?.[0]?.resources?.limits?.['memory'],
      '32Mi',
    );
  });

  it('does not try again sooner for being looked at', async () => {
    const world = new PodWorld(ROOM);
    const sized = (memory: string) => main({ memory }, { memory });
    await world.start({ containers: [sized('64Mi')] });
    world.cri.memoryUsage = 40 * 2 ** 20;
    await world.change('p', of(sized('32Mi')));
    world.cri.memoryUsage++;
    world.worker?.wake();
    await world.environment.advance(0);
    assert.deepEqual(reasons(world), ['ResizeStarted', 'ResizeError']);
  });

  it('says nothing of a spec that comes while an older one is acted on', async () => {
    const world = new PodWorld(ROOM);
    const seen: Pod[] = [];
    const abort = new AbortController();
    void world.api.watch(POD, { signal: abort.signal }, ({ object }) => seen.push(object));
    const { promise, reject } = Promise.withResolvers<never>();
    world.node.volumes.mount = () => promise;
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '5' })));
    reject(new Error('no volume'));
    await world.environment.advance(0);
    abort.abort();
    const granted = seen.filter(
      (pod) => pod.status?.observedGeneration === 2 && conditions(pod).length === 0,
    );
    assert.deepEqual([granted, conditions(world.find('p')).length], [[], 1]);
  });

  it('says what the runtime refuses, and drops it for a newer wish', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    world.cri.updateFault = 'no';
    await world.change('p', of(main({ cpu: '2' })));
    const [[, reason, message] = []] = conditions(world.find('p'));
    assert.deepEqual([reason, message], ['Error', 'rpc error: code = Unknown desc = no']);
    world.cri.updateFault = undefined;
    await world.change('p', of(main({ cpu: '3' })));
    assert.deepEqual([conditions(world.find('p')), shown(world.find('p'))[0]], [[], { cpu: '3' }]);
  });

  it('allocates nothing that it cannot write down', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    world.diskFault = new Error('disk full');
    await world.change('p', of(main({ cpu: '2' })));
    assert.deepEqual([shown(world.find('p'))[0], world.cri.updates], [{ cpu: '1' }, []]);
    world.diskFault = undefined;
    await world.environment.advance(180_000);
    assert.deepEqual(shown(world.find('p'))[0], { cpu: '2' });
  });

  it('starts pods all the same when nothing can be written', async () => {
    const world = new PodWorld(ROOM);
    world.diskFault = new Error('disk full');
    await world.start({ containers: [main({ cpu: '1' })] });
    assert.deepEqual(world.running(), ['main']);
  });

  it('ends without a condition when the pod ends', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })], restartPolicy: 'Never' });
    await world.change('p', of(main({ cpu: '5' })));
    for (const id of world.cri.containers.keys()) world.cri.exit(id, 0);
    await world.node.cache.relist();
    await world.environment.advance(0);
    assert.deepEqual(
      [world.find('p').status?.phase, conditions(world.find('p'))],
      ['Succeeded', []],
    );
  });
});

describe('restart of the kubelet', () => {
  it('changes nothing, and says nothing again, while a resize waits', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    await world.change('p', of(main({ cpu: '5' })));
    const before = conditions(world.find('p'));
    await world.restartKubelet();
    assert.deepEqual(
      [conditions(world.find('p')), shown(world.find('p'))[0]],
      [before, { cpu: '1' }],
    );
    assert.deepEqual([reasons(world), world.cri.updates], [['ResizeDeferred'], []]);
  });

  it('finishes what was allocated and not done', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' })] });
    world.cri.updateFault = 'no';
    await world.change('p', of(main({ cpu: '2' })));
    world.cri.updateFault = undefined;
    await world.restartKubelet();
    assert.deepEqual(
      [conditions(world.find('p')), shown(world.find('p'))[1]],
      [[], { requests: { cpu: '2' } }],
    );
  });

  for (const [what, text] of [
    ['lost', undefined],
    ['corrupt', '{"data":"{}","checksum":1}'],
  ] as const) {
    it(`restarts nothing and grants nothing when the checkpoints are ${what}`, async () => {
      const world = new PodWorld(ROOM);
      const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
      const sized = (cpu: string) => main({ cpu, memory: '1Mi' }, { cpu }, { resizePolicy });
      await world.start({ containers: [sized('3m')] }, 'small');
      await world.start({ containers: [sized('1')] });
      await world.change('p', of(sized('5')));
      for (const path of world.files.keys()) {
        if (text === undefined) world.files.delete(path);
        else world.files.set(path, text);
      }
      await world.restartKubelet();
      assert.deepEqual(shown(world.find('p')).slice(0, 1), [{ cpu: '1', memory: '1Mi' }]);
      assert.equal(conditions(world.find('p'))[0]?.[1], 'Deferred');
      assert.deepEqual([world.running().length, world.cri.containers.size], [2, 2]);
    });
  }

  it('sees what the runtime has been given, when only that file is lost', async () => {
    const world = new PodWorld(ROOM);
    await world.start({ containers: [main({ cpu: '1' }, { cpu: '1' })] });
    world.cri.updateFault = 'no';
    await world.change('p', of(main({ cpu: '2' }, { cpu: '2' })));
    world.files.delete('/kubelet/actuated_pods_state');
    world.cri.updateFault = undefined;
    await world.restartKubelet();
    assert.deepEqual(
      world.cri.updates.map(([, { cpuQuota }]) => cpuQuota),
      [200_000],
    );
    assert.deepEqual(conditions(world.find('p')), []);
  });
});
