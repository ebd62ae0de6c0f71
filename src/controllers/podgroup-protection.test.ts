/** A PodGroup stays until none of its Pods is active. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { POD } from '#api/core/pod.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { TestCluster } from '#kit/cluster.ts';
import { podGroupProtection } from './podgroup-protection.ts';
import { serviceAccountController } from './serviceaccount.ts';

const NAMESPACE = 'default';
const FINALIZER = 'scheduling.k8s.io/podgroup-protection';
const SPEC = { schedulingPolicy: { gang: { minCount: 1 } } };

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [podGroupProtection, serviceAccountController],
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('GenericWorkload=true')),
      runtimeConfig: parseRuntimeConfig('scheduling.k8s.io/v1alpha2=true'),
    },
  });
});

afterEach(() => cluster.stop());

const make = (name: string) =>
  cluster.create(POD_GROUP, { metadata: { name, namespace: NAMESPACE }, spec: SPEC });

const member = (name: string, podGroupName: string): Promise<Pod> =>
  cluster.create(POD, {
    metadata: { name, namespace: NAMESPACE },
    spec: { containers: [{ name: 'main', image: 'web' }], schedulingGroup: { podGroupName } },
  });

const groups = async (): Promise<(string | undefined)[]> =>
  (await cluster.list(POD_GROUP, NAMESPACE)).map(({ metadata }) => metadata?.name);

async function remove(name: string): Promise<void> {
  await cluster.delete(POD_GROUP, { metadata: { name, namespace: NAMESPACE } });
  await cluster.settle();
}

describe('a PodGroup', () => {
  it('has the finalizer from the start, and goes at once when no Pod names it', async () => {
    const { metadata } = await make('g');
    assert.deepEqual(metadata?.finalizers, [FINALIZER]);
    await member('other', 'another-group');
    await remove('g');
    assert.deepEqual(await groups(), []);
  });

  it('stays while a Pod that waits or runs names it, and goes when the last one is deleted', async () => {
    await make('g');
    const pod = await member('a', 'g');
    const last = await member('b', 'g');
    await remove('g');
    await cluster.delete(POD, pod, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(await groups(), ['g']);
    await cluster.delete(POD, last, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(await groups(), []);
  });

  it('goes when its last Pod has ended', async () => {
    await make('g');
    const pod = await member('a', 'g');
    await remove('g');
    assert.deepEqual(await groups(), ['g']);
    await cluster.run(
      cluster.client.update(POD, { ...pod, status: { ...pod.status, phase: 'Failed' } }, 'status'),
    );
    await cluster.settle();
    assert.deepEqual(await groups(), []);
  });

  it('keeps the finalizers of others, and is not given one that it was made without', async () => {
    const made = await make('g');
    await cluster.patch(POD_GROUP, made, { metadata: { finalizers: ['example.com/own'] } });
    await cluster.settle();
    const found = await cluster.get(POD_GROUP, 'g', NAMESPACE);
    assert.deepEqual(found.metadata?.finalizers, ['example.com/own']);
    await remove('g');
    assert.deepEqual(await groups(), ['g']);
  });
});
