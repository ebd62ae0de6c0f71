/** Stories of devices: claims get them with a node, keep them for their pods, and give them back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { DeviceClaim, ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_CLAIM_TEMPLATE } from '#api/resource/resource-claim-template.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { TestCluster } from '#kit/cluster.ts';
import { aRequest, anyOf, aSlice, DRIVER, selecting, type SliceWords } from '#kit/devices.ts';

const NAMESPACE = 'default';
const FINALIZER = 'resource.kubernetes.io/delete-protection';
const PREEMPTION =
  'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';

function slice(name: string, words: SliceWords): ResourceSlice {
  const { spec } = aSlice(name, words);
  return { metadata: { name }, ...(spec === undefined ? {} : { spec }) };
}

function claim(name: string, devices: DeviceClaim = { requests: [aRequest('r')] }): ResourceClaim {
  return { metadata: { name, namespace: NAMESPACE }, spec: { devices } };
}

function pod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: { containers: [{ name: 'main', image: 'web' }], ...spec },
  };
}

const using = (name: string, claimName: string): Pod =>
  pod(name, { resourceClaims: [{ name: 'c', resourceClaimName: claimName }] });

class Devices {
  readonly cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  static async start(nodes = 1): Promise<Devices> {
    const cluster = await TestCluster.start({ nodes });
    await cluster.create(DEVICE_CLASS, { metadata: { name: 'gpu' }, spec: {} });
    return new Devices(cluster);
  }

  async add(...objects: readonly (ResourceSlice | ResourceClaim)[]): Promise<void> {
    for (const object of objects)
      if (object.metadata?.namespace === undefined)
        await this.cluster.create(RESOURCE_SLICE, object as ResourceSlice);
      else await this.cluster.create(RESOURCE_CLAIM, object as ResourceClaim);
  }

  async run(...pods: readonly Pod[]): Promise<void> {
    for (const each of pods) await this.cluster.create(POD, each);
    await this.cluster.settle();
  }

  async remove(name: string): Promise<void> {
    await this.cluster.delete(POD, pod(name), { gracePeriodSeconds: 0 });
    await this.cluster.settle();
  }

  pod(name: string): Promise<Pod> {
    return this.cluster.get(POD, name, NAMESPACE);
  }

  claim(name: string): Promise<ResourceClaim> {
    return this.cluster.get(RESOURCE_CLAIM, name, NAMESPACE);
  }

  async nodeOf(name: string): Promise<string> {
    return (await this.pod(name)).spec?.nodeName ?? '';
  }

  async saidOf(name: string): Promise<string> {
    return podCondition(await this.pod(name), 'PodScheduled')?.message ?? '';
  }

  /** `pool/device` of each that the claim has. */
  async devicesOf(name: string): Promise<string[]> {
    const results = (await this.claim(name)).status?.allocation?.devices?.results ?? [];
    return results.map(({ pool, device }) => `${pool}/${device}`);
  }

  async usersOf(name: string): Promise<string[]> {
    return ((await this.claim(name)).status?.reservedFor ?? []).map((user) => user.name);
  }

  /** The driver says of the device of a claim what it is. */
  async report(name: string, type: string, message = ''): Promise<void> {
    const now = await this.claim(name);
    const [result] = now.status?.allocation?.devices?.results ?? [];
    const { driver = '', pool = '', device = '' } = result ?? {};
    const lastTransitionTime = new Date(this.cluster.environment.clock.now()).toISOString();
    const condition = {
      type,
      status: 'True' as const,
      reason: 'Reported',
      message,
      lastTransitionTime: lastTransitionTime.replace(/\.\d+/, ''),
    };
    const devices = [{ driver, pool, device, conditions: [condition] }];
    const next = { ...now, status: { ...now.status, devices } };
    await this.cluster.run(this.cluster.client.update(RESOURCE_CLAIM, next, 'status'));
    await this.cluster.settle();
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }
}

