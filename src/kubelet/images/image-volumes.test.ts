/** Volumes that are images. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ImageVolumeSource, VolumeMount } from '#api/gen/core-v1.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { POD } from '../resources.ts';
import { RuntimeState } from '../runtime/runtime-state.ts';

const SECOND = 1000;

async function start(t: TestContext, version = '2.2.0'): Promise<KubeletWorld> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  world.cri.version = { runtimeName: 'containerd', runtimeVersion: version };
  await world.start();
  return world;
}

async function run(
  world: KubeletWorld,
  source: ImageVolumeSource,
  mount: Partial<VolumeMount> = {},
): Promise<void> {
  await world.cluster.create(POD, {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'n1',
      automountServiceAccountToken: false,
      volumes: [
        { name: 'data', image: source },
        { name: 'unused', image: { reference: 'never.mounted' } },
      ],
      containers: [
        {
          name: 'main',
          image: 'i',
          volumeMounts: [{ name: 'data', mountPath: '/data', ...mount }],
        },
        { name: 'other', image: 'i' },
      ],
    },
  });
  await world.advance(5 * SECOND);
}

async function waitingOf(world: KubeletWorld) {
  const statuses = (await world.pod('p'))?.status?.containerStatuses ?? [];
  return statuses.find(({ name }) => name === 'main')?.state?.waiting;
}

describe('an image volume', () => {
  it('is mounted by the runtime, for reading, with its path within', async (t) => {
    const world = await start(t);
    await run(world, { reference: 'example.com/data:1' }, { subPath: 'a/b' });
    assert.deepEqual(world.running(), ['p/main', 'p/other']);
    const mounts = world.cri.containerRequests.map(({ config }) =>
      config?.mounts?.find(({ containerPath }) => containerPath === '/data'),
    );
    assert.deepEqual(mounts, [
      {
        containerPath: '/data',
        readonly: true,
        image: { image: 'sha256:example.com/data:1', userSpecifiedImage: 'example.com/data:1' },
        imageSubPath: 'a/b',
      },
      undefined,
    ]);
    const told = world.events.map(({ message }) => message).join('\n');
    assert.match(told, /"example.com\/data:1" already present on machine/);
    assert.doesNotMatch(told, /never.mounted/);
  });

  it('that is always to be pulled is, and a failure is that of the container', async (t) => {
    const world = await start(t);
    const call = world.cri.call.bind(world.cri);
    world.cri.call = (name, request, options) => {
      const isData = JSON.stringify(request).includes('example.com/data');
      return name === 'pullImage' && isData
        ? Promise.reject(new GrpcError(GRPC_CODE.unknown, 'no such registry'))
        : call(name, request, options);
    };
    await run(world, { reference: 'example.com/data:1', pullPolicy: 'Always' });
    assert.deepEqual(world.running(), ['p/other']);
    const { reason, message } = (await waitingOf(world)) ?? {};
    assert.match(reason ?? '', /^(ErrImagePull|ImagePullBackOff)$/);
    assert.match(message ?? '', /no such registry/);
    const about = world.events.filter((event) => event.message.includes('Failed to pull image'));
    assert.ok(about.length > 0 && about.every(({ fieldPath }) => fieldPath === undefined));
  });

  it('whose path within cannot be told is refused', async (t) => {
    const world = await start(t);
    await run(world, { reference: 'example.com/data:1' }, { subPathExpr: '$(HOSTNAME)x' });
    assert.deepEqual(await waitingOf(world), {
      reason: 'CreateContainerConfigError',
      message: 'missing value for HOSTNAME',
    });
  });

  it('of which only a part is wanted is refused where the runtime would mount the whole', async (t) => {
    const world = await start(t, '2.1.9');
    await run(world, { reference: 'example.com/data:1' }, { subPath: 'a' });
    assert.deepEqual(await waitingOf(world), {
      reason: 'CreateContainerConfigError',
      message:
        'cannot mount image volume "data": the runtime containerd://2.1.9 cannot mount a part of an image (subPath), containerd can from 2.2 on',
    });
    const other = await start(t, '2.1.9');
    await run(other, { reference: 'example.com/data:1' });
    assert.deepEqual(other.running(), ['p/main', 'p/other']);
  });

  it('is refused in plain words by a node whose runtime has none', async (t) => {
    const world = await start(t, '1.6.20');
    await run(world, { reference: 'example.com/data:1' });
    assert.deepEqual(world.running(), ['p/other']);
    assert.deepEqual(await waitingOf(world), {
      reason: 'CreateContainerConfigError',
      message:
        'cannot mount image volume "data": the runtime containerd://1.6.20 cannot mount images, containerd can from 2.1 on',
    });
  });
});

it('RuntimeState knows which versions of containerd mount parts of images', () => {
  const has = (version: string): boolean => new RuntimeState({} as never, version).hasImageSubPaths;
  const versions = [
    'containerd://2.1.9',
    'containerd://1.9.0',
    'containerd://2.2.0',
    'cri-o://1.30',
  ];
  assert.deepEqual(versions.filter(has), ['containerd://2.2.0', 'cri-o://1.30']);
});

it('RuntimeState knows which versions of containerd mount images', () => {
  const has = (version: string): boolean => new RuntimeState({} as never, version).hasImageVolumes;
  const old = ['containerd://1.7.27', 'containerd://2.0.5', 'containerd://v2.0.5'];
  const young = [
    'containerd://2.1.0',
    'containerd://v2.10.1',
    'containerd://3.0.0',
    'cri-o://1.30.0',
    '',
  ];
  assert.deepEqual([...old, ...young].filter(has), young);
});
