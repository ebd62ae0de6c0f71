import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import type { CgroupManager } from '../cgroups/cgroup-manager.ts';
import type { Cri } from '../cri/cri.ts';
import { NodeObserver } from './node-observer.ts';

const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [{ name: 'main' }], volumes: [{ name: 'v', emptyDir: {} }, { name: 'h' }] },
};
const LABELS = { 'io.kubernetes.pod.uid': 'u', 'io.kubernetes.container.name': 'main' };

/** `devices`: of the paths that are not on the file system of the kubelet. */
async function observe(
  places: { readonly images?: string; readonly containers?: string } = {},
  devices: Readonly<Record<string, number>> = {},
  cgroups?: { readonly files: Readonly<Record<string, string>>; readonly podsPath: string },
) {
  const fileSystem = new MemoryFileSystem();
  const stat = fileSystem.stat.bind(fileSystem);
  fileSystem.stat = async (path) => {
    const found = await stat(path);
    return found === undefined ? undefined : { ...found, device: devices[path] ?? 0 };
  };
  for (const path of ['/kubelet', '/images', '/containers']) await fileSystem.makeDirectory(path);
  await fileSystem.writeFile('/proc/meminfo', 'MemTotal: 100 kB\nMemAvailable: 40 kB\n');
  await fileSystem.writeFile('/proc/loadavg', '0 0 0 1/200 1');
  await fileSystem.writeFile('/proc/sys/kernel/pid_max', '1000\n');
  for (const [file, text] of Object.entries(cgroups?.files ?? {}))
    await fileSystem.writeFile(`/cgroups/${file}`, text);
  const asked: string[] = [];
  const filesystems = (mountpoint?: string) =>
    mountpoint === undefined ? [] : [{ fsId: { mountpoint } }];
  const cri = {
    call: (name: string) =>
      Promise.resolve(
        name === 'imageFsInfo'
          ? {
              imageFilesystems: filesystems(places.images),
              containerFilesystems: filesystems(places.containers),
            }
          : {
              stats: [
                {
                  attributes: { labels: LABELS },
                  memory: { workingSetBytes: { value: 7 }, usageBytes: { value: 9 } },
                  writableLayer: { usedBytes: { value: 5 }, inodesUsed: { value: 2 } },
                },
              ],
            },
      ),
  } as unknown as Cri;
  const observer = new NodeObserver({
    cri,
    fileSystem,
    processes: {
      run: (command, args, { input = '' } = {}) => {
        asked.push([command, args[0], ...String(input).split('\0').filter(Boolean)].join(' '));
        const [size, other] = args.includes('--inodes') ? [3, 4] : [300, 400];
        const text = `${size}\t/volumes/u/v\0${other}\t/logs/n_p_u/main\0`;
        return Promise.resolve({ exitCode: 1, stdout: Buffer.from(text), stderr: Buffer.from('') });
      },
    },
    cgroups:
      cgroups === undefined
        ? undefined
        : ({
            hierarchy: { version: 1, mounts: new Map([['memory', '/cgroups']]) },
            podsPath: cgroups.podsPath,
            processesOf: () => Promise.resolve(0),
          } as unknown as CgroupManager),
    directory: '/kubelet',
    logRoot: '/logs',
    volumeDirectory: (uid, name) => `/volumes/${uid}/${name}`,
  });
  const unseen = { metadata: { name: 'other', uid: 'other' }, spec: { containers: [] } };
  return { ...(await observer.observe([POD, unseen])), asked };
}

describe('NodeObserver', () => {
  it('reads memory, process ids and disks', async () => {
    const { signals } = await observe();
    assert.deepEqual(signals.get('memory.available'), { available: 40_960, capacity: 102_400 });
    assert.deepEqual(signals.get('pid.available'), { available: 800, capacity: 1000 });
    assert.deepEqual(signals.get('nodefs.available'), { available: 50e9, capacity: 100e9 });
    assert.deepEqual(signals.get('imagefs.inodesFree'), { available: 5e5, capacity: 1e6 });
  });
  it('reckons memory by working sets, of the machine and of all pods where they are limited', async () => {
    const memory = async (limit: string, podsPath = '/pods') => {
      const files = {
        'memory.usage_in_bytes': '80000\n',
        'memory.stat': 'total_inactive_file 10000\n',
        'memory.limit_in_bytes': '9223372036854771712\n',
        'pods/memory.usage_in_bytes': '50000\n',
        'pods/memory.stat': 'total_inactive_file 5000\n',
        'pods/memory.limit_in_bytes': limit,
      };
      const { signals } = await observe({}, {}, { files, podsPath });
      return [signals.get('memory.available'), signals.get('allocatableMemory.available')];
    };
    const node = { available: 102_400 - 70_000, capacity: 102_400 };
    assert.deepEqual(await memory('60000\n'), [node, { available: 15_000, capacity: 60_000 }]);
    // A limit that was lowered below what is used.
    assert.deepEqual(await memory('40000\n'), [node, { available: 0, capacity: 40_000 }]);
    assert.deepEqual(await memory('9223372036854771712\n'), [node, undefined]);
    // Pods have no cgroup of their own.
    assert.deepEqual(await memory('60000\n', ''), [node, undefined]);
  });
  it('reads what pods use; a pod of which the runtime says nothing is not there', async () => {
    const { pods, asked } = await observe();
    assert.deepEqual([...pods.keys()], ['u']);
    assert.deepEqual(pods.get('u'), {
      containers: [
        {
          name: 'main',
          memoryBytes: 7,
          rootfs: { bytes: 5, inodes: 2 },
          logs: { bytes: 400, inodes: 4 },
        },
      ],
      volumes: new Map([['v', { bytes: 300, inodes: 3 }]]),
      processes: 0,
    });
    assert.deepEqual(asked, [
      'du -B1 /volumes/u/v /logs/n_p_u/main',
      'du --inodes /volumes/u/v /logs/n_p_u/main',
    ]);
  });
  it('tells file systems apart by their devices', async () => {
    const layout = async (...args: Parameters<typeof observe>) => {
      const { hasImageFs, hasContainerFs } = await observe(...args);
      return [hasImageFs, hasContainerFs];
    };
    const both = { images: '/images', containers: '/containers' };
    assert.deepEqual(await layout(), [false, false]);
    assert.deepEqual(await layout({ images: '/images' }), [false, false]);
    assert.deepEqual(await layout({ images: '/images' }, { '/images': 1 }), [true, false]);
    assert.deepEqual(await layout(both, { '/images': 1 }), [true, true]);
    assert.deepEqual(await layout(both, { '/images': 1, '/containers': 1 }), [true, false]);
  });
});
