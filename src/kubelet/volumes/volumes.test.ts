import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Pod, Volume } from '#api/gen/core-v1.ts';
import { StatusError } from '#api/meta/status.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { realProcesses } from '#edge/processes.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { FakeApi } from '#kit/kubelet/fake-api.ts';
import { PodEvents, type KubeletEvent } from '../events.ts';
import { WatchedObjects } from '../object-source.ts';
import { CONFIG_MAP, SECRET } from '../resources.ts';
import { isSafePath, writeAtomically } from './atomic-writer.ts';
import { Mounter, parseMountInfo } from './mounts.ts';
import { objectReferences } from './sources.ts';
import { mountSubPath, resolvePath } from './sub-path.ts';
import { TokenSource } from './tokens.ts';
import { VolumeManager } from './volume-manager.ts';

const fileSystem = realFileSystem();
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cox-volumes-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writeAtomically', () => {
  const write = (files: Record<string, string>, nowMs = 0): Promise<boolean> => {
    const payload = new Map(
      Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode: 0o640 }]),
    );
    return writeAtomically({ fileSystem, directory, payload, nowMs });
  };
  const read = (path: string): string => readFileSync(join(directory, path), 'utf8');

  it('shows files through one link, which is what changes', async () => {
    assert.equal(await write({ a: '1', 'd/b': '2' }), true);
    assert.deepEqual([read('a'), read('d/b')], ['1', '2']);
    assert.equal(readlinkSync(join(directory, 'a')), '..data/a');
    assert.equal(readlinkSync(join(directory, '..data')), '..1970_01_01_00_00_00.000000000');
    assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o640);
    assert.equal(await write({ a: '3', c: '4' }, 5000), true);
    assert.deepEqual([read('a'), read('c')], ['3', '4']);
    assert.deepEqual(readdirSync(directory).toSorted(), [
      '..1970_01_01_00_00_05.000000000',
      '..data',
      'a',
      'c',
    ]);
  });

  it('writes nothing when nothing changed', async () => {
    await write({ a: '1' });
    const before = readlinkSync(join(directory, '..data'));
    assert.equal(await write({ a: '1' }, 5000), false);
    assert.equal(readlinkSync(join(directory, '..data')), before);
  });

  it('refuses paths that lead elsewhere', async () => {
    for (const path of ['../x', 'a/../../x', '/x', '..x', ''])
      assert.equal(isSafePath(path), false);
    await assert.rejects(write({ '../x': '1' }), /invalid path/);
  });
});

describe('resolvePath', () => {
  it('follows links, and does not stop at the first', async () => {
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'one'));
    symlinkSync(join(directory, 'one'), join(directory, 'two'));
    const root = await resolvePath(fileSystem, directory);
    assert.equal(await resolvePath(fileSystem, join(directory, 'two')), join(root, 'real'));
  });
  it('gives up on a circle', async () => {
    symlinkSync('b', join(directory, 'a'));
    symlinkSync('a', join(directory, 'b'));
    await assert.rejects(resolvePath(fileSystem, join(directory, 'a')), /too many links/);
  });
});

