import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CIDR = '/apis/networking.k8s.io/v1/servicecidrs/kubernetes';
const EVENTS = '/api/v1/namespaces/default/events';

async function restarted(from: string, to: string): Promise<TestApiServer> {
  const { environment, store, server } = await TestApiServer.start({ serviceClusterIpRange: from });
  await environment.resolve(server.stop());
  return TestApiServer.start({ environment, store, serviceClusterIpRange: to });
}

async function told(api: TestApiServer): Promise<string[]> {
  const { items } = await api.must(`GET ${EVENTS}`);
  return items.map(
    ({ reason, message, source }: { reason: string; message: string; source: object }) =>
      `${Object.values(source)[0]} ${reason}: ${message}`,
  );
}

describe('the ServiceCIDR kubernetes', () => {
  it('is the range of the flag, ready, set by the manager that upstream names', async () => {
    const api = await TestApiServer.start({ serviceClusterIpRange: '10.96.0.0/16, fd00::/112' });
    const { spec, status, metadata } = await api.must(`GET ${CIDR}`);
    assert.deepEqual(spec.cidrs, ['10.96.0.0/16', 'fd00::/112']);
    const [{ lastTransitionTime, ...ready }] = status.conditions;
    assert.ok(lastTransitionTime);
    assert.deepEqual(ready, {
      type: 'Ready',
      status: 'True',
      reason: '',
      message: 'Kubernetes default Service CIDR is ready',
    });
    assert.ok(
      metadata.managedFields.some(
        ({ manager, operation }: { manager: string; operation: string }) =>
          manager === 'kubernetes-service-cidr-controller' && operation === 'Apply',
      ),
    );
  });

  it('is made anew and ready when somebody deletes it', async () => {
    const api = await TestApiServer.start();
    const { metadata } = await api.must(`GET ${CIDR}`);
    await api.must(`DELETE ${CIDR}`);
    await api.environment.advance(1_000);
    const again = await api.must(`GET ${CIDR}`);
    assert.notEqual(again.metadata.uid, metadata.uid);
    assert.equal(again.status.conditions[0].status, 'True');
  });

  it('gains the second family of the flag', async () => {
    const api = await restarted('10.96.0.0/16', '10.96.0.0/16,fd00::/112');
    const { spec } = await api.must(`GET ${CIDR}`);
    assert.deepEqual(spec.cidrs, ['10.96.0.0/16', 'fd00::/112']);
    const service = await api.must('POST /api/v1/namespaces/default/services', {
      metadata: { name: 'a' },
      spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack' },
    });
    assert.match(service.spec.clusterIPs[1], /^fd00::/);
    assert.deepEqual(await told(api), []);
  });

  it('stays when the flag names another range, and that is told once', async () => {
    const api = await restarted('10.96.0.0/16', '10.97.0.0/16');
    await api.must(`PATCH ${CIDR}`, { metadata: { labels: { a: 'b' } } });
    await api.environment.advance(1_000);
    assert.deepEqual((await api.must(`GET ${CIDR}`)).spec.cidrs, ['10.96.0.0/16']);
    assert.deepEqual(await told(api), [
      'kubernetes-service-cidr-controller KubernetesDefaultServiceCIDRInconsistent: The default ServiceCIDR [10.96.0.0/16] does not match the controller flag configurations [10.97.0.0/16]',
    ]);
  });
});
