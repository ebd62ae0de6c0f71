/** /stats/summary and the pages of metrics, from known files to the answer. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { room, StatsWorld } from '#kit/kubelet/stats-world.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import type { Summary } from './summary-types.ts';

const V2 = '/sys/fs/cgroup';
const NANOS_PER_MS = 1e6;
const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: {
    containers: [
      { name: 'main', image: 'i:1', resources: { requests: { cpu: '100m' } } },
      { name: 'aside', image: 'i:2' },
    ],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'fast', emptyDir: { medium: 'Memory' } },
      { name: 'settings', configMap: { name: 's' } },
      { name: 'keys', secret: { secretName: 'k' } },
      { name: 'host', hostPath: { path: '/etc' } },
      { name: 'gone', emptyDir: {} },
    ],
  },
};
const POD_PATH = '/cox/kubepods/burstable/podu';
const VOLUMES = '/kubelet/pods/u/volumes/kubernetes.io~';

interface Figures {
  readonly micros: number;
  readonly memory: number;
  readonly max?: string;
}

/** Cgroup version 2: a quarter of the memory is file pages that nobody uses. */
function usageFiles({ micros, memory, max = 'max' }: Figures): Record<string, string> {
  const stat = { anon: memory / 2, file: memory / 2, inactive_file: memory / 4, pgfault: 9 };
  return {
    'cpu.stat': `usage_usec ${micros}\nuser_usec 3\nsystem_usec 2\nnr_periods 10\nnr_throttled 4\nthrottled_usec 5000000\n`,
    'memory.current': `${memory}\n`,
    'memory.stat': `${Object.entries({ ...stat, pgmajfault: 2 })
      .map(([key, value]) => `${key} ${value}`)
      .join('\n')}\n`,
    'memory.max': `${max}\n`,
    'memory.swap.current': '70\n',
    'memory.swap.max': '100\n',
  };
}

const PRESSURE =
  'some avg10=1.00 avg60=2.00 avg300=3.00 total=4\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n';
const PSI = {
  full: { total: 0, avg10: 0, avg60: 0, avg300: 0 },
  some: { total: 4000, avg10: 1, avg60: 2, avg300: 3 },
};

const NET_DEV = (interfaceName: string, by: number): string =>
  `h\nh\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  ${interfaceName}: ${by}1 ${by}2 ${by}3 ${by}4 0 0 0 0 ${by}5 ${by}6 ${by}7 ${by}8 0 0 0 0\n`;

function processStat(ticks: number): string {
  return `7 (x) S 1 1 1 0 -1 0 100 0 7 0 ${ticks} 0 0 0 20 0 9 0 500 0 0 0\n`;
}

let world: StatsWorld;
let main: string;
let aside: string;
let sandbox: string;

function setUsage(factor: number): void {
  world.write(V2, usageFiles({ micros: 1_000_000 * factor, memory: 4_000_000 }));
  // The root has none of these.
  world.files.delete(`${V2}/memory.current`);
  world.files.delete(`${V2}/memory.max`);
  world.write(`${V2}/cox/kubepods`, usageFiles({ micros: 800_000 * factor, memory: 2_000_000 }));
  world.write(`${V2}${POD_PATH}`, usageFiles({ micros: 500_000 * factor, memory: 1_000_000 }));
  const limited = { micros: 300_000 * factor, memory: 600_000, max: '1000000' };
  world.write(`${V2}${POD_PATH}/${main}`, usageFiles(limited));
  world.write(`${V2}${POD_PATH}/${aside}`, usageFiles({ micros: 100_000, memory: 400_000 }));
  world.write('/proc/self', {
    stat: processStat(30 * factor),
    status: 'VmRSS:\t  50 kB\nRssAnon:\t  30 kB\nRssFile:\t  20 kB\n',
  });
}

