/** /stats/summary, from known files to the answer. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { BusyNode, NET_DEV, PSI, processStat } from '#kit/kubelet/busy-node.ts';
import { room, StatsWorld } from '#kit/kubelet/stats-world.ts';
import type { Summary } from './summary-types.ts';

let node: BusyNode;
let world: StatsWorld;

async function prepare(): Promise<void> {
  node = await BusyNode.make();
  ({ world } = node);
}

describe('/stats/summary', () => {
  beforeEach(prepare);

  /** Asked twice, ten seconds apart: the second is given. */
  async function summary(query = ''): Promise<Summary> {
    const ask = world.server();
    await ask(`/stats/summary${query}`);
    await world.environment.advance(10_000);
    node.setUsage(2);
    const { status, headers, text } = await ask(`/stats/summary${query}`);
    assert.deepEqual([status, headers['content-type']], [200, 'application/json']);
    return JSON.parse(text) as Summary;
  }

  const NOW = '2026-01-01T00:01:15Z';
  const CREATED = '2026-01-01T00:00:05Z';
  const START = '2026-01-01T00:00:00Z';
  const BOOT = '2025-12-29T09:20:00Z';
  /** Of a cgroup whose usage of processor has doubled in ten seconds. */
  const usage = (micros: number, memory: number, psi: object, left?: number) => ({
    cpu: {
      time: NOW,
      usageNanoCores: micros * 100,
      usageCoreNanoSeconds: micros * 2000,
      ...psi,
    },
    memory: {
      time: NOW,
      ...(left === undefined ? {} : { availableBytes: left }),
      usageBytes: memory,
      workingSetBytes: memory * 0.75,
      rssBytes: memory / 2,
      pageFaults: 9,
      majorPageFaults: 2,
      ...psi,
    },
    swap: { time: NOW, swapAvailableBytes: 30, swapUsageBytes: 70 },
  });
  const network = (by: number) => {
    const eth0 = {
      name: 'eth0',
      rxBytes: by * 10 + 1,
      rxErrors: by * 10 + 3,
      txBytes: by * 10 + 5,
      txErrors: by * 10 + 7,
    };
    return { time: NOW, ...eth0, interfaces: [eth0] };
  };
  const disk = (time: string, size: number, inodes: number, used: readonly number[]) => ({
    time,
    availableBytes: size / 2 - Math.floor(size / 20),
    capacityBytes: size,
    ...(used.length === 0 ? {} : { usedBytes: used[0] }),
    inodesFree: inodes / 5,
    inodes,
    ...(used.length === 0 ? {} : { inodesUsed: used[1] }),
  });

  const psi = { psi: PSI };
  const io = { io: { time: NOW, psi: PSI } };
  const main0 = { name: 'main', startTime: CREATED, ...usage(300_000, 600_000, psi, 550_000) };
  const aside0 = {
    name: 'aside',
    startTime: CREATED,
    ...usage(100_000, 400_000, {}),
    cpu: { time: NOW, usageNanoCores: 0, usageCoreNanoSeconds: 100_000_000 },
  };
  const kubelet = {
    name: 'kubelet',
    startTime: '2025-12-29T09:20:05Z',
    cpu: { time: NOW, usageNanoCores: 30_000_000, usageCoreNanoSeconds: 600_000_000 },
    memory: {
      time: NOW,
      usageBytes: 51_200,
      workingSetBytes: 51_200,
      rssBytes: 30_720,
      pageFaults: 107,
      majorPageFaults: 7,
    },
    swap: { time: NOW, swapUsageBytes: 0 },
  };
  const pods = { name: 'pods', startTime: BOOT, ...usage(800_000, 2_000_000, {}) };
  const nodeOf = (more: object) => ({
    nodeName: 'n1',
    systemContainers: [kubelet, pods],
    startTime: BOOT,
    ...usage(1_000_000, 4_000_000, more, 8_192_000 - 3_000_000),
    swap: { time: NOW, swapAvailableBytes: 4096 - 70, swapUsageBytes: 70 },
  });

  it('has all that is documented', async () => {
    assert.deepEqual(await summary(), {
      node: {
        ...nodeOf(psi),
        ...io,
        network: network(1),
        fs: disk(NOW, 1000, 100, [500, 80]),
        runtime: {
          imageFs: disk(START, 3000, 300, [777, 77]),
          containerFs: disk(START, 3000, 300, [777, 77]),
        },
        rlimit: { time: NOW, maxpid: 20_000, curproc: 321 },
      },
      pods: [
        {
          podRef: { name: 'p', namespace: 'n', uid: 'u' },
          startTime: CREATED,
          containers: [
            { ...aside0, logs: disk(NOW, 1000, 100, []) },
            {
              ...main0,
              ...io,
              rootfs: disk(START, 3000, 300, [10_000, 10]),
              logs: disk(NOW, 1000, 100, [3000, 2]),
            },
          ],
          ...usage(500_000, 1_000_000, psi),
          ...io,
          network: network(2),
          volume: [
            { ...disk('2026-01-01T00:01:05Z', 1000, 100, [11, 1]), name: 'scratch' },
            { ...disk('2026-01-01T00:01:05Z', 50, 5, [12, 2]), name: 'fast' },
            { ...disk('2026-01-01T00:01:05Z', 1000, 100, [13, 3]), name: 'settings' },
            { ...disk('2026-01-01T00:01:05Z', 200, 20, [14, 4]), name: 'keys' },
          ],
          'ephemeral-storage': disk(NOW, 1000, 100, [13_124, 17]),
          process_stats: { process_count: 3 },
        },
      ],
    });
  });

  it('has processor and memory alone when asked', async () => {
    assert.deepEqual(await summary('?only_cpu_and_memory=true'), {
      node: nodeOf({}),
      pods: [
        {
          podRef: { name: 'p', namespace: 'n', uid: 'u' },
          startTime: CREATED,
          containers: [
            aside0,
            { name: 'main', startTime: CREATED, ...usage(300_000, 600_000, {}, 550_000) },
          ],
          ...usage(500_000, 1_000_000, {}),
        },
      ],
    });
  });

  it('has everything for any other word', async () => {
    assert.notEqual((await summary('?only_cpu_and_memory=yes')).node.fs, undefined);
  });

  it('tells the runtime’s process where it is known', async () => {
    world.runtimePid = 7;
    world.write('/proc/7', { stat: processStat(5), status: 'VmRSS:\t 1 kB\n' });
    const { node: found } = await summary('?only_cpu_and_memory=true');
    const runtime = found.systemContainers?.find(({ name }) => name === 'runtime');
    assert.equal(runtime?.cpu?.usageCoreNanoSeconds, 50_000_000);
    assert.equal(runtime?.startTime, '2025-12-29T09:20:05Z');
  });

  it('leaves out pods of which nothing runs, and what is not known', async () => {
    world.cri.exit(node.main, 0);
    world.cri.exit(node.aside, 0);
    await world.look();
    world.cri.fileSystems = {};
    for (const file of ['net/dev', 'loadavg', 'sys/kernel/pid_max', 'sys/kernel/threads-max'])
      world.files.delete(`/proc/${file}`);
    const { node: found, pods: left } = await summary();
    assert.deepEqual([left, found.runtime, found.network], [[], {}, undefined]);
    assert.deepEqual(found.rlimit, { time: NOW });
  });

  it('tells the file systems of images and containers apart where the runtime does', async () => {
    world.rooms.set('/layers', room(5000, 2000, 500, 100));
    const place = { timestamp: 0, fsId: { mountpoint: '/layers' }, usedBytes: { value: 5 } };
    world.cri.fileSystems = { ...world.cri.fileSystems, containerFilesystems: [place] };
    const { runtime } = (await summary()).node;
    assert.equal(runtime?.imageFs?.capacityBytes, 3000);
    assert.deepEqual(
      [runtime?.containerFs?.capacityBytes, runtime?.containerFs?.usedBytes],
      [5000, 5],
    );
    assert.equal('inodesUsed' in (runtime?.containerFs ?? {}), false);
  });

  it('reads the node once for all who ask within a second, and no swap where there is none', async () => {
    world.write('/proc', { meminfo: 'MemTotal: 8000 kB\nSwapTotal: 0 kB\n' });
    const ask = world.server();
    await Promise.all([ask('/metrics/resource'), ask('/stats/summary?only_cpu_and_memory=true')]);
    const count = (end: string): number => world.reads.filter((path) => path.endsWith(end)).length;
    // The node, all pods, the pod and its two containers.
    assert.deepEqual([count('/cpu.stat'), count('/memory.swap.max')], [5, 0]);
    await world.environment.advance(999);
    await ask('/metrics/resource');
    assert.equal(count('/cpu.stat'), 5);
    await world.environment.advance(1);
    await ask('/metrics/resource');
    assert.equal(count('/cpu.stat'), 10);
  });

  it('is an error when the disk cannot be read', async () => {
    world.rooms.delete('/kubelet');
    const { status, text } = await world.server()('/stats/summary');
    assert.equal(status, 500);
    assert.match(text, /^Internal Error: ENOENT/);
    const metrics = await world.server()('/metrics/cadvisor');
    assert.match(metrics.text, /^container_scrape_error 1$/m);
  });
});

