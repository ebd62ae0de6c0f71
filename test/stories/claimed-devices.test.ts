/** Claimed devices from the scheduler to the container: a driver, a kubelet and a whole cluster. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { POD } from '#api/core/pod.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_CLAIM_TEMPLATE } from '#api/resource/resource-claim-template.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { TestCluster } from '#kit/cluster.ts';
import { aRequest, DRIVER } from '#kit/devices.ts';
import { SimulatedDraDriver } from '#kit/dra/driver.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { HEALTH_VALUE } from '../../src/kubelet/dra/dra-api.ts';
import { parseClaims } from '../../src/kubelet/dra/claim-state.ts';
import {
  POD_RESOURCES,
  podResourcesPath,
} from '../../src/kubelet/pod-resources/pod-resources-api.ts';

const SECOND = 1000;
const ROOT = '/var/lib/kubelet';
const STATE = `${ROOT}/dra_manager_state`;
const namespace = 'default';

describe('claimed devices', () => {
  let cluster: TestCluster;
  let world: KubeletWorld;
  let driver: SimulatedDraDriver;

  beforeEach(async () => {
    cluster = await TestCluster.start({ nodes: 0 });
    world = await KubeletWorld.make(cluster);
    driver = new SimulatedDraDriver({ sockets: world.sockets, root: ROOT, node: 'n1' });
    await cluster.create(DEVICE_CLASS, { metadata: { name: 'gpu' }, spec: {} });
    await world.start();
    await world.advance(5 * SECOND);
  });
  afterEach(async () => {
    await world.stop();
    await cluster.stop();
  });

  async function startDriver(...devices: string[]): Promise<void> {
    await driver.start();
    await world.advance(SECOND);
    await cluster.run(driver.publish(cluster.client, ...devices));
  }

  async function claim(name: string): Promise<void> {
    const spec = { devices: { requests: [aRequest('r'), aRequest('s')] } };
    await cluster.create(RESOURCE_CLAIM, { metadata: { name, namespace }, spec });
  }

  const main = (more: Partial<Container> = {}): Container => ({
    name: 'main',
    image: 'i',
    resources: { claims: [{ name: 'c' }] },
    ...more,
  });

  async function run(name: string, claimName: string, containers = [main()]): Promise<void> {
    await cluster.create(POD, {
      metadata: { name, namespace },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        resourceClaims: [{ name: 'c', resourceClaimName: claimName }],
        containers,
      },
    });
    await world.advance(10 * SECOND);
  }

  async function remove(name: string): Promise<void> {
    await cluster.delete(POD, { metadata: { name, namespace } }, {});
    await world.advance(10 * SECOND);
  }

  const phase = async (name: string) => (await world.pod(name))?.status?.phase;

  function cdiOf(container: string): (string | undefined)[] {
    const config = [...world.cri.configs.values()].findLast(
      ({ metadata }) => metadata?.name === container,
    );
    return (config?.CDIDevices ?? []).map(({ name }) => name);
  }

  function failures(): string[] {
    return world.events
      .filter(({ reason }) => reason === 'FailedPrepareDynamicResources')
      .map(({ message }) => message);
  }

  it('go the whole way: claim, scheduler, driver, container, and back', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    assert.equal(await phase('p'), 'Running');
    assert.deepEqual(driver.asked, ['registered', 'prepare one']);
    assert.deepEqual(cdiOf('main'), [`${DRIVER}/claim=one`]);
    const page = world.kubelet?.context?.metrics.registry.text() ?? '';
    for (const line of [
      /dra_resource_claims_in_use\{driver_name="<any>"\} 1\n/,
      /dra_resource_claims_in_use\{driver_name="gpu.example.com"\} 1\n/,
      /dra_operations_duration_seconds_count\{operation_name="PrepareResources",is_error="false"\} 1\n/,
      /dra_grpc_operations_duration_seconds_count\{driver_name="gpu.example.com",method_name="\/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin\/NodePrepareResources",grpc_status_code="OK"\} 1\n/,
      /plugin_manager_total_plugins\{socket_path="[^"]*-reg.sock",state="actual_state_of_world"\} 1\n/,
    ])
      assert.match(page, line);
    await remove('p');
    assert.deepEqual(driver.asked.slice(2), ['unprepare one']);
    assert.equal(await world.pod('p'), undefined);
    assert.deepEqual(parseClaims(await world.fileSystem.readText(STATE)), []);
  });

  it('are given to containers by request', async () => {
    await startDriver('gpu-0', 'gpu-1');
    driver.devicesOf = () => [
      { requestNames: ['r'], poolName: 'n1', deviceName: 'gpu-0', cdiDeviceIds: ['x=r', 'x=r2'] },
      { requestNames: ['s'], poolName: 'n1', deviceName: 'gpu-1', cdiDeviceIds: ['x=s'] },
      { poolName: 'n1', deviceName: 'both', cdiDeviceIds: ['x=both'] },
    ];
    const of = (name: string, request: string) =>
      main({ name, resources: { claims: [{ name: 'c', request }] } });
    await claim('one');
    await run('p', 'one', [
      of('first', 'r'),
      of('second', 's'),
      main({ name: 'none', resources: {} }),
    ]);
    assert.deepEqual(cdiOf('first'), ['x=r', 'x=r2', 'x=both']);
    assert.deepEqual(cdiOf('second'), ['x=s', 'x=both']);
    assert.deepEqual(cdiOf('none'), []);
  });

  it('of one claim are prepared once for two pods, and undone after the last', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    await run('q', 'one');
    assert.deepEqual([await phase('p'), await phase('q')], ['Running', 'Running']);
    await remove('p');
    assert.deepEqual(driver.asked, ['registered', 'prepare one']);
    await remove('q');
    assert.deepEqual(driver.asked.slice(2), ['unprepare one']);
  });

  it('keep a pod waiting, which says why, until they can be prepared', async () => {
    await startDriver('gpu-0', 'gpu-1');
    driver.faults.set('one', 'no power');
    await claim('one');
    await run('p', 'one');
    assert.equal(await phase('p'), 'Pending');
    assert.equal(
      failures()[0],
      'Failed to prepare dynamic resources: prepare dynamic resources: NodePrepareResources failed for ResourceClaim one: no power',
    );
    driver.faults.clear();
    driver.skipped.add('one');
    await world.advance(15 * SECOND);
    assert.match(failures().at(-1) ?? '', /: NodePrepareResources skipped 1 ResourceClaims$/);
    assert.equal(world.cri.sandboxes.size, 0);
    driver.skipped.clear();
    await world.advance(15 * SECOND);
    assert.equal(await phase('p'), 'Running');
  });

  it('keep a pod that ends until they are given back', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    driver.faults.set('one', 'stuck');
    await remove('p');
    assert.notEqual(await world.pod('p'), undefined);
    assert.deepEqual(world.running(), []);
    driver.faults.clear();
    await world.advance(5 * SECOND);
    assert.equal(await world.pod('p'), undefined);
  });

  it('are not asked for where the driver is not there, and the pod can be deleted', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await cluster.run(driver.stop());
    await run('p', 'one');
    assert.match(failures()[0] ?? '', /: DRA driver gpu.example.com is not registered$/);
    await remove('p');
    assert.equal(await world.pod('p'), undefined);
  });

  it('stay over a restart of the kubelet: what was prepared is not prepared again, but undone', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    await world.stop();
    const [state] = parseClaims(await world.fileSystem.readText(STATE));
    assert.deepEqual(
      [state?.name, state?.drivers.get(DRIVER)?.[0]?.cdiDeviceIds],
      ['one', [`${DRIVER}/claim=one`]],
    );
    await world.start();
    await world.advance(5 * SECOND);
    const [id = ''] = [...world.cri.containers.keys()].slice(-1);
    world.cri.exit(id, 1);
    await world.advance(30 * SECOND);
    assert.deepEqual(cdiOf('main'), [`${DRIVER}/claim=one`]);
    await remove('p');
    assert.deepEqual(driver.asked, ['registered', 'prepare one', 'registered', 'unprepare one']);
  });

  it('of a pod that went while the kubelet was away are undone', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    await world.stop();
    await cluster.delete(POD, { metadata: { name: 'p', namespace } }, { gracePeriodSeconds: 0 });
    world.cri.sandboxes.clear();
    world.cri.containers.clear();
    await world.start();
    await world.advance(90 * SECOND);
    assert.deepEqual(driver.asked.slice(2), ['registered', 'unprepare one']);
  });

  it('hold up a kubelet that cannot know whose they are', async () => {
    await world.stop();
    await world.fileSystem.writeFile(STATE, '{"Data":"{}","Checksum":1}');
    await assert.rejects(world.start(), /Cannot read .*dra_manager_state: wrong checksum. Drain/);
    await world.fileSystem.remove(STATE);
  });

  it('are withdrawn half a minute after their driver is gone, unless it comes back', async () => {
    const slices = async (): Promise<number> => (await cluster.list(RESOURCE_SLICE)).length;
    await startDriver('gpu-0');
    await world.advance(60 * SECOND);
    assert.deepEqual([await slices(), driver.healthAsked], [1, 1]);
    await cluster.run(driver.stop());
    await world.advance(20 * SECOND);
    await driver.start();
    await world.advance(60 * SECOND);
    assert.equal(await slices(), 1);
    await cluster.run(driver.stop());
    await world.advance(29 * SECOND);
    assert.equal(await slices(), 1);
    await world.advance(2 * SECOND);
    assert.equal(await slices(), 0);
    await cluster.run(driver.publish(cluster.client, 'gpu-0'));
    await world.stop();
    await world.start();
    await world.advance(5 * SECOND);
    assert.equal(await slices(), 0, 'no driver has come to this kubelet yet');
  });

  it('of a driver that dies with its socket left behind are withdrawn too', async () => {
    await startDriver('gpu-0');
    world.sockets.kill(driver.endpoint);
    await world.advance(31 * SECOND);
    assert.deepEqual(await cluster.list(RESOURCE_SLICE), []);
  });

  it('say how they are, which is not known once nobody has told for a while (KEP-4680)', async () => {
    const device = { poolName: 'n1', deviceName: 'gpu-0' };
    driver.health = [{ device, health: HEALTH_VALUE.healthy }];
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    const shown = async () => {
      const [status] = (await world.pod('p'))?.status?.containerStatuses ?? [];
      return status?.allocatedResourcesStatus;
    };
    const of = (health: string, message?: string) => [
      {
        name: 'claim:c',
        resources: [
          {
            resourceID: `${DRIVER}/claim=one`,
            health,
            ...(message === undefined ? {} : { message }),
          },
        ],
      },
    ];
    assert.deepEqual(await shown(), of('Healthy'));
    driver.health = [{ device, health: HEALTH_VALUE.unhealthy, message: 'hot' }];
    await cluster.run(driver.tellHealth());
    await world.advance(5 * SECOND);
    assert.deepEqual(await shown(), of('Unhealthy', 'hot'));
    await world.advance(150 * SECOND);
    assert.deepEqual(await shown(), of('Unknown'));
  });

  it('come of a claim that was made for the pod, and of an extended resource', async () => {
    await cluster.create(DEVICE_CLASS, {
      metadata: { name: 'npu' },
      spec: { extendedResourceName: 'example.com/npu' },
    });
    await startDriver('gpu-0', 'gpu-1');
    driver.devicesOf = ({ name }) => [
      { poolName: 'n1', deviceName: 'gpu-0', cdiDeviceIds: [`x=${name?.slice(0, 2)}`] },
    ];
    await cluster.create(RESOURCE_CLAIM_TEMPLATE, {
      metadata: { name: 'each', namespace },
      spec: { spec: { devices: { requests: [aRequest('r')] } } },
    });
    const pod = (name: string, spec: Partial<NonNullable<Pod['spec']>>): Pod => ({
      metadata: { name, namespace },
      spec: { automountServiceAccountToken: false, containers: [main()], ...spec },
    });
    await cluster.create(
      POD,
      pod('t', { resourceClaims: [{ name: 'c', resourceClaimTemplateName: 'each' }] }),
    );
    const limits = { 'example.com/npu': '1' };
    await cluster.create(
      POD,
      pod('x', { containers: [main({ name: 'other', resources: { limits } })] }),
    );
    await world.advance(10 * SECOND);
    assert.deepEqual([await phase('t'), await phase('x')], ['Running', 'Running']);
    assert.deepEqual([cdiOf('main'), cdiOf('other')], [['x=t-'], ['x=x-']]);
  });

  it('are told of to programs that ask', async () => {
    await startDriver('gpu-0', 'gpu-1');
    await claim('one');
    await run('p', 'one');
    const channel = world.sockets.open(`${ROOT}/pod-resources/kubelet.sock`);
    const request = POD_RESOURCES.encode('ListPodResourcesRequest', {});
    const bytes = await cluster.run(channel.unary(podResourcesPath('List'), request));
    const { podResources = [] } = POD_RESOURCES.decode('ListPodResourcesResponse', bytes);
    assert.deepEqual(podResources[0]?.containers?.[0]?.dynamicResources, [
      {
        claimName: 'one',
        claimNamespace: 'default',
        claimResources: [
          {
            cdiDevices: [{ name: `${DRIVER}/claim=one` }],
            driverName: DRIVER,
            poolName: 'n1',
            deviceName: 'gpu-0',
          },
        ],
      },
    ]);
  });
});
