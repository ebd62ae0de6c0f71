/** Stories of volumes that come to nodes and leave them: attach-detach against a CSI driver. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { PodSpec } from '#api/gen/core-v1.ts';
import { attachmentName, uniqueVolumeName } from '#api/storage/attachment-names.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import { allControllers, type ControllerOptions } from '#controllers/index.ts';
import { DRIVER } from '#kit/csi/backend.ts';
import { SimulatedCsiDriver } from '#kit/csi/driver.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';
import { claim, userOf, VolumeWorld } from '#kit/volumes.ts';

const MINUTE_MS = 60_000;
const on = (node: string): Partial<PodSpec> => ({
  nodeSelector: { 'kubernetes.io/hostname': node },
  tolerations: [{ operator: 'Exists' }],
});

/** A claim with a volume, and a Pod on `node-1` that uses it. */
async function attached(
  options: Parameters<typeof VolumeWorld.start>[0] = {},
  csi = new SimulatedCsiDriver(),
): Promise<VolumeWorld> {
  const world = await VolumeWorld.start(options, csi);
  await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
  await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
  await world.cluster.settle();
  assert.equal(await world.pods(), 'first=Running@node-1');
  return world;
}

const volumeName = async (world: VolumeWorld): Promise<string> =>
  (await world.volumeOf('data')).metadata?.name ?? '';

/** What a node says that it uses, and what it is told to be attached. */
async function volumesOf(world: VolumeWorld, name: string): Promise<[string[], string[]]> {
  const { status } = await world.node(name);
  return [status?.volumesInUse ?? [], (status?.volumesAttached ?? []).map((each) => each.name)];
}

const remove = (world: VolumeWorld, name: string, now = false): Promise<void> =>
  world.cluster.delete(POD, userOf(name, []), now ? { gracePeriodSeconds: 0 } : {});

