/** Images as volumes (KEP-4639): mounted where the runtime can, told of where it cannot. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { unlessReal } from './needs.ts';
import { eventually } from './product.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('image volumes with real containers');
const VOLUME = { name: 'tools', image: { reference: BUSYBOX, pullPolicy: 'IfNotPresent' } };

describe('an image as a volume', { skip }, () => {
  let cluster: RealCluster;
  /** The version of containerd, as one number. */
  let version: number;
  before(async () => {
    cluster = await startRealCluster();
    const path = 'jsonpath={.items[0].status.nodeInfo.containerRuntimeVersion}';
    const told = await cluster.ok(['get', 'nodes', '-o', path]);
    const [, major, minor] = /^containerd:\/\/v?(\d+)\.(\d+)/.exec(told) ?? [];
    version = Number(major) * 100 + Number(minor);
  });
  after(() => cluster?.close());

  const create = (name: string, mount: object): Promise<string> =>
    cluster.ok(
      'create -f -',
      JSON.stringify(
        podManifest(name, 'sleep 3600', {
          container: { volumeMounts: [{ name: VOLUME.name, mountPath: '/tools', ...mount }] },
          spec: { volumes: [VOLUME] },
        }),
      ),
    );
  const ready = (name: string): Promise<string> =>
    cluster.ok(`wait --for=condition=Ready pod/${name} --timeout=60s`);
  const inPod = (name: string, script: string): Promise<string> =>
    cluster.ok(['exec', name, '--', 'sh', '-c', script]);

  it('has the files of the image, which nobody can write', async () => {
    await create('whole', {});
    if (version < 201)
      return assert.match(
        await reasonOf('whole'),
        /cannot mount images, containerd can from 2\.1 on$/,
      );
    await ready('whole');
    assert.equal(await inPod('whole', 'ls /tools/bin/busybox'), '/tools/bin/busybox\n');
    assert.match(await inPod('whole', 'touch /tools/x 2>&1 || true'), /Read-only file system/);
  });

  it('or those of one folder of it', async () => {
    await create('folder', { subPath: 'bin' });
    if (version < 202)
      return assert.match(await reasonOf('folder'), /containerd can from 2\.[12] on$/);
    await ready('folder');
    assert.equal(await inPod('folder', 'ls /tools/busybox'), '/tools/busybox\n');
  });

  /** Why the container of the pod was not made. */
  function reasonOf(name: string): Promise<string> {
    const waiting = 'jsonpath={.status.containerStatuses[0].state.waiting}';
    return eventually(async () => {
      const text = await cluster.ok(['get', 'pod', name, '-o', waiting]);
      const { reason, message = '' } = JSON.parse(text || '{}') as {
        reason?: string;
        message?: string;
      };
      return reason === 'CreateContainerConfigError' ? message : undefined;
    });
  }
});