describe('a pod with a claim', () => {
  it('runs where the device is, and the claim says which one it has, and for whom', async () => {
    const devices = await Devices.start(2);
    await devices.add(slice('s', { nodeName: 'node-2', devices: ['gpu-0'] }), claim('one'));
    await devices.run(using('p', 'one'));
    assert.equal(await devices.nodeOf('p'), 'node-2');
    const { metadata, status } = await devices.claim('one');
    assert.deepEqual(metadata?.finalizers, [FINALIZER]);
    assert.deepEqual(status?.reservedFor, [
      { resource: 'pods', name: 'p', uid: (await devices.pod('p')).metadata?.uid },
    ]);
    const { allocationTimestamp, ...allocation } = status?.allocation ?? {};
    assert.match(allocationTimestamp ?? '', /^20.*Z$/);
    assert.deepEqual(allocation, {
      devices: { results: [{ request: 'r', driver: DRIVER, pool: 'node-2', device: 'gpu-0' }] },
      nodeSelector: {
        nodeSelectorTerms: [
          { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] },
        ],
      },
    });
    await devices.stop();
  });

  it('shares it with another pod of the claim, on the same node', async () => {
    const devices = await Devices.start(3);
    await devices.add(slice('s', { nodeName: 'node-2', devices: ['gpu-0'] }), claim('one'));
    await devices.run(using('p', 'one'), using('q', 'one'));
    assert.deepEqual([await devices.nodeOf('p'), await devices.nodeOf('q')], ['node-2', 'node-2']);
    assert.deepEqual((await devices.usersOf('one')).toSorted(), ['p', 'q']);
    await devices.stop();
  });

  it('waits for a device that another claim has, and gets it when that is given back', async () => {
    const devices = await Devices.start();
    const template = {
      metadata: { name: 'each', namespace: NAMESPACE },
      spec: { spec: { devices: { requests: [aRequest('r')] } } },
    };
    await devices.add(slice('s', { nodeName: 'node-1', devices: ['gpu-0'] }), claim('one'));
    await devices.cluster.create(RESOURCE_CLAIM_TEMPLATE, template);
    await devices.run(using('p', 'one'));
    const later = { name: 'c', resourceClaimTemplateName: 'each' };
    await devices.run(pod('q', { resourceClaims: [later] }));
    assert.equal(
      await devices.saidOf('q'),
      `0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, ${PREEMPTION}`,
    );
    await devices.remove('p');
    assert.deepEqual(await devices.devicesOf('one'), []);
    assert.equal(await devices.nodeOf('q'), 'node-1');
    await devices.stop();
  });

  it('waits for the claim, the class and the slice, and says which', async () => {
    const devices = await Devices.start();
    const other = aRequest('r', { deviceClassName: 'other' });
    await devices.run(using('p', 'one'));
    assert.equal(await devices.nodeOf('p'), '');
    await devices.add(claim('one', { requests: [other] }));
    await devices.cluster.settle();
    assert.equal(
      await devices.saidOf('p'),
      `0/1 nodes are available: request r: device class other does not exist. no new claims to deallocate, ${PREEMPTION}`,
    );
    await devices.cluster.create(DEVICE_CLASS, { metadata: { name: 'other' }, spec: {} });
    await devices.cluster.settle();
    assert.equal(
      await devices.saidOf('p'),
      `0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, ${PREEMPTION}`,
    );
    await devices.add(slice('s', { nodeName: 'node-1', devices: ['gpu-0'] }));
    await devices.cluster.settle();
    assert.equal(await devices.nodeOf('p'), 'node-1');
    await devices.stop();
  });

  it('is not tried where an expression cannot be evaluated, and says so', async () => {
    const devices = await Devices.start();
    const selectors = selecting(`device.attributes["${DRIVER}"].size > 1`);
    await devices.add(
      slice('s', { nodeName: 'node-1', devices: ['gpu-0'] }),
      claim('one', { requests: [aRequest('r', { selectors })] }),
    );
    await devices.run(using('p', 'one'));
    const condition = podCondition(await devices.pod('p'), 'PodScheduled');
    assert.equal(condition?.reason, 'SchedulerError');
    assert.equal(
      condition?.message,
      'running "DynamicResources" filter plugin: claim default/one: selector #0: CEL runtime error: no such key: size',
    );
    await devices.stop();
  });

  it('runs where the first of the alternatives is that a node has', async () => {
    const devices = await Devices.start(3);
    for (const name of ['big', 'small'])
      await devices.cluster.create(DEVICE_CLASS, {
        metadata: { name },
        spec: { selectors: selecting(`device.driver == "${name}.example.com"`) },
      });
    await devices.add(
      slice('a', { nodeName: 'node-1', driver: 'small.example.com', devices: ['gpu-0'] }),
      slice('b', { nodeName: 'node-2', driver: 'big.example.com', devices: ['gpu-0'] }),
      slice('c', { nodeName: 'node-3', driver: 'small.example.com', devices: ['gpu-0'] }),
      ...['one', 'two', 'three'].map((name) =>
        claim(name, {
          requests: [
            anyOf(
              'r',
              { name: 'first', deviceClassName: 'big' },
              { name: 'next', deviceClassName: 'small' },
            ),
          ],
        }),
      ),
    );
    await devices.run(using('p', 'one'));
    assert.equal(await devices.nodeOf('p'), 'node-2');
    await devices.run(using('q', 'two'), using('r', 'three'));
    assert.deepEqual([await devices.nodeOf('q'), await devices.nodeOf('r')].toSorted(), [
      'node-1',
      'node-3',
    ]);
    const [result] = (await devices.claim('two')).status?.allocation?.devices?.results ?? [];
    assert.equal(result?.request, 'r/next');
    await devices.stop();
  });
});