describe('the volume of a CSI driver', () => {
  it('is attached before its Pod starts, and all say so', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.attachMs = 5_000;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(4_000);
    const name = await volumeName(world);
    const unique = uniqueVolumeName({ driver: DRIVER, volumeHandle: name });
    assert.equal(await world.attachments(), 'node-1!');
    assert.equal(await world.pods(), 'first=Pending@node-1');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[unique], []]);
    await world.cluster.settle();
    assert.equal(await world.pods(), 'first=Running@node-1');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[unique], [unique]]);
    const [attachment] = await world.cluster.list(VOLUME_ATTACHMENT);
    const expected = attachmentName({ driver: DRIVER, volumeHandle: name }, 'node-1');
    assert.equal(attachment?.metadata?.name, expected);
    assert.deepEqual(attachment?.spec, {
      attacher: DRIVER,
      nodeName: 'node-1',
      source: { persistentVolumeName: name },
    });
    assert.deepEqual(await world.told('first', 'SuccessfulAttachVolume'), [
      `Normal AttachVolume.Attach succeeded for volume "${name}" `,
    ]);
    await world.cluster.stop();
  });

  it('is detached when its Pod has gone', async () => {
    const world = await attached();
    await remove(world, 'first');
    await world.cluster.settle();
    assert.equal(await world.attachments(), '');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []]);
    assert.equal(world.csi.backend.volumes.get(await volumeName(world))?.nodes.size, 0);
    await world.cluster.stop();
  });

  it('is detached when its Pod has ended by itself', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    const annotations = { 'coxswain.dev/simulated-run-ms': '20000' };
    const pod = userOf('first', ['data'], { restartPolicy: 'Never' });
    await world.cluster.create(POD, { ...pod, metadata: { ...pod.metadata, annotations } });
    await world.cluster.advance(15_000);
    assert.match(await world.attachments(), /^node-\d$/);
    await world.cluster.advance(15_000);
    assert.match(await world.pods(), /first=Succeeded/);
    assert.equal(await world.attachments(), '');
    await world.cluster.stop();
  });

  it('stays for the next Pod of the node', async () => {
    const world = await attached();
    const [before] = await world.cluster.list(VOLUME_ATTACHMENT);
    await world.cluster.create(POD, userOf('second', ['data'], on('node-1')));
    await world.cluster.settle();
    await remove(world, 'first');
    await world.cluster.settle();
    assert.equal(await world.pods(), 'second=Running@node-1');
    const [after] = await world.cluster.list(VOLUME_ATTACHMENT);
    assert.equal(after?.metadata?.uid, before?.metadata?.uid);
    await world.cluster.stop();
  });

  it('is detached at once although its PersistentVolume has gone', async () => {
    const world = await attached();
    const volume = await world.volumeOf('data');
    await world.cluster.delete(PERSISTENT_VOLUME, volume);
    await world.cluster.patch(PERSISTENT_VOLUME, volume, { metadata: { finalizers: null } });
    await remove(world, 'first');
    await world.cluster.advance(10_000);
    assert.equal(await world.attachments(), '');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []]);
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('other'));
    await world.cluster.create(POD, userOf('second', ['other'], on('node-1')));
    await world.cluster.advance(10_000);
    assert.equal(await world.attachments(), 'node-1', 'and nothing is waited for');
    await world.cluster.stop();
  });

  it('goes to the next node although it came to the first when its Pod had gone', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.attachMs = 5_000;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(3_000);
    assert.equal(await world.attachments(), 'node-1!');
    await remove(world, 'first', true);
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.advance(0.5 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });

  it('has its six minutes anew when a Pod wants it again', async () => {
    const world = await attached();
    world.cluster.killNode('node-1');
    await remove(world, 'first', true);
    await world.cluster.advance(4 * MINUTE_MS);
    const { metadata, spec } = userOf('again', ['data']);
    const bound = { metadata: metadata ?? {}, spec: { ...spec!, nodeName: 'node-1' } };
    await world.cluster.create(POD, bound);
    await world.cluster.advance(10_000);
    await remove(world, 'again', true);
    await world.cluster.advance(4 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-1');
    await world.cluster.advance(3 * MINUTE_MS);
    assert.equal(await world.attachments(), '');
    await world.cluster.stop();
  });

  it('is not detached while the node says that it uses it', async () => {
    const world = await attached();
    // It is called ready for a while yet.
    world.cluster.killNode('node-1');
    await remove(world, 'first', true);
    await world.cluster.advance(20_000);
    assert.equal(await world.attachments(), 'node-1');
    const [, told] = await volumesOf(world, 'node-1');
    assert.equal(told.length, 1, 'the node may still mount it');
    world.cluster.startNode('node-1');
    await world.cluster.settle();
    assert.equal(await world.attachments(), '');
    await world.cluster.stop();
  });

  it('is not attached when its driver needs no such thing', async () => {
    const world = await attached({}, new SimulatedCsiDriver({ attachRequired: false }));
    assert.equal(await world.attachments(), '');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []]);
    await world.cluster.stop();
  });

  it('is attached to all nodes at once that may share it', async () => {
    const world = await VolumeWorld.start();
    const accessModes = ['ReadWriteMany' as const];
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { accessModes }));
    await world.cluster.create(POD, userOf('a', ['data'], on('node-1')));
    await world.cluster.create(POD, userOf('b', ['data'], on('node-2')));
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-1 node-2');
    assert.equal(await world.pods(), 'a=Running@node-1 b=Running@node-2');
    await world.cluster.stop();
  });
});

