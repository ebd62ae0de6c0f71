/** Restarts of all containers of a pod (KEP-5532): decisions as tables, the whole in virtual time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerRestartRule, Pod } from '#api/gen/core-v1.ts';
import { observedContainer, observedPod } from '#kit/kubelet/observed.ts';
import { PodWorld } from '#kit/kubelet/pod-world.ts';
import { podConditions } from './conditions.ts';
import { restartsAfterExit } from './restart-policy.ts';
import { couldRestartAll, restartingAllVerdict, shouldRestartAll, toReset } from './restart-all.ts';

const ALL: ContainerRestartRule = {
  action: 'RestartAllContainers',
  exitCodes: { operator: 'In', values: [88] },
};
const OWN: ContainerRestartRule = { ...ALL, action: 'Restart' };

function container(
  name: string,
  rules: ContainerRestartRule[] = [],
  over: Partial<Container> = {},
): Container {
  if (rules.length === 0) return { name, image: 'i', ...over };
  return { name, image: 'i', restartPolicy: 'Never', restartPolicyRules: rules, ...over };
}

function podOf(containers: Container[], initContainers: Container[] = []): Pod {
  return { spec: { containers, initContainers, restartPolicy: 'Never' } };
}

const exited = (name: string, exitCode: number, id = name) =>
  observedContainer({ id, name, exitCode, state: 'exited' });
const BEGUN = { conditions: [{ type: 'AllContainersRestarting', status: 'True' }] };

describe('whether all containers begin anew', () => {
  for (const [claim, pod, observed, previous, expected] of [
    [
      'yes after an exit that a rule names',
      podOf([container('a', [ALL])]),
      [exited('a', 88)],
      {},
      true,
    ],
    [
      'yes after that of an init container',
      podOf([], [container('a', [ALL])]),
      [exited('a', 88)],
      {},
      true,
    ],
    ['no after another exit', podOf([container('a', [ALL])]), [exited('a', 1)], {}, false],
    [
      'no while it runs',
      podOf([container('a', [ALL])]),
      [observedContainer({ name: 'a', exitCode: 88 })],
      {},
      false,
    ],
    [
      'no after an exit of a container without the rule',
      podOf([container('a', [ALL]), container('b')]),
      [exited('b', 88)],
      {},
      false,
    ],
    [
      'no where an earlier rule is about itself alone',
      podOf([container('a', [OWN, ALL])]),
      [exited('a', 88)],
      {},
      false,
    ],
    [
      'no after an exit before the last',
      podOf([container('a', [ALL])]),
      [exited('a', 1, 'y'), exited('a', 88, 'x')],
      {},
      false,
    ],
    ['yes while it is under way', podOf([container('a', [ALL])]), [], BEGUN, true],
  ] as const) {
    it(claim, () => {
      assert.equal(shouldRestartAll(pod, observedPod(...observed), previous), expected);
    });
  }

  it('is over when nothing is left', () => {
    const pod = podOf([container('a', [ALL])]);
    assert.deepEqual(restartingAllVerdict(pod, observedPod(), BEGUN), { status: 'False' });
    assert.deepEqual(restartingAllVerdict(pod, observedPod(exited('a', 88)), {}), {
      status: 'True',
      reason: 'RestartAllContainersStarted',
      message: 'container exited with restart policy rule',
    });
  });

  it('is asked only of pods with the rule', () => {
    assert.deepEqual(
      [podOf([container('a', [OWN])]), podOf([], [container('a', [ALL])])].map(
        ({ spec = { containers: [] } }) => couldRestartAll(spec),
      ),
      [false, true],
    );
  });

  it('brings back a container whose own policy would not', () => {
    const never = container('a', [ALL]);
    const spec = { containers: [never] };
    assert.deepEqual(
      [restartsAfterExit(never, spec, 88), restartsAfterExit(never, spec, 1)],
      [true, false],
    );
  });
});

it('those that asked for it are removed last, after regular and then init containers', () => {
  const pod = podOf([container('a', [ALL]), container('b')], [container('i')]);
  const running = observedContainer({ id: 'b2', name: 'b' });
  const observed = observedPod(exited('a', 88), exited('i', 0), running, exited('b', 0, 'b1'));
  assert.deepEqual(
    toReset(pod, observed).map(({ latest, isAlive }) => [latest.id, isAlive]),
    [
      ['b2', true],
      ['b1', false],
      ['i', false],
      ['a', false],
    ],
  );
});

describe('a pod that begins anew', () => {
  const preStop = { exec: { command: ['/bye'] } };
  const start = async (): Promise<PodWorld> => {
    const world = new PodWorld();
    await world.start({
      restartPolicy: 'Never',
      initContainers: [container('first'), container('side', [], { restartPolicy: 'Always' })],
      containers: [container('main', [ALL]), container('other', [], { lifecycle: { preStop } })],
    });
    await exit(world, 'first', 0);
    return world;
  };
  const idOf = (world: PodWorld, name: string): string =>
    [...world.cri.containers].find(([, { status }]) => status.metadata?.name === name)?.[0] ?? '';
  const exit = async (world: PodWorld, name: string, code: number): Promise<void> => {
    world.cri.exit(idOf(world, name), code);
    await world.node.cache.relist();
    await world.environment.advance(0);
  };
  const condition = (world: PodWorld, wanted: string) =>
    world.pod?.status?.conditions?.find(({ type }) => type === wanted);

  it('ends all without hooks, keeps its sandbox, and starts at its first init container', async () => {
    const world = await start();
    assert.deepEqual(world.running().toSorted(), ['main', 'other', 'side']);
    assert.equal(condition(world, 'AllContainersRestarting')?.status, 'False');
    let hooks = 0;
    world.node.hooks.run = () => Promise.resolve(void hooks++);
    const sandboxes = [...world.cri.sandboxes.keys()];
    await exit(world, 'main', 88);
    await world.environment.advance(5000);
    assert.deepEqual(world.running(), ['first']);
    assert.deepEqual([...world.cri.containers.keys()].length, 1);
    assert.deepEqual([...world.cri.sandboxes.keys()], sandboxes);
    assert.equal(hooks, 0);
    const killed = world.events.filter(({ reason }) => reason === 'Killing');
    assert.deepEqual(
      killed.map(({ message }) => message),
      ['killing', 'killing'],
    );
    const { containerStatuses = [], initContainerStatuses = [] } = world.pod?.status ?? {};
    assert.deepEqual(
      [...initContainerStatuses, ...containerStatuses].map(({ name, restartCount, lastState }) => [
        name,
        restartCount,
        lastState?.terminated?.reason,
      ]),
      ['first', 'side', 'main', 'other'].map((name) => [name, 1, 'RestartingAllContainers']),
    );
    assert.equal(condition(world, 'Initialized')?.status, 'True');
    assert.equal(condition(world, 'AllContainersRestarting')?.status, 'False');
    await exit(world, 'first', 0);
    assert.deepEqual(world.running().toSorted(), ['main', 'other', 'side']);
    await exit(world, 'main', 88);
    await world.environment.advance(5000);
    const [main] = world.pod?.status?.containerStatuses ?? [];
    assert.deepEqual([main?.restartCount, world.running()], [2, ['first']]);
  });

  it('says so while containers end', async () => {
    const world = await start();
    world.cri.stopMs = 1500;
    await exit(world, 'main', 88);
    await world.environment.advance(1000);
    const { status, reason, message } = condition(world, 'AllContainersRestarting') ?? {};
    assert.deepEqual(
      [world.pod?.status?.phase, status, reason, message],
      [
        'Running',
        'True',
        'RestartAllContainersStarted',
        'container exited with restart policy rule',
      ],
    );
  });

  it('goes on after a restart of the kubelet', async () => {
    const world = await start();
    world.cri.stopMs = 1500;
    await exit(world, 'main', 88);
    await world.environment.advance(100);
    await world.cri.call('removeContainer', { containerId: idOf(world, 'main') });
    const stopped = world.restartKubelet();
    await world.environment.advance(5000);
    await stopped;
    await world.environment.advance(5000);
    assert.deepEqual(world.running(), ['first']);
  });

  it('ends for good by an exit that no rule names', async () => {
    const world = await start();
    await exit(world, 'main', 1);
    await exit(world, 'other', 0);
    await world.environment.advance(60_000);
    const { status, reason } = condition(world, 'AllContainersRestarting') ?? {};
    assert.deepEqual([world.pod?.status?.phase, status, reason], ['Failed', 'False', 'PodFailed']);
  });
});

it('a pod that was initialized stays so', () => {
  const statuses = [{ name: 'i', ready: false, restartCount: 0, image: 'i', imageID: '' }];
  const pod = podOf([container('a')], [container('i')]);
  const facts = { pod, phase: 'Pending', statuses, hasSandbox: true, resize: [], now: '' } as const;
  for (const status of ['True', 'False']) {
    const found = podConditions({ ...facts, previous: [{ type: 'Initialized', status }] });
    assert.equal(found.find(({ type }) => type === 'Initialized')?.status, status);
  }
});
