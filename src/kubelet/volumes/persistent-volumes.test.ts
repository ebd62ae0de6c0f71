/** Claims of pods, and volumes of this node behind them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import type {
  Container,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  Pod,
  PodSpec,
} from '#api/gen/core-v1.ts';
import type { FileStat } from '#base/doors.ts';
import { FakeApi } from '#kit/kubelet/fake-api.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { volumeDevices } from '../container/mounts.ts';
import { type KubeletEvent, PodEvents } from '../events.ts';
import { Mounter } from './mounts.ts';
import { VolumeManager } from './volume-manager.ts';

const MOUNT_INFO = '/proc/self/mountinfo';

/** Its devices are files of this kind, and it knows who owns what. */
class NodeFiles extends MemoryFileSystem {
  readonly devices = new Set<string>();
  readonly groups = new Map<string, number>();

  override async stat(path: string): Promise<FileStat | undefined> {
    const found = await super.stat(path);
    if (found === undefined) return undefined;
    const kind = this.devices.has(path) ? 'block' : found.kind;
    return { ...found, kind, gid: this.groups.get(path) ?? 0 };
  }

  override chown(path: string, _user: number, group: number): Promise<void> {
    this.groups.set(path, group);
    return Promise.resolve();
  }
}

class World {
  readonly api = new FakeApi();
  readonly files = new NodeFiles();
  readonly events: KubeletEvent[] = [];
  readonly mounts: string[] = [];
  readonly labels: Record<string, string> = { disk: 'fast' };
  manager = this.restart();

  /** As after the kubelet was started again. */
  restart(): VolumeManager {
    const environment = new VirtualEnvironment();
    const mounter = new Mounter({
      fileSystem: this.files,
      processes: {
        run: async (command, args) => {
          this.mounts.push([command, ...args].join(' '));
          const path = args.at(-1) ?? '';
          const text = await this.files.readText(MOUNT_INFO);
          const line = `1 1 0:1 / ${path} rw - ext4 /dev/x rw\n`;
          await this.files.writeFile(
            MOUNT_INFO,
            command === 'mount' ? text + line : text.replace(line, ''),
          );
          const stdout = Buffer.from(command === 'blkid' ? 'TYPE=xfs' : '');
          return { exitCode: 0, stdout, stderr: new Uint8Array() };
        },
      },
    });
    this.manager = new VolumeManager({
      environment,
      fileSystem: this.files,
      mounter,
      objects: {} as never,
      tokens: { forget: () => {} } as never,
      trustBundles: { forget: () => {} } as never,
      podCertificates: { forget: () => {} } as never,
      rootDirectory: '/k',
      client: this.api,
      node: () => ({ metadata: { name: 'n1', labels: this.labels } }),
    });
    return this.manager;
  }

  static async make(): Promise<World> {
    const world = new World();
    await world.files.writeFile(MOUNT_INFO, '');
    await world.files.makeDirectory('/disk');
    return world;
  }

  async bind(
    spec: Partial<PersistentVolumeSpec>,
    claim: Partial<PersistentVolumeClaim> = {},
    claimUid?: string,
  ): Promise<void> {
    const made = await this.api.create(PERSISTENT_VOLUME_CLAIM, {
      metadata: { name: 'c', namespace: 'n', ...claim.metadata },
      spec: { volumeName: 'pv', ...claim.spec },
      status: { phase: 'Bound', ...claim.status },
    });
    await this.api.create(PERSISTENT_VOLUME, {
      metadata: { name: 'pv' },
      spec: { claimRef: { uid: claimUid ?? made.metadata?.uid ?? '' }, ...spec },
    });
  }

  mount(pod: Pod) {
    const events = new PodEvents({ event: (event) => this.events.push(event) }, () => pod);
    return this.manager.mount(pod, { podIps: [], hostIps: [], nodeAllocatable: {} }, events);
  }

  /** Of the events of mounts that failed. */
  async failure(pod: Pod): Promise<string> {
    await assert.rejects(this.mount(pod));
    assert.equal(this.events.at(-1)?.reason, 'FailedMount');
    return this.events.at(-1)?.message ?? '';
  }
}

const podOf = (
  container: Partial<Container> = {},
  {
    readOnly = false,
    uid = 'u',
    ...spec
  }: Partial<PodSpec> & { readOnly?: boolean; uid?: string } = {},
): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid },
  spec: {
    containers: [{ name: 'main', ...container }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c', readOnly } }],
    ...spec,
  },
});

const LOCAL: Partial<PersistentVolumeSpec> = { local: { path: '/disk' } };
const PLACE = '/k/pods/u/volumes/kubernetes.io~local-volume/pv';

