/** Whom the SELinux warning tells what, of volumes that Pods mount with other labels. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type {
  PersistentVolumeAccessMode,
  Container,
  Pod,
  PodSecurityContext,
  Volume,
} from '#api/gen/core-v1.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { countsOf } from '#kit/metrics.ts';
import { selinuxWarningController } from './selinux-warning.ts';
import { serviceAccountController } from './serviceaccount.ts';

const DRIVER = 'csi.example.com';
const END = 'If both pods land on the same node, only one of them may access the volume.';
const METRIC = 'selinux_warning_controller_selinux_volume_conflict';

let cluster: TestCluster;
let metrics: MetricRegistry;

beforeEach(async () => {
  metrics = new MetricRegistry();
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [selinuxWarningController, serviceAccountController],
    metrics,
  });
  await cluster.create(NAMESPACE, { metadata: { name: 'far' } });
  await cluster.settle();
});

afterEach(() => cluster.stop());

async function driver(seLinuxMount: boolean): Promise<void> {
  await cluster.create(CSI_DRIVER, { metadata: { name: DRIVER }, spec: { seLinuxMount } });
}

/** A claim, and the volume with this handle that is to be its. */
async function bind(name: string, handle = 'disk', namespace = 'default') {
  const volumeName = `${namespace}-${name}`;
  const accessModes: PersistentVolumeAccessMode[] = ['ReadWriteMany'];
  const claim = await cluster.create(PERSISTENT_VOLUME_CLAIM, {
    metadata: { name, namespace },
    spec: { accessModes, volumeName, resources: { requests: { storage: '1Gi' } } },
  });
  await cluster.create(PERSISTENT_VOLUME, {
    metadata: { name: volumeName },
    spec: {
      accessModes,
      capacity: { storage: '1Gi' },
      csi: { driver: DRIVER, volumeHandle: handle },
      claimRef: { kind: 'PersistentVolumeClaim', name, namespace, uid: claim.metadata!.uid! },
    },
  });
  return claim;
}

/** A claim that is bound to the volume with this handle. */
async function bound(...words: Parameters<typeof bind>): Promise<void> {
  const claim = await bind(...words);
  const status = { ...claim.status, phase: 'Bound' as const };
  await cluster.run(cluster.client.update(PERSISTENT_VOLUME_CLAIM, { ...claim, status }, 'status'));
}

interface Words {
  readonly claim?: string;
  readonly namespace?: string;
  readonly level?: string;
  readonly policy?: string;
  readonly containers?: Container[];
  readonly volume?: Volume;
}

async function run(name: string, words: Words = {}): Promise<Pod> {
  const { claim: claimName = 'data', namespace = 'default', level, policy } = words;
  const securityContext: PodSecurityContext = {
    ...(level === undefined ? {} : { seLinuxOptions: { level } }),
    ...(policy === undefined ? {} : { seLinuxChangePolicy: policy }),
  };
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  const containers = words.containers ?? [{ name: 'main', image: 'web' }];
  const pod = await cluster.create(POD, {
    metadata: { name, namespace },
    spec: {
      securityContext,
      containers: containers.map((each) => ({ ...each, volumeMounts })),
      volumes: [words.volume ?? { name: 'v', persistentVolumeClaim: { claimName } }],
    },
  });
  await cluster.settle();
  return pod;
}

/** `pod: reason message`, and who said so. */
async function events(): Promise<string[]> {
  const found = [...(await cluster.list(EVENT, 'default')), ...(await cluster.list(EVENT, 'far'))];
  return found
    .map(
      ({ involvedObject, type, reason, message, source }) =>
        `${source?.component} ${involvedObject.name} ${type} ${reason}: ${message}`,
    )
    .sort();
}

const labelled = (name: string, level: string, other: string, theirs: string): string =>
  `selinux_warning ${name} Normal SELinuxLabelConflict: SELinuxLabel ":::${level}" conflicts with pod ${other} that uses the same volume as this pod with SELinuxLabel ":::${theirs}". ${END}`;

