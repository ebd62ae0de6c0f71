/** Pods with users of their own: which ids they get, and keep. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PodSpec } from '#api/gen/core-v1.ts';
import type { Processes } from '#base/doors.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { POD } from '../resources.ts';
import { kubeletIdRange } from './id-range.ts';
import { UserNamespaces, type UserNamespacesOptions } from './user-namespaces.ts';

const SECOND = 1000;
const UNIT = 65_536;

describe('kubeletIdRange', () => {
  const range = async (
    answer: { readonly user?: boolean; readonly uids?: string; readonly gids?: string },
    maxPods = 110,
  ) => {
    const fileSystem = new MemoryFileSystem();
    if (answer.user !== false)
      await fileSystem.writeFile('/etc/passwd', 'root:x:0:0\nkubelet:x:998:998\n');
    const processes: Processes = {
      run: (command, args) => {
        assert.equal(command, 'getsubids');
        const text = args[0] === '-g' ? (answer.gids ?? answer.uids) : answer.uids;
        if (text === undefined)
          return Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' }));
        const exitCode = text === '' ? 1 : 0;
        return Promise.resolve({ exitCode, stdout: Buffer.from(text), stderr: new Uint8Array() });
      },
    };
    return kubeletIdRange({ fileSystem, processes, idsPerPod: UNIT, maxPods });
  };
  const ALL = { first: UNIT, length: 2 ** 32 - UNIT };

  it('is all but the first, without the user or without the program', async () => {
    assert.deepEqual(await range({ user: false, uids: '0: kubelet 1 1' }), ALL);
    assert.deepEqual(await range({}), ALL);
  });

  it('is that of the user', async () => {
    const uids = '0: kubelet 131072 7208960\n';
    assert.deepEqual(await range({ uids }), { first: 131_072, length: 7_208_960 });
  });

  const refused: readonly (readonly [uids: string, RegExp, gids?: string])[] = [
    ['', /^Error: error retrieving additional uids for user "kubelet": exit status 1$/],
    ['0: kubelet 65536 65536', /mismatched subuids and subgids/, '0: kubelet 131072 65536'],
    ['0: kubelet 65536 65536\n1: kubelet 131072 65536', /must contain only one line$/],
    ['0: kubelet 65536 x', /must contain only one line$/],
    ['0: kubelet 1000 7208960', /ID 1000 is not a multiple of 65536$/],
    ['0: kubelet 0 7208960', /ID 0 must be greater or equal to 65536$/],
    ['0: kubelet 65536 1000', /length 1000 is not a multiple of 65536$/],
    ['0: kubelet 65536 7143424', /not enough to support 110 pods$/],
  ];
  for (const [uids, message, gids] of refused)
    it(`is refused: ${message.source}`, async () => {
      await assert.rejects(range({ uids, ...(gids === undefined ? {} : { gids }) }), message);
    });
});

describe('UserNamespaces', () => {
  const make = (given: Partial<UserNamespacesOptions> = {}): UserNamespacesOptions => ({
    fileSystem: new MemoryFileSystem(),
    podDirectory: (uid) => `/pods/${uid}`,
    range: { first: UNIT, length: 2 * UNIT },
    idsPerPod: UNIT,
    runtime: {
      handlers: [{ name: '' }],
      handler: () => ({ userNamespaces: true, recursiveReadOnlyMounts: true }),
    },
    runtimeClasses: { handlerOf: () => Promise.resolve('') },
    ...given,
  });
  const podOf = (uid: string) => ({
    metadata: { uid },
    spec: { hostUsers: false, containers: [] },
  });
  const firstOf = async (namespaces: UserNamespaces, uid: string) =>
    (await namespaces.of(podOf(uid))).uids?.[0]?.hostId;

  it('gives each pod the first free range, the same again, and says when there is none', async () => {
    const options = make();
    const namespaces = new UserNamespaces(options);
    const both = await Promise.all([firstOf(namespaces, 'a'), firstOf(namespaces, 'b')]);
    assert.deepEqual(both, [UNIT, 2 * UNIT]);
    assert.equal(await firstOf(namespaces, 'b'), 2 * UNIT);
    await assert.rejects(firstOf(namespaces, 'c'), /could not find an empty slot/);
    await options.fileSystem.remove('/pods/a');
    namespaces.release('a');
    assert.equal(await firstOf(namespaces, 'c'), UNIT);
  });

  it('knows after a restart what it gave', async () => {
    const options = make();
    await firstOf(new UserNamespaces(options), 'a');
    const namespaces = new UserNamespaces(options);
    await namespaces.load(['a', 'without']);
    assert.deepEqual(
      [await firstOf(namespaces, 'b'), await firstOf(namespaces, 'a')],
      [2 * UNIT, UNIT],
    );
    const text = await options.fileSystem.readText('/pods/a/userns');
    const ids = [{ hostId: UNIT, containerId: 0, length: UNIT }];
    assert.deepEqual(JSON.parse(text), { uidMappings: ids, gidMappings: ids });
  });

  const one = (hostId: number, length = UNIT, containerId = 0) => [{ hostId, containerId, length }];
  const files: readonly (readonly [string, unknown, RegExp])[] = [
    ['no JSON', '{', /invalid user namespace mappings file/],
    ['no ids', {}, /no more than one mapping allowed/],
    ['two ranges', { uidMappings: [...one(UNIT), ...one(UNIT)] }, /no more than one mapping/],
    ['others for groups', { uidMappings: one(UNIT), gidMappings: one(1) }, /should be identical/],
    [
      'not from root',
      { uidMappings: one(UNIT, UNIT, 1), gidMappings: one(UNIT, UNIT, 1) },
      /UID 0/,
    ],
    ['another length', { uidMappings: one(UNIT, 1), gidMappings: one(UNIT, 1) }, /length 1$/],
    ['no whole range', { uidMappings: one(1), gidMappings: one(1) }, /offset specified 1$/],
    ['too high', { uidMappings: one(3 * UNIT), gidMappings: one(3 * UNIT) }, /is out of range$/],
    ['root of the node', { uidMappings: one(0), gidMappings: one(0) }, /id 0 is out of range$/],
    ["another's", { uidMappings: one(UNIT), gidMappings: one(UNIT) }, /already taken$/],
  ];
  for (const [name, content, message] of files)
    it(`does not start with a file with ${name}`, async () => {
      const options = make();
      const namespaces = new UserNamespaces(options);
      await firstOf(namespaces, 'a');
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await options.fileSystem.writeFile('/pods/x/userns', text);
      await assert.rejects(namespaces.load(['x']), (error: Error) => {
        assert.match(error.message, /^record pod mappings for existing pod "x": /);
        assert.match(error.message, message);
        return true;
      });
    });

  it('are refused where the handler cannot make them', async () => {
    const no = { userNamespaces: false, recursiveReadOnlyMounts: true };
    const refused = async (given: Partial<UserNamespacesOptions>) => {
      const outcome = new UserNamespaces(make(given)).of(podOf('a'));
      return outcome.then(
        () => '',
        (error: Error) => error.message,
      );
    };
    const start = "can't set `spec.hostUsers: false`, ";
    const runtime = (handler: typeof no | undefined, handlers = [{ name: 'x' }]) => ({
      runtime: { handlers, handler: () => handler },
    });
    const named = { runtimeClasses: { handlerOf: () => Promise.resolve('crun') } };
    assert.deepEqual(
      [
        await refused(runtime(no)),
        await refused({ ...runtime(no), ...named }),
        await refused(runtime(undefined)),
        await refused(runtime(undefined, [])),
      ],
      [
        `${start}runtime does not support user namespaces`,
        `${start}RuntimeClass handler "crun" does not support user namespaces`,
        `${start}runtime does not support user namespaces: the handler "" is not known`,
        `${start}runtime does not support user namespaces: runtime handlers are not set`,
      ],
    );
  });
});

describe('a pod with hostUsers: false', () => {
  async function start(t: TestContext): Promise<KubeletWorld> {
    const cluster = await TestCluster.start({ nodes: 0 });
    t.after(() => cluster.stop());
    const world = await KubeletWorld.make(cluster);
    t.after(() => world.stop());
    world.cri.status = { runtimeHandlers: [{ name: '', features: { userNamespaces: true } }] };
    return world;
  }

  const run = (world: KubeletWorld, name: string, spec: Partial<PodSpec> = {}): Promise<void> =>
    world.runPod(name, { terminationGracePeriodSeconds: 1, ...spec });

  const IDS = (slot: number) => [{ hostId: slot * UNIT, length: UNIT }];

  it('has ids of its own, in sandbox, containers and mounts', async (t) => {
    const world = await start(t);
    await world.start();
    await run(world, 'own', { hostUsers: false });
    await run(world, 'shared', {});
    const [own, shared] = world.cri.containerRequests.map(({ config }) => config);
    const sandboxes = world.cri.sandboxRequests.map(
      ({ config }) => config?.linux?.securityContext?.namespaceOptions?.usernsOptions,
    );
    assert.deepEqual(sandboxes, [{ uids: IDS(1), gids: IDS(1) }, { mode: 2 }]);
    const inContainer = own?.linux?.securityContext?.namespaceOptions?.usernsOptions;
    assert.deepEqual(inContainer, sandboxes[0]);
    assert.ok((own?.mounts ?? []).length > 0);
    for (const { uidMappings, gidMappings } of own?.mounts ?? [])
      assert.deepEqual([uidMappings, gidMappings], [IDS(1), IDS(1)]);
    for (const { uidMappings } of shared?.mounts ?? []) assert.equal(uidMappings, undefined);
  });

  it('keeps them over a restart of the kubelet, and gives them back when it is gone', async (t) => {
    const world = await start(t);
    await world.start();
    await run(world, 'a', { hostUsers: false });
    await world.stop();
    await world.start();
    await run(world, 'b', { hostUsers: false });
    await world.cluster.run(world.cluster.client.delete(POD, { name: 'a', namespace: 'default' }));
    await world.advance(10 * SECOND);
    await run(world, 'c', { hostUsers: false });
    const firsts = world.cri.sandboxRequests.map(
      ({ config }) =>
        config?.linux?.securityContext?.namespaceOptions?.usernsOptions?.uids?.[0]?.hostId,
    );
    assert.deepEqual(firsts, [UNIT, 2 * UNIT, UNIT]);
  });

  it('is told of by an event where the runtime cannot do it', async (t) => {
    const world = await start(t);
    world.cri.status = { runtimeHandlers: [{ name: '' }] };
    await world.start();
    await run(world, 'a', { hostUsers: false });
    assert.deepEqual(world.running(), []);
    const told = world.events.find(({ reason }) => reason === 'FailedCreatePodSandBox');
    assert.equal(
      told?.message,
      "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    );
  });

  it('has ranges as long as asked', async (t) => {
    const world = await start(t);
    await world.start({ userNamespaces: { idsPerPod: 2 * UNIT } });
    await run(world, 'a', { hostUsers: false });
    const [request] = world.cri.sandboxRequests;
    const { uids } = request?.config?.linux?.securityContext?.namespaceOptions?.usernsOptions ?? {};
    assert.deepEqual(uids, [{ hostId: 2 * UNIT, length: 2 * UNIT }]);
  });
});
