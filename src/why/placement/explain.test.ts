/** Why pods fit nowhere, and what would help, on clusters as the API server has them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { POD } from '#api/core/pod.ts';
import type { Node, Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { Handler } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { explain } from '../explain.ts';

const PODS = '/api/v1/namespaces/default/pods';
const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters'] };

describe('why a pod has no node', () => {
  let api: TestApiServer;
  const nodes: string[] = [];
  let made = 0;

  before(async () => {
    api = await TestApiServer.start();
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
  });
  after(() => api.server.stop());
  afterEach(async () => {
    for (const name of nodes.splice(0)) await api.must(`DELETE /api/v1/nodes/${name}`);
  });

  const clientOf = (component = ADMIN): RestClient => {
    const { environment, server } = api;
    const handler: Handler = (request) => server.handler({ ...request, peer: { component } });
    return new RestClient({ handler, environment, userAgent: 'test' });
  };

  async function addNode(name: string, spec: Node['spec'], labels = {}): Promise<void> {
    nodes.push(name);
    await api.must('POST /api/v1/nodes', { metadata: { name, labels } });
    const node = await api.must(`GET /api/v1/nodes/${name}`);
    const placed = await api.must(`PUT /api/v1/nodes/${name}`, {
      ...node,
      spec: { taints: [], ...spec },
    });
    const allocatable = { cpu: '2', memory: '4Gi', pods: '10' };
    await api.must(`PUT /api/v1/nodes/${name}/status`, {
      ...placed,
      status: { allocatable, capacity: allocatable },
    });
  }

  async function whyOf(spec: Partial<PodSpec>, as = ADMIN): Promise<string[]> {
    const pod: Pod = {
      metadata: { name: `p${++made}` },
      spec: { containers: [{ name: 'a', image: 'a' }], ...spec },
    };
    await api.must(`POST ${PODS}`, pod);
    const subject = { type: POD, name: `p${made}`, namespace: 'default' };
    const { sentence, causes, remedies } = (await explain(
      clientOf(as),
      subject,
      new VirtualEnvironment(),
    )) ?? {
      sentence: '',
      causes: [],
      remedies: [],
    };
    await api.must(`DELETE ${PODS}/p${made}?gracePeriodSeconds=0`);
    return [
      sentence.replace(`p${made}`, 'p'),
      ...causes.map(({ what, detail }) => `${what}: ${detail}`),
      ...remedies.map((text) => `> ${text}`),
    ];
  }

  const cpu = (amount: string): Partial<PodSpec> => ({
    containers: [{ name: 'a', image: 'a', resources: { requests: { cpu: amount } } }],
  });

  it('is that there is none', async () => {
    assert.deepEqual(await whyOf({}), ['Pod p has no node because there is none.', '> add a node']);
  });

  it('is told for each node by everything that speaks against it', async () => {
    await addNode('n1', { taints: [{ key: 'team', value: 'red', effect: 'NoSchedule' }] });
    await addNode('n2', { unschedulable: true });
    await addNode('n3', {});
    assert.deepEqual(await whyOf(cpu('3')), [
      'Pod p fits none of 3 nodes: Insufficient cpu, node(s) had untolerated taint(s) and node(s) were unschedulable.',
      'Insufficient cpu: 3 of 3 nodes: n1, n2 and n3 (NodeResourcesFit)',
      'node(s) had untolerated taint(s): 1 of 3 nodes: n1 (TaintToleration)',
      'node(s) were unschedulable: 1 of 3 nodes: n2 (NodeUnschedulable)',
      '> ask for no more than 2 of cpu instead of 3; then it fits on n3',
    ]);
  });

  it('comes with a toleration that would help', async () => {
    await addNode('n1', { taints: [{ key: 'team', value: 'red', effect: 'NoSchedule' }] });
    assert.deepEqual((await whyOf({})).slice(-1), [
      '> tolerate the taint team=red:NoSchedule; then it fits on n1',
    ]);
  });

  it('comes with a node to let pods onto again', async () => {
    await addNode('n1', { unschedulable: true });
    const remedies = (await whyOf({})).filter((line) => line.startsWith('>'));
    assert.ok(
      remedies.includes('> let pods onto n1 again: kubectl uncordon n1; then it fits on n1'),
      remedies.join('\n'),
    );
  });

  it('comes with a label that would help, or a selector that is too much', async () => {
    await addNode('n1', {}, { disk: 'ssd' });
    const spec = { nodeSelector: { disk: 'ssd', zone: 'a' } };
    const lines = await whyOf(spec);
    assert.deepEqual(lines.slice(-2), [
      '> label node n1: kubectl label node n1 zone=a; then it fits on n1',
      '> take zone=a out of the node selector; then it fits on n1',
    ]);
  });

  it('counts what runs already', async () => {
    await addNode('n1', {});
    await api.must(`POST ${PODS}`, {
      metadata: { name: 'big' },
      spec: { nodeName: 'n1', ...cpu('1500m') },
    });
    assert.deepEqual((await whyOf(cpu('1'))).slice(-1), [
      '> ask for no more than 500m of cpu instead of 1; then it fits on n1',
    ]);
    await api.must(`DELETE ${PODS}/big?gracePeriodSeconds=0`);
  });

  it('names the claims that get no devices, and what they ask for', async () => {
    await addNode('n1', {});
    const resources = '/apis/resource.k8s.io/v1';
    const claims = `${resources}/namespaces/default/resourceclaims`;
    await api.must(`POST ${resources}/deviceclasses`, { metadata: { name: 'gpu' }, spec: {} });
    for (const name of ['one', 'two']) {
      const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu', count: 2 } }];
      await api.must(`POST ${claims}`, { metadata: { name }, spec: { devices: { requests } } });
    }
    const resourceClaims = [
      { name: 'a', resourceClaimName: 'one' },
      { name: 'b', resourceClaimName: 'two' },
    ];
    const lines = [
      'Pod p fits none of 1 node: no devices for claim one and claim two.',
      'no devices for claim one and claim two: 1 of 1 nodes: n1 (DynamicResources)',
      'claim one: has no devices; it asks for 2 of class gpu',
      'claim two: has no devices; it asks for 2 of class gpu',
    ];
    assert.deepEqual(await whyOf({ resourceClaims }), lines);
    const [missing] = await whyOf({ resourceClaims: [{ name: 'a', resourceClaimName: 'none' }] });
    assert.equal(
      missing,
      'Pod p fits none of 1 node: could not find ResourceClaim "default/none".',
    );
    for (const name of ['one', 'two']) await api.must(`DELETE ${claims}/${name}`);
    await api.must(`DELETE ${resources}/deviceclasses/gpu`);
  });

  it('may be a scheduler that has not come to it', async () => {
    await addNode('n1', {});
    assert.deepEqual(await whyOf({ schedulerName: 'mine' }), [
      'Pod p would fit on n1 now: its scheduler, mine, has not placed it yet.',
    ]);
  });

  it('is what the scheduler said where nodes may not be read', async () => {
    await addNode('n1', { unschedulable: true });
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'view' },
      subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'ClusterRole', name: 'view', apiGroup: 'rbac.authorization.k8s.io' },
    });
    const lines = await whyOf({}, { name: 'ann', groups: ['system:authenticated'] });
    assert.deepEqual(lines, ['Pod p waits for its turn to be scheduled.']);
  });
});
