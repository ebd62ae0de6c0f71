/** Managers of custom objects in versions that a webhook converts: each sees what it wrote. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { HttpRequest } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string): string => `/apis/example.com/${version}/namespaces/default/cats/tom`;
const headers = { 'content-type': 'application/apply-patch+yaml' };

interface Cat {
  readonly apiVersion: string;
  readonly spec?: Readonly<Record<string, string>>;
}

let api: TestApiServer;
let asked: string[];
/** Of the conversions to this version, the webhook says no. */
let refused: string;

/** `color` and `size` in v1 are `colour` and `bulk` in v2. */
const NAMES = [
  ['color', 'colour'],
  ['size', 'bulk'],
] as const;

function convert(cat: Cat, apiVersion: string): object {
  const [to, from] = apiVersion.endsWith('v1') ? ([0, 1] as const) : ([1, 0] as const);
  const spec: Record<string, string> = {};
  for (const names of NAMES) {
    const value = cat.spec?.[names[from]];
    if (value !== undefined) spec[names[to]] = value;
  }
  return { ...cat, apiVersion, spec };
}

async function webhook({ body }: HttpRequest) {
  const { request, apiVersion } = JSON.parse(Buffer.from(body ?? '').toString());
  const { desiredAPIVersion, objects, uid } = request;
  asked.push(`${desiredAPIVersion} ${JSON.stringify(objects)}`);
  const convertedObjects = objects.map((cat: Cat) => convert(cat, desiredAPIVersion));
  const result = desiredAPIVersion.endsWith(refused)
    ? { status: 'Failed', message: 'not now' }
    : { status: 'Success' };
  const response = { uid, convertedObjects, result };
  const bytes = Buffer.from(JSON.stringify({ apiVersion, kind: 'ConversionReview', response }));
  return { status: 200, headers: {}, body: { kind: 'bytes' as const, bytes } };
}

function version(name: string, index: 0 | 1): object {
  const properties = Object.fromEntries(NAMES.map((names) => [names[index], { type: 'string' }]));
  const spec = { type: 'object', properties };
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  return { name, served: true, storage: name === 'v1', schema: { openAPIV3Schema } };
}

beforeEach(async () => {
  asked = [];
  refused = 'none';
  api = await TestApiServer.start({ backends: { to: () => webhook } });
  await api.must(`POST ${CRDS}`, {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat' },
      versions: [version('v1', 0), version('v2', 1)],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          clientConfig: { url: 'https://10.0.0.7/convert' },
          conversionReviewVersions: ['v1'],
        },
      },
    },
  });
  await api.environment.advance(10);
});

const cat = (version: string, spec: object): object => ({
  apiVersion: `example.com/${version}`,
  kind: 'Cat',
  metadata: { name: 'tom' },
  spec,
});

const apply = (
  version: string,
  manager: string,
  spec: object,
  more = '',
): Promise<{ spec: object }> =>
  api.must(`PATCH ${at(version)}?fieldManager=${manager}${more}`, cat(version, spec), { headers });

const refusal = (version: string, manager: string, spec: object): Promise<string> =>
  api.refusal(`PATCH ${at(version)}?fieldManager=${manager}`, cat(version, spec), { headers });

/** Who owns what, as `one v1 color`. */
async function managers(): Promise<string[]> {
  const { metadata } = await api.must(`GET ${at('v1')}`);
  const entries: { manager: string; apiVersion: string; fieldsV1: { 'f:spec': object } }[] =
    metadata.managedFields ?? [];
  return entries.map(({ manager, apiVersion, fieldsV1 }) => {
    const fields = Object.keys(fieldsV1['f:spec']).map((name) => name.replace('f:', ''));
    return [manager, apiVersion.split('/')[1], ...fields].join(' ');
  });
}

describe('an apply by another version than a manager wrote', () => {
  it('conflicts over the field that the webhook makes of it', async () => {
    await apply('v1', 'one', { color: 'red' });
    assert.match(
      await refusal('v2', 'two', { colour: 'blue' }),
      /^409 .*conflict with "one": .spec.color$/,
    );
    await apply('v2', 'two', { colour: 'blue' }, '&force=true');
    assert.deepEqual((await api.must(`GET ${at('v1')}`)).spec, { color: 'blue' });
    assert.deepEqual(await managers(), ['two v2 colour']);
  });

  it('shares what is the same', async () => {
    await apply('v1', 'one', { color: 'red' });
    await apply('v2', 'two', { colour: 'red' });
    assert.deepEqual((await managers()).toSorted(), ['one v1 color', 'two v2 colour']);
  });

  it('removes what its manager applied by the other one, and leaves what others own', async () => {
    await apply('v1', 'one', { color: 'red', size: 'big' });
    await apply('v2', 'two', { bulk: 'big' });
    const { spec } = await apply('v2', 'one', {});
    assert.deepEqual(spec, { bulk: 'big' });
    assert.deepEqual((await api.must(`GET ${at('v1')}`)).spec, { size: 'big' });
  });

  it('asks the webhook for each object once', async () => {
    await apply('v1', 'one', { color: 'red', size: 'big' });
    asked = [];
    await apply('v2', 'one', { colour: 'red' });
    // The first of them was to read the object.
    const [, ...own] = asked;
    assert.deepEqual([...new Set(own)], own);
    assert.ok(asked.length < 8, `${asked.length} conversions`);
  });

  it('fails with what the webhook says', async () => {
    await apply('v1', 'one', { color: 'red' });
    await apply('v2', 'two', { bulk: 'big' });
    refused = 'v2';
    const failure = 'conversion webhook for example.com/v1, Kind=Cat failed: not now';
    assert.equal(await refusal('v1', 'one', { color: 'blue' }), `500 ${failure}`);
    assert.deepEqual((await api.must(`GET ${at('v1')}`)).spec, { color: 'red', size: 'big' });
  });
});

describe('an update by another version than a manager wrote', () => {
  it('takes the field that the webhook makes of it', async () => {
    await apply('v1', 'one', { color: 'red', size: 'big' });
    await api.must(`PATCH ${at('v2')}?fieldManager=two`, { spec: { colour: 'blue' } });
    assert.deepEqual(await managers(), ['one v1 size', 'two v2 colour']);
  });

  it('goes on without managers where the webhook fails', async () => {
    await apply('v1', 'one', { color: 'red' });
    await apply('v2', 'two', { bulk: 'big' });
    refused = 'v2';
    await api.must(`PATCH ${at('v1')}?fieldManager=one`, { spec: { color: 'blue' } });
    assert.deepEqual(await managers(), []);
  });

  it('keeps the managers that the client has sent', async () => {
    await apply('v1', 'one', { color: 'red' });
    await apply('v2', 'two', { bulk: 'big' });
    const now = await api.must(`GET ${at('v2')}`);
    now.metadata.managedFields[0].manager = 'other';
    await api.must(`PUT ${at('v2')}`, now);
    assert.deepEqual(await managers(), ['other v1 color', 'two v2 bulk']);
  });
});
