/** The group `why.coxswain.dev` over HTTP: with the rights of whoever asks, and in discovery. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';
import { explainerOn } from './explainer.ts';

const WHY = '/apis/why.coxswain.dev/v1/explanations';
const PODS = '/api/v1/namespaces/default/pods';
const ANN = { name: 'ann', groups: ['system:authenticated'] };

describe('why.coxswain.dev', () => {
  let api: TestApiServer;
  before(async () => {
    api = await TestApiServer.start({
      explain: (request) =>
        explainerOn((call) => api.server.handler(call), api.environment)(request),
    });
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must(`POST ${PODS}`, {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    });
  });
  after(() => api.server.stop());

  it('explains an object', async () => {
    const explanation = await api.must(`GET ${WHY}${PODS}/p`);
    assert.deepEqual(explanation, {
      kind: 'Explanation',
      apiVersion: 'why.coxswain.dev/v1',
      metadata: {},
      object: { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'default' },
      sentence: 'Pod p has no node because there is none.',
      causes: [],
      remedies: ['add a node'],
    });
  });

  it('asks for the right to get the object, and reads no more than that', async () => {
    assert.match(
      await api.refusal(`GET ${WHY}${PODS}/p`, undefined, { as: ANN }),
      /^403 .*cannot get resource "pods"/,
    );
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'view' },
      subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'ClusterRole', name: 'view', apiGroup: 'rbac.authorization.k8s.io' },
    });
    const { sentence } = await api.must(`GET ${WHY}${PODS}/p`, undefined, { as: ANN });
    assert.equal(sentence, 'Pod p waits for its turn to be scheduled.');
  });

  it('refuses what is no object, and what there is nothing to say of', async () => {
    assert.match(await api.refusal(`GET ${WHY}${PODS}/none`), /^404 pods "none" not found/);
    assert.match(await api.refusal(`GET ${WHY}${PODS}`), /^400 /);
    assert.match(await api.refusal(`POST ${WHY}${PODS}/p`, {}), /^405 /);
    assert.match(
      await api.refusal(`GET ${WHY}/api/v1/namespaces/default/serviceaccounts/default`),
      /^400 there is nothing to explain of serviceaccounts/,
    );
  });

  it('is in discovery where something explains', async () => {
    const { resources } = await api.must('GET /apis/why.coxswain.dev/v1');
    assert.deepEqual(
      resources.map(({ name, verbs }: { name: string; verbs: string[] }) => [name, verbs]),
      [['explanations', ['get']]],
    );
    const other = await TestApiServer.start();
    const { status } = await other.call('GET /apis/why.coxswain.dev/v1');
    assert.equal(status, 404);
    assert.equal((await other.call(`GET ${WHY}${PODS}/p`)).status, 404);
    await other.server.stop();
  });
});