describe('cgroups of version 1', () => {
  it('are read below each controller’s mount', async () => {
    const mounts = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'].map(
      (name) => [name, `/cg/${name}`] as const,
    );
    world = new StatsWorld({ version: 1, mounts: new Map(mounts) });
    const pod: Pod = {
      metadata: { name: 'p', namespace: 'n', uid: 'u' },
      spec: { containers: [{ name: 'main' }] },
    };
    const [sandboxId, id] = await world.run(pod);
    const path = '/cox/kubepods/besteffort/podu';
    world.write(`/cg/cpuacct${path}/${id}`, { 'cpuacct.usage': '5\n' });
    world.write(`/cg/memory${path}/${id}`, {
      'memory.usage_in_bytes': '70\n',
      'memory.limit_in_bytes': '100\n',
      'memory.stat': 'total_inactive_file 30\n',
    });
    world.write(`/cg/cpu${path}/${id}`, { 'cpu.shares': '2\n' });
    world.write(`/cg/cpu${path}/${sandboxId}`, { 'cgroup.procs': '41\n' });
    world.write('/proc/41/net', { dev: NET_DEV('eth1', 3) });
    world.rooms.set('/kubelet', room(1000, 500, 100, 20));
    const ask = world.server();
    const { text } = await ask('/stats/summary');
    const [found] = (JSON.parse(text) as Summary).pods;
    const [container] = found?.containers ?? [];
    assert.equal(container?.cpu?.usageCoreNanoSeconds, 5);
    assert.deepEqual(
      [container?.memory?.workingSetBytes, container?.memory?.availableBytes],
      [40, 60],
    );
    // There is no eth0 to speak of first.
    const { name, rxBytes, interfaces } = found?.network ?? {};
    assert.deepEqual(
      [name, rxBytes, interfaces?.map((one) => one.name)],
      ['', undefined, ['eth1']],
    );
    assert.match((await ask('/metrics/cadvisor')).text, /^container_spec_cpu_shares\{.*\} 2$/m);
  });
});
