/** Device plug-ins on a whole kubelet, against a real API server, in virtual time. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { SimulatedDevicePlugin } from '#kit/kubelet/device-plugin.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { NODE, POD } from '../resources.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const GPU = 'example.com/gpu';
const DIRECTORY = '/var/lib/kubelet/device-plugins';
const CHECKPOINT = `${DIRECTORY}/kubelet_internal_checkpoint`;

function wanting(amount: number, name = 'main', more: Partial<Container> = {}): Container {
  const limits = { [GPU]: String(amount) };
  return { name, image: 'i', resources: { limits, requests: limits }, ...more };
}

describe('device plug-ins', () => {
  let cluster: TestCluster;
  let world: KubeletWorld;
  let plugin: SimulatedDevicePlugin;

  beforeEach(async () => {
    cluster = await TestCluster.start({ nodes: 0 });
    world = await KubeletWorld.make(cluster);
    plugin = new SimulatedDevicePlugin(world.sockets, DIRECTORY, GPU, ['a', 'b', 'c']);
  });
  afterEach(async () => {
    await world.stop();
    await cluster.stop();
  });

  async function start(): Promise<void> {
    await world.start();
    await plugin.listen();
    await cluster.run(plugin.register());
    await world.advance(11 * SECOND);
  }

  async function room(): Promise<(string | undefined)[]> {
    const { status } = await cluster.get(NODE, 'n1');
    return [status?.capacity?.[GPU], status?.allocatable?.[GPU]];
  }

  /** Bound by hand: the scheduler need not agree. */
  async function run(name: string, containers: Container[], more: Partial<PodSpec> = {}) {
    const spec: PodSpec = {
      nodeName: 'n1',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers,
      ...more,
    };
    await cluster.create(POD, { metadata: { name, namespace: 'default' }, spec });
    await world.advance(5 * SECOND);
  }

  const why = ({ status }: Pod = {}) => [status?.phase, status?.reason, status?.message];

  /** What the newest container of this name was made from. */
  function configOf(name: string) {
    return [...world.cri.configs.values()].findLast(({ metadata }) => metadata?.name === name);
  }

  function devicesOf(name: string): string | undefined {
    const found = configOf(name)?.envs?.find(({ key }) => key === 'DEVICES');
    return found?.value === undefined ? undefined : Buffer.from(found.value).toString();
  }

  async function page(): Promise<string> {
    return world.kubelet?.context?.metrics.registry.text() ?? '';
  }

  it('are counted in the status of the node: unhealthy devices in the capacity alone', async () => {
    await start();
    assert.deepEqual(await room(), ['3', '3']);
    await cluster.run(plugin.setHealth('b', 'Unhealthy'));
    await world.advance(11 * SECOND);
    assert.deepEqual(await room(), ['3', '2']);
    assert.match(
      await page(),
      /kubelet_device_plugin_registration_total\{resource_name="example.com\/gpu"\} 1/,
    );
  });

  it('count no healthy device when they are gone, and nothing after five minutes', async () => {
    await start();
    await cluster.run(plugin.stop());
    await world.advance(11 * SECOND);
    assert.deepEqual(await room(), ['3', '0']);
    await world.advance(4.5 * MINUTE);
    assert.deepEqual(await room(), ['3', '0']);
    await world.advance(MINUTE);
    assert.deepEqual(await room(), ['0', '0']);
    await plugin.listen();
    await cluster.run(plugin.register());
    await world.advance(11 * SECOND);
    assert.deepEqual(await room(), ['3', '3']);
  });

  it('give a container what they say, which its own settings go before', async () => {
    await start();
    plugin.grant = (ids) => ({
      envs: { DEVICES: ids.join(' '), MODE: 'theirs' },
      mounts: [{ containerPath: '/lib/gpu', hostPath: '/opt/gpu', readOnly: true }],
      devices: ids.map((id) => ({
        containerPath: `/dev/${id}`,
        hostPath: `/dev/gpu-${id}`,
        permissions: 'rw',
      })),
      annotations: { gpu: 'yes', 'io.kubernetes.container.restartCount': '9' },
      cdiDevices: [{ name: 'example.com/gpu=a' }],
    });
    await run('p', [
      wanting(2, 'main', { env: [{ name: 'MODE', value: 'own' }], args: ['$(DEVICES)'] }),
    ]);
    const config = configOf('main');
    const envs = config?.envs?.map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]);
    assert.deepEqual(Object.fromEntries(envs ?? [])['DEVICES'], 'a b');
    assert.equal(Object.fromEntries(envs ?? [])['MODE'], 'own');
    assert.deepEqual(config?.args, ['a b']);
    assert.deepEqual(config?.mounts?.[0], {
      containerPath: '/lib/gpu',
      hostPath: '/opt/gpu',
      readonly: true,
    });
    assert.deepEqual(config?.devices, [
      { containerPath: '/dev/a', hostPath: '/dev/gpu-a', permissions: 'rw' },
      { containerPath: '/dev/b', hostPath: '/dev/gpu-b', permissions: 'rw' },
    ]);
    assert.deepEqual(config?.CDIDevices, [{ name: 'example.com/gpu=a' }]);
    assert.equal(config?.annotations?.['gpu'], 'yes');
    assert.equal(config?.annotations?.['io.kubernetes.container.restartCount'], '0');
    assert.match(
      await page(),
      /kubelet_device_plugin_alloc_duration_seconds_count\{resource_name="example.com\/gpu"\} 1/,
    );
  });

  it('are asked which devices they would take, and before a container starts', async () => {
    plugin.options = { preStartRequired: true, getPreferredAllocationAvailable: true };
    plugin.preferred = ['c', 'no such'];
    await start();
    await run('p', [wanting(2)]);
    assert.deepEqual(plugin.asked, [
      'Preferred 2 with () of a b c',
      'Allocate c a',
      'PreStartContainer c a',
    ]);
    plugin.faults.set('PreStartContainer', 'still busy');
    await run('q', [wanting(1, 'late')]);
    const [status] = (await world.pod('q'))?.status?.containerStatuses ?? [];
    assert.deepEqual(status?.state?.waiting, {
      reason: 'CreateContainerConfigError',
      message:
        'device plugin PreStartContainer rpc failed with err: rpc error: code = Unknown desc = still busy',
    });
  });

  it('are free again when their pod is over', async () => {
    await start();
    await run('p', [wanting(3)]);
    await run('q', [wanting(1)]);
    assert.deepEqual(why(await world.pod('q')), [
      'Failed',
      'UnexpectedAdmissionError',
      `Pod was rejected: Allocate failed due to requested number of devices unavailable for ${GPU}. Requested: 1, Available: 0, which is unexpected`,
    ]);
    await cluster.delete(POD, (await world.pod('p')) ?? {}, {});
    await world.advance(10 * SECOND);
    await run('r', [wanting(2)]);
    assert.equal((await world.pod('r'))?.status?.phase, 'Running');
    assert.equal(devicesOf('main'), 'a b');
  });

  it('refuse a pod in their own words', async () => {
    await start();
    plugin.faults.set('Allocate', 'out of order');
    await run('p', [wanting(1)]);
    assert.deepEqual(why(await world.pod('p')), [
      'Failed',
      'UnexpectedAdmissionError',
      'Pod was rejected: Allocate failed due to rpc error: code = Unknown desc = out of order, which is unexpected',
    ]);
    for (const { ID = '' } of plugin.devices) await cluster.run(plugin.setHealth(ID, 'Unhealthy'));
    await run('q', [wanting(1)]);
    assert.match(
      why(await world.pod('q'))[2] ?? '',
      /no healthy devices present; cannot allocate unhealthy devices example.com\/gpu, which/,
    );
  });

  it('give those of an init container to the next, but not those of a sidecar', async () => {
    await start();
    await run('p', [wanting(2)], {
      initContainers: [wanting(1, 'sidecar', { restartPolicy: 'Always' }), wanting(2, 'first')],
    });
    assert.deepEqual(
      plugin.asked,
      ['Allocate a', 'Allocate b c', 'Allocate b c'],
      'all that there is, and enough',
    );
  });

  it('keep what they gave over a restart of the kubelet, whose socket they look for', async () => {
    await start();
    await run('p', [wanting(2)]);
    const [id = ''] = world.cri.containers.keys();
    await world.stop();
    assert.equal((await world.fileSystem.stat(plugin.path))?.kind, 'socket');
    await world.start();
    await world.advance(11 * SECOND);
    assert.equal(await world.fileSystem.stat(plugin.path), undefined, 'it has to come again');
    assert.deepEqual(await room(), ['0', '0']);
    assert.equal((await world.pod('p'))?.status?.phase, 'Running');
    // A container that ends meanwhile starts with the same ones.
    world.cri.exit(id, 1);
    await world.advance(30 * SECOND);
    assert.deepEqual([world.cri.configs.size, devicesOf('main')], [2, 'a b']);
    assert.deepEqual(plugin.asked, ['Allocate a b']);
    await plugin.listen();
    await cluster.run(plugin.register());
    await world.advance(11 * SECOND);
    await run('q', [wanting(2)]);
    assert.match(why(await world.pod('q'))[2] ?? '', /Requested: 2, Available: 1/);
  });

  it('are asked again when the checkpoint was lost, and told of it in the log', async () => {
    await start();
    await run('p', [wanting(2)]);
    const [id = ''] = world.cri.containers.keys();
    await world.stop();
    const text = await world.fileSystem.readText(CHECKPOINT);
    await world.fileSystem.writeFile(CHECKPOINT, text.replace('default', '').replace('a', 'z'));
    await world.start();
    await plugin.listen();
    await cluster.run(plugin.register());
    world.cri.exit(id, 1);
    await world.advance(30 * SECOND);
    assert.deepEqual(plugin.asked, ['Allocate a b', 'Allocate a b']);
    assert.equal(devicesOf('main'), 'a b');
  });

  it('say how the devices of a container are (KEP-4680)', async () => {
    await start();
    await run('p', [wanting(2)]);
    const shown = async () =>
      (await world.pod('p'))?.status?.containerStatuses?.[0]?.allocatedResourcesStatus;
    const of = (health: string) => [
      {
        name: GPU,
        resources: [
          { resourceID: 'a', health: 'Healthy' },
          { resourceID: 'b', health },
        ],
      },
    ];
    assert.deepEqual(await shown(), of('Healthy'));
    await cluster.run(plugin.setHealth('b', 'Broken'));
    await world.advance(SECOND);
    assert.deepEqual(await shown(), of('Unhealthy'));
  });

  it('are refused with another version, or a name that is no extended resource', async () => {
    await start();
    await assert.rejects(
      cluster.run(plugin.register('v1alpha')),
      /requested API version "v1alpha" is not supported by kubelet. Supported version is \["v1beta1"\]/,
    );
    const odd = new SimulatedDevicePlugin(world.sockets, DIRECTORY, 'cpu', ['a']);
    await assert.rejects(cluster.run(odd.register()), /the ResourceName "cpu" is invalid/);
    const dumb = new SimulatedDevicePlugin(world.sockets, DIRECTORY, 'example.com/no', ['a']);
    await assert.rejects(cluster.run(dumb.register()), /failed to get device plugin options: /);
  });

  it('count for nothing on a node that was made anew under an old name', async () => {
    await world.start();
    await world.advance(5 * SECOND);
    const given = { [GPU]: '4' };
    const patch = { status: { capacity: given, allocatable: given } };
    const options = { subresource: 'status' };
    await cluster.run(cluster.client.patch(NODE, { name: 'n1' }, 'merge', patch, options));
    await world.stop();
    await world.start();
    await world.advance(5 * SECOND);
    assert.deepEqual(await room(), ['0', '0']);
  });

  it('leave alone what somebody else has said of a node that has had devices', async () => {
    await start();
    const given = { 'example.com/other': '4' };
    const patch = { status: { capacity: given } };
    const options = { subresource: 'status' };
    await cluster.run(cluster.client.patch(NODE, { name: 'n1' }, 'merge', patch, options));
    await world.stop();
    await world.start();
    await world.advance(5 * SECOND);
    const { status } = await cluster.get(NODE, 'n1');
    assert.equal(status?.capacity?.['example.com/other'], '4');
  });

  it('of a newer process take the place of the older', async () => {
    await start();
    const newer = new SimulatedDevicePlugin(world.sockets, DIRECTORY, GPU, ['x']);
    await newer.listen();
    await cluster.run(newer.register());
    await world.advance(11 * SECOND);
    assert.deepEqual(await room(), ['1', '1']);
    await run('p', [wanting(1)]);
    assert.deepEqual([plugin.asked, newer.asked], [[], ['Allocate x']]);
  });
});
