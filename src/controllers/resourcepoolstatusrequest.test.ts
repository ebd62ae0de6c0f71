/** What is answered to those who ask about pools of devices, and when requests go. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type {
  PoolStatus,
  ResourcePoolStatusRequest,
  ResourcePoolStatusRequestSpec,
} from '#api/gen/resource-v1alpha3.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { aSlice, DRIVER, type SliceWords } from '#kit/devices.ts';
import { countsOf } from '#kit/metrics.ts';
import { isOver } from './resourcepoolstatusrequest/plan.ts';
import { resourcePoolStatusController } from './resourcepoolstatusrequest.ts';
import { RESOURCE_POOL_STATUS_REQUEST } from './shared/device-types.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const METRICS = 'resourcepoolstatusrequest_controller_';

let cluster: TestCluster;
let metrics: MetricRegistry;

beforeEach(async () => {
  metrics = new MetricRegistry();
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [resourcePoolStatusController],
    metrics,
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('DRAResourcePoolStatus=true')),
      runtimeConfig: parseRuntimeConfig('resource.k8s.io/v1alpha3=true'),
    },
  });
});

afterEach(() => cluster.stop());

async function slices(words: Readonly<Record<string, SliceWords>>): Promise<void> {
  for (const [name, each] of Object.entries(words)) {
    const { metadata: _, ...slice } = aSlice(name, each);
    await cluster.create(RESOURCE_SLICE, { ...slice, metadata: { name } });
  }
}

async function ask(name: string, spec: Partial<ResourcePoolStatusRequestSpec> = {}) {
  await cluster.create(RESOURCE_POOL_STATUS_REQUEST, {
    metadata: { name },
    spec: { driver: DRIVER, ...spec },
  });
  await cluster.settle();
  return answer(name);
}

const answer = async (name: string): Promise<ResourcePoolStatusRequest['status']> =>
  (await cluster.get(RESOURCE_POOL_STATUS_REQUEST, name)).status;

const words = ({ poolName, nodeName = '-', ...pool }: PoolStatus): string =>
  `${poolName}@${nodeName} generation ${pool.generation}, ${pool.resourceSliceCount} slices: ${pool.allocatedDevices}+${pool.availableDevices}+${pool.unavailableDevices} of ${pool.totalDevices}`;

async function names(): Promise<(string | undefined)[]> {
  const all = await cluster.list(RESOURCE_POOL_STATUS_REQUEST);
  return all.map(({ metadata }) => metadata?.name);
}

/** A claim that got this device. */
async function allocate(name: string, pool: string, device: string): Promise<void> {
  const metadata = { name, namespace: 'default' };
  const claim = await cluster.create(RESOURCE_CLAIM, {
    metadata,
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  });
  const results = [{ request: 'r', driver: DRIVER, pool, device }];
  const status = { allocation: { devices: { results } } };
  await cluster.run(cluster.client.update(RESOURCE_CLAIM, { ...claim, status }, 'status'));
}

describe('a ResourcePoolStatusRequest', () => {
  it('is told of the pools of its driver, in order, and of what is given out', async () => {
    await slices({
      b: { pool: 'two', nodeName: 'n', devices: ['x'] },
      a1: { pool: 'one', nodeName: 'n', slices: 2, devices: ['x', 'y'] },
      a2: { pool: 'one', nodeName: 'm', slices: 2, devices: ['z'] },
      other: { pool: 'one', nodeName: 'n', driver: 'other.example.com', devices: ['o'] },
    });
    await allocate('c', 'one', 'y');
    const status = await ask('all');
    assert.deepEqual(status?.pools?.map(words), [
      'one@- generation 1, 2 slices: 1+2+0 of 3',
      'two@n generation 1, 1 slices: 0+1+0 of 1',
    ]);
    assert.equal(status?.poolCount, 2);
    const [condition, ...others] = status?.conditions ?? [];
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.reason, condition?.message, others],
      ['Complete', 'True', 'CalculationComplete', 'Calculated status for 2 pools', []],
    );
    assert.deepEqual(countsOf(metrics, METRICS), [
      `request_processing_duration_seconds_count{driver_name="${DRIVER}"} 1`,
      `requests_processed_total{driver_name="${DRIVER}"} 1`,
    ]);
  });

  it('is told of one pool, or of the first ones, with the count of all', async () => {
    await slices({
      a: { pool: 'one', nodeName: 'n', devices: ['x'] },
      b: { pool: 'two', nodeName: 'n', devices: ['x'] },
    });
    const first = await ask('first', { limit: 1 });
    assert.deepEqual([first?.pools?.map((pool) => pool.poolName), first?.poolCount], [['one'], 2]);
    assert.equal(first?.conditions?.[0]?.message, 'Calculated status for 1 pools');
    const two = await ask('two', { poolName: 'two' });
    assert.deepEqual([two?.pools?.map((pool) => pool.poolName), two?.poolCount], [['two'], 1]);
  });

  it('is told of the newest generation alone', async () => {
    await slices({
      old: { pool: 'one', nodeName: 'n', devices: ['x', 'y'] },
      new: { pool: 'one', nodeName: 'n', generation: 2, devices: ['z'] },
    });
    assert.deepEqual((await ask('r'))?.pools?.map(words), [
      'one@n generation 2, 1 slices: 0+1+0 of 1',
    ]);
  });

  it('is answered once', async () => {
    const before = await ask('r');
    assert.deepEqual([before?.poolCount, before?.pools ?? []], [0, []]);
    await slices({ a: { pool: 'one', nodeName: 'n', devices: ['x'] } });
    const request = await cluster.get(RESOURCE_POOL_STATUS_REQUEST, 'r');
    await cluster.patch(RESOURCE_POOL_STATUS_REQUEST, request, {
      metadata: { labels: { a: 'b' } },
    });
    await cluster.settle();
    assert.deepEqual(await answer('r'), before);
  });

  it('is answered when the slices that a pool lacks come soon; else not at all', async () => {
    await slices({ a: { pool: 'one', nodeName: 'n', slices: 2, devices: ['x'] } });
    assert.equal(await ask('late'), undefined);
    await cluster.create(RESOURCE_POOL_STATUS_REQUEST, {
      metadata: { name: 'soon' },
      spec: { driver: DRIVER },
    });
    await cluster.advance(100);
    await slices({ b: { pool: 'one', nodeName: 'n', slices: 2, devices: ['y'] } });
    await cluster.settle();
    assert.equal((await answer('soon'))?.pools?.[0]?.totalDevices, 2);
    assert.equal(await answer('late'), undefined);
  });

  it('goes an hour after its answer', async () => {
    await slices({ a: { pool: 'bad', nodeName: 'n', slices: 2, devices: ['x'] } });
    await ask('pending', { poolName: 'bad' });
    await ask('done', { poolName: 'none' });
    await cluster.advance(HOUR_MS - MINUTE_MS);
    assert.deepEqual(await names(), ['done', 'pending']);
    await cluster.advance(11 * MINUTE_MS);
    assert.deepEqual(await names(), ['pending']);
  });

  it('goes a day after it was made when it has no answer', () => {
    const made = { metadata: { name: 'r', creationTimestamp: '2026-01-01T00:00:00Z' } };
    const madeMs = Date.parse(made.metadata.creationTimestamp);
    assert.equal(isOver(made, madeMs + 24 * HOUR_MS), false);
    assert.equal(isOver(made, madeMs + 24 * HOUR_MS + 1), true);
    assert.equal(isOver({ ...made, status: {} }, madeMs + HOUR_MS + 1), true);
  });
});
