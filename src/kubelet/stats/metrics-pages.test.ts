/** /metrics/resource and /metrics/cadvisor, from known files to the answer. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { BusyNode, POD_PATH, V2 } from '#kit/kubelet/busy-node.ts';
import type { StatsWorld } from '#kit/kubelet/stats-world.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';

let node: BusyNode;
let world: StatsWorld;

async function prepare(): Promise<void> {
  node = await BusyNode.make();
  ({ world } = node);
}

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
    world.write(`${V2}${POD_PATH}/${node.main}`, { 'memory.swap.max': 'max\n' });
    for (const file of world.files.keys())
      if (file.startsWith(`${V2}${POD_PATH}/${node.aside}/`)) world.files.delete(file);
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
  const ofMain = (): string => labels('main', 'i:1', node.main);
  const ofAside = (): string => labels('aside', 'i:2', node.aside);
  const ofSandbox = (): string => labels('', 'pause:1', node.sandbox);

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
    world.write(`${V2}${POD_PATH}/${node.main}`, {
      'cpu.max': 'max 100000\n',
      'pids.max': 'max\n',
    });
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
