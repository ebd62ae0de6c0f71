/** Who wrote what on a fork. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { componentOf, Writers } from './writers.ts';

const WEB = '/apis/apps/v1/namespaces/shop/deployments/web';

function request(text: string, body?: object) {
  const [method = '', url = ''] = text.split(' ');
  const bytes = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
  return { method, url, headers: {}, ...bytes };
}

describe('the writers of an object', () => {
  it('are told in the order in which they came, and those of its status are not', () => {
    const writers = new Writers();
    writers.note(request(`PATCH ${WEB}?fieldManager=kubectl`), 'the change', 0);
    writers.note(request(`PUT ${WEB}/status`), 'deployment-controller', 1);
    writers.note(request(`PUT ${WEB}/scale`), 'scaler', 1);
    writers.note(request(`PUT ${WEB}`), 'the change', 2);
    assert.deepEqual(writers.of('deployments.apps', 'shop', 'web'), ['the change', 'scaler']);
    assert.deepEqual(writers.of('deployments.apps', 'shop', 'other'), []);
    assert.deepEqual(writers.of('deployments.apps', 'other', 'web'), []);
    writers.forget();
    assert.deepEqual(writers.of('deployments.apps', 'shop', 'web'), []);
  });

  it('are those who made it, by the name in the body', () => {
    const writers = new Writers();
    writers.note(request('POST /api/v1/namespaces', { metadata: { name: 'shop' } }), 'a', 0);
    writers.note(request('DELETE /api/v1/namespaces/shop'), 'b', 0);
    assert.deepEqual(writers.of('namespaces', '', 'shop'), ['a', 'b']);
  });

  it('are those of the collection where nobody wrote it by its name', () => {
    const writers = new Writers();
    const slices = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';
    writers.note(request(`POST ${slices}`, { metadata: { generateName: 'web-' } }), 'maker', 0);
    writers.note(request(`DELETE ${slices}`), 'namespace-controller', 0);
    writers.note(request(`PUT ${slices}/known`), 'keeper', 0);
    const of = (name: string) => writers.of('endpointslices.discovery.k8s.io', 'shop', name);
    assert.deepEqual(of('web-x'), ['maker', 'namespace-controller']);
    assert.deepEqual(of('known'), ['keeper']);
  });

  it('that went on until the end are named, the busiest first', () => {
    const writers = new Writers();
    for (const atMs of [0, 10]) writers.note(request(`PUT ${WEB}`), 'a', atMs);
    for (const atMs of [0, 5, 11]) writers.note(request(`PUT ${WEB}/status`), 'b', atMs);
    writers.note(request(`PUT ${WEB}`), 'c', 9);
    writers.note(request('GET /version'), 'd', 11);
    assert.deepEqual(writers.since(10), [
      'b writes deployments.apps shop/web: 3 times so far',
      'a writes deployments.apps shop/web: 2 times so far',
    ]);
  });
});

it('components are called as people call them', () => {
  const names = [
    ['system:serviceaccount:kube-system:job-controller', 'job-controller'],
    ['system:kube-scheduler', 'kube-scheduler'],
    ['system:node:n1', 'kubelet of n1'],
    ['jane', 'jane'],
  ];
  for (const [user = '', name] of names) assert.equal(componentOf(user), name);
});
