/** What bodies of custom kinds must say, and what becomes of what they say wrongly. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CATS = '/apis/example.com/v1/namespaces/default/cats';
const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };

const STRING = { type: 'string' };
const SCHEMA = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        name: STRING,
        map: { type: 'object', additionalProperties: { type: 'object' } },
        pod: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        open: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { known: { type: 'object', properties: { a: STRING } } },
        },
      },
    },
    status: { type: 'object', properties: { phase: STRING } },
  },
};

let api: TestApiServer;

const cat = (name: string, spec: object = {}, more: object = {}): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Cat',
  metadata: { name },
  spec,
  ...more,
});

before(async () => {
  api = await TestApiServer.start();
  await api.must(`POST ${CRDS}`, {
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
          schema: { openAPIV3Schema: SCHEMA },
          subresources: { status: {} },
        },
      ],
    },
  });
  await api.environment.advance(10);
});

describe('the type of a body', () => {
  const metadata = { name: 'typed' };
  const rows: [body: object, refusal: string][] = [
    [
      { metadata },
      '400 the object provided is unrecognized (must be of type Cat): Object \'Kind\' is missing in \'{"metadata":{"name":"typed"}}\' ({"metadata":{"name":"typed"}})',
    ],
    [
      { kind: 'Cat', metadata },
      '400 the API version in the data () does not match the expected API version (example.com/v1)',
    ],
    [
      { kind: 'Dog', apiVersion: 'example.com/v1', metadata },
      '422 Dog.example.com "typed" is invalid: kind: Invalid value: "Dog": must be Cat',
    ],
    [
      { kind: 'Cat', apiVersion: 1, metadata },
      '400 the object provided is unrecognized (must be of type Cat): couldn\'t get version/kind; json parse error: json: cannot unmarshal number into Go struct field .apiVersion of type string ({"kind":"Cat","apiVersion":1," ...)',
    ],
    [
      { kind: 'Cat', apiVersion: 'example.com/v1', metadata: { name: 'typed', labels: { a: 1 } } },
      '400 Cat in version "v1" cannot be handled as a Cat: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
    ],
    [
      cat('typed', { pod: { kind: 1 } }),
      '400 Cat in version "v1" cannot be handled as a Cat: spec.pod.kind: Invalid value: 1: must be a string',
    ],
  ];
  for (const [body, refusal] of rows)
    it(`is wanted: ${JSON.stringify(body)}`, async () => {
      assert.equal(await api.refusal(`POST ${CATS}`, body), refusal);
    });

  it('cannot be patched away', async () => {
    await api.must(`POST ${CATS}`, cat('kind'));
    const patch = [{ op: 'replace', path: '/kind', value: 'Dog' }];
    assert.equal(
      await api.refusal(`PATCH ${CATS}/kind`, patch, { headers: JSON_PATCH }),
      '422 Dog.example.com "kind" is invalid: kind: Invalid value: "Dog": must be Cat',
    );
  });
});

describe('nulls', () => {
  it('that are not allowed go from what is sent, and are errors of what is applied', async () => {
    const sent = await api.must(`POST ${CATS}`, cat('null', { name: null }));
    assert.deepEqual(sent.spec, {});
    assert.match(
      await api.refusal(
        `PATCH ${CATS}/applied?fieldManager=a`,
        { ...cat('applied', { name: null }) },
        { headers: APPLY },
      ),
      /^422 .*spec.name: Invalid value: "null": spec.name in body must be of type string: "null"$/,
    );
  });

  it('that go leave a change behind where an object was made for them', async () => {
    await api.must(`POST ${CATS}`, cat('empty'));
    const patched = await api.must(`PATCH ${CATS}/empty`, { spec: { map: { a: null } } });
    assert.deepEqual([patched.spec, patched.metadata.generation], [{ map: {} }, 2]);
  });
});

describe('applied objects', () => {
  it('may hold anything below what keeps unknown fields', async () => {
    const spec = { open: { known: { a: 'x', b: 1 }, other: { c: [1] } } };
    const applied = await api.must(`PATCH ${CATS}/open?fieldManager=a`, cat('open', spec), {
      headers: APPLY,
    });
    assert.deepEqual(applied.spec.open, { known: { a: 'x' }, other: { c: [1] } });
    assert.deepEqual(applied.metadata.managedFields[0].fieldsV1['f:spec']['f:open'], {
      'f:known': { 'f:a': {}, 'f:b': {} },
      'f:other': { '.': {}, 'f:c': {} },
    });
  });

  it('are checked before keys that come twice are', async () => {
    const { status, body } = await api.call(
      `PATCH ${CATS}/typo?fieldManager=a&fieldValidation=Strict`,
      cat('typo', { odd: 1 }),
      { headers: APPLY },
    );
    assert.deepEqual(
      [status, body.message],
      [
        500,
        'failed to create typed patch object (/typo; example.com/v1, Kind=Cat): .spec.odd: field not declared in schema',
      ],
    );
  });
});

describe('keys that come twice in an applied text', () => {
  const text = 'apiVersion: example.com/v1\nkind: Cat\nmetadata:\n  name: twice\n  name: twice\n';
  const apply = (validation: string) =>
    api.environment.resolve(
      api.server.handler({
        method: 'PATCH',
        url: `${CATS}/twice?fieldManager=a&fieldValidation=${validation}`,
        headers: { ...APPLY, accept: 'application/json' },
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
        body: Buffer.from(text),
      }),
    );

  it('are an error, warnings or nothing, as the client wants it', async () => {
    assert.equal((await apply('Strict')).status, 400);
    const warned = await apply('Warn');
    assert.equal(warned.status, 201);
    assert.match(String(warned.headers['warning']), /line 5: key \\"name\\" already set in map/);
    assert.equal((await apply('Ignore')).headers['warning'], undefined);
  });
});

describe('managers of custom objects', () => {
  it('are forgotten where the object does not fit its type', async () => {
    const made = await api.must(`POST ${CATS}`, cat('misfit', {}, { status: { phase: 1 } }));
    assert.equal(made.metadata.managedFields, undefined);
  });
});

describe('answers', () => {
  it('of lists always say how they go on', async () => {
    const { metadata } = await api.must(`GET ${CATS}`);
    assert.equal(metadata.continue, '');
  });

  it('to a view that is not there name the object', async () => {
    const { status, body } = await api.call(`GET ${CATS}/some/view`);
    assert.deepEqual(
      [status, body.details],
      [404, { name: 'some', group: 'example.com', kind: 'cats' }],
    );
  });

  it('to a resource of the group that is not there are a page', async () => {
    assert.equal(
      (await api.call('GET /apis/example.com/v1/dogs')).body.trim(),
      '404 page not found',
    );
  });
});
