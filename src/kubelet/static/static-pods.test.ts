/** Static pods on a whole kubelet, against a real API server, in virtual time. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { PodSpec } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld, MANIFESTS } from '#kit/kubelet/kubelet-world.ts';
import { NODE, POD } from '../resources.ts';

const SECOND = 1000;

/** A manifest of a pod on the host's network. */
function manifest(
  name: string,
  more: { image?: string; grace?: number; spec?: string } = {},
): string {
  const { image = 'i', grace = 30, spec = '' } = more;
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: ${grace}
  containers: [{name: main, image: ${image}}]
  ${spec}`;
}

function onHost(container: string): PodSpec {
  return {
    nodeName: 'n1',
    hostNetwork: true,
    automountServiceAccountToken: false,
    containers: [{ name: container, image: 'i' }],
  };
}

describe('static pods', () => {
  let cluster: TestCluster;
  let world: KubeletWorld;

  const setUp = async (manifests: Readonly<Record<string, string>> = {}): Promise<void> => {
    cluster = await TestCluster.start({ nodes: 0 });
    world = await KubeletWorld.make(cluster, manifests);
  };
  afterEach(async () => {
    await world.stop();
    await cluster.stop();
  });

  const mirrorUid = async (name = 'web-n1') => (await world.pod(name))?.metadata?.uid;
  const failures = () =>
    world.events
      .filter(({ reason }) => reason === 'FailedValidation')
      .map(({ message }) => message);

  it('run, and are shown by a mirror pod that the node owns', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    const mirror = await world.pod('web-n1');
    const [node] = await cluster.list(NODE);
    const [container] = [...world.cri.containers.values()];
    const hash = container?.status.labels?.['io.kubernetes.pod.uid'];
    assert.deepEqual(mirror?.metadata?.ownerReferences, [
      { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: node?.metadata?.uid, controller: true },
    ]);
    assert.deepEqual(mirror?.metadata?.annotations, {
      'kubernetes.io/config.hash': hash,
      'kubernetes.io/config.mirror': hash,
      'kubernetes.io/config.seen': mirror?.metadata?.annotations?.['kubernetes.io/config.seen'],
      'kubernetes.io/config.source': 'file',
    });
    assert.match(
      mirror.metadata.annotations['kubernetes.io/config.seen'] ?? '',
      /^2026-01-01T00:00:\d\d\.\d{6}Z$/,
    );
    assert.notEqual(mirror.metadata.uid, hash);
    assert.deepEqual([mirror.status?.phase, mirror.status?.podIP], ['Running', '192.0.2.1']);
    assert.equal(mirror.spec?.serviceAccountName, undefined);
  });

  it('run before there is an API, and are shown when it comes', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    world.isCutOff = true;
    await world.start();
    await world.advance(30 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    world.isCutOff = false;
    await world.advance(60 * SECOND);
    assert.equal((await world.pod('web-n1'))?.status?.phase, 'Running');
  });

  it('come with their file, and go with it: first the pod, then its mirror', async () => {
    await setUp();
    await world.start();
    await world.write('web.yaml', manifest('web', { grace: 10 }));
    await world.advance(2 * SECOND);
    assert.notEqual(await mirrorUid(), undefined);
    world.cri.stopMs = 5 * SECOND;
    await world.remove('web.yaml');
    await world.advance(4 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    assert.notEqual(await mirrorUid(), undefined, 'until there is nothing to tell of');
    await world.advance(4 * SECOND);
    assert.deepEqual([world.running(), await mirrorUid()], [[], undefined]);
    assert.deepEqual(world.cri.containers.size, 0);
  });

  it('are looked for every 20 seconds where nothing can be watched', async () => {
    await setUp();
    world.fileSystem.cannotWatch = true;
    await world.start();
    await world.advance(SECOND);
    await world.write('web.yaml', manifest('web'));
    await world.advance(18 * SECOND);
    assert.deepEqual(world.running(), []);
    await world.advance(2 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
  });

  it('are looked for as often as told', async () => {
    await setUp();
    world.fileSystem.cannotWatch = true;
    await world.start({ fileCheckFrequency: '3s' });
    await world.write('web.yaml', manifest('web'));
    await world.advance(4 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
  });

  it('live on when their mirror is deleted, and get another', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    const before = await world.pod('web-n1');
    const containers = [...world.cri.containers.keys()];
    await cluster.delete(POD, before ?? {});
    await world.advance(5 * SECOND);
    const after = await world.pod('web-n1');
    assert.notEqual(after?.metadata?.uid, before?.metadata?.uid);
    assert.deepEqual(
      [after?.metadata?.deletionTimestamp, after?.status?.phase],
      [undefined, 'Running'],
    );
    assert.deepEqual([...world.cri.containers.keys()], containers);
    await cluster.delete(POD, after ?? {}, { gracePeriodSeconds: 0 });
    await world.advance(5 * SECOND);
    assert.notEqual(await mirrorUid(), after?.metadata?.uid);
    assert.equal((await world.pod('web-n1'))?.status?.phase, 'Running');
  });

  it('are replaced when their file changes, the old one first', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    const before = await mirrorUid();
    world.cri.stopMs = 5 * SECOND;
    await world.write('web.yaml', manifest('web', { image: 'i2' }));
    await world.advance(4 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main'], 'never two at a time');
    assert.equal(await mirrorUid(), before);
    await world.advance(6 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    const after = await world.pod('web-n1');
    assert.equal(after?.spec?.containers[0]?.image, 'i2');
    assert.deepEqual([after.metadata?.uid === before, after.status?.phase], [false, 'Running']);
  });

  it('start again when their file comes back while they end', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    world.cri.stopMs = 5 * SECOND;
    await world.remove('web.yaml');
    await world.advance(2 * SECOND);
    await world.write('web.yaml', manifest('web'));
    await world.advance(10 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    const starts = world.events.filter(({ reason }) => reason === 'Started');
    assert.equal(starts.length, 2);
  });

  it('change in place when they bring their own uid', async () => {
    const own = (image: string) =>
      manifest('web', { image }).replace('name: web}', 'name: web, uid: my-own}');
    await setUp({ 'web.yaml': own('i') });
    await world.start();
    await world.advance(5 * SECOND);
    const sandboxes = [...world.cri.sandboxes.keys()];
    await world.write('web.yaml', own('i2'));
    await world.advance(20 * SECOND);
    assert.deepEqual([...world.cri.sandboxes.keys()], sandboxes);
    const images = [...world.cri.containers.values()]
      .filter(({ status }) => status.state === 1)
      .map(({ status }) => status.image?.image);
    assert.equal(images.length, 1);
    assert.deepEqual(world.running(), ['web-n1/main']);
    const starts = world.events.filter(({ reason }) => reason === 'Started');
    assert.equal(starts.length, 2);
  });

  it('keep their containers over a restart of the kubelet', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    const containers = [...world.cri.containers.keys()];
    const [uid, startTime] = [await mirrorUid(), (await world.pod('web-n1'))?.status?.startTime];
    await world.stop();
    await world.advance(60 * SECOND);
    await world.start();
    await world.advance(60 * SECOND);
    assert.deepEqual([...world.cri.containers.keys()], containers);
    assert.equal(await mirrorUid(), uid);
    assert.equal((await world.pod('web-n1'))?.status?.startTime, startTime);
  });

  it('end when their file went while no kubelet ran; their mirror goes too', async () => {
    await setUp({ 'web.yaml': manifest('web'), 'db.yaml': manifest('db') });
    await world.start();
    await world.advance(5 * SECOND);
    await world.stop();
    await world.remove('web.yaml');
    await world.start();
    await world.advance(40 * SECOND);
    assert.deepEqual(world.running(), ['db-n1/main']);
    assert.equal(await mirrorUid(), undefined);
    assert.notEqual(await mirrorUid('db-n1'), undefined);
  });

  it('are left alone while it cannot be told what files there are', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    const uid = await mirrorUid();
    await world.stop();
    world.fileSystem.faults.set(MANIFESTS, new Error('EIO: input/output error'));
    await world.start();
    await world.advance(60 * SECOND);
    assert.deepEqual([world.running(), await mirrorUid()], [['web-n1/main'], uid]);
    world.fileSystem.faults.clear();
    await world.remove('web.yaml');
    await world.advance(60 * SECOND);
    assert.deepEqual([world.running(), await mirrorUid()], [[], undefined]);
  });

  it('end when the directory goes, and come back with it', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    await world.fileSystem.remove(MANIFESTS);
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), []);
    await world.fileSystem.makeDirectory(MANIFESTS);
    await world.advance(20 * SECOND);
    await world.write('web.yaml', manifest('web'));
    await world.advance(2 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main'], 'it is watched again');
  });

  it('are read of one file, where that is the path', async () => {
    await setUp({ 'web.yaml': manifest('web'), 'db.yaml': manifest('db') });
    await world.start({ staticPodPath: `${MANIFESTS}/web.yaml` });
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
  });

  it('bad manifests are told of once, and others go on; hidden ones are passed over', async () => {
    await setUp({
      'a.yaml': 'kind: [',
      '.hidden.yaml': manifest('hidden'),
      'web.yaml': manifest('web'),
      'directory/inner.yaml': manifest('inner'),
    });
    world.fileSystem.faults.set(`${MANIFESTS}/b.yaml`, new Error('EACCES: permission denied'));
    await world.write('b.yaml', manifest('b'));
    await world.start();
    await world.advance(50 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    const [first = '', second = '', ...more] = failures();
    assert.match(
      first,
      /^Error validating manifest of static pod \/etc\/kubernetes\/manifests\/a\.yaml: couldn't parse as pod\(/,
    );
    assert.match(second, /b\.yaml: cannot be read: EACCES: permission denied$/);
    assert.deepEqual(more, []);
    const [event] = world.events.filter(({ reason }) => reason === 'FailedValidation');
    const reference = { kind: 'Node', name: 'n1', uid: 'n1' };
    assert.deepEqual([event?.about, event?.type], [{ reference }, 'Warning']);
  });

  it('keep running while an editor writes, and end when the manifest stays bad', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start();
    await world.advance(5 * SECOND);
    await world.write('web.yaml', 'half');
    await world.advance(SECOND);
    await world.write('.other', 'is looked for, too');
    await world.advance(9 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    await world.write('web.yaml', manifest('web'));
    await world.advance(40 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    await world.write('web.yaml', 'half');
    await world.advance(40 * SECOND);
    assert.deepEqual(world.running(), []);
  });

  it('of two of one name the later file counts', async () => {
    await setUp({
      'a.yaml': manifest('web', { image: 'a' }),
      'b.yaml': manifest('web', { image: 'b' }),
    });
    await world.start();
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    assert.equal((await world.pod('web-n1'))?.spec?.containers[0]?.image, 'b');
  });

  it('tolerate what ends other pods', async () => {
    await setUp({ 'web.yaml': manifest('web') });
    await world.start({ registerWithTaints: [{ key: 'a', effect: 'NoExecute' }] });
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
  });

  it('a pod of the API does not become one by saying so', async () => {
    await setUp();
    await world.start();
    await world.advance(2 * SECOND);
    await cluster.create(POD, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'sly',
        namespace: 'default',
        annotations: { 'kubernetes.io/config.source': 'file' },
      },
      spec: onHost('main'),
    });
    await world.advance(5 * SECOND);
    const pod = await world.pod('sly');
    assert.equal(pod?.status?.phase, 'Running', 'its status is written to itself');
  });

  it('a mirror pod of no static pod goes', async () => {
    await setUp();
    await world.start({ staticPodPath: '/nowhere' });
    await world.advance(2 * SECOND);
    await cluster.create(POD, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'stray',
        namespace: 'default',
        annotations: { 'kubernetes.io/config.mirror': 'x' },
      },
      spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'i' }] },
    });
    await world.advance(2 * SECOND);
    assert.deepEqual([await world.pod('stray'), world.running()], [undefined, []]);
  });

  it('the mirror waits for a name that another pod has', async () => {
    await setUp();
    await world.start();
    await world.advance(2 * SECOND);
    const other = await cluster.create(POD, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web-n1', namespace: 'default' },
      spec: onHost('other'),
    });
    await world.write('web.yaml', manifest('web'));
    await world.advance(10 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main', 'web-n1/other']);
    assert.equal(await mirrorUid(), other.metadata?.uid);
    await cluster.delete(POD, other);
    await world.advance(120 * SECOND);
    assert.deepEqual(world.running(), ['web-n1/main']);
    assert.equal((await world.pod('web-n1'))?.status?.phase, 'Running');
  });
});
