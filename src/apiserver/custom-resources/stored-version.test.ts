/** A write that changes nothing moves an object to the version that is stored now, and only then. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { HttpRequest } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string): string => `/apis/example.com/${version}/namespaces/default/cats`;
const KEY = '/registry/example.com/cats/default/tom';

let api: TestApiServer;

interface Cat {
  readonly spec: { readonly color?: string; readonly colour?: string };
}

/** Renames the member that the two versions have under different names. */
async function webhook({ body }: HttpRequest) {
  const { request, apiVersion } = JSON.parse(Buffer.from(body ?? '').toString());
  const { desiredAPIVersion, objects, uid } = request;
  const name = desiredAPIVersion.endsWith('v1') ? 'color' : 'colour';
  const convertedObjects = objects.map(({ spec, ...rest }: Cat) => ({
    ...rest,
    apiVersion: desiredAPIVersion,
    spec: { [name]: spec.color ?? spec.colour },
  }));
  const response = { uid, convertedObjects, result: { status: 'Success' } };
  const bytes = Buffer.from(JSON.stringify({ apiVersion, kind: 'ConversionReview', response }));
  return { status: 200, headers: {}, body: { kind: 'bytes' as const, bytes } };
}

const version = (name: string, storage: boolean, properties: object): object => ({
  name,
  served: true,
  storage,
  schema: {
    openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
  },
});

const STRING = { type: 'string' };
const WEBHOOK = {
  strategy: 'Webhook',
  webhook: {
    clientConfig: { url: 'https://10.0.0.7/convert' },
    conversionReviewVersions: ['v1'],
  },
};

/** The definition, `storage` being the version that is stored. */
const definition = (storage: string, conversion?: object): object => {
  const names = conversion === undefined ? ['color', 'color'] : ['color', 'colour'];
  return {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat' },
      ...(conversion === undefined ? {} : { conversion }),
      versions: ['v1', 'v2'].map((name, i) =>
        version(name, name === storage, { [names[i] ?? '']: STRING }),
      ),
    },
  };
};

async function define(storage: string, conversion?: object): Promise<void> {
  const body = definition(storage, conversion);
  const { status } = await api.call(`PATCH ${CRDS}/cats.example.com`, body);
  if (status === 404) await api.must(`POST ${CRDS}`, body);
  await api.environment.advance(10);
}

async function inStore(): Promise<{ readonly apiVersion: string; readonly spec: object }> {
  const { item } = await api.store.get(KEY);
  return JSON.parse(Buffer.from(item?.value ?? '').toString());
}

const tom = {
  apiVersion: 'example.com/v1',
  kind: 'Cat',
  metadata: { name: 'tom' },
  spec: { color: 'red' },
};

beforeEach(async () => {
  api = await TestApiServer.start({ backends: { to: () => webhook } });
});

describe('a write that changes nothing', () => {
  it('is none where the stored version is the same', async () => {
    await define('v1');
    const made = await api.must(`POST ${at('v1')}`, tom);
    for (const version of ['v1', 'v2']) {
      const again = await api.must(`PATCH ${at(version)}/tom`, {});
      assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
    }
  });

  for (const version of ['v1', 'v2'])
    it(`by ${version} moves the object to the version that is stored now, once`, async () => {
      await define('v1');
      const made = await api.must(`POST ${at('v1')}`, tom);
      await define('v2');
      assert.equal((await inStore()).apiVersion, 'example.com/v1');
      const dry = await api.must(`PATCH ${at(version)}/tom?dryRun=All`, {});
      assert.equal(dry.metadata.resourceVersion, made.metadata.resourceVersion);
      const moved = await api.must(`PATCH ${at(version)}/tom`, {});
      assert.equal((await inStore()).apiVersion, 'example.com/v2');
      assert.ok(Number(moved.metadata.resourceVersion) > Number(made.metadata.resourceVersion));
      assert.deepEqual(moved.metadata.managedFields, made.metadata.managedFields);
      assert.equal(moved.metadata.generation, 1);
      const again = await api.must(`PATCH ${at(version)}/tom`, {});
      assert.equal(again.metadata.resourceVersion, moved.metadata.resourceVersion);
    });

  for (const version of ['v1', 'v2'])
    it(`by ${version} stores what a webhook makes of the object`, async () => {
      await define('v1', WEBHOOK);
      await api.must(`POST ${at('v1')}`, tom);
      await define('v2', WEBHOOK);
      const moved = await api.must(`PATCH ${at(version)}/tom`, {});
      assert.deepEqual((await inStore()).spec, { colour: 'red' });
      assert.equal((await inStore()).apiVersion, 'example.com/v2');
      const again = await api.must(`PATCH ${at(version)}/tom`, {});
      assert.equal(again.metadata.resourceVersion, moved.metadata.resourceVersion);
      assert.deepEqual((await api.must(`GET ${at('v1')}/tom`)).spec, { color: 'red' });
    });

  it('is no news of its manager', async () => {
    await define('v1');
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const url = `PATCH ${at('v1')}/tom?fieldManager=me`;
    const made = await api.must(url, tom, { headers });
    await define('v2');
    await api.environment.advance(60_000);
    const moved = await api.must(url, tom, { headers });
    assert.equal((await inStore()).apiVersion, 'example.com/v2');
    assert.deepEqual(moved.metadata.managedFields, made.metadata.managedFields);
  });

  it('leaves out what the schema knows no longer', async () => {
    await define('v1');
    await api.must(`POST ${at('v1')}`, tom);
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties';
    await api.must(
      `PATCH ${CRDS}/cats.example.com`,
      [{ op: 'replace', path, value: { name: STRING } }],
      { headers: { 'content-type': 'application/json-patch+json' } },
    );
    await api.environment.advance(10);
    await api.must(`PATCH ${at('v1')}/tom`, {});
    assert.deepEqual((await inStore()).spec, {});
  });
});