async function prepare(): Promise<void> {
  world = new StatsWorld({ version: 2, mount: V2 });
  await world.environment.advance(5000);
  [sandbox, main = '', aside = ''] = await world.run(POD);
  await world.environment.advance(60_000);
  setUsage(1);
  world.write('/proc', {
    stat: 'cpu 1\nbtime 1767000000\n',
    meminfo: 'MemTotal: 8000 kB\nSwapTotal: 4 kB\n',
    'net/dev': NET_DEV('eth0', 1),
    'sys/kernel/pid_max': '32768\n',
    'sys/kernel/threads-max': '20000\n',
    loadavg: '0 0 0 1/321 7\n',
    diskstats: '8 0 sda 1\n',
    '41/net/dev': NET_DEV('eth0', 2),
    'self/mountinfo':
      '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /images rw - xfs /dev/sdb rw\n',
  });
  world.write(`${V2}${POD_PATH}/${sandbox}`, { 'cgroup.procs': '41\n', 'pids.current': '1\n' });
  for (const path of ['', POD_PATH, `${POD_PATH}/${main}`]) {
    world.write(`${V2}${path}`, {
      'cpu.pressure': PRESSURE,
      'memory.pressure': PRESSURE,
      'io.pressure': PRESSURE,
    });
  }
  world.write(`${V2}${POD_PATH}/${main}`, {
    'cgroup.procs': '50\n51\n',
    'cpu.max': '50000 100000\n',
    'cpu.weight': '20\n',
    'memory.min': '0\n',
    'memory.events': 'max 3\noom_kill 1\n',
    'memory.peak': '700000\n',
    'pids.current': '6\n',
    'pids.max': '100\n',
    'io.stat': '8:0 rbytes=10 wbytes=20 rios=3 wios=4\n9:9 rbytes=1 wbytes=2 rios=3 wios=4\n',
  });
  world.write(`${V2}${POD_PATH}/${aside}`, { 'cgroup.procs': '60\n' });
  world.write('/logs/n_p_u/main', { '0.log': '', '0.log.20260101-000000': '' });
  for (const [path, size, inodes] of [
    ['/kubelet', 1000, 100],
    ['/kubelet/memory', 200, 20],
    [`${VOLUMES}empty-dir/fast`, 50, 5],
    ['/images', 3000, 300],
  ] as const) {
    world.rooms.set(path, room(size, size / 2, inodes, inodes / 5));
  }
  world.disk.set(`${VOLUMES}empty-dir/scratch`, [11, 1]);
  world.disk.set(`${VOLUMES}empty-dir/fast`, [12, 2]);
  world.disk.set(`${VOLUMES}configmap/settings`, [13, 3]);
  world.disk.set('/kubelet/memory/u/keys', [14, 4]);
  world.disk.set('/etc', [9999, 99]);
  world.disk.set('/kubelet/pods/u/etc-hosts', [100, 1]);
  world.disk.set('/logs/n_p_u/main/0.log', [1000, 1]);
  world.disk.set('/logs/n_p_u/main/0.log.20260101-000000', [2000, 1]);
  world.cri.writableLayers.set(main, {
    timestamp: VIRTUAL_START_MS * NANOS_PER_MS,
    fsId: { mountpoint: '/images' },
    usedBytes: { value: 10_000 },
    inodesUsed: { value: 10 },
  });
  world.cri.fileSystems = {
    imageFilesystems: [
      {
        timestamp: VIRTUAL_START_MS * NANOS_PER_MS,
        fsId: { mountpoint: '/images' },
        usedBytes: { value: 777 },
        inodesUsed: { value: 77 },
      },
    ],
  };
}

