/**
 * Resizes of real containers: what the kernel holds afterwards is what was asked for.
 *
 * Needs root and Linux; elsewhere the tests are skipped, and say why.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import { BUSYBOX } from '#kit/busybox-image.ts';
import { RealTestNode, whyNot } from '#kit/kubelet/real-node.ts';
import { POD } from '../resources.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;

const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.05; done'];

function both(cpu: string, memory: string): ResourceRequirements {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

function podOf(name: string, restartsFor: string | undefined): Pod {
  const resizePolicy =
    restartsFor === undefined
      ? []
      : [{ resourceName: restartsFor, restartPolicy: 'RestartContainer' }];
  const resources = both('200m', '32Mi');
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'main', image: BUSYBOX, command: COMMAND, resources, resizePolicy }],
    },
    status: { phase: 'Pending' },
  };
}

describe('resize on a real containerd', { skip }, () => {
  let node: RealTestNode;

  before(async () => {
    node = new RealTestNode();
    await node.startContainerd();
    await node.startKubelet();
  });

  after(async () => {
    await node.cleanUp();
    assert.equal(existsSync(node.directory), false);
  });

  const find = (name: string): Pod => node.api.find(POD, name, 'default') ?? {};
  const idOf = (pod: Pod): string =>
    pod.status?.containerStatuses?.[0]?.containerID?.slice('containerd://'.length) ?? '';

  /** Shares (or weight), quota and memory limit: of the pod's cgroup, and of the container's. */
  const kernel = (pod: Pod): readonly (readonly string[])[] => {
    const group = `${node.cgroup}/kubepods/pod${pod.metadata?.uid}`;
    const isV1 = existsSync(`/sys/fs/cgroup/cpu${group}`);
    const files = isV1
      ? ['cpu/cpu.shares', 'cpu/cpu.cfs_quota_us', 'memory/memory.limit_in_bytes']
      : ['/cpu.weight', '/cpu.max', '/memory.max'];
    return [group, `${group}/${idOf(pod)}`].map((path) =>
      files.map((file) => {
        const [controller, name] = file.split('/');
        const mount = controller === '' ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`;
        return readFileSync(`${mount}${path}/${name}`, 'utf8').trim().split(' ')[0] ?? '';
      }),
    );
  };

  const resize = async (name: string, resources: ResourceRequirements): Promise<Pod> => {
    const { metadata, spec, status } = find(name);
    const generation = (metadata?.generation ?? 1) + 1;
    const containers = (spec?.containers ?? []).map((each) => ({ ...each, resources }));
    await node.api.update(POD, {
      metadata: { ...metadata, generation },
      spec: { ...spec, containers },
      ...(status === undefined ? {} : { status }),
    });
    return settled(name);
  };

  const settled = (name: string): Promise<Pod> =>
    node.api.until(`${name} is as asked`, () => {
      const pod = find(name);
      const isOver = !pod.status?.conditions?.some(({ type }) => type.startsWith('PodResize'));
      const isReady = pod.status?.containerStatuses?.[0]?.ready === true;
      const isSeen = pod.status?.observedGeneration === pod.metadata?.generation;
      return isOver && isReady && isSeen ? pod : undefined;
    });

  const expected = (milli: number, mebibytes: number): readonly string[] => {
    const shares = Math.trunc((milli * 1024) / 1000);
    const isV1 = existsSync(`/sys/fs/cgroup/cpu${node.cgroup}`);
    const weight = isV1 ? shares : 1 + Math.trunc(((shares - 2) * 9999) / 262_142);
    return [weight, milli * 100, mebibytes * 2 ** 20].map(String);
  };

  it('raises and lowers processor and memory of a container that goes on', async () => {
    await node.api.create(POD, podOf('steady', undefined));
    const first = await settled('steady');
    assert.deepEqual(kernel(first), [expected(200, 32), expected(200, 32)]);
    for (const [cpu, memory] of [
      [400, 64],
      [100, 64],
      [100, 24],
      [300, 16],
    ] as const) {
      const asked = both(`${cpu}m`, `${memory}Mi`);
      const pod = await resize('steady', asked);
      assert.deepEqual(kernel(pod), [expected(cpu, memory), expected(cpu, memory)]);
      const [status] = pod.status?.containerStatuses ?? [];
      assert.deepEqual([status?.resources, status?.allocatedResources], [asked, asked.requests]);
      assert.deepEqual([idOf(pod), status?.restartCount], [idOf(first), 0]);
    }
  });

  it('starts a container anew that asks for it, with what is new', async () => {
    await node.api.create(POD, podOf('anew', 'memory'));
    const first = await settled('anew');
    const pod = await resize('anew', both('300m', '64Mi'));
    assert.deepEqual(kernel(pod), [expected(300, 64), expected(300, 64)]);
    assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 1);
    assert.notEqual(idOf(pod), idOf(first));
    const again = await resize('anew', both('100m', '16Mi'));
    assert.deepEqual(kernel(again), [expected(100, 16), expected(100, 16)]);
    assert.equal(again.status?.containerStatuses?.[0]?.restartCount, 2);
    // Of processor alone it asks for no restart.
    const last = await resize('anew', both('200m', '16Mi'));
    assert.deepEqual(kernel(last), [expected(200, 16), expected(200, 16)]);
    assert.equal(last.status?.containerStatuses?.[0]?.restartCount, 2);
  });

  it('changes nothing more after the kubelet has started again', async () => {
    const before = find('steady');
    await node.stopKubelet({ stopPods: false });
    await node.startKubelet();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = find('steady');
    assert.deepEqual([idOf(now), kernel(now)], [idOf(before), kernel(before)]);
    assert.equal(now.metadata?.resourceVersion, before.metadata?.resourceVersion);
  });

  it('lowers no memory limit below what a container uses', async () => {
    const fill = 'dd if=/dev/zero of=/dev/shm/big bs=1M count=12; sleep 1000';
    const pod = podOf('full', undefined);
    const [main] = pod.spec?.containers ?? [];
    const containers = [{ name: 'main', ...main, command: ['sh', '-c', fill] }];
    await node.api.create(POD, { ...pod, spec: { ...pod.spec, containers } });
    const first = await settled('full');
    await node.api
      .until('it is full', () => (used(first) > 12 * 2 ** 20 ? true : undefined))
      .catch(() => {});
    resize('full', both('200m', '8Mi')).catch(() => {});
    const condition = await node.api.until('it says why', () =>
      find('full').status?.conditions?.find(
        ({ type, reason: why }) => type === 'PodResizeInProgress' && why === 'Error',
      ),
    );
    assert.match(condition.message ?? '', /^cannot decrease memory limits: /);
    assert.equal(kernel(first)[1]?.[2], String(32 * 2 ** 20));
  });

  const used = (pod: Pod): number => {
    const path = `${node.cgroup}/kubepods/pod${pod.metadata?.uid}`;
    const v1 = `/sys/fs/cgroup/memory${path}/memory.usage_in_bytes`;
    const file = existsSync(v1) ? v1 : `/sys/fs/cgroup${path}/memory.current`;
    return Number(readFileSync(file, 'utf8'));
  };
});