describe('two Pods with one volume', () => {
  it('are both told when their labels differ, and the metric shows it while both are there', async () => {
    await driver(true);
    await bound('data');
    const first = await run('a', { level: 's0:c1' });
    await run('b', { level: 's0:c2' });
    assert.deepEqual(await events(), [
      labelled('a', 's0:c1', 'b', 's0:c2'),
      labelled('b', 's0:c2', 'a', 's0:c1'),
    ]);
    assert.deepEqual(countsOf(metrics, METRIC), [
      '{property="SELinuxLabel",pod1_namespace="default",pod1_name="a",pod1_value=":::s0:c1",pod2_namespace="default",pod2_name="b",pod2_value=":::s0:c2"} 1',
      '{property="SELinuxLabel",pod1_namespace="default",pod1_name="b",pod1_value=":::s0:c2",pod2_namespace="default",pod2_name="a",pod2_value=":::s0:c1"} 1',
    ]);
    await cluster.delete(POD, first, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(countsOf(metrics, METRIC), []);
  });

  it('are told nothing when the labels are the same, or one has ended', async () => {
    await driver(true);
    await bound('data');
    await run('a', { level: 's0:c1' });
    await run('b', { level: 's0:c1' });
    const ended = await run('c', { claim: 'more', level: 's0:c2' });
    const status = { ...ended.status, phase: 'Succeeded' as const };
    await cluster.run(cluster.client.update(POD, { ...ended, status }, 'status'));
    await bound('more');
    await cluster.settle();
    assert.deepEqual(await events(), []);
  });

  it('are told of the change policy too, when one has the volume relabelled', async () => {
    await driver(true);
    await bound('data');
    await run('a', { level: 's0:c1', policy: 'Recursive' });
    await run('b', { level: 's0:c1' });
    const reasons = (await events()).map((text) => text.split(': ')[0]);
    assert.deepEqual(reasons, [
      'selinux_warning a Normal SELinuxChangePolicyConflict',
      'selinux_warning a Normal SELinuxLabelConflict',
      'selinux_warning b Normal SELinuxChangePolicyConflict',
      'selinux_warning b Normal SELinuxLabelConflict',
    ]);
  });

  it('learn nothing of each other when they are in different namespaces', async () => {
    await driver(true);
    await bound('data');
    await bound('data', 'disk', 'far');
    await run('a', { level: 's0:c1' });
    await run('b', { level: 's0:c2', namespace: 'far' });
    const text = (name: string, level: string): string =>
      `selinux_warning ${name} Normal SELinuxLabelConflict: SELinuxLabel":::${level}" conflicts with another pod that uses the same volume as this pod with a different SELinuxLabel. ${END}`;
    assert.deepEqual(await events(), [text('a', 's0:c1'), text('b', 's0:c2')]);
  });

  it('are told when the driver begins to mount with labels, and of volumes that are bound later', async () => {
    await driver(false);
    await run('a', { level: 's0:c1' });
    await run('b', { level: 's0:c2' });
    await bound('data');
    await cluster.settle();
    assert.deepEqual(await events(), []);
    await cluster.patch(
      CSI_DRIVER,
      { metadata: { name: DRIVER } },
      { spec: { seLinuxMount: true } },
    );
    await cluster.settle();
    const last = (await events()).filter((text) => text.includes('LabelConflict'));
    assert.ok(last.includes(labelled('a', 's0:c1', 'b', 's0:c2')));
    assert.equal(countsOf(metrics, METRIC).length, 2);
  });

  it('are told once, and not before their claim is bound', async () => {
    await driver(true);
    await run('a', { level: 's0:c1' });
    await run('b', { level: 's0:c2' });
    const claim = await bind('data');
    await cluster.settle();
    assert.deepEqual(await events(), []);
    const status = { ...claim.status, phase: 'Bound' as const };
    const next = { ...claim, status };
    await cluster.run(cluster.client.update(PERSISTENT_VOLUME_CLAIM, next, 'status'));
    await cluster.settle();
    assert.equal((await events()).length, 2);
    await cluster.patch(PERSISTENT_VOLUME_CLAIM, claim, { metadata: { labels: { a: 'b' } } });
    await cluster.settle();
    const counts = (await cluster.list(EVENT, 'default')).map(({ count }) => count);
    assert.deepEqual(counts, [1, 1]);
  });

  it('may have volumes without claims: of Fibre Channel and iSCSI', async () => {
    const fc = { name: 'v', fc: { targetWWNs: ['w1'], lun: 2 } };
    const target = { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2026-01.com.example:d', lun: 0 };
    await run('a', { level: 's0:c1', volume: fc });
    await run('b', { level: 's0:c2', volume: { ...fc, fc: { ...fc.fc, lun: 3 } } });
    await run('c', { level: 's0:c1', volume: { name: 'v', iscsi: target } });
    await run('f', { level: 's0:c4', volume: { name: 'v', iscsi: { ...target, lun: 1 } } });
    assert.deepEqual(await events(), []);
    await run('d', { level: 's0:c2', volume: { name: 'v', iscsi: target } });
    await run('e', { level: 's0:c3', volume: fc });
    assert.deepEqual(await events(), [
      labelled('a', 's0:c1', 'e', 's0:c3'),
      labelled('c', 's0:c1', 'd', 's0:c2'),
      labelled('d', 's0:c2', 'c', 's0:c1'),
      labelled('e', 's0:c3', 'a', 's0:c1'),
    ]);
  });
});

describe('one Pod', () => {
  it('is warned when its containers mount a volume with different labels', async () => {
    await driver(true);
    await bound('data');
    const of = (name: string, level: string): Container => ({
      name,
      image: 'web',
      securityContext: { seLinuxOptions: { level } },
    });
    await run('a', { containers: [of('x', 's0:c1'), of('y', 's0:c2')] });
    assert.deepEqual(await events(), [
      'selinux_warning a Warning MultipleSELinuxLabels: Volume "v" is mounted twice with different SELinux labels inside this pod',
    ]);
  });
});
