/** What pods get of the handlers of the runtime, and what the Node says of them. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PodSpec, VolumeMount } from '#api/gen/core-v1.ts';
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { containerMounts } from '../container/mounts.ts';
import { NODE, RUNTIME_CLASS } from '../resources.ts';
import { containerdConfig } from './containerd-config.ts';

const SECOND = 1000;

async function start(t: TestContext): Promise<KubeletWorld> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  return world;
}

async function addClass(world: KubeletWorld, name: string, handler: string): Promise<void> {
  const runtimeClass: RuntimeClass = { metadata: { name }, handler };
  await world.cluster.create(RUNTIME_CLASS, runtimeClass);
}

const run = (world: KubeletWorld, name: string, spec: Partial<PodSpec> = {}): Promise<void> =>
  world.runPod(name, spec);

describe('a RuntimeClass', () => {
  it('gives the sandbox its handler', async (t) => {
    const world = await start(t);
    world.cri.handlers.add('crun');
    await addClass(world, 'light', 'crun');
    await world.start();
    await run(world, 'a', { runtimeClassName: 'light' });
    await run(world, 'b', {});
    assert.deepEqual(
      world.cri.sandboxRequests.map(({ runtimeHandler }) => runtimeHandler ?? ''),
      ['crun', ''],
    );
    assert.deepEqual(world.running(), ['a/main', 'b/main']);
  });

  it('whose handler the runtime lacks is told of by an event, and tried again', async (t) => {
    const world = await start(t);
    await addClass(world, 'light', 'crun');
    await world.start();
    await run(world, 'a', { runtimeClassName: 'light' });
    const told = world.events.find(({ reason }) => reason === 'FailedCreatePodSandBox');
    assert.match(
      told?.message ?? '',
      /^Failed to create pod sandbox: .*no runtime for "crun" is configured$/,
    );
    world.cri.handlers.add('crun');
    await world.advance(20 * SECOND);
    assert.deepEqual(world.running(), ['a/main']);
  });

  it('that is gone is told of by an event', async (t) => {
    const world = await start(t);
    world.cri.handlers.add('crun');
    await addClass(world, 'light', 'crun');
    await run(world, 'a', { runtimeClassName: 'light' });
    await world.cluster.client.delete(RUNTIME_CLASS, { name: 'light' });
    await world.start();
    await world.advance(5 * SECOND);
    const told = world.events.find(({ reason }) => reason === 'FailedCreatePodSandBox');
    assert.equal(
      told?.message,
      'Failed to create pod sandbox: runtimeclass.node.k8s.io "light" not found',
    );
    assert.deepEqual(world.running(), []);
  });
});

describe('the Node', () => {
  it('says which handlers the runtime has, and what they and it can', async (t) => {
    const world = await start(t);
    world.cri.status = {
      runtimeHandlers: [
        { name: 'runc', features: { recursiveReadOnlyMounts: true, userNamespaces: true } },
        { name: '', features: { recursiveReadOnlyMounts: true } },
        { name: 'crun' },
      ],
      features: { supplementalGroupsPolicy: true },
    };
    await world.start();
    await world.advance(5 * SECOND);
    const [node] = await world.cluster.list(NODE);
    const no = { recursiveReadOnlyMounts: false, userNamespaces: false };
    assert.deepEqual(node?.status?.runtimeHandlers, [
      { name: '', features: { ...no, recursiveReadOnlyMounts: true } },
      { name: 'crun', features: no },
      { name: 'runc', features: { recursiveReadOnlyMounts: true, userNamespaces: true } },
    ]);
    assert.deepEqual(node.status.features, { supplementalGroupsPolicy: true });
  });

  it('says nothing of a runtime that says nothing', async (t) => {
    const world = await start(t);
    await world.start();
    await world.advance(5 * SECOND);
    const [node] = await world.cluster.list(NODE);
    assert.deepEqual(
      [node?.status?.runtimeHandlers, node?.status?.features],
      [undefined, undefined],
    );
  });
});

describe('a mount that is read-only with all below it', () => {
  const asking = (mount: Partial<VolumeMount>): Partial<PodSpec> => ({
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [
      { name: 'main', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
    ],
  });

  it('is not one that shows what others mount below it', async () => {
    const odd = { name: 'v', mountPath: '/v', recursiveReadOnly: 'IfPossible' };
    const mounting = (mount: Partial<VolumeMount>) =>
      containerMounts({
        pod: {},
        container: { name: 'main', volumeMounts: [{ ...odd, ...mount }] },
        volumes: new Map([['v', { path: '/here', readOnly: false }]]),
        imageVolumes: new Map(),
        environment: new Map(),
        podDirectory: '/pod',
        terminationHostPath: '/t',
        canRecursiveReadOnly: true,
        fileSystem: {} as never,
        mounter: {} as never,
      });
    await assert.rejects(mounting({}), /but it is not read-only$/);
    await assert.rejects(
      mounting({ readOnly: true, mountPropagation: 'HostToContainer' }),
      /but it is not compatible with propagation "HostToContainer"$/,
    );
    assert.equal((await mounting({ readOnly: true }))[0]?.recursiveReadOnly, true);
  });

  for (const can of [true, false])
    it(`is ${can ? 'made' : 'not made'} where the handler can ${can ? '' : 'not '}do it`, async (t) => {
      const world = await start(t);
      world.cri.status = {
        runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: can } }],
      };
      await world.start();
      await run(world, 'if', asking({ readOnly: true, recursiveReadOnly: 'IfPossible' }));
      await run(world, 'must', asking({ readOnly: true, recursiveReadOnly: 'Enabled' }));
      await run(world, 'no', asking({ readOnly: true }));
      const flags = world.cri.containerRequests.map(({ config }) => [
        config?.labels?.['io.kubernetes.pod.name'],
        config?.mounts?.find(({ containerPath }) => containerPath === '/v')?.recursiveReadOnly,
      ]);
      const shown = async (name: string) =>
        (await world.pod(name))?.status?.containerStatuses?.[0]?.volumeMounts?.[0]
          ?.recursiveReadOnly;
      const text = can ? 'Enabled' : 'Disabled';
      assert.deepEqual([await shown('if'), await shown('no')], [text, 'Disabled']);
      const must = (await world.pod('must'))?.status?.containerStatuses?.[0]?.state;
      if (can) {
        assert.deepEqual(flags, [
          ['if', true],
          ['must', true],
          ['no', undefined],
        ]);
        assert.ok(must?.running);
        return;
      }
      assert.deepEqual(flags, [
        ['if', undefined],
        ['no', undefined],
      ]);
      assert.deepEqual(must?.waiting, {
        reason: 'CreateContainerConfigError',
        message:
          'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
      });
    });
});

it('containerdConfig has a handler for each program', () => {
  const options = {
    root: '/r',
    state: '/s',
    socketPath: '/s/c.sock',
    sandboxImage: 'pause:1',
    cniBinDirectory: '/bin',
    cniConfigDirectory: '/conf',
    restrictOomScoreAdj: true,
  };
  const handlersOf = (text: string): (string | undefined)[] =>
    [...text.matchAll(/runtimes\.(\w+)\.options\]\n\s+BinaryName = "(.*)"/g)].map(
      ([, name, path]) => `${name}=${path}`,
    );
  assert.deepEqual(handlersOf(containerdConfig(options)), ['runc=runc']);
  assert.deepEqual(handlersOf(containerdConfig({ ...options, crunPath: '/usr/bin/crun' })), [
    'runc=runc',
    'crun=/usr/bin/crun',
  ]);
});