describe('mountSubPath', { skip: isRoot ? false : 'needs root and Linux' }, () => {
  const mounter = new Mounter({ fileSystem, processes: realProcesses() });
  const mount = (subPath: string): Promise<string> =>
    mountSubPath({
      fileSystem,
      mounter,
      volumePath: join(directory, 'volume'),
      subPath,
      target: join(directory, 'target'),
      readOnlyVolume: false,
    });
  beforeEach(() => mkdirSync(join(directory, 'volume')));
  afterEach(() => mounter.unmountBelow(directory));

  it('shows a part of the volume, also by a link within it, and makes what is missing', async () => {
    mkdirSync(join(directory, 'volume/real'));
    writeFileSync(join(directory, 'volume/real/file'), 'x');
    symlinkSync('real', join(directory, 'volume/link'));
    await mount('link');
    assert.equal(readFileSync(join(directory, 'target/file'), 'utf8'), 'x');
    await mount('fresh/part');
    assert.deepEqual(readdirSync(join(directory, 'target')), []);
    assert.equal(statSync(join(directory, 'volume/fresh/part')).isDirectory(), true);
  });

  it('refuses a link that leads out of the volume', async () => {
    symlinkSync('/etc', join(directory, 'volume/evil'));
    await assert.rejects(mount('evil'), /leads out of the volume/);
    symlinkSync('../..', join(directory, 'volume/up'));
    await assert.rejects(mount('up'), /leads out of the volume/);
    assert.equal(await mounter.isMounted(join(directory, 'target')), false);
  });

  it('refuses what was swapped between the look and the mount', async () => {
    mkdirSync(join(directory, 'volume/part'));
    const swapping = new Mounter({
      fileSystem,
      processes: {
        run: (command, args, options) => {
          if (command === 'mount') {
            rmSync(join(directory, 'volume/part'), { recursive: true });
            symlinkSync('/etc', join(directory, 'volume/part'));
          }
          return realProcesses().run(command, args, options);
        },
      },
    });
    const swapped = mountSubPath({
      fileSystem,
      mounter: swapping,
      volumePath: join(directory, 'volume'),
      subPath: 'part',
      target: join(directory, 'target'),
      readOnlyVolume: false,
    });
    await assert.rejects(swapped, /changed while it was mounted/);
    assert.equal(await mounter.isMounted(join(directory, 'target')), false);
  });
});

describe('parseMountInfo', () => {
  it('reads paths with blanks', () => {
    const line = '36 35 98:0 /a\\040b /mnt\\040x rw,noatime master:1 - ext3 /dev/root rw\n';
    assert.deepEqual(parseMountInfo(line), [
      { path: '/mnt x', device: '98:0', root: '/a b', type: 'ext3' },
    ]);
  });
});

