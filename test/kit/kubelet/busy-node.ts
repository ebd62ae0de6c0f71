/**
 * A node with one pod of two containers, of which everything is known: cgroups of version 2, /proc,
 * disks and the runtime.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { VIRTUAL_START_MS } from '../virtual-environment.ts';
import { room, StatsWorld } from './stats-world.ts';

export const V2 = '/sys/fs/cgroup';
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
export const POD_PATH = '/cox/kubepods/burstable/podu';
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
export const PSI = {
  full: { total: 0, avg10: 0, avg60: 0, avg300: 0 },
  some: { total: 4000, avg10: 1, avg60: 2, avg300: 3 },
};

export const NET_DEV = (interfaceName: string, by: number): string =>
  `h\nh\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  ${interfaceName}: ${by}1 ${by}2 ${by}3 ${by}4 0 0 0 0 ${by}5 ${by}6 ${by}7 ${by}8 0 0 0 0\n`;

export function processStat(ticks: number): string {
  return `7 (x) S 1 1 1 0 -1 0 100 0 7 0 ${ticks} 0 0 0 20 0 9 0 500 0 0 0\n`;
}

export class BusyNode {
  readonly world = new StatsWorld({ version: 2, mount: V2 });
  /** Ids in the runtime. */
  readonly main: string = '';
  readonly aside: string = '';
  readonly sandbox: string = '';

  /** Made five seconds after the beginning; a minute has passed since. */
  static async make(): Promise<BusyNode> {
    const node = new BusyNode();
    await node.prepare();
    return node;
  }

  /** Everything but one container has used so many times what it used at first. */
  setUsage(factor: number): void {
    const { world, main, aside } = this;
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

  async prepare(): Promise<void> {
    const { world } = this;
    await world.environment.advance(5000);
    const [sandbox, main = '', aside = ''] = await world.run(POD);
    Object.assign(this, { sandbox, main, aside });
    await world.environment.advance(60_000);
    this.setUsage(1);
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
    // Where a hostPath would lie, were it the kubelet's.
    world.disk.set(`${VOLUMES}projected/host`, [9999, 99]);
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
}