describe('a scheduler', () => {
  it('does not give a device twice, however many ask at once and whoever restarts', async () => {
    const devices = await Devices.start(2);
    const names = Array.from({ length: 8 }, (_, i) => `c${i}`);
    await devices.add(
      slice('a', { nodeName: 'node-1', devices: ['gpu-0', 'gpu-1', 'gpu-2'] }),
      slice('b', { nodeName: 'node-2', devices: ['gpu-0', 'gpu-1'] }),
      ...names.map((name) => claim(name)),
    );
    const create = devices.cluster.client.create(POD, using('p0', 'c0'));
    await devices.cluster.run(create);
    await devices.cluster.startComponents();
    for (const i of [1, 2, 3]) await devices.cluster.create(POD, using(`p${i}`, `c${i}`));
    await devices.cluster.startComponents();
    await devices.run(...[4, 5, 6, 7].map((i) => using(`p${i}`, `c${i}`)));
    const given = (await Promise.all(names.map((name) => devices.devicesOf(name)))).flat();
    assert.deepEqual(given.toSorted(), [
      'node-1/gpu-0',
      'node-1/gpu-1',
      'node-1/gpu-2',
      'node-2/gpu-0',
      'node-2/gpu-1',
    ]);
    const places = await Promise.all(names.map((_, i) => devices.nodeOf(`p${i}`)));
    assert.equal(places.filter((name) => name !== '').length, 5);
    await devices.stop();
  });
});