describe('a volume for one node alone', () => {
  it('is refused to a second one, and the Pod is told who has it, once', async () => {
    const world = await attached();
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.advance(2 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-1');
    assert.equal(await world.pods(), 'first=Running@node-1 second=Pending@node-2');
    assert.deepEqual(await world.told('second', 'FailedAttachVolume'), [
      `Warning Multi-Attach error for volume "${await volumeName(world)}" Volume is already used by pod(s) first`,
    ]);
    await remove(world, 'second');
    await world.cluster.settle();
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.settle();
    assert.equal((await world.told('second', 'FailedAttachVolume')).length, 2, 'another Pod');
    await remove(world, 'first');
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });
});

describe('a driver that fails', () => {
  it('to attach is told of, and asked again', async () => {
    const world = await VolumeWorld.start();
    let fails = true;
    world.csi.behaviour.failure = (operation) =>
      operation === 'attach' && fails ? 'no more slots' : undefined;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(10_000);
    assert.equal(await world.pods(), 'first=Pending@node-1');
    const message = `AttachVolume.Attach failed for volume "${await volumeName(world)}" : no more slots`;
    assert.deepEqual(await world.told('first', 'FailedAttachVolume'), [`Warning ${message}`]);
    fails = false;
    await world.cluster.advance(MINUTE_MS);
    assert.equal(await world.pods(), 'first=Running@node-1');
    await world.cluster.stop();
  });

  it('to answer is given up after two minutes, and waited for anew', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.attachMs = 3 * MINUTE_MS;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(2.5 * MINUTE_MS);
    const name = await volumeName(world);
    assert.deepEqual(await world.told('first', 'FailedAttachVolume'), [
      `Warning AttachVolume.Attach failed for volume "${name}" : timed out waiting for external-attacher of ${DRIVER} CSI driver to attach volume ${name}`,
    ]);
    await world.cluster.advance(MINUTE_MS);
    assert.equal(await world.pods(), 'first=Running@node-1');
    await world.cluster.stop();
  });

  it('to detach keeps the volume where it is until it can', async () => {
    const world = await attached();
    let fails = true;
    world.csi.behaviour.failure = (operation) =>
      operation === 'detach' && fails ? 'busy' : undefined;
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await remove(world, 'first');
    await world.cluster.advance(15_000);
    assert.equal(world.csi.backend.volumes.get(await volumeName(world))?.nodes.has('node-1'), true);
    assert.equal(await world.pods(), 'second=Pending@node-2');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []], 'not to be mounted any more');
    fails = false;
    await world.cluster.advance(3 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });
});

