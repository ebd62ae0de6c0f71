/** Files below /proc, as the kernel writes them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processorsOf } from '../node/machine.ts';
import {
  bootTimeMs,
  deviceNames,
  deviceOfPath,
  interfacesOf,
  kibLine,
  processUsage,
  threadsOf,
} from './proc-text.ts';

describe('text below /proc', () => {
  it('names interfaces and what passed them, but for those counted elsewhere', () => {
    const line = (name: string): string => `${name}: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0`;
    const text = ['head |', ' face |bytes', line('    lo'), line('  eth0'), line('veth1'), ''];
    assert.deepEqual(interfacesOf([...text, line('docker0'), 'eth1: 1 2'].join('\n')), [
      {
        name: 'eth0',
        rxBytes: 1,
        rxPackets: 2,
        rxErrors: 3,
        rxDropped: 4,
        txBytes: 5,
        txPackets: 6,
        txErrors: 7,
        txDropped: 8,
      },
    ]);
  });

  it('takes the numbers of an interface whose name has a colon', () => {
    const [alias] = interfacesOf('eth0:1: 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0');
    assert.deepEqual([alias?.name, alias?.rxBytes], ['eth0:1', 9]);
  });

  it('has lines of KiB, the time of the start, and threads', () => {
    assert.equal(kibLine('MemTotal:   2 kB\nMemTotalX: 3 kB\n', 'MemTotal'), 2048);
    assert.equal(kibLine('', 'MemTotal'), 0);
    assert.equal(bootTimeMs('cpu 1\nbtime 17\nprocesses 4\n'), 17_000);
    assert.equal(bootTimeMs(''), 0);
    assert.equal(threadsOf('0.1 0.2 0.3 2/345 6789\n'), 345);
    assert.equal(threadsOf(''), undefined);
  });

  it('says what a process uses, whatever its name', () => {
    const after = 'S 1 1 1 0 -1 0 100 0 7 0 30 20 0 0 20 0 9 0 500 0 0 0';
    const status =
      'Name:\tx\nVmRSS:\t  50 kB\nRssAnon:\t  30 kB\nRssFile:\t  15 kB\nRssShmem:\t  5 kB\nVmSwap:\t 2 kB\n';
    assert.deepEqual(processUsage(`12 (a) b) c) ${after}\n`, status), {
      cpuNanoseconds: 500_000_000,
      memory: {
        usageBytes: 51_200,
        workingSetBytes: 51_200,
        rssBytes: 30_720,
        cacheBytes: 20_480,
        mappedFileBytes: 15_360,
        activeFileBytes: 0,
        inactiveFileBytes: 0,
        pageFaults: 107,
        majorPageFaults: 7,
        limitBytes: Number.POSITIVE_INFINITY,
        swapBytes: 2048,
      },
      startedNanoseconds: 5_000_000_000,
    });
    assert.equal(processUsage('', ''), undefined);
  });

  it('names block devices, by number and by what is mounted', () => {
    const disks = '   8       0 sda 1 2\n   8       1 sda1 1 2\n';
    assert.deepEqual(
      [...deviceNames(disks)],
      [
        ['8:0', '/dev/sda'],
        ['8:1', '/dev/sda1'],
      ],
    );
    const mounts = [
      '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
      '2 1 0:5 / /var rw shared:1 - tmpfs old rw',
      '3 1 0:6 / /var rw shared:1 - xfs /dev/sdb rw',
    ].join('\n');
    const of = (path: string) => deviceOfPath(mounts, path);
    assert.deepEqual(
      [of('/var/lib'), of('/var'), of('/variety')],
      ['/dev/sdb', '/dev/sdb', '/dev/sda1'],
    );
    assert.equal(deviceOfPath('', '/'), undefined);
  });

  it('counts processors, cores and sockets', () => {
    const one = (processor: number, socket: number, core: number): string =>
      `processor\t: ${processor}\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n\n`;
    const text = one(0, 0, 0) + one(1, 0, 0) + one(2, 0, 1) + one(3, 1, 0);
    assert.deepEqual(processorsOf(text), { cpus: 4, cores: 3, sockets: 2 });
    const arm = 'processor\t: 0\nCPU part\t: 1\n\nprocessor\t: 1\n\nHardware\t: x\n';
    assert.deepEqual(processorsOf(arm), { cpus: 2, cores: 2, sockets: 1 });
    assert.deepEqual(processorsOf(''), { cpus: 1, cores: 1, sockets: 1 });
  });
});