describe('/stats/summary', () => {
  beforeEach(prepare);

  /** Asked twice, ten seconds apart: the second is given. */
  async function summary(query = ''): Promise<Summary> {
    const ask = world.server();
    await ask(`/stats/summary${query}`);
    await world.environment.advance(10_000);
    setUsage(2);
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
  const node = (more: object) => ({
    nodeName: 'n1',
    systemContainers: [kubelet, pods],
    startTime: BOOT,
    ...usage(1_000_000, 4_000_000, more, 8_192_000 - 3_000_000),
    swap: { time: NOW, swapAvailableBytes: 4096 - 70, swapUsageBytes: 70 },
  });

  it('has all that is documented', async () => {
    assert.deepEqual(await summary(), {
      node: {
        ...node(psi),
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
      node: node({}),
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
    world.cri.exit(main, 0);
    world.cri.exit(aside, 0);
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
    await world.environment.advance(1000);
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

describe('/metrics/resource', () => {
  beforeEach(prepare);

  it('is what metrics-server reads, with times', async () => {
    const { status, headers, text } = await world.server()('/metrics/resource');
    assert.deepEqual(
      [status, headers['content-type']],
      [200, 'text/plain; version=0.0.4; charset=utf-8'],
    );
    const at = VIRTUAL_START_MS + 65_000;
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.deepEqual(lines, [
      `container_cpu_usage_seconds_total{container="aside",pod="p",namespace="n"} 0.1 ${at}`,
      `container_cpu_usage_seconds_total{container="main",pod="p",namespace="n"} 0.3 ${at}`,
      `container_memory_working_set_bytes{container="aside",pod="p",namespace="n"} 300000 ${at}`,
      `container_memory_working_set_bytes{container="main",pod="p",namespace="n"} 450000 ${at}`,
      `container_swap_limit_bytes{container="aside",pod="p",namespace="n"} 100 ${at}`,
      `container_swap_limit_bytes{container="main",pod="p",namespace="n"} 100 ${at}`,
      `container_swap_usage_bytes{container="aside",pod="p",namespace="n"} 70 ${at}`,
      `container_swap_usage_bytes{container="main",pod="p",namespace="n"} 70 ${at}`,
      `node_cpu_usage_seconds_total 1 ${at}`,
      `node_memory_working_set_bytes 3e+06 ${at}`,
      `node_swap_usage_bytes 70 ${at}`,
      `pod_cpu_usage_seconds_total{pod="p",namespace="n"} 0.5 ${at}`,
      `pod_memory_working_set_bytes{pod="p",namespace="n"} 750000 ${at}`,
      `pod_swap_usage_bytes{pod="p",namespace="n"} 70 ${at}`,
      `container_start_time_seconds{container="aside",pod="p",namespace="n"} 1.767225605e+09`,
      `container_start_time_seconds{container="main",pod="p",namespace="n"} 1.767225605e+09`,
      'resource_scrape_error 0',
    ]);
    assert.match(text, /^# HELP node_cpu_usage_seconds_total \[STABLE\]/m);
    assert.match(text, /^# HELP pod_swap_usage_bytes \[ALPHA\]/m);
    assert.match(text, /^# TYPE container_cpu_usage_seconds_total counter$/m);
    assert.match(text, /^# TYPE container_memory_working_set_bytes gauge$/m);
  });

  it('has no value for what has no limit or no cgroup', async () => {
    world.write(`${V2}${POD_PATH}/${main}`, { 'memory.swap.max': 'max\n' });
    for (const file of world.files.keys())
      if (file.startsWith(`${V2}${POD_PATH}/${aside}/`)) world.files.delete(file);
    const { text } = await world.server()('/metrics/resource');
    assert.doesNotMatch(text, /container_swap_limit_bytes/);
    assert.doesNotMatch(text, /container_cpu_usage_seconds_total\{container="aside"/);
    assert.match(text, /container_cpu_usage_seconds_total\{container="main"/);
    assert.match(text, /container_start_time_seconds\{container="aside"/);
  });

  it('says that it failed', async () => {
    const failing = world.server({
      stats: {
        usage: () => Promise.reject(new Error('no')),
        full: () => Promise.reject(new Error('no')),
      },
    });
    const { status, text } = await failing('/metrics/resource');
    assert.equal(status, 200);
    assert.match(text, /^resource_scrape_error 1$/m);
    assert.doesNotMatch(text, /node_cpu/);
  });
});

describe('/metrics/cadvisor', () => {
  beforeEach(prepare);

  /** Lines of the family, without its name and their times. */
  async function family(name: string): Promise<string[]> {
    const { text } = await world.server()('/metrics/cadvisor');
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .map((line) => line.slice(name.length).replace(/ 1767\d{9}$/, ''));
  }
  const root = 'container="",id="/",image="",name="",namespace="",pod=""';
  const all = 'container="",id="/cox/kubepods",image="",name="",namespace="",pod=""';
  const pod = `container="",id="${POD_PATH}",image="",name="",namespace="n",pod="p"`;
  const labels = (name: string, image: string, id: string): string =>
    `container="${name}",id="${POD_PATH}/${id}",image="${image}",name="${id}",namespace="n",pod="p"`;
  const ofMain = (): string => labels('main', 'i:1', main);
  const ofAside = (): string => labels('aside', 'i:2', aside);
  const ofSandbox = (): string => labels('', 'pause:1', sandbox);

  it('has a line for the node, all pods, each pod and each container', async () => {
    assert.deepEqual(await family('container_cpu_usage_seconds_total'), [
      `{${root},cpu="total"} 1`,
      `{${all},cpu="total"} 0.8`,
      `{${pod},cpu="total"} 0.5`,
      `{${ofAside()},cpu="total"} 0.1`,
      `{${ofMain()},cpu="total"} 0.3`,
    ]);
    assert.deepEqual(await family('container_memory_working_set_bytes'), [
      `{${root}} 3e+06`,
      `{${all}} 1.5e+06`,
      `{${pod}} 750000`,
      `{${ofAside()}} 300000`,
      `{${ofMain()}} 450000`,
    ]);
  });

  it('has times but for what does not change', async () => {
    const { text } = await world.server()('/metrics/cadvisor');
    const at = VIRTUAL_START_MS + 65_000;
    assert.match(text, new RegExp(`^container_memory_rss{${root}} 2e\\+06 ${at}$`, 'm'));
    assert.match(text, new RegExp(`^container_start_time_seconds{${pod}} 1.767225605e\\+09$`, 'm'));
  });

  // Of the container that has everything.
  const rows: readonly (readonly [name: string, more: string, value: string])[] = [
    ['container_cpu_user_seconds_total', '', '3e-06'],
    ['container_cpu_system_seconds_total', '', '2e-06'],
    ['container_cpu_cfs_periods_total', '', '10'],
    ['container_cpu_cfs_throttled_periods_total', '', '4'],
    ['container_cpu_cfs_throttled_seconds_total', '', '5'],
    ['container_memory_cache', '', '300000'],
    ['container_memory_rss', '', '300000'],
    ['container_memory_mapped_file', '', '0'],
    ['container_memory_swap', '', '70'],
    ['container_memory_usage_bytes', '', '600000'],
    ['container_memory_total_active_file_bytes', '', '0'],
    ['container_memory_total_inactive_file_bytes', '', '150000'],
    ['container_memory_max_usage_bytes', '', '700000'],
    ['container_memory_failcnt', '', '3'],
    ['container_memory_failures_total', ',failure_type="pgfault",scope="container"', '9'],
    ['container_memory_failures_total', ',failure_type="pgmajfault",scope="container"', '2'],
    ['container_memory_failures_total', ',failure_type="pgfault",scope="hierarchy"', '9'],
    ['container_memory_failures_total', ',failure_type="pgmajfault",scope="hierarchy"', '2'],
    ['container_oom_events_total', '', '1'],
    ['container_fs_usage_bytes', ',device="/dev/sdb"', '10000'],
    ['container_fs_limit_bytes', ',device="/dev/sdb"', '3000'],
    ['container_fs_inodes_total', ',device="/dev/sdb"', '300'],
    ['container_fs_inodes_free', ',device="/dev/sdb"', '60'],
    ['container_fs_reads_bytes_total', ',device="/dev/sda"', '10'],
    ['container_fs_reads_bytes_total', ',device="9:9"', '1'],
    ['container_fs_reads_total', ',device="/dev/sda"', '3'],
    ['container_fs_writes_bytes_total', ',device="/dev/sda"', '20'],
    ['container_fs_writes_total', ',device="/dev/sda"', '4'],
    [
      'container_blkio_device_usage_total',
      ',device="/dev/sda",major="8",minor="0",operation="Read"',
      '10',
    ],
    [
      'container_blkio_device_usage_total',
      ',device="/dev/sda",major="8",minor="0",operation="Write"',
      '20',
    ],
    ['container_processes', '', '2'],
    ['container_threads', '', '6'],
    ['container_threads_max', '', '100'],
    ['container_pressure_cpu_waiting_seconds_total', '', '4e-06'],
    ['container_pressure_cpu_stalled_seconds_total', '', '0'],
    ['container_pressure_memory_waiting_seconds_total', '', '4e-06'],
    ['container_pressure_io_waiting_seconds_total', '', '4e-06'],
    ['container_spec_cpu_period', '', '100000'],
    ['container_spec_cpu_quota', '', '50000'],
    ['container_spec_cpu_shares', '', '501'],
    ['container_spec_memory_limit_bytes', '', '1e+06'],
    ['container_spec_memory_reservation_limit_bytes', '', '0'],
    ['container_start_time_seconds', '', '1.767225605e+09'],
    ['container_last_seen', '', '1.767225665e+09'],
  ];
  for (const [name, more, value] of rows) {
    it(`has ${name}${more}`, async () => {
      const lines = await family(name);
      assert.ok(lines.includes(`{${ofMain()}${more}} ${value}`), lines.join('\n'));
    });
  }

  it('has the network of the sandbox, and of the node', async () => {
    const rowsOfNetwork = [
      ['receive_bytes', 1],
      ['receive_packets', 2],
      ['receive_errors', 3],
      ['receive_packets_dropped', 4],
      ['transmit_bytes', 5],
      ['transmit_packets', 6],
      ['transmit_errors', 7],
      ['transmit_packets_dropped', 8],
    ] as const;
    for (const [name, value] of rowsOfNetwork) {
      assert.deepEqual(await family(`container_network_${name}_total`), [
        `{${root},interface="eth0"} ${10 + value}`,
        `{${ofSandbox()},interface="eth0"} ${20 + value}`,
      ]);
    }
  });

  it('has the node’s disk and memory, and 0 where nothing is limited', async () => {
    const usage = await family('container_fs_usage_bytes');
    assert.ok(usage.includes(`{${root},device="/dev/sda1"} 500`), usage.join('\n'));
    const limits = await family('container_spec_memory_limit_bytes');
    assert.ok(limits.includes(`{${root}} 8.192e+06`) && limits.includes(`{${pod}} 0`));
    world.write(`${V2}${POD_PATH}/${main}`, { 'cpu.max': 'max 100000\n', 'pids.max': 'max\n' });
    await world.environment.advance(1000);
    assert.deepEqual(await family('container_spec_cpu_quota'), []);
    assert.deepEqual(await family('container_cpu_cfs_periods_total'), []);
    assert.deepEqual(await family('container_threads_max'), [`{${ofMain()}} 0`]);
  });

  it('has the machine', async () => {
    const machine = 'boot_id="b",machine_id="m",system_uuid="s"';
    for (const [name, value] of [
      ['cpu_cores', '4'],
      ['cpu_physical_cores', '2'],
      ['cpu_sockets', '1'],
      ['memory_bytes', '8e+06'],
      ['swap_bytes', '4096'],
    ] as const) {
      assert.deepEqual(await family(`machine_${name}`), [`{${machine}} ${value}`]);
    }
    assert.deepEqual(await family('container_scrape_error'), [' 0']);
  });

  it('has no series twice, nor a family', async () => {
    const { text } = await world.server()('/metrics/cadvisor');
    const lines = text.split('\n').filter((line) => line !== '');
    const series = lines.map((line) => line.replace(/ [^ "}]+( \d+)?$/, ''));
    assert.equal(new Set(series).size, series.length);
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
