/** What fields of a KubeletConfiguration do: a whole kubelet, an API server, a runtime in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PodSpec } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { LEASE, NODE } from '../resources.ts';
import type { KubeletConfiguration } from './types.ts';

const SECOND = 1000;
const TWO_CPUS = { '/proc/cpuinfo': 'processor : 0\n\nprocessor : 1\n' };

async function start(
  t: TestContext,
  given: Partial<KubeletConfiguration>,
  files: Readonly<Record<string, string>> = {},
): Promise<KubeletWorld> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  for (const [path, text] of Object.entries({ ...TWO_CPUS, ...files }))
    await world.fileSystem.writeFile(path, text);
  t.after(() => world.stop());
  await world.start({ staticPodPath: '', ...given });
  await world.advance(5 * SECOND);
  return world;
}

async function nodeOf(world: KubeletWorld) {
  const [node] = await world.cluster.list(NODE);
  assert.ok(node);
  return node;
}

/** One that ends within a second. */
const run = (world: KubeletWorld, name: string, spec: Partial<PodSpec> = {}): Promise<void> =>
  world.runPod(name, { terminationGracePeriodSeconds: 1, ...spec });

describe('the Node object', () => {
  it('has taints, a provider and no word of attaching, as asked', async (t) => {
    const world = await start(t, {
      registerWithTaints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }],
      providerID: 'cloud://1',
      enableControllerAttachDetach: false,
      port: 10_999,
    });
    const { metadata, spec, status } = await nodeOf(world);
    assert.deepEqual(
      spec?.taints?.find(({ key }) => key === 'a'),
      { key: 'a', value: 'b', effect: 'NoSchedule' },
    );
    assert.equal(spec?.providerID, 'cloud://1');
    assert.deepEqual(Object.keys(metadata?.annotations ?? {}), ['node.alpha.kubernetes.io/ttl']);
    assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, 10_999);
  });

  it('has less to give where some is reserved', async (t) => {
    const world = await start(t, {
      systemReserved: { cpu: '250m', memory: '1Gi', 'ephemeral-storage': '1Ki' },
      kubeReserved: { cpu: '250m' },
      evictionHard: { 'memory.available': '50%' },
      podsPerCore: 3,
    });
    const { status } = await nodeOf(world);
    assert.deepEqual(
      [
        status?.allocatable?.['cpu'],
        status?.allocatable?.['memory'],
        status?.allocatable?.['pods'],
      ],
      ['1500m', '1Gi', '6'],
    );
    assert.equal(status?.capacity?.['cpu'], '2');
  });

  it('counts processors that are named, and no local storage where it is not kept apart', async (t) => {
    const world = await start(t, {
      reservedSystemCPUs: '0',
      kubeReserved: { cpu: '2' },
      localStorageCapacityIsolation: false,
    });
    const { status } = await nodeOf(world);
    assert.equal(status?.allocatable?.['cpu'], '1');
    assert.equal(status?.capacity?.['ephemeral-storage'], undefined);
    assert.equal(status?.allocatable?.['ephemeral-storage'], undefined);
  });

  it('is not made with registerNode: false', async (t) => {
    const world = await start(t, { registerNode: false });
    assert.deepEqual(await world.cluster.list(NODE), []);
  });

  it('has a Lease as long as asked', async (t) => {
    const world = await start(t, { nodeLeaseDurationSeconds: 7 });
    const [lease] = await world.cluster.list(LEASE, 'kube-node-lease');
    assert.equal(lease?.spec?.leaseDurationSeconds, 7);
  });
});