describe('VolumeManager', { skip: isRoot ? false : 'needs root and Linux' }, () => {
  const environment = new VirtualEnvironment();
  const facts = { podIps: ['10.0.0.1'], hostIps: [], nodeAllocatable: {} };
  let api: FakeApi;
  let manager: VolumeManager;
  let events: KubeletEvent[];

  beforeEach(async () => {
    api = new FakeApi();
    events = [];
    const mounter = new Mounter({ fileSystem, processes: realProcesses() });
    const objects = new WatchedObjects({ client: api, environment, onChange: () => {} });
    const tokens = new TokenSource({ client: api, environment });
    manager = new VolumeManager({
      environment,
      fileSystem,
      mounter,
      objects,
      tokens,
      trustBundles: { anchors: () => Promise.resolve(''), forget: () => {} },
      podCertificates: { forget: () => {} } as never,
      rootDirectory: directory,
      client: api,
      node: () => ({ metadata: { name: 'n1', labels: { disk: 'fast' } } }),
    });
    await manager.start();
  });
  afterEach(() => manager.stop());

  const podWith = (volumes: Volume[], securityContext = {}): Pod => ({
    metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { app: 'x' } },
    spec: { containers: [], volumes, securityContext, serviceAccountName: 'default' },
  });
  const mount = (pod: Pod) =>
    manager.mount(pod, facts, new PodEvents({ event: (event) => events.push(event) }, () => pod));

  it('projects several sources into one volume', async () => {
    await api.create(CONFIG_MAP, { metadata: { name: 'c', namespace: 'n' }, data: { k: 'v' } });
    await api.create(SECRET, {
      metadata: { name: 's', namespace: 'n' },
      data: { k: Buffer.from('w').toString('base64') },
    });
    const projected = {
      sources: [
        { configMap: { name: 'c', items: [{ key: 'k', path: 'conf/k' }] } },
        { secret: { name: 's', items: [{ key: 'k', path: 'hush', mode: 0o400 }] } },
        {
          downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
        },
        { serviceAccountToken: { path: 'token' } },
        { configMap: { name: 'absent', optional: true } },
      ],
    };
    const path = (await mount(podWith([{ name: 'all', projected }]))).get('all')?.path ?? '';
    const read = (name: string): string => readFileSync(join(path, name), 'utf8');
    assert.deepEqual(
      [read('conf/k'), read('hush'), read('labels'), read('token')],
      ['v', 'w', 'app="x"', 'a-token'],
    );
    assert.equal(statSync(join(path, 'hush')).mode & 0o777, 0o400);
  });

  it('gives volumes to the group of the pod', async () => {
    const pod = podWith(
      [
        { name: 'scratch', emptyDir: {} },
        { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
      ],
      { fsGroup: 4242 },
    );
    const mounted = await mount(pod);
    const scratch = statSync(mounted.get('scratch')?.path ?? '');
    assert.deepEqual([scratch.gid, scratch.mode & 0o7777], [4242, 0o2777]);
    const token = statSync(join(mounted.get('token')?.path ?? '', 't'));
    assert.deepEqual([token.gid, token.mode & 0o777], [4242, 0o640]);
  });

  it('says what is missing, and goes on when it is there', async () => {
    const pod = podWith([{ name: 'c', configMap: { name: 'late' } }]);
    await assert.rejects(mount(pod));
    assert.deepEqual(
      events.map(({ reason, message }) => [reason, message]),
      [['FailedMount', 'MountVolume.SetUp failed for volume "c" : configmap "late" not found']],
    );
    await api.create(CONFIG_MAP, { metadata: { name: 'late', namespace: 'n' }, data: { k: 'v' } });
    assert.equal((await mount(pod)).size, 1);
  });

  it('checks what kind of thing a hostPath is', async () => {
    writeFileSync(join(directory, 'file'), '');
    await assert.rejects(
      mount(
        podWith([{ name: 'h', hostPath: { path: join(directory, 'file'), type: 'Directory' } }]),
      ),
    );
    assert.match(
      events[0]?.message ?? '',
      /hostPath type check failed: .*\/file is not a directory$/,
    );
  });

  it('leaves nothing behind', async () => {
    const pod = podWith([
      { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'd', emptyDir: {} },
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ]);
    await mount(pod);
    assert.deepEqual(await manager.podsOnDisk(), ['u']);
    await manager.tearDown('u');
    assert.deepEqual(await manager.podsOnDisk(), []);
  });
});

describe('TokenSource', () => {
  it('asks again after most of the life of a token, and keeps a valid one while it cannot', async () => {
    const environment = new VirtualEnvironment();
    let asked = 0;
    let broken = false;
    const api = new FakeApi();
    api.createSubresource = <R>(): Promise<R> => {
      if (broken)
        return Promise.reject(
          new StatusError({ code: 500, reason: 'InternalError', message: 'no' }),
        );
      const expirationTimestamp = new Date(environment.clock.now() + 1_000_000).toISOString();
      return Promise.resolve({ status: { token: `t${++asked}`, expirationTimestamp } } as R);
    };
    const tokens = new TokenSource({ client: api, environment });
    const wish = { pod: { metadata: { name: 'p', uid: 'u' } }, audience: '' };
    assert.equal(await tokens.token(wish), 't1');
    await environment.advance(700_000);
    assert.equal(await tokens.token(wish), 't1');
    await environment.advance(110_000);
    broken = true;
    assert.equal(await tokens.token(wish), 't1');
    broken = false;
    assert.equal(await tokens.token(wish), 't2');
    await environment.advance(1_100_000);
    broken = true;
    await assert.rejects(tokens.token(wish));
  });
});

describe('objectReferences', () => {
  it('names each object once', () => {
    const pod: Pod = {
      metadata: { namespace: 'n' },
      spec: {
        containers: [],
        volumes: [
          { name: 'a', configMap: { name: 'c' } },
          {
            name: 'b',
            projected: { sources: [{ configMap: { name: 'c' } }, { secret: { name: 's' } }] },
          },
        ],
      },
    };
    assert.deepEqual(
      objectReferences(pod).map(({ kind, name }) => `${kind}/${name}`),
      ['ConfigMap/c', 'Secret/s'],
    );
  });
});