describe('a volume of a directory of this node', () => {
  it('is bound into the pod, once, and unmounted with it', async () => {
    const world = await World.make();
    await world.bind(LOCAL);
    const mounted = await world.mount(podOf());
    assert.deepEqual(mounted.get('data'), { path: PLACE, readOnly: false, isDevice: false });
    await world.mount(podOf());
    await world.restart().start();
    await world.mount(podOf());
    await world.manager.tearDown('u');
    assert.deepEqual(
      world.mounts.filter((line) => !line.includes('tmpfs')),
      [`mount --no-canonicalize --bind /disk ${PLACE}`, `umount ${PLACE}`],
    );
  });

  it('is looked up anew for a pod that comes back', async () => {
    const world = await World.make();
    await world.bind(LOCAL);
    await world.mount(podOf());
    await world.manager.tearDown('u');
    await world.api.delete(PERSISTENT_VOLUME_CLAIM, { name: 'c', namespace: 'n' });
    assert.match(await world.failure(podOf()), /failed to fetch PVC from API server/);
  });

  it('may be for reading alone', async () => {
    const world = await World.make();
    await world.bind(LOCAL);
    const spec = { readOnly: true, securityContext: { fsGroup: 7 } };
    assert.equal((await world.mount(podOf({}, spec))).get('data')?.readOnly, true);
    assert.equal(world.files.groups.size, 0);
  });

  it('belongs to the group of the first pod that uses it', async () => {
    const world = await World.make();
    await world.bind(LOCAL);
    const inGroup = (fsGroup: number, uid: string): Pod =>
      podOf({}, { uid, securityContext: { fsGroup } });
    await world.mount(inGroup(7, 'u'));
    assert.deepEqual([...world.files.groups], [[PLACE, 7]]);
    world.files.groups.set('/disk', 7);
    await world.mount(inGroup(7, 'same'));
    assert.deepEqual(world.events, []);
    await world.mount(inGroup(8, 'other'));
    assert.deepEqual(
      world.events.map(({ type, reason, message }) => [type, reason, message]),
      [
        [
          'Warning',
          'AlreadyMountedVolume',
          'The requested fsGroup is 8, but the volume pv has GID 7. The volume may not be shareable.',
        ],
      ],
    );
    assert.equal(world.files.groups.size, 2);
  });

  it('is refused on a node that it does not belong to, but not once it is used', async () => {
    const world = await World.make();
    const matchExpressions = [{ key: 'disk', operator: 'In' as const, values: ['fast'] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    await world.bind({ ...LOCAL, nodeAffinity });
    world.labels['disk'] = 'slow';
    assert.equal(
      await world.failure(podOf()),
      'MountVolume.NodeAffinity check failed for volume "pv" : no matching NodeSelectorTerms',
    );
    world.labels['disk'] = 'fast';
    await world.mount(podOf());
    world.labels['disk'] = 'slow';
    await world.mount(podOf());
  });

  it('must be there, and be a directory', async () => {
    const world = await World.make();
    await world.bind({ local: { path: '/missing' } });
    assert.equal(
      await world.failure(podOf()),
      'MountVolume.NewMounter initialization failed for volume "pv" : path "/missing" does not exist',
    );
    await world.files.writeFile('/missing', '');
    assert.equal(
      await world.failure(podOf()),
      'MountVolume.SetUp failed for volume "pv" : only directories and block devices can be mounted, and /missing is none',
    );
  });
});

it('a volume of a path of the host is that path, whoever owns it', async () => {
  const world = await World.make();
  await world.bind({ hostPath: { path: '/made', type: 'DirectoryOrCreate' } });
  const pod = podOf({}, { securityContext: { fsGroup: 7 } });
  assert.equal((await world.mount(pod)).get('data')?.path, '/made');
  assert.equal((await world.files.stat('/made'))?.kind, 'directory');
  assert.deepEqual([world.mounts, world.files.groups.size], [[], 0]);
});

it('a volume of another kind has no plug-in here', async () => {
  const world = await World.make();
  await world.bind({ nfs: { server: 's', path: '/' } });
  assert.equal(
    await world.failure(podOf()),
    'MountVolume.SetUp failed for volume "pv" : no volume plugin matched',
  );
});

describe('a device of this node', () => {
  const asDevice: Partial<Container> = { volumeDevices: [{ name: 'data', devicePath: '/dev/x' }] };

  it('is mounted once as a file system, and bound into each pod, until the last is gone', async () => {
    const world = await World.make();
    await world.files.writeFile('/dev/sdx', '');
    world.files.devices.add('/dev/sdx');
    await world.bind({ local: { path: '/dev/sdx', fsType: 'xfs' } });
    const at = '/k/plugins/kubernetes.io/local-volume/mounts/pv';
    const other = PLACE.replace('/u/', '/v/');
    const mounted = await world.mount(podOf());
    assert.deepEqual(mounted.get('data'), { path: PLACE, readOnly: false, isDevice: false });
    await world.mount(podOf({}, { uid: 'v' }));
    await world.manager.tearDown('u');
    await world.restart().tearDown('v');
    assert.deepEqual(world.mounts.slice(1), [
      'fsck -a /dev/sdx',
      `mount -t xfs -o defaults /dev/sdx ${at}`,
      `mount --no-canonicalize --bind ${at} ${PLACE}`,
      `mount --no-canonicalize --bind ${at} ${other}`,
      `umount ${PLACE}`,
      `umount ${other}`,
      `umount ${at}`,
    ]);
  });

  it('is given as it is', async () => {
    const world = await World.make();
    await world.files.writeFile('/dev/sdx', '');
    world.files.devices.add('/dev/sdx');
    await world.bind({ local: { path: '/dev/sdx' }, volumeMode: 'Block' });
    for (const [readOnly, permissions] of [
      [false, 'mrw'],
      [true, 'r'],
    ] as const) {
      const pod = podOf(asDevice, { readOnly, uid: permissions });
      const [container = { name: '' }] = pod.spec?.containers ?? [];
      assert.deepEqual(volumeDevices(container, await world.mount(pod)), [
        { containerPath: '/dev/x', hostPath: '/dev/sdx', permissions },
      ]);
    }
    assert.deepEqual(world.mounts, []);
  });

  it('is no directory', async () => {
    const world = await World.make();
    await world.bind({ ...LOCAL, volumeMode: 'Block' });
    assert.match(await world.failure(podOf(asDevice)), /: \/disk is not a block device$/);
  });

  it('is refused where it is not a volume that can be one', () => {
    const given = { name: 'main', ...asDevice };
    const volumes = new Map([['data', { path: '/disk', readOnly: false }]]);
    const none = /cannot find volume "data" to pass into container "main"/;
    assert.throws(() => volumeDevices(given, volumes), none);
    assert.throws(() => volumeDevices(given, new Map()), none);
    const odd = { name: 'main', volumeDevices: [{ name: 'data', devicePath: 'dev' }] };
    assert.throws(() => volumeDevices(odd, volumes), /DevicePath `dev` must be an absolute path/);
  });
});

describe('a claim', () => {
  const start =
    'Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[data]: error processing PVC n/c: ';
  const mounted: Partial<Container> = { volumeMounts: [{ name: 'data', mountPath: '/d' }] };
  const device: Partial<Container> = { volumeDevices: [{ name: 'data', devicePath: '/d' }] };
  const cases: readonly (readonly [
    expected: RegExp,
    volume: Partial<PersistentVolumeSpec>,
    claim: Partial<PersistentVolumeClaim>,
    container?: Partial<Container>,
    uid?: string,
  ])[] = [
    [/^PVC is not bound$/, LOCAL, { status: { phase: 'Pending' } }],
    [/^PVC is being deleted$/, LOCAL, { metadata: { deletionTimestamp: 'now' } }],
    [/^PVC has empty pvc.Spec.VolumeName$/, LOCAL, { spec: { volumeName: '' } }],
    [/^failed to fetch PV from API server: /, LOCAL, { spec: { volumeName: 'other' } }],
    [/ClaimRef.UID strange does not point to claim.UID /, LOCAL, {}, {}, 'strange'],
    [
      /has volumeMode Block, but is specified in volumeMounts$/,
      { volumeMode: 'Block' },
      {},
      mounted,
    ],
    [/has volumeMode Filesystem, but is specified in volumeDevices$/, LOCAL, {}, device],
  ];
  for (const [expected, volume, claim, container, uid] of cases)
    it(`is told of: ${expected.source}`, async () => {
      const world = await World.make();
      await world.bind(volume, claim, uid);
      const message = await world.failure(podOf(container));
      assert.ok(message.startsWith(start), message);
      assert.match(message.slice(start.length), expected);
    });

  it('that is not there is told of, and its volume is used once it is', async () => {
    const world = await World.make();
    const text = await world.failure(podOf());
    assert.ok(text.startsWith(`${start}failed to fetch PVC from API server: `), text);
    await world.bind(LOCAL);
    assert.equal((await world.mount(podOf())).get('data')?.path, PLACE);
  });

  it('of an ephemeral volume must be of the pod', async () => {
    const world = await World.make();
    await world.bind(LOCAL, { metadata: { name: 'p-data' } });
    const pod = podOf({}, { volumes: [{ name: 'data', ephemeral: {} }] });
    assert.match(
      await world.failure(pod),
      /error processing PVC n\/p-data: PVC n\/p-data was not created for pod n\/p \(pod is not owner\)$/,
    );
  });
});