describe('a node that dies with a volume', () => {
  /** The node is dead, and its Pod was taken away by force. */
  async function dead(options: ControllerOptions = {}): Promise<VolumeWorld> {
    const controllers = allControllers({ namespaceGraceMs: 0, ...options });
    const world = await attached({ controllers });
    world.cluster.killNode('node-1');
    await world.cluster.advance(2 * MINUTE_MS);
    await remove(world, 'first', true);
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    return world;
  }

  it('keeps it for six minutes, and no longer', async () => {
    const world = await dead();
    await world.cluster.advance(5.8 * MINUTE_MS);
    assert.equal(await world.pods(), 'second=Pending@node-2');
    assert.equal(await world.attachments(), 'node-1');
    assert.deepEqual(await world.told('second', 'FailedAttachVolume'), [
      `Warning Multi-Attach error for volume "${await volumeName(world)}" Volume is already exclusively attached to one node and can't be attached to another`,
    ]);
    await world.cluster.advance(0.3 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });

  it('keeps it for ever where force is forbidden, until it is said to be out of service', async () => {
    const world = await dead({ attachDetach: { neverForces: true } });
    await world.cluster.advance(20 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-1');
    const taints = [
      { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' },
    ];
    await world.cluster.patch(NODE, await world.node('node-1'), { spec: { taints } });
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });

  it('gives Pods and volumes back at once when it is said to be out of service', async () => {
    const world = await attached();
    world.cluster.killNode('node-1');
    await world.cluster.advance(2 * MINUTE_MS);
    const { spec } = await world.node('node-1');
    const taint = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };
    const taints = [...(spec?.taints ?? []), taint];
    await world.cluster.patch(NODE, await world.node('node-1'), { spec: { taints } });
    await remove(world, 'first');
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.advance(MINUTE_MS);
    assert.equal(await world.pods(), 'second=Running@node-2');
    assert.equal(await world.attachments(), 'node-2');
    await world.cluster.stop();
  });

  it('is counted with its volumes, and how it lost them', async () => {
    const metrics = new MetricRegistry();
    const prefixes = ['storage_count_', 'attachdetach_controller_', 'attach_detach_controller_'];
    const counts = (): string[] => prefixes.flatMap((prefix) => countsOf(metrics, prefix));
    const world = await attached({ metrics });
    const plugin = `kubernetes.io/csi:${DRIVER}`;
    const total = (state: string, count = 1): string =>
      `total_volumes{plugin_name="${plugin}",state="${state}_state_of_world"} ${count}`;
    const inUse = (node: string): string =>
      `attachable_volumes_in_use{node="${node}",volume_plugin="${plugin}"} 1`;
    assert.deepEqual(counts(), [inUse('node-1'), total('actual'), total('desired')]);
    await world.cluster.create(POD, userOf('homeless', ['data'], on('nowhere')));
    await world.cluster.create(POD, userOf('refused', ['data'], on('node-2')));
    const taken = claim('taken', { volumeName: await volumeName(world) });
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, taken);
    await world.cluster.create(POD, userOf('late', ['taken'], { nodeName: 'node-1' }));
    await world.cluster.advance(5_000);
    const both = [inUse('node-1'), inUse('node-2'), total('actual'), total('desired', 2)];
    assert.deepEqual(counts(), both);
    for (const name of ['homeless', 'refused', 'late']) await remove(world, name, true);
    world.cluster.killNode('node-1');
    await remove(world, 'first', true);
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual(counts(), [total('actual')]);
    await world.cluster.advance(7 * MINUTE_MS);
    const forced = (reason: string): string =>
      `attachdetach_controller_forced_detaches{reason="${reason}"} 1`;
    assert.deepEqual(counts(), [forced('timeout')]);
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.settle();
    world.cluster.killNode('node-2');
    await world.cluster.advance(2 * MINUTE_MS);
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
    await world.cluster.patch(NODE, await world.node('node-2'), { spec: { taints } });
    await remove(world, 'second');
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual(counts(), [forced('out-of-service'), forced('timeout')]);
    await world.cluster.stop();
  });

  it('is timed as it comes and goes, and as it is looked after', async () => {
    const metrics = new MetricRegistry();
    const world = await VolumeWorld.start({ metrics });
    world.csi.behaviour.attachMs = 5_000;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(20_000);
    const name = 'storage_operation_duration_seconds';
    const timed = (): string[] => countsOf(metrics, `${name}_count`);
    const of = (what: string, status: string, plugin = `kubernetes.io/csi:${DRIVER}`): string =>
      `{volume_plugin="${plugin}",operation_name="${what}",status="${status}",migrated="false"}`;
    const came = of('volume_attach', 'success');
    assert.deepEqual(timed(), [`${came} 1`]);
    const seconds = sampleOf(metrics, `${name}_sum${came}`);
    assert.ok(seconds >= 5 && seconds < 6, `${seconds} s`);
    await world.cluster.advance(MINUTE_MS);
    const checked = of('verify_volumes_are_attached_per_node', 'success', '<n/a>');
    assert.deepEqual(timed(), [`${checked} 1`, `${came} 1`]);
    await remove(world, 'first');
    await world.cluster.settle();
    const left = of('volume_detach', 'success');
    assert.deepEqual(timed(), [`${checked} 1`, `${came} 1`, `${left} 1`]);
    world.csi.behaviour.failure = (operation) => (operation === 'attach' ? 'no' : undefined);
    await world.cluster.create(POD, userOf('second', ['data'], on('node-2')));
    await world.cluster.advance(10_000);
    assert.ok(sampleOf(metrics, `${name}_count${of('volume_attach', 'fail-unknown')}`) > 0);
    await world.cluster.stop();
  });

  it('gives it back six minutes after it was deleted', async () => {
    const world = await dead();
    await world.cluster.delete(NODE, await world.node('node-1'));
    await world.cluster.advance(7 * MINUTE_MS);
    assert.equal(await world.attachments(), 'node-2');
    assert.equal(await world.pods(), 'second=Running@node-2');
    await world.cluster.stop();
  });
});

describe('what is attached', () => {
  it('is attached again when its attachment was lost', async () => {
    const world = await attached();
    const [attachment] = await world.cluster.list(VOLUME_ATTACHMENT);
    await world.cluster.delete(VOLUME_ATTACHMENT, attachment!);
    await world.cluster.advance(20_000);
    assert.equal(await world.attachments(), '');
    await world.cluster.advance(MINUTE_MS);
    assert.equal(await world.attachments(), 'node-1');
    await world.cluster.stop();
  });

  it('is known after a restart, and detached when its Pod went meanwhile', async () => {
    const world = await attached();
    await world.cluster.startComponents();
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-1');
    assert.deepEqual(await world.told('first', 'SuccessfulAttachVolume'), [
      `Normal AttachVolume.Attach succeeded for volume "${await volumeName(world)}" `,
    ]);
    await world.cluster.stopComponents();
    await remove(world, 'first');
    await world.cluster.advance(20_000);
    assert.equal(await world.attachments(), 'node-1', 'nobody detaches');
    await world.cluster.startComponents();
    await world.cluster.settle();
    assert.equal(await world.attachments(), '');
    await world.cluster.stop();
  });

  it('is waited for after a restart between question and answer', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.attachMs = 30_000;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(10_000);
    assert.equal(await world.attachments(), 'node-1!');
    await world.cluster.startComponents();
    await world.cluster.advance(30_000);
    assert.equal(await world.attachments(), 'node-1');
    assert.equal(await world.pods(), 'first=Running@node-1');
    await world.cluster.stop();
  });

  it('goes when a restart comes before its answer, and its Pod has gone', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.attachMs = 30_000;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(10_000);
    await world.cluster.stopComponents();
    await remove(world, 'first');
    await world.cluster.advance(5_000);
    await world.cluster.startComponents();
    await world.cluster.advance(MINUTE_MS);
    assert.equal(await world.attachments(), '');
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []]);
    await world.cluster.stop();
  });
});

