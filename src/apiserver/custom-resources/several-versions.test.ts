/** Objects that are written and read in several versions: who owns what, what is stored, defaults. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const V1 = '/apis/example.com/v1/namespaces/default/cats';
const V2 = '/apis/example.com/v2/namespaces/default/cats';
const HPAS = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const HPAS_V2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
const headers = { 'content-type': 'application/apply-patch+yaml' };
const STRING = { type: 'string' };
const SHARED = { color: STRING, size: STRING };

let api: TestApiServer;

function version(name: string, properties: object): object {
  const spec = { type: 'object', properties };
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  return { name, served: true, storage: name === 'v1', schema: { openAPIV3Schema } };
}

const cat = (apiVersion: string, name: string, spec: object): object => ({
  apiVersion: `example.com/${apiVersion}`,
  kind: 'Cat',
  metadata: { name },
  spec,
});

before(async () => {
  api = await TestApiServer.start();
  const list = { type: 'array', items: STRING };
  await api.must(`POST ${CRDS}`, {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat' },
      versions: [
        version('v1', { ...SHARED, toys: list, food: { ...STRING, default: 'fish' } }),
        version('v2', {
          ...SHARED,
          toys: { ...list, 'x-kubernetes-list-type': 'set' },
          food: { ...STRING, default: 'meat' },
          mood: STRING,
        }),
      ],
    },
  });
  await api.environment.advance(10);
});

interface ManagerEntry {
  readonly manager: string;
  readonly apiVersion: string;
  readonly fieldsV1: { readonly 'f:spec'?: object };
}

async function managers(url: string): Promise<Record<string, string>> {
  const { metadata } = await api.must(`GET ${url}`);
  const entries: ManagerEntry[] = metadata.managedFields ?? [];
  return Object.fromEntries(
    entries.map(({ manager, apiVersion, fieldsV1 }) => [
      `${manager} ${apiVersion}`,
      Object.keys(fieldsV1['f:spec'] ?? {}).join(' '),
    ]),
  );
}

describe('managers that write different versions of a custom kind', () => {
  it('conflict, and share what they agree on', async () => {
    const first = cat('v1', 'tom', { color: 'red' });
    await api.must(`PATCH ${V1}/tom?fieldManager=one`, first, { headers });
    const other = cat('v2', 'tom', { color: 'blue' });
    assert.match(
      await api.refusal(`PATCH ${V2}/tom?fieldManager=two`, other, { headers }),
      /^409 .*conflict with "one": .spec.color$/,
    );
    await api.must(`PATCH ${V2}/tom?fieldManager=two&force=true`, other, { headers });
    assert.equal((await api.must(`GET ${V1}/tom`)).spec.color, 'blue');
    assert.deepEqual(await managers(`${V1}/tom`), { 'two example.com/v2': 'f:color' });
  });

  it('remove by one version what they applied by another', async () => {
    const applied = cat('v1', 'tim', { color: 'red', toys: ['ball'] });
    await api.must(`PATCH ${V1}/tim?fieldManager=one`, applied, { headers });
    await api.must(`PATCH ${V2}/tim?fieldManager=one`, cat('v2', 'tim', {}), { headers });
    assert.deepEqual((await api.must(`GET ${V2}/tim`)).spec, { food: 'fish' });
  });

  it('are forgotten where one of the versions cannot say what is there', async () => {
    const applied = cat('v1', 'pip', { color: 'red' });
    await api.must(`PATCH ${V1}/pip?fieldManager=one`, applied, { headers });
    await api.must(`PATCH ${V2}/pip?fieldManager=two`, { spec: { mood: 'good' } });
    assert.deepEqual(await managers(`${V1}/pip`), {});
  });
});

describe('what lies in the store', () => {
  it('holds no field that the stored version does not know', async () => {
    const made = await api.must(`POST ${V2}`, cat('v2', 'sad', { mood: 'low' }));
    assert.deepEqual(made.spec, { food: 'meat' });
    assert.deepEqual((await api.must(`GET ${V2}/sad`)).spec, { food: 'meat' });
  });

  it('is read with the defaults of its own version, not of the one that is asked for', async () => {
    await api.must(`POST ${V1}`, cat('v1', 'old', {}));
    const add = (index: number, value: number) => ({
      op: 'add',
      path: `/spec/versions/${index}/schema/openAPIV3Schema/properties/spec/properties/age`,
      value: { type: 'integer', default: value },
    });
    await api.must(`PATCH ${CRDS}/cats.example.com`, [add(0, 1), add(1, 2)], {
      headers: { 'content-type': 'application/json-patch+json' },
    });
    await api.environment.advance(10);
    assert.deepEqual((await api.must(`GET ${V2}/old`)).spec, { food: 'fish', age: 1 });
  });
});

describe('managers that write different versions of a built-in kind', () => {
  it('conflict over the field that is the same in both', async () => {
    const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
    const target = (apiVersion: string, spec: object): object => ({
      apiVersion,
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: { scaleTargetRef, maxReplicas: 5, ...spec },
    });
    const first = target('autoscaling/v1', { targetCPUUtilizationPercentage: 50 });
    await api.must(`PATCH ${HPAS}/web?fieldManager=one`, first, { headers });
    const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } };
    const second = target('autoscaling/v2', { metrics: [{ type: 'Resource', resource }] });
    assert.match(
      await api.refusal(`PATCH ${HPAS_V2}/web?fieldManager=two`, second, { headers }),
      /^409 .*conflict with "one": .spec.targetCPUUtilizationPercentage$/,
    );
    await api.must(`PATCH ${HPAS_V2}/web?fieldManager=two&force=true`, second, { headers });
    assert.equal((await api.must(`GET ${HPAS}/web`)).spec.targetCPUUtilizationPercentage, 60);
    assert.equal(
      (await managers(`${HPAS}/web`))['one autoscaling/v1'],
      'f:maxReplicas f:scaleTargetRef',
    );
  });
});