describe('a device that must be made ready', () => {
  const slow = {
    bindsToNode: true,
    bindingConditions: ['Ready'],
    bindingFailureConditions: ['Broken'],
  };

  async function start(): Promise<Devices> {
    const devices = await Devices.start();
    const made = ['gpu-0', 'gpu-1'].map((name) => ({ name, ...slow }));
    await devices.add(slice('s', { nodeName: 'node-1', devices: made }), claim('one'));
    await devices.run(using('p', 'one'));
    return devices;
  }

  it('is waited for', async () => {
    const devices = await start();
    assert.deepEqual(await devices.devicesOf('one'), ['node-1/gpu-0']);
    assert.equal(await devices.nodeOf('p'), '');
    const events = await devices.cluster.list(EVENT, NAMESPACE);
    assert.deepEqual(
      events
        .filter(({ reason }) => reason === 'BindingConditionsPending')
        .map(({ message }) => message),
      ['waiting for binding conditions for device on node node-1'],
    );
    await devices.report('one', 'Ready');
    assert.equal(await devices.nodeOf('p'), 'node-1');
    await devices.stop();
  });

  it('is given back when that fails, and the next one is taken', async () => {
    const devices = await start();
    const now = await devices.cluster.get(RESOURCE_SLICE, 's');
    const [first, second] = now.spec?.devices ?? [];
    assert.ok(first && second);
    await devices.cluster.run(
      devices.cluster.client.update(RESOURCE_SLICE, {
        ...now,
        spec: { ...now.spec, devices: [second] } as NonNullable<ResourceSlice['spec']>,
      }),
    );
    await devices.report('one', 'Broken', 'no power');
    assert.deepEqual(await devices.devicesOf('one'), ['node-1/gpu-1']);
    await devices.report('one', 'Ready');
    assert.equal(await devices.nodeOf('p'), 'node-1');
    await devices.stop();
  });

  it('is given back when it takes too long', async () => {
    const devices = await start();
    await devices.cluster.advance(600_000 - 30_000);
    const timeOf = async (): Promise<number> =>
      Date.parse((await devices.claim('one')).status?.allocation?.allocationTimestamp ?? '');
    const beforeMs = await timeOf();
    await devices.cluster.advance(60_000);
    assert.ok((await timeOf()) - beforeMs > 570_000);
    const events = await devices.cluster.list(EVENT, NAMESPACE);
    const messages = events.map(({ message }) => message ?? '');
    assert.ok(
      messages.includes(
        'running PreBind plugin "DynamicResources": device binding timeout: context deadline exceeded',
      ),
    );
    await devices.stop();
  });
});

describe('an extended resource that is devices', () => {
  const asking = (name: string, amounts: Record<string, string>): Pod =>
    pod(name, {
      containers: [{ name: 'main', image: 'web', resources: { limits: amounts } }],
    });

  it('is given by a claim that is made for the pod, and goes with it', async () => {
    const devices = await Devices.start();
    await devices.cluster.create(DEVICE_CLASS, {
      metadata: { name: 'npu' },
      spec: { extendedResourceName: 'example.com/npu' },
    });
    await devices.add(slice('s', { nodeName: 'node-1', devices: ['d-0', 'd-1', 'd-2'] }));
    await devices.run(asking('p', { 'example.com/npu': '2' }));
    assert.equal(await devices.nodeOf('p'), 'node-1');
    const { resourceClaimName, requestMappings } =
      (await devices.pod('p')).status?.extendedResourceClaimStatus ?? {};
    assert.match(resourceClaimName ?? '', /^p-extended-resources-/);
    assert.deepEqual(requestMappings, [
      {
        containerName: 'main',
        resourceName: 'example.com/npu',
        requestName: 'container-0-request-0',
      },
    ]);
    const made = await devices.claim(resourceClaimName ?? '');
    assert.equal(
      made.metadata?.annotations?.['resource.kubernetes.io/extended-resource-claim'],
      'true',
    );
    assert.deepEqual(await devices.devicesOf(resourceClaimName ?? ''), [
      'node-1/d-0',
      'node-1/d-1',
    ]);
    await devices.run(asking('q', { 'deviceclass.resource.kubernetes.io/npu': '2' }));
    assert.equal(
      await devices.saidOf('q'),
      `0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, ${PREEMPTION}`,
    );
    await devices.remove('p');
    assert.equal(await devices.nodeOf('q'), 'node-1');
    const left = await devices.cluster.list(RESOURCE_CLAIM, NAMESPACE);
    assert.deepEqual(
      left.map(({ metadata }) => metadata?.ownerReferences?.[0]?.name),
      ['q'],
    );
    await devices.stop();
  });

  it('is not there without a class of its name, and the pod waits for one', async () => {
    const devices = await Devices.start();
    await devices.add(slice('s', { nodeName: 'node-1', devices: ['d-0'] }));
    await devices.run(asking('p', { 'example.com/npu': '1' }));
    assert.equal(
      await devices.saidOf('p'),
      `0/1 nodes are available: 1 Insufficient example.com/npu. no new claims to deallocate, ${PREEMPTION}`,
    );
    await devices.cluster.create(DEVICE_CLASS, {
      metadata: { name: 'npu' },
      spec: { extendedResourceName: 'example.com/npu' },
    });
    await devices.cluster.settle();
    assert.equal(await devices.nodeOf('p'), 'node-1');
    await devices.stop();
  });
});
