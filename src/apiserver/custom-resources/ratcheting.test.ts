/** Objects that a tighter schema has made invalid: what of them may still be written, and how. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CATS = '/apis/example.com/v1/namespaces/default/cats';
const APPLY = { 'content-type': 'application/apply-patch+yaml' };

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const LOOSE = { type: 'object', properties: { spec: anything, status: anything } };
const legs = {
  type: 'integer',
  'x-kubernetes-validations': [{ rule: 'self > 3', message: 'too few' }],
};
const strict = { type: 'object', properties: { legs, name: { type: 'string' } } };
const TIGHT = { type: 'object', properties: { spec: strict, status: strict } };

const definition = (schema: object): object => ({
  metadata: { name: 'cats.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'cats', kind: 'Cat' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
      },
    ],
  },
});

const cat = (name: string, spec: object): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Cat',
  metadata: { name },
  spec,
});

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
  await api.must(`POST ${CRDS}`, definition(LOOSE));
  await api.environment.advance(10);
  await api.must(`POST ${CATS}`, cat('few', { legs: 2 }));
  await api.must(`POST ${CATS}`, cat('odd', { name: 1 }));
  await api.must(`PATCH ${CRDS}/cats.example.com`, definition(TIGHT));
});

describe('a rule that an unchanged value breaks', () => {
  const TOLD = '299 - "spec.legs: Invalid value: 2: too few"';

  it('is a warning on a write of the object, and of its status', async () => {
    for (const [path, patch] of [
      ['few', { spec: { name: 'x' } }],
      ['few', { metadata: { labels: { a: 'b' } } }],
      ['few/status', { status: { name: 'y' } }],
    ] as const) {
      const { status, headers } = await api.call(`PATCH ${CATS}/${path}`, patch);
      assert.deepEqual([status, headers['warning']], [200, TOLD]);
    }
  });

  it('is one also beside an error', async () => {
    const { status, headers } = await api.call(`PATCH ${CATS}/few`, { spec: { name: 5 } });
    assert.equal(status, 422);
    assert.equal(headers['warning'], undefined, 'rules are not run on what has a wrong type');
    const next = { status: { legs: 1 } };
    const refused = await api.call(`PATCH ${CATS}/few/status`, next);
    assert.deepEqual([refused.status, refused.headers['warning']], [422, TOLD]);
  });

  it('is an error when the value changes', async () => {
    const next = { spec: { legs: 1 } };
    assert.match(await api.refusal(`PATCH ${CATS}/few`, next), /^422 .*: 1: too few$/);
  });
});

describe('applying to an object that does not fit its type any more', () => {
  it('is refused with the place that does not fit', async () => {
    const reply = await api.call(`PATCH ${CATS}/odd?fieldManager=a`, cat('odd', { legs: 4 }), {
      headers: APPLY,
    });
    assert.deepEqual(
      [reply.status, reply.body.message],
      [
        500,
        'failed to create typed live object (default/odd; example.com/v1, Kind=Cat): .spec.name: expected string, got &value.valueUnstructured{Value:1}',
      ],
    );
  });

  it('leaves other writes to be', async () => {
    await api.must(`PATCH ${CATS}/odd`, { metadata: { labels: { a: 'b' } } });
  });
});
