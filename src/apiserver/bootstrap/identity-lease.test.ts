import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '../../../test/kit/api-server.ts';
import { serverIdentity } from './identity-lease.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const HOUR_MS = 3_600_000;

const named = (name: string, renewTime: string) => ({
  metadata: { name, labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } },
  spec: { holderIdentity: name, leaseDurationSeconds: 3600, renewTime },
});

describe('the lease of an API server', () => {
  it('has the name that upstream gives a server of that host', () => {
    assert.equal(serverIdentity('host1'), 'apiserver-hh7ubf4vbsm2e6vx6yshlwlw2i');
  });

  it('is renewed, and gone when the server ends', async () => {
    const server = await TestApiServer.start({ hostname: 'host1' });
    await server.environment.advance(1_000);
    const path = `${LEASES}/${serverIdentity('host1')}`;
    const first = await server.must(`GET ${path}`);
    assert.deepEqual(first.metadata.labels, {
      'apiserver.kubernetes.io/identity': 'kube-apiserver',
      'kubernetes.io/hostname': 'host1',
    });
    assert.deepEqual(first.metadata.annotations, {
      'kubernetes.io/peer-advertise-address': '10.0.0.1:6443',
    });
    assert.equal(first.spec.leaseDurationSeconds, 3600);
    assert.match(first.spec.holderIdentity, /^apiserver-\w+_[0-9a-f-]{36}$/);
    await server.environment.advance(11_000);
    const next = await server.must(`GET ${path}`);
    assert.notEqual(next.spec.renewTime, first.spec.renewTime);
    assert.equal(next.spec.holderIdentity, first.spec.holderIdentity);
    await server.environment.resolve(server.server.stop());
    assert.equal((await server.call(`GET ${path}`)).status, 404);
  });

  it('is made anew when somebody deletes it', async () => {
    const server = await TestApiServer.start({ hostname: 'host1' });
    await server.environment.advance(1_000);
    const path = `${LEASES}/${serverIdentity('host1')}`;
    await server.must(`DELETE ${path}`);
    await server.environment.advance(11_000);
    assert.equal((await server.call(`GET ${path}`)).status, 200);
  });

  it('ends for servers that have not renewed theirs for its duration', async () => {
    const server = await TestApiServer.start();
    const nowMs = server.environment.clock.now();
    const at = (ms: number): string => new Date(nowMs + ms).toISOString().replace('Z', '000Z');
    await server.must(`POST ${LEASES}`, named('gone', at(-2 * HOUR_MS)));
    await server.must(`POST ${LEASES}`, named('alive', at(HOUR_MS)));
    await server.must(`POST ${LEASES}`, {
      metadata: { name: 'other' },
      spec: { holderIdentity: 'x', leaseDurationSeconds: 1, renewTime: at(-HOUR_MS) },
    });
    await server.environment.advance(HOUR_MS + 1_000);
    assert.equal((await server.call(`GET ${LEASES}/gone`)).status, 404);
    assert.equal((await server.call(`GET ${LEASES}/alive`)).status, 200);
    assert.equal((await server.call(`GET ${LEASES}/other`)).status, 200);
  });
});

it('the day since which legacy tokens are tracked is kept', async () => {
  const server = await TestApiServer.start();
  const path =
    '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking';
  const { since } = (await server.must(`GET ${path}`)).data;
  assert.equal(since, new Date(server.environment.clock.now()).toISOString().slice(0, 10));
  await server.must(`PATCH ${path}`, { data: { since: 'never' } });
  await server.environment.advance(1_000);
  assert.equal((await server.must(`GET ${path}`)).data.since, since);
  await server.must(`DELETE ${path}`);
  await server.environment.advance(1_000);
  assert.equal((await server.must(`GET ${path}`)).data.since, since);
});
