import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { cpuQuotaUs, cpuShares, cpuWeight } from './cfs.ts';
import { CgroupManager, findCgroupHierarchy } from './cgroup-manager.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { podCgroupLimits, podCgroupPath } from './pod-cgroup.ts';
import { oomScoreAdjust } from './oom-score.ts';

type Amounts = Record<string, string>;
function container(name: string, requests?: Amounts, limits?: Amounts): Container {
  const resources = { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) };
  return { name, resources };
}
function podOf(containers: Container[], initContainers: Container[] = []): Pod {
  return { metadata: { uid: 'u' }, spec: { containers, initContainers } };
}

const FULL = { cpu: '1', memory: '1Gi' };

describe('pod cgroup', () => {
  it('lies in its class', () => {
    assert.equal(podCgroupPath('/r', podOf([container('a')])), '/r/kubepods/besteffort/podu');
    assert.equal(podCgroupPath('/r', podOf([container('a', FULL, FULL)])), '/r/kubepods/podu');
  });
  it('is limited only where every container is', () => {
    const limited = podCgroupLimits(
      podOf([container('a', { cpu: '500m' }, FULL), container('b', {}, FULL)]),
    );
    assert.deepEqual(limited, { cpuShares: 512, cpuQuotaUs: 200_000, memoryBytes: 2 ** 31 });
    const open = podCgroupLimits(podOf([container('a', { cpu: '500m' }, FULL), container('b')]));
    assert.deepEqual(open, { cpuShares: 512 });
  });
});

describe('figures of the scheduler', () => {
  it('are bounded', () => {
    assert.deepEqual([cpuShares(0), cpuShares(1000), cpuShares(1e9)], [2, 1024, 262_144]);
    assert.deepEqual([cpuQuotaUs(0), cpuQuotaUs(1), cpuQuotaUs(1500)], [0, 1000, 150_000]);
    assert.deepEqual([cpuWeight(2), cpuWeight(1024), cpuWeight(262_144)], [1, 39, 10_000]);
  });
  it('makes who asks for less go first when memory is short', () => {
    const small = container('a', { memory: '1Gi' });
    assert.equal(oomScoreAdjust(podOf([small]), small, 10 * 2 ** 30), 900);
    assert.equal(oomScoreAdjust(podOf([container('b')]), container('b'), 2 ** 30), 1000);
    assert.equal(
      oomScoreAdjust(podOf([container('c', FULL, FULL)]), container('c', FULL, FULL), 2 ** 30),
      -997,
    );
  });
});

describe('findCgroupHierarchy', () => {
  it('finds version 2', () => {
    assert.deepEqual(findCgroupHierarchy('cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n'), {
      version: 2,
      mount: '/sys/fs/cgroup',
    });
  });
  it('finds version 1 by controller, and what lies beside it', () => {
    const text =
      'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
    const found = findCgroupHierarchy(text);
    assert.equal(found?.version, 1);
    assert.deepEqual(found?.version === 1 ? [...found.mounts] : [], [
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
      ['systemd', '/sys/fs/cgroup/systemd'],
      ['unified', '/sys/fs/cgroup/unified'],
    ]);
  });
});

describe('CgroupManager', () => {
  it('holds pods, and all pods together, to their limits', async () => {
    const fileSystem = new MemoryFileSystem();
    for (const controller of ['cpu', 'memory', 'pids'])
      await fileSystem.makeDirectory(`/cg/${controller}/kube`);
    const manager = new CgroupManager({
      environment: new VirtualEnvironment(),
      fileSystem,
      hierarchy: {
        version: 1,
        mounts: new Map(['cpu', 'memory', 'pids'].map((name) => [name, `/cg/${name}`])),
      },
      root: '',
      quotas: { isEnforced: true, periodUs: 10_000 },
      podPidsLimit: 77,
    });
    await manager.limitPods({ milliCpu: 1000, memoryBytes: 5, pids: 9 });
    const path = await manager.createForPod(podOf([container('a', FULL, FULL)]));
    assert.equal(path, '/kubepods/podu');
    await manager.limitExisting('/kube', { cpuShares: 8 });
    const read = (file: string): Promise<string> => fileSystem.readText(`/cg/${file}`);
    assert.deepEqual(
      [
        await read('memory/kubepods/memory.limit_in_bytes'),
        await read('pids/kubepods/pids.max'),
        await read('pids/kubepods/podu/pids.max'),
        await read('cpu/kubepods/podu/cpu.cfs_period_us'),
        await read('cpu/kubepods/podu/cpu.cfs_quota_us'),
        await read('cpu/kube/cpu.shares'),
      ],
      ['5', '9', '77', '10000', '10000', '8'],
    );
    await assert.rejects(manager.limitExisting('/none', {}), /cgroup \/none does not exist/);
  });

  /** As the kernel has them: without files that could be removed. */
  const busy = async () => {
    const fileSystem = new MemoryFileSystem();
    const environment = new VirtualEnvironment();
    const hierarchy = { version: 2, mount: '/cg' } as const;
    const manager = new CgroupManager({ environment, fileSystem, hierarchy, root: '' });
    await fileSystem.makeDirectory('/cg/kubepods/podu/one/inner');
    await fileSystem.makeDirectory('/cg/kubepods/podu/two');
    await fileSystem.makeDirectory('/cg/kubepods/podv');
    return { fileSystem, environment, manager };
  };

  it('removes a cgroup with its children, and no other', async () => {
    const { fileSystem, manager } = await busy();
    await manager.removePath('/kubepods/podu');
    assert.deepEqual(await fileSystem.list('/cg/kubepods'), ['podv']);
    await manager.removePath('/kubepods/podu');
  });

  it('waits for the last process of a cgroup, but not for ever', async () => {
    const { fileSystem, environment, manager } = await busy();
    const removeDirectory = fileSystem.removeDirectory.bind(fileSystem);
    let isBusy = true;
    fileSystem.removeDirectory = (path) =>
      isBusy && path.endsWith('/two')
        ? Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' }))
        : removeDirectory(path);
    const removal = manager.removePath('/kubepods/podu');
    await environment.advance(120);
    assert.deepEqual(await fileSystem.list('/cg/kubepods/podu'), ['two']);
    isBusy = false;
    await environment.advance(50);
    await removal;
    assert.deepEqual(await fileSystem.list('/cg/kubepods'), ['podv']);
    isBusy = true;
    await fileSystem.makeDirectory('/cg/kubepods/podv/two');
    const inVain = manager.removePath('/kubepods/podv');
    await environment.advance(60_000);
    await inVain;
    assert.deepEqual(await fileSystem.list('/cg/kubepods/podv'), ['two']);
  });
});