describe('pods', () => {
  it('beyond maxPods are refused', async (t) => {
    const world = await start(t, { maxPods: 1 });
    await run(world, 'first');
    await run(world, 'second');
    const refused = (await world.pod('second'))?.status;
    assert.deepEqual([refused?.phase, refused?.reason], ['Failed', 'OutOfpods']);
    assert.deepEqual(world.running(), ['first/main']);
  });

  it('get kernel settings that are not safe only where they are allowed', async (t) => {
    const world = await start(t, { allowedUnsafeSysctls: ['net.core.*'] });
    const asking = (name: string): Partial<PodSpec> => ({
      securityContext: { sysctls: [{ name, value: '1' }] },
    });
    await run(world, 'allowed', asking('net.core.somaxconn'));
    await run(world, 'forbidden', asking('kernel.msgmax'));
    const { reason, message } = (await world.pod('forbidden'))?.status ?? {};
    assert.deepEqual(
      [reason, message],
      ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted'],
    );
    assert.deepEqual(world.running(), ['allowed/main']);
  });

  it('have quotas of the period that is asked for, or none', async (t) => {
    const limited = [{ name: 'main', image: 'i', resources: { limits: { cpu: '500m' } } }];
    const quotas: unknown[] = [];
    for (const given of [{ cpuCFSQuotaPeriod: '10ms' }, { cpuCFSQuota: false }]) {
      const world = await start(t, given);
      await run(world, 'p', { containers: limited });
      const [container] = world.cri.containers.values();
      const { cpuPeriod, cpuQuota } = container?.status.resources?.linux ?? {};
      quotas.push([cpuPeriod, cpuQuota ?? 0]);
    }
    assert.deepEqual(quotas, [
      [10_000, 5_000],
      [100_000, 0],
    ]);
  });

  it('come back sooner with a shorter crashLoopBackOff.maxContainerRestartPeriod', async (t) => {
    const counts: number[] = [];
    for (const maxContainerRestartPeriod of ['1s', '5m']) {
      const world = await start(t, { crashLoopBackOff: { maxContainerRestartPeriod } });
      world.cri.onStart = (id) => world.cri.exit(id, 1);
      await run(world, 'p');
      await world.advance(20 * SECOND);
      const [status] = (await world.pod('p'))?.status?.containerStatuses ?? [];
      counts.push(status?.restartCount ?? 0);
    }
    const [quick = 0, slow = 0] = counts;
    assert.ok(quick >= 10 && slow <= 3, `${quick} and ${slow} restarts`);
  });

  it('of manifests are read from staticPodPath', async (t) => {
    const manifest = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 's' },
      spec: { containers: [{ name: 'main', image: 'i' }] },
    });
    const world = await start(
      t,
      { staticPodPath: '/manifests/s.json' },
      { '/manifests/s.json': manifest },
    );
    assert.deepEqual(world.running(), ['s-n1/main']);
  });
});

describe('a kubelet does not start', () => {
  const refused: readonly (readonly [
    given: Partial<KubeletConfiguration>,
    files: Readonly<Record<string, string>>,
    message: RegExp,
  ])[] = [
    [{}, { '/proc/swaps': 'Filename Type\n/dev/sda2 partition\n' }, /^Error: running with swap on/],
    [
      { protectKernelDefaults: true },
      {
        '/proc/sys/vm/overcommit_memory': '0\n',
        '/proc/sys/vm/panic_on_oom': '0',
        '/proc/sys/kernel/panic': '10',
        '/proc/sys/kernel/panic_on_oops': '1',
        '/proc/sys/kernel/keys/root_maxkeys': '1000000',
        '/proc/sys/kernel/keys/root_maxbytes': '25000000',
      },
      /^Error: invalid kernel flag: vm\/overcommit_memory, expected value: 1, actual value: 0$/,
    ],
    [
      { systemReserved: { cpu: '3' } },
      {},
      /Resource "cpu" has a reservation of 3 but capacity of 2. Expected capacity >= reservation.$/,
    ],
    [{ allowedUnsafeSysctls: ['vm.swappiness'] }, {}, /are not known to be namespaced$/],
  ];
  for (const [given, files, message] of refused)
    it(`with ${JSON.stringify(given)} where ${Object.keys(files).join(', ')}`, async (t) => {
      await assert.rejects(start(t, given, files), message);
    });
  it('but for swap that is allowed', async (t) => {
    const swaps = { '/proc/swaps': 'Filename Type\n/dev/sda2 partition\n' };
    assert.equal((await nodeOf(await start(t, { failSwapOn: false }, swaps))).kind, 'Node');
  });
});
