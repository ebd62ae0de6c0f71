import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { cpuQuotaUs, cpuShares, cpuWeight } from './cfs.ts';
import { findCgroupHierarchy } from './cgroup-manager.ts';
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
