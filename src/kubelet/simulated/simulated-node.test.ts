/** Simulated nodes that stand in for nodes which are there already, with pods of their own. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isPodReady } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { clientAs, nodeIdentity } from '#client/in-process.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { SimulatedNode, type SimulatedNodeOptions } from './simulated-node.ts';

const PODS = '/api/v1/namespaces/default/pods';
const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: {
    addresses: [{ type: 'InternalIP', address: '10.1.2.3' }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'Real', message: 'it is' }],
  },
};

describe('a simulated node that stands in for another', () => {
  let api: TestApiServer;
  let stopping: AbortController;
  beforeEach(async () => {
    api = await TestApiServer.start();
    stopping = new AbortController();
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must('POST /api/v1/nodes', NODE);
  });
  afterEach(async () => {
    stopping.abort();
    await api.server.stop();
  });

  async function podOn(name: string, status?: Pod['status']): Promise<void> {
    const containers = [{ name: 'main', image: 'web' }];
    const made = await api.must(`POST ${PODS}`, {
      metadata: { name },
      spec: { nodeName: 'n1', containers },
    });
    if (status !== undefined) await api.must(`PUT ${PODS}/${name}/status`, { ...made, status });
  }

  async function run(options: Partial<SimulatedNodeOptions>): Promise<SimulatedNode> {
    const { environment, server } = api;
    const identity = nodeIdentity('n1');
    const client = clientAs(server.handler, identity, { environment, userAgent: 'kubelet' });
    const node = new SimulatedNode({
      name: 'n1',
      client,
      environment,
      standsInFor: NODE,
      ...options,
    });
    node.run(stopping.signal).catch((error: unknown) => assert.fail(String(error)));
    await environment.advance(10);
    return node;
  }

  const read = (name: string): Promise<Pod> => api.must(`GET ${PODS}/${name}`);

  it('says nothing about the node but that it is alive', async () => {
    const before = await api.must('GET /api/v1/nodes/n1');
    await run({});
    await api.environment.advance(600_000);
    assert.deepEqual(await api.must('GET /api/v1/nodes/n1'), before);
    const lease = await api.must(
      'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1',
    );
    const ageMs = api.environment.clock.now() - Date.parse(lease.spec.renewTime);
    assert.ok(ageMs < 20_000, `renewed ${ageMs} ms ago`);
  });

  it('leaves pods as they are until they are deleted, and runs others', async () => {
    await podOn('found', { phase: 'Running', podIP: '10.9.9.9' });
    const found = await read('found');
    const node = await run({ leaves: ({ metadata }) => metadata?.name === 'found' });
    await podOn('new');
    await api.environment.advance(60_000);
    assert.deepEqual(await read('found'), found);
    const made = await read('new');
    assert.equal(isPodReady(made), true);
    assert.equal(made.status?.hostIP, '10.1.2.3');
    assert.equal(node.busyPods, 0);
    await api.must(`DELETE ${PODS}/found`);
    await api.environment.advance(10);
    assert.equal(node.busyPods, 1);
    await api.environment.advance(60_000);
    assert.equal((await api.call(`GET ${PODS}/found`)).status, 404);
    assert.equal(node.busyPods, 0);
  });

  it('takes the time that each pod takes, from its start to its end', async () => {
    const delaysOf = ({ metadata }: Pod) =>
      metadata?.name === 'slow'
        ? { startMs: 20_000, readyMs: 10_000, stopMs: 0, runMs: 5_000 }
        : { startMs: 1_000, readyMs: 0, stopMs: 0 };
    const node = await run({ delaysOf });
    await podOn('fast');
    await api.must(`POST ${PODS}`, {
      metadata: { name: 'slow' },
      spec: {
        nodeName: 'n1',
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'web' }],
      },
    });
    await api.environment.advance(2_000);
    assert.equal(isPodReady(await read('fast')), true);
    assert.equal(isPodReady(await read('slow')), false);
    await api.environment.advance(28_500);
    assert.equal(isPodReady(await read('slow')), true);
    assert.equal(node.busyPods, 1);
    await api.environment.advance(5_000);
    assert.equal((await read('slow')).status?.phase, 'Succeeded');
    assert.equal(node.busyPods, 0);
    assert.equal((await read('fast')).status?.phase, 'Running');
  });

  it('starts what was found starting', async () => {
    await podOn('found', { phase: 'Pending' });
    await run({ leaves: () => false });
    await api.environment.advance(10_000);
    assert.equal(isPodReady(await read('found')), true);
  });
});
