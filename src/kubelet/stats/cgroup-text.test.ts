/** Cgroup files of both versions, as the kernel writes them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { detailsOfV1, detailsOfV2 } from './cgroup-details.ts';
import { keyedNumbers, numberIn, pressureOf } from './cgroup-text.ts';
import { usageOfV1, usageOfV2 } from './cgroup-usage.ts';

const INFINITE = Number.POSITIVE_INFINITY;
const V1_UNLIMITED = '9223372036854771712\n';

function texts(files: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(files));
}

const STAT_V1 = [
  'cache 1',
  'rss 2',
  'hierarchical_memory_limit 9',
  'total_cache 4000',
  'total_rss 3000',
  'total_mapped_file 700',
  'total_swap 50',
  'total_pgfault 11',
  'total_pgmajfault 2',
  'total_inactive_file 1500',
  'total_active_file 2500',
  '',
].join('\n');

const STAT_V2 = [
  'anon 3000',
  'file 4000',
  'kernel 600',
  'file_mapped 700',
  'inactive_file 1500',
  'active_file 2500',
  'pgfault 11',
  'pgmajfault 2',
  '',
].join('\n');

const MEMORY = {
  usageBytes: 8000,
  workingSetBytes: 6500,
  rssBytes: 3000,
  cacheBytes: 4000,
  mappedFileBytes: 700,
  activeFileBytes: 2500,
  inactiveFileBytes: 1500,
  pageFaults: 11,
  majorPageFaults: 2,
  limitBytes: 10_000,
  swapBytes: 50,
  swapLimitBytes: 5000,
};

describe('usage of a cgroup', () => {
  it('is read from version 1, which limits memory and swap together', () => {
    const files = {
      'cpuacct.usage': '123456789\n',
      'memory.usage_in_bytes': '8000\n',
      'memory.stat': STAT_V1,
      'memory.limit_in_bytes': '10000\n',
      'memory.memsw.limit_in_bytes': '15000\n',
    };
    assert.deepEqual(usageOfV1(texts(files)), { cpuNanoseconds: 123_456_789, memory: MEMORY });
    const open = { ...files, 'memory.limit_in_bytes': V1_UNLIMITED };
    const { swapLimitBytes: _, ...memory } = { ...MEMORY, limitBytes: INFINITE };
    assert.deepEqual(usageOfV1(texts(open)).memory, memory);
  });

  it('counts this cgroup alone where version 1 has no figures of those below', () => {
    const { memory } = usageOfV1(texts({ 'memory.usage_in_bytes': '5', 'memory.stat': 'rss 2\n' }));
    assert.deepEqual([memory?.rssBytes, memory?.workingSetBytes], [2, 5]);
  });

  it('is read from version 2', () => {
    const files = {
      'cpu.stat': 'usage_usec 123456\nuser_usec 1\n',
      'memory.current': '8000\n',
      'memory.stat': STAT_V2,
      'memory.max': '10000\n',
      'memory.swap.current': '50\n',
      'memory.swap.max': '5000\n',
    };
    assert.deepEqual(usageOfV2(texts(files)), { cpuNanoseconds: 123_456_000, memory: MEMORY });
    const open = { ...files, 'memory.max': 'max\n', 'memory.swap.max': 'max\n' };
    assert.deepEqual(usageOfV2(texts(open)).memory, {
      ...MEMORY,
      limitBytes: INFINITE,
      swapLimitBytes: INFINITE,
    });
  });

  it('of the root of version 2 is what lies in memory', () => {
    const { memory } = usageOfV2(texts({ 'memory.stat': STAT_V2 }));
    assert.deepEqual([memory?.usageBytes, memory?.workingSetBytes], [7000, 5500]);
    assert.deepEqual([memory?.limitBytes, memory?.swapBytes], [INFINITE, 0]);
    assert.equal('swapLimitBytes' in (memory ?? {}), false);
  });

  it('never works with less than nothing', () => {
    const stat = 'inactive_file 9\n';
    const files = { 'memory.current': '5', 'memory.stat': stat };
    assert.equal(usageOfV2(texts(files)).memory?.workingSetBytes, 0);
  });

  it('says nothing of what the kernel does not say', () => {
    assert.deepEqual(usageOfV1(texts({})), {});
    assert.deepEqual(usageOfV2(texts({})), {});
  });
});

describe('details of a cgroup', () => {
  it('are read from version 1', () => {
    const details = detailsOfV1(
      texts({
        'cpuacct.stat': 'user 7\nsystem 3\n',
        'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n',
        'cpu.shares': '512\n',
        'cpu.cfs_quota_us': '50000\n',
        'cpu.cfs_period_us': '100000\n',
        'memory.max_usage_in_bytes': '9000\n',
        'memory.failcnt': '3\n',
        'memory.kmem.usage_in_bytes': '600\n',
        'memory.soft_limit_in_bytes': V1_UNLIMITED,
        'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
        'blkio.throttle.io_service_bytes_recursive':
          '8:0 Read 10\n8:0 Write 20\n8:0 Sync 1\n8:0 Total 30\n8:16 Read 1\n8:16 Write 2\nTotal 33\n',
        'blkio.throttle.io_serviced_recursive': '8:0 Read 3\n8:0 Write 4\n8:16 Read 5\nTotal 12\n',
        'pids.current': '6\n',
        'pids.max': 'max\n',
        'cgroup.procs': '41\n42\n',
      }),
    );
    assert.deepEqual(details, {
      userNanoseconds: 70_000_000,
      systemNanoseconds: 30_000_000,
      periods: 10,
      throttledPeriods: 4,
      throttledNanoseconds: 5000,
      cpuShares: 512,
      cpuQuota: 50_000,
      cpuPeriod: 100_000,
      cpuPressure: undefined,
      maxMemoryBytes: 9000,
      memoryFailures: 3,
      kernelMemoryBytes: 600,
      memoryReservationBytes: INFINITE,
      oomKills: 1,
      memoryPressure: undefined,
      io: [
        { major: 8, minor: 0, readBytes: 10, writeBytes: 20, reads: 3, writes: 4 },
        { major: 8, minor: 16, readBytes: 1, writeBytes: 2, reads: 5, writes: 0 },
      ],
      ioPressure: undefined,
      threads: 6,
      maxThreads: INFINITE,
      processes: [41, 42],
    });
  });

  it('have no quota where version 1 says -1', () => {
    assert.equal(detailsOfV1(texts({ 'cpu.cfs_quota_us': '-1\n' })).cpuQuota, INFINITE);
  });

  it('are read from version 2', () => {
    const pressure = (total: number): string =>
      `some avg10=1.50 avg60=2.00 avg300=0.25 total=${total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n`;
    const details = detailsOfV2(
      texts({
        'cpu.stat':
          'usage_usec 9\nuser_usec 70\nsystem_usec 30\nnr_periods 10\nnr_throttled 4\nthrottled_usec 5\n',
        'cpu.weight': '20\n',
        'cpu.max': '50000 100000\n',
        'cpu.pressure': pressure(7),
        'memory.peak': '9000\n',
        'memory.events': 'low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\n',
        'memory.stat': STAT_V2,
        'memory.min': '0\n',
        'memory.pressure': pressure(8),
        'io.stat': '8:0 rbytes=10 wbytes=20 rios=3 wios=4 dbytes=0 dios=0\n8:16 \n',
        'io.pressure': pressure(9),
        'pids.current': '6\n',
        'pids.max': '100\n',
        'cgroup.procs': '',
      }),
    );
    const share = { avg10: 0, avg60: 0, avg300: 0 };
    const known = (total: number) => ({
      full: { ...share, total: 1000 },
      some: { avg10: 1.5, avg60: 2, avg300: 0.25, total },
    });
    assert.deepEqual(details, {
      userNanoseconds: 70_000,
      systemNanoseconds: 30_000,
      periods: 10,
      throttledPeriods: 4,
      throttledNanoseconds: 5000,
      cpuShares: 501,
      cpuQuota: 50_000,
      cpuPeriod: 100_000,
      cpuPressure: known(7000),
      maxMemoryBytes: 9000,
      memoryFailures: 3,
      kernelMemoryBytes: 600,
      memoryReservationBytes: 0,
      oomKills: 1,
      memoryPressure: known(8000),
      io: [
        { major: 8, minor: 0, readBytes: 10, writeBytes: 20, reads: 3, writes: 4 },
        { major: 8, minor: 16, readBytes: 0, writeBytes: 0, reads: 0, writes: 0 },
      ],
      ioPressure: known(9000),
      threads: 6,
      maxThreads: 100,
      processes: [],
    });
    assert.equal(detailsOfV2(texts({ 'cpu.max': 'max 100000\n' })).cpuQuota, INFINITE);
  });
});

describe('text of cgroup files', () => {
  it('has no number where it has a word', () => {
    const files = texts({ a: 'max', b: 'domain\n', c: '', d: '-1 2' });
    const numbers = ['a', 'b', 'c', 'd', 'e'].map((file) => numberIn(files, file));
    assert.deepEqual(numbers, [INFINITE, undefined, undefined, -1, undefined]);
    assert.deepEqual(
      [...keyedNumbers('a 1\nb max\n\nc 3')],
      [
        ['a', 1],
        ['c', 3],
      ],
    );
  });

  it('of pressure may lack what only some wait for', () => {
    assert.equal(pressureOf(''), undefined);
    const some = { total: 2000, avg10: 1, avg60: 0, avg300: 0 };
    const none = { total: 0, avg10: 0, avg60: 0, avg300: 0 };
    assert.deepEqual(pressureOf('some avg10=1 total=2'), { full: none, some });
  });
});
