import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestApiServer } from '../../../test/kit/api-server.ts';

const FLOW = '/apis/flowcontrol.apiserver.k8s.io/v1';

test('what the cluster cannot be without is made again when it is deleted', async () => {
  const server = await TestApiServer.start();
  const paths = [
    '/api/v1/namespaces/default/services/kubernetes',
    '/api/v1/namespaces/default/endpoints/kubernetes',
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
    `${FLOW}/flowschemas/catch-all`,
    `${FLOW}/prioritylevelconfigurations/workload-low`,
  ];
  for (const path of paths) {
    const { uid } = (await server.must(`GET ${path}`)).metadata;
    await server.must(`DELETE ${path}`);
    await server.environment.advance(1_000);
    assert.notEqual((await server.must(`GET ${path}`)).metadata.uid, uid, path);
  }
  await server.server.stop();
});

test('a flow schema that somebody has taken over is left alone, a mandatory one is not', async () => {
  const server = await TestApiServer.start();
  const change = {
    metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
    spec: { matchingPrecedence: 77 },
  };
  for (const name of ['probes', 'catch-all'])
    assert.equal(
      (await server.call(`PATCH ${FLOW}/flowschemas/${name}`, change)).status,
      200,
      name,
    );
  await server.environment.advance(1_000);
  const precedence = async (name: string): Promise<number> =>
    (await server.call(`GET ${FLOW}/flowschemas/${name}`)).body.spec.matchingPrecedence;
  assert.equal(await precedence('probes'), 77);
  assert.equal(await precedence('catch-all'), 10_000);
  await server.server.stop();
});

test('endpoints are somebody else’s when they are told to be', async () => {
  const server = await TestApiServer.start({ publishesAddress: false });
  const reply = await server.call('GET /api/v1/namespaces/default/endpoints/kubernetes');
  assert.equal(reply.status, 404);
  await server.server.stop();
});

test('a server that ends says so first, and lets watches go on for the delay', async () => {
  const server = await TestApiServer.start({ limits: { shutdownDelayMs: 5_000 } });
  let isOver = false;
  const stopping = server.server.stop().then(() => (isOver = true));
  assert.equal((await server.call('GET /readyz')).status, 500);
  assert.equal((await server.call('GET /livez')).status, 200);
  await server.environment.advance(4_000);
  assert.equal(isOver, false);
  await server.environment.advance(2_000);
  await stopping;
  assert.equal(isOver, true);
});
