/** The order in which a request is judged, where another order gives another answer. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestApiServer } from '../../test/kit/api-server.ts';

const NODE = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const PODS = '/api/v1/namespaces/default/pods';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const joe = { name: 'joe', groups: ['system:authenticated'] };

let server: TestApiServer;
before(async () => {
  server = await TestApiServer.start();
  await server.must('POST /api/v1/namespaces/default/serviceaccounts', {
    metadata: {
      name: 'default',
      annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' },
    },
  });
});
after(() => server.server.stop());

describe('a request', () => {
  it('of a node is judged by the node before its eviction is read', async () => {
    const spec = { containers: [{ name: 'a', image: 'a' }], nodeName: 'n2' };
    await server.must(`POST ${PODS}`, { metadata: { name: 'theirs' }, spec });
    assert.match(
      await server.refusal(
        `POST ${PODS}/theirs/eviction`,
        { metadata: { name: 'x' } },
        { as: NODE },
      ),
      /^403 .*node n1 can only evict pods with spec\.nodeName set to itself$/,
    );
    assert.match(
      await server.refusal(`POST ${PODS}/theirs/eviction`, { metadata: { name: 'x' } }),
      /^400 name in URL does not match/,
    );
  });

  it('for a pod asks its account before the pod is looked at as a whole', async () => {
    const resources = { requests: { cpu: '2' }, limits: { cpu: '1' } };
    const pod = {
      metadata: { name: 'p' },
      spec: {
        containers: [{ name: 'a', image: 'a', resources }],
        volumes: [{ name: 's', secret: { secretName: 's' } }],
      },
    };
    assert.match(
      await server.refusal(`POST ${PODS}`, pod),
      /^403 .*volume with secret\.secretName/,
    );
  });

  it('that binds a role asks what its user holds before the binding is looked at', async () => {
    const rules = [
      {
        verbs: ['*'],
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterrolebindings'],
      },
    ];
    const cluster = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'joe' }];
    await server.must(`POST ${RBAC}/clusterroles`, { metadata: { name: 'binder' }, rules });
    const binding = {
      metadata: { name: 'binder' },
      roleRef: { ...cluster, name: 'binder' },
      subjects,
    };
    await server.must(`POST ${RBAC}/clusterrolebindings`, binding);
    const changed = { ...binding, roleRef: { ...cluster, name: 'cluster-admin' } };
    const url = `${RBAC}/clusterrolebindings/binder`;
    assert.match(
      await server.refusal(`PUT ${url}`, changed, { as: joe }),
      /^403 .*is attempting to grant RBAC permissions not currently held/,
    );
    assert.match(await server.refusal(`PUT ${url}`, changed), /^422 .*cannot change roleRef/);
  });
});

describe('what is told', () => {
  it('of jobs that are deleted together, though there are none', async () => {
    const reply = await server.call('DELETE /apis/batch/v1/namespaces/default/jobs');
    assert.match(reply.headers['warning'] ?? '', /child pods are preserved by default/);
  });

  it('of the class of an ingress that is an annotation', async () => {
    const backend = { service: { name: 'a', port: { number: 80 } } };
    const ingress = (spec: object): object => ({
      metadata: { name: 'i', annotations: { 'kubernetes.io/ingress.class': 'x' } },
      spec: { defaultBackend: backend, ...spec },
    });
    const url = 'POST /apis/networking.k8s.io/v1/namespaces/default/ingresses?dryRun=All';
    const reply = await server.call(url, ingress({}));
    assert.match(reply.headers['warning'] ?? '', /please use 'spec\.ingressClassName' instead/);
  });

  it('of health where no check is named is nothing', async () => {
    assert.equal((await server.call('GET /healthz')).status, 200);
    assert.equal((await server.call('GET /healthz/')).status, 404);
  });
});