describe('a node', () => {
  const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach';

  it('that attaches by itself is let be until it does not any more', async () => {
    const world = await VolumeWorld.start();
    const node = await world.node('node-1');
    await world.cluster.patch(NODE, node, { metadata: { annotations: { [MANAGED]: null } } });
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.advance(20_000);
    assert.equal(await world.attachments(), '');
    await world.cluster.patch(NODE, node, { metadata: { annotations: { [MANAGED]: 'true' } } });
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-1');
    await world.cluster.stop();
  });

  it('that starts again uses what its Pods use, and lets the rest go', async () => {
    const world = await attached();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('other'));
    await world.cluster.create(POD, userOf('second', ['other'], on('node-1')));
    await world.cluster.settle();
    world.cluster.killNode('node-1');
    await remove(world, 'second', true);
    world.cluster.startNode('node-1');
    await world.cluster.settle();
    const unique = uniqueVolumeName({ driver: DRIVER, volumeHandle: await volumeName(world) });
    assert.deepEqual(await volumesOf(world, 'node-1'), [[unique], [unique]]);
    await remove(world, 'first');
    await world.cluster.settle();
    assert.deepEqual(await volumesOf(world, 'node-1'), [[], []]);
    await world.cluster.stop();
  });

  it('keeps what others say of it', async () => {
    const world = await VolumeWorld.start();
    const foreign = { name: 'kubernetes.io/iscsi/target:0', devicePath: '/dev/x' };
    const patch = { status: { volumesAttached: [foreign] } };
    const options = { subresource: 'status' } as const;
    const { client } = world.cluster;
    await world.cluster.run(client.patch(NODE, { name: 'node-1' }, 'merge', patch, options));
    await world.cluster.startComponents();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('first', ['data'], on('node-1')));
    await world.cluster.settle();
    const { status } = await world.node('node-1');
    assert.deepEqual(status?.volumesAttached?.[0], foreign);
    assert.equal(status.volumesAttached.length, 2);
    await world.cluster.stop();
  });

  it('is rid of volumes whose driver attaches no more', async () => {
    const world = await attached();
    await world.cluster.delete(CSI_DRIVER, { metadata: { name: DRIVER } });
    const spec = { attachRequired: false };
    await world.cluster.create(CSI_DRIVER, { metadata: { name: DRIVER }, spec });
    await world.cluster.settle();
    assert.equal(await world.attachments(), 'node-1', 'it is used yet');
    const patch = { status: { volumesInUse: [] } };
    const options = { subresource: 'status' } as const;
    const { client } = world.cluster;
    await world.cluster.run(client.patch(NODE, { name: 'node-1' }, 'merge', patch, options));
    await world.cluster.settle();
    assert.equal(await world.attachments(), '');
    await world.cluster.stop();
  });
});
