/** Devices of the node as file systems: what is asked of the system's programs, in order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { type LocalDevice, LocalDevices } from './local-devices.ts';
import { Mounter } from './mounts.ts';

const MOUNT_INFO = '/proc/self/mountinfo';
const AT = '/k/plugins/kubernetes.io/local-volume/mounts/pv';
const LOOK = 'blkid -p -s TYPE -s PTTYPE -o export /dev/x';
const BOUND = '/k/pods/u/volumes/kubernetes.io~local-volume/pv';

class World {
  readonly files = new MemoryFileSystem();
  readonly done: string[] = [];
  /** By program: how it ends, and what it writes. */
  readonly answers = new Map<string, { readonly exitCode: number; readonly text?: string }>();
  /** Programs that are not there. */
  readonly missing = new Set<string>();
  readonly devices: LocalDevices;

  constructor() {
    const run = async (command: string, args: readonly string[]) => {
      if (this.missing.has(command)) throw new Error(`spawn ${command} ENOENT`);
      this.done.push([command, ...args].join(' '));
      const { exitCode, text = '' } = this.answers.get(command) ?? { exitCode: 0 };
      if (exitCode === 0 && command === 'mount') await this.mounted(args.at(-1) ?? '', true);
      if (exitCode === 0 && command === 'umount') await this.mounted(args.at(-1) ?? '', false);
      return { exitCode, stdout: Buffer.from(text), stderr: new Uint8Array() };
    };
    const fileSystem = this.files;
    const mounter = new Mounter({ fileSystem, processes: { run } });
    this.devices = new LocalDevices({ fileSystem, mounter, rootDirectory: '/k' });
  }

  static async make(found: { readonly exitCode: number; readonly text?: string }): Promise<World> {
    const world = new World();
    await world.files.writeFile(MOUNT_INFO, '');
    world.answers.set('blkid', found);
    return world;
  }

  async mounted(path: string, is: boolean): Promise<void> {
    const text = await this.files.readText(MOUNT_INFO);
    const line = `1 1 0:1 / ${path} rw - ext4 /dev/x rw\n`;
    await this.files.writeFile(MOUNT_INFO, is ? text + line : text.replace(line, ''));
  }

  use(over: Partial<LocalDevice> = {}): Promise<string> {
    const device = {
      name: 'pv',
      device: '/dev/x',
      fsType: undefined,
      readOnly: false,
      mountOptions: [],
      ...over,
    };
    return this.devices.use(device, (path) => Promise.resolve(path));
  }
}

const EMPTY = { exitCode: 2 };
const FORMATTED = { exitCode: 0, text: 'TYPE=ext4\n' };

describe('a device of the node', () => {
  for (const [claim, found, over, expected] of [
    [
      'is formatted where it is empty, as ext4',
      EMPTY,
      {},
      [LOOK, 'mkfs.ext4 -F -m0 /dev/x', `mount -t ext4 -o defaults /dev/x ${AT}`],
    ],
    [
      'is formatted as ext4 where the type is empty',
      EMPTY,
      { fsType: '' },
      [LOOK, 'mkfs.ext4 -F -m0 /dev/x', `mount -t ext4 -o defaults /dev/x ${AT}`],
    ],
    [
      'is formatted as xfs',
      EMPTY,
      { fsType: 'xfs' },
      [LOOK, 'mkfs.xfs -f /dev/x', `mount -t xfs -o defaults /dev/x ${AT}`],
    ],
    [
      'is formatted as what has no arguments of its own',
      EMPTY,
      { fsType: 'btrfs' },
      [LOOK, 'mkfs.btrfs /dev/x', `mount -t btrfs -o defaults /dev/x ${AT}`],
    ],
    [
      'is checked and not formatted where it is not empty',
      FORMATTED,
      { fsType: 'xfs', mountOptions: ['noatime'] },
      [LOOK, 'fsck -a /dev/x', `mount -t xfs -o noatime,defaults /dev/x ${AT}`],
    ],
    [
      'is not touched where it may only be read',
      FORMATTED,
      { readOnly: true },
      [LOOK, `mount -t ext4 -o ro,defaults /dev/x ${AT}`],
    ],
  ] as const) {
    it(claim, async () => {
      const world = await World.make(found);
      assert.equal(await world.use(over), AT);
      assert.deepEqual(world.done, expected);
    });
  }

  for (const [claim, found, over, fault, expected] of [
    [
      'blkid fails',
      { exitCode: 4, text: 'bad' },
      {},
      /failed to get disk format of disk \/dev\/x: exit code 4, bad$/,
      [LOOK],
    ],
    [
      'blkid finds nothing and says something',
      { exitCode: 2, text: 'cannot read' },
      {},
      /failed to get disk format/,
      [LOOK],
    ],
    [
      'blkid finds something and says nothing',
      { exitCode: 0 },
      {},
      /failed to get disk format/,
      [LOOK],
    ],
    [
      'it is empty and may only be read',
      EMPTY,
      { mountOptions: ['ro'] },
      /cannot mount unformatted disk/,
      [LOOK],
    ],
  ] as const) {
    it(`is never formatted where ${claim}`, async () => {
      const world = await World.make(found);
      await assert.rejects(world.use(over), fault);
      assert.deepEqual(world.done, expected);
    });
  }

  it('is not mounted when it cannot be formatted or repaired', async () => {
    for (const [tool, found, exitCode, fault] of [
      [
        'mkfs.ext4',
        EMPTY,
        1,
        /^Error: local: failed to mount device \/dev\/x at .* \(fstype: ext4\), error format of disk "\/dev\/x" failed/,
      ],
      [
        'fsck',
        FORMATTED,
        4,
        /'fsck' found errors on device \/dev\/x but could not correct them: oh/,
      ],
    ] as const) {
      const world = await World.make(found);
      world.answers.set(tool, { exitCode, text: 'oh' });
      await assert.rejects(world.use(), fault);
      assert.equal(
        world.done.some((one) => one.startsWith('mount')),
        false,
      );
    }
  });

  it('is mounted when fsck repaired it, or is not there', async () => {
    const repaired = await World.make(FORMATTED);
    repaired.answers.set('fsck', { exitCode: 1 });
    assert.equal(await repaired.use(), AT);
    const without = await World.make(FORMATTED);
    without.missing.add('fsck');
    assert.equal(await without.use(), AT);
  });

  it('is mounted once, also for two pods at the same time', async () => {
    const world = await World.make(EMPTY);
    await Promise.all([world.use(), world.use()]);
    assert.equal(world.done.length, 3);
  });

  it('is taken down when no pod uses it any more', async () => {
    const world = await World.make(FORMATTED);
    await world.use();
    await world.mounted(BOUND, true);
    await world.mounted('/somewhere/else', true);
    world.done.length = 0;
    await world.devices.release();
    assert.deepEqual(world.done, []);
    await world.mounted(BOUND, false);
    await world.devices.release();
    await world.devices.release();
    assert.deepEqual(world.done, [`umount ${AT}`]);
  });

  it('is not taken down while it is given to a pod', async () => {
    const world = await World.make(FORMATTED);
    const bound = world.devices.use(
      { name: 'pv', device: '/dev/x', fsType: 'ext4', readOnly: false, mountOptions: [] },
      async () => {
        released = world.devices.release();
        await Promise.resolve();
        await world.mounted(BOUND, true);
      },
    );
    let released: Promise<void> = Promise.resolve();
    await bound;
    await released;
    assert.equal(world.done.includes(`umount ${AT}`), false);
  });
});
