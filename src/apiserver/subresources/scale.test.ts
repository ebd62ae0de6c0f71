/** Who owns the replicas that are written through the scale subresource. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const WEBS = '/apis/apps/v1/namespaces/default/deployments';
const CATS = '/apis/example.com/v1/namespaces/default/cats';
const headers = { 'content-type': 'application/apply-patch+yaml' };
const OPEN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

let api: TestApiServer;

function deployment(name: string, replicas: number): object {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'a', image: 'x' }] },
  };
  const spec = { replicas, selector: { matchLabels: { app: 'web' } }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

const cat = (name: string, spec: object): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Cat',
  metadata: { name },
  spec,
});

const scale = (name: string, replicas?: number): object => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name },
  spec: replicas === undefined ? {} : { replicas },
});

/** Those that own the replicas: name, operation, version, subresource. */
async function owners(url: string): Promise<string[]> {
  const { metadata } = await api.must(`GET ${url}`);
  const entries: {
    manager: string;
    operation: string;
    apiVersion: string;
    subresource?: string;
    fieldsV1: { 'f:spec'?: object };
  }[] = metadata.managedFields;
  return entries
    .filter((entry) => 'f:replicas' in (entry.fieldsV1['f:spec'] ?? {}))
    .map(
      ({ manager, operation, apiVersion, subresource = '' }) =>
        `${manager} ${operation} ${apiVersion} ${subresource}`,
    );
}

before(async () => {
  api = await TestApiServer.start();
  const version = (name: string, path: string): object => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: OPEN, status: OPEN } } },
    subresources: {
      scale: { specReplicasPath: path, statusReplicasPath: '.status.replicas' },
    },
  });
  await api.must(`POST ${CRDS}`, {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat' },
      versions: [version('v1', '.spec.replicas'), version('v2', '.spec.n')],
    },
  });
  await api.environment.advance(10);
});

describe('writes of the scale', () => {
  it('take the replicas from who owned them', async () => {
    await api.must(`POST ${WEBS}?fieldManager=maker`, deployment('one', 1));
    assert.deepEqual(await owners(`${WEBS}/one`), ['maker Update apps/v1 ']);
    await api.must(`PUT ${WEBS}/one/scale?fieldManager=ops`, scale('one', 3));
    assert.deepEqual(await owners(`${WEBS}/one`), ['ops Update apps/v1 scale']);
    const { metadata } = await api.must(`GET ${WEBS}/one`);
    const [first] = metadata.managedFields;
    assert.deepEqual([first.manager, 'time' in first], ['ops', false]);
    await api.must(`PATCH ${WEBS}/one/scale?fieldManager=other`, { spec: { replicas: 4 } });
    assert.deepEqual(await owners(`${WEBS}/one`), ['other Update apps/v1 scale']);
  });

  it('conflict with an applier of the object, and the other way round', async () => {
    await api.must(`PATCH ${WEBS}/two?fieldManager=app`, deployment('two', 2), { headers });
    const url = `PATCH ${WEBS}/two/scale?fieldManager=hpa`;
    const mine = await api.call(url, scale('two', 5), { headers });
    assert.deepEqual(
      [mine.status, mine.body.details.causes],
      [
        409,
        [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "app"',
            field: '.spec.replicas',
          },
        ],
      ],
    );
    await api.must(`${url}&force=true`, scale('two', 5), { headers });
    assert.deepEqual(await owners(`${WEBS}/two`), ['hpa Apply apps/v1 scale']);
    assert.match(
      await api.refusal(`PATCH ${WEBS}/two?fieldManager=app`, deployment('two', 2), { headers }),
      /^409 .*conflict with "hpa" with subresource "scale": .spec.replicas$/,
    );
    await api.must(`PATCH ${WEBS}/two?fieldManager=app`, deployment('two', 5), { headers });
    assert.deepEqual(await owners(`${WEBS}/two`), [
      'hpa Apply apps/v1 scale',
      'app Apply apps/v1 ',
    ]);
  });

  it('own the replicas of custom objects, wherever a version has them', async () => {
    await api.must(`POST ${CATS}?fieldManager=maker`, cat('tom', { replicas: 1, n: 7 }));
    await api.must(`PATCH ${CATS}/tom/scale?fieldManager=hpa&force=true`, scale('tom', 2), {
      headers,
    });
    assert.deepEqual(await owners(`${CATS}/tom`), ['hpa Apply example.com/v1 scale']);
    const other = '/apis/example.com/v2/namespaces/default/cats/tom';
    assert.equal((await api.must(`GET ${other}/scale`)).spec.replicas, 7);
    await api.must(`PUT ${other}/scale?fieldManager=ops`, scale('tom', 9));
    const { metadata, spec } = await api.must(`GET ${CATS}/tom`);
    assert.deepEqual(spec, { replicas: 2, n: 9 });
    const { fieldsV1 } = metadata.managedFields.find(
      ({ manager }: { manager: string }) => manager === 'ops',
    );
    assert.deepEqual(fieldsV1, { 'f:spec': { 'f:n': {} } });
  });
});

describe('the scale of a custom object that does not say how many it wants', () => {
  before(async () => {
    await api.must(`POST ${CATS}`, cat('void', {}));
  });

  it('is not there to read', async () => {
    const { status, body } = await api.call(`GET ${CATS}/void/scale`);
    assert.deepEqual(
      [status, body.reason, body.message],
      [
        500,
        'InternalError',
        'Internal error occurred: the spec replicas field ".spec.replicas" does not exist',
      ],
    );
  });

  it('can be written, by a count', async () => {
    assert.equal(
      await api.refusal(`PATCH ${CATS}/void/scale`, { metadata: { labels: { a: 'b' } } }),
      '400 the spec replicas field ".spec.replicas" cannot be empty',
    );
    await api.must(`PATCH ${CATS}/void/scale`, { spec: { replicas: 0 } });
    assert.deepEqual((await api.must(`GET ${CATS}/void`)).spec, { replicas: 0 });
  });

  it('is refused by name where something else stands there', async () => {
    await api.must(`POST ${CATS}`, cat('odd', { replicas: 3 }));
    assert.match(
      await api.refusal(`PUT ${CATS}/odd/scale`, scale('odd', -3)),
      /^422 Cat.example.com "odd" is invalid: .spec.replicas: Invalid value: -3: should be a non-negative integer$/,
    );
  });
});
