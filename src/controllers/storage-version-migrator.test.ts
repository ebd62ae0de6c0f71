/** Migrations of stored versions: what they say, and what lies in the store in the end. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { STORAGE_VERSION_MIGRATION } from '#api/storagemigration/storage-version-migration.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { TestCluster } from '#kit/cluster.ts';
import { storageVersionMigrator } from './storage-version-migrator.ts';

interface Cat extends KubeObject {
  spec: { color?: string; colour?: string };
}

const STRING = { type: 'string' };
const CATS = {
  group: 'example.com',
  version: 'v1',
  kind: 'Cat',
  plural: 'cats',
  namespaced: true,
  type: {} as Cat,
};
const WEBHOOK = {
  strategy: 'Webhook',
  webhook: {
    clientConfig: { url: 'https://10.0.0.7/convert' },
    conversionReviewVersions: ['v1'],
  },
};

let cluster: TestCluster;
/** What the webhook answers instead of objects. */
let refusal: string | undefined;

/** `color` in v1 is `colour` in v2. */
async function webhook({ body }: HttpRequest) {
  const { request, apiVersion } = JSON.parse(Buffer.from(body ?? '').toString());
  const { desiredAPIVersion, objects, uid } = request;
  const name = desiredAPIVersion.endsWith('v1') ? 'color' : 'colour';
  const convertedObjects = objects.map(({ spec, ...rest }: Cat) => ({
    ...rest,
    apiVersion: desiredAPIVersion,
    spec: { [name]: spec.color ?? spec.colour },
  }));
  const result =
    refusal === undefined ? { status: 'Success' } : { status: 'Failed', message: refusal };
  const response = { uid, convertedObjects, result };
  const bytes = Buffer.from(JSON.stringify({ apiVersion, kind: 'ConversionReview', response }));
  return { status: 200, headers: {}, body: { kind: 'bytes' as const, bytes } };
}

beforeEach(async () => {
  refusal = undefined;
  cluster = await TestCluster.start({
    nodes: 0,
    controllers: [storageVersionMigrator],
    scheduler: false,
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('StorageVersionMigrator=true')),
      runtimeConfig: parseRuntimeConfig('storagemigration.k8s.io/v1beta1=true'),
      backends: { to: () => webhook },
    },
  });
});

afterEach(() => cluster.stop());

const versions = (storage: string, fields: readonly [string, string]): object[] =>
  ['v1', 'v2'].map((name, i) => {
    const spec = { type: 'object', properties: { [fields[i] ?? '']: STRING } };
    const openAPIV3Schema = { type: 'object', properties: { spec } };
    return { name, served: true, storage: name === storage, schema: { openAPIV3Schema } };
  });

/** A definition that stores v1, and some cats. */
async function makeCats(names: readonly string[], conversion?: object): Promise<void> {
  const fields = fieldsOf(conversion);
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat' },
      ...(conversion === undefined ? {} : { conversion }),
      versions: versions('v1', fields),
    },
  } as CustomResourceDefinition);
  await cluster.settle();
  for (const name of names)
    await cluster.create<Cat>(CATS, {
      metadata: { name, namespace: 'default' },
      spec: { color: 'red' },
    });
}

const fieldsOf = (conversion: object | undefined): [string, string] =>
  conversion === undefined ? ['color', 'color'] : ['color', 'colour'];

async function store(version: string, conversion?: object): Promise<void> {
  await cluster.patch(CUSTOM_RESOURCE_DEFINITION, await definition(), {
    spec: { versions: versions(version, fieldsOf(conversion)) },
  });
  await cluster.settle();
}

const definition = (): Promise<CustomResourceDefinition> =>
  cluster.get(CUSTOM_RESOURCE_DEFINITION, 'cats.example.com');

/** What lies in the store, in words. */
async function stored(...names: string[]): Promise<string> {
  const found = [];
  for (const name of names) {
    const { item } = await cluster.run(
      cluster.store.get(`/registry/example.com/cats/default/${name}`),
    );
    const { apiVersion, spec } = JSON.parse(Buffer.from(item?.value ?? '').toString());
    found.push(`${apiVersion.split('/')[1]} ${JSON.stringify(spec)}`);
  }
  return found.join(', ');
}

async function migrate(name: string, resource = 'cats', group = 'example.com'): Promise<void> {
  await cluster.create(STORAGE_VERSION_MIGRATION, {
    metadata: { name },
    spec: { resource: { group, resource } },
  });
}

async function conditions(name: string): Promise<string[]> {
  const { status } = await cluster.get(STORAGE_VERSION_MIGRATION, name);
  return (status?.conditions ?? []).map(
    ({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`,
  );
}

async function migrating(): Promise<string> {
  const { status, metadata } = await definition();
  const said = status?.conditions.find(({ type }) => type === 'StorageMigrating');
  const lag = (metadata?.generation ?? 0) - (said?.observedGeneration ?? 0);
  return `${said?.status} ${said?.reason}: ${said?.message} (${lag} behind) ${status?.storedVersions.join(' ')}`;
}

const ENDED = 'Running=False MigrationCompleted: Migration completed';
const SUCCEEDED = [ENDED, 'Succeeded=True StorageVersionMigrationSucceeded: '];
const failed = (message: string): string[] => [
  ENDED,
  `Failed=True StorageVersionMigrationFailed: ${message}`,
];

describe('a migration of custom objects', () => {
  it('moves them all to the version that is stored now, and says so everywhere', async () => {
    await makeCats(['a', 'b']);
    await store('v2');
    assert.equal(await stored('a', 'b'), 'v1 {"color":"red"}, v1 {"color":"red"}');
    const before = await cluster.get(CATS, 'a', 'default');
    await migrate('one');
    await cluster.settle();
    assert.equal(await stored('a', 'b'), 'v2 {"color":"red"}, v2 {"color":"red"}');
    assert.deepEqual(await conditions('one'), SUCCEEDED);
    assert.equal(
      await migrating(),
      'False MigrationSucceeded: The migration has succeeded and the stored versions have been updated (0 behind) v2',
    );
    const { metadata } = await cluster.get(CATS, 'a', 'default');
    assert.notEqual(metadata?.resourceVersion, before.metadata?.resourceVersion);
    assert.deepEqual(metadata?.managedFields, before.metadata?.managedFields);
  });

  it('moves them through a webhook', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    await migrate('one');
    await cluster.settle();
    assert.equal(await stored('a'), 'v2 {"colour":"red"}');
    assert.deepEqual(await conditions('one'), SUCCEEDED);
  });

  it('waits for a webhook that fails, running', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    refusal = 'not now';
    await migrate('one');
    await cluster.advance(10_000);
    assert.deepEqual(await conditions('one'), [
      'Running=True MigrationRunning: The migration is running',
    ]);
    assert.equal(
      await migrating(),
      'True MigrationRunning: Migration one is running (0 behind) v1 v2',
    );
    // To ask for that, no object need be converted.
    const { status } = await cluster.get(STORAGE_VERSION_MIGRATION, 'one');
    assert.notEqual(status?.resourceVersion ?? '', '');
    refusal = undefined;
    await cluster.advance(60_000);
    assert.equal(await stored('a'), 'v2 {"colour":"red"}');
  });

  it('leaves the stored versions when the definition has changed meanwhile', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    refusal = 'not now';
    await migrate('one');
    await cluster.advance(10_000);
    await store('v1', WEBHOOK);
    refusal = undefined;
    await cluster.settle();
    assert.equal(
      await migrating(),
      'False MigrationSucceeded: The migration has succeeded but the stored versions have not been updated due to a generation mismatch (0 behind) v1 v2',
    );
  });

  it('can be followed by one back, which keeps the versions until it is over', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    await migrate('one');
    await cluster.settle();
    await store('v1', WEBHOOK);
    const seen: string[] = [];
    const stop = new AbortController();
    const watching = cluster.client.watch(
      CUSTOM_RESOURCE_DEFINITION,
      { signal: stop.signal },
      ({ object: { status } }) => {
        const said = status?.conditions.find(({ type }) => type === 'StorageMigrating');
        seen.push(`${said?.message}: ${status?.storedVersions.join(' ')}`);
      },
    );
    await migrate('two');
    await cluster.settle();
    stop.abort();
    await cluster.run(watching);
    const succeeded = 'The migration has succeeded and the stored versions have been updated';
    assert.deepEqual(seen, [
      `${succeeded}: v2 v1`,
      'Migration two is running: v2 v1',
      `${succeeded}: v1`,
    ]);
    assert.equal(await stored('a'), 'v1 {"color":"red"}');
  });

  it('waits for another one of the same resource', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    refusal = 'not now';
    await migrate('b-first');
    await cluster.advance(2_000);
    await migrate('a-second');
    await cluster.advance(2_000);
    assert.deepEqual(await conditions('a-second'), []);
    refusal = undefined;
    await cluster.settle();
    assert.deepEqual(await conditions('b-first'), SUCCEEDED);
    assert.deepEqual(await conditions('a-second'), SUCCEEDED);
  });

  it('gives way to the next one when it is deleted', async () => {
    await makeCats(['a'], WEBHOOK);
    await store('v2', WEBHOOK);
    refusal = 'not now';
    await migrate('one');
    await cluster.advance(2_000);
    await migrate('two');
    await cluster.delete(STORAGE_VERSION_MIGRATION, { metadata: { name: 'one' } });
    refusal = undefined;
    await cluster.settle();
    assert.deepEqual(await conditions('two'), SUCCEEDED);
  });
});

describe('a migration of built-in objects', () => {
  it('writes nothing that is stored as it would be now', async () => {
    const map = await cluster.create(CONFIG_MAP, { metadata: { name: 'a', namespace: 'default' } });
    await migrate('maps', 'configmaps', '');
    await cluster.settle();
    assert.deepEqual(await conditions('maps'), SUCCEEDED);
    assert.deepEqual(await cluster.get(CONFIG_MAP, 'a', 'default'), map);
  });
});

describe('a migration fails', () => {
  it('for a resource that cannot be patched, at once', async () => {
    await migrate('statuses', 'componentstatuses', '');
    await cluster.settle();
    assert.deepEqual(
      await conditions('statuses'),
      failed(
        'resource "/v1, Resource=componentstatuses" does not support discovery operations: [update patch list]',
      ),
    );
  });

  it('for a resource that is still unknown after a minute', async () => {
    await migrate('one');
    await cluster.advance(55_000);
    assert.deepEqual(await conditions('one'), [
      'Running=True MigrationRunning: The migration is running',
    ]);
    await cluster.advance(10_000);
    assert.deepEqual(await conditions('one'), failed('resource does not exist in discovery'));
  });

  it('not for a resource that comes in time', async () => {
    await migrate('one');
    await cluster.advance(20_000);
    await makeCats([]);
    await cluster.advance(2_000);
    assert.deepEqual(await conditions('one'), SUCCEEDED);
  });

  it('where an object is refused to it, and keeps the stored versions', async () => {
    await makeCats(['a']);
    await store('v2');
    const name = 'system:controller:storage-version-migrator-controller';
    const role = await cluster.get(CLUSTER_ROLE, name);
    await cluster.patch(CLUSTER_ROLE, role, {
      rules: role.rules?.map((rule) =>
        rule.resources?.includes('*') === true ? { ...rule, verbs: ['list'] } : rule,
      ),
    });
    await migrate('one');
    await cluster.settle();
    assert.deepEqual(
      await conditions('one'),
      failed(
        'migration encountered unhandled error: cats.example.com "a" is forbidden: User "system:serviceaccount:kube-system:storage-version-migrator-controller" cannot patch resource "cats" in API group "example.com" in the namespace "default"',
      ),
    );
    assert.equal(await stored('a'), 'v1 {"color":"red"}');
    assert.equal(
      await migrating(),
      'False MigrationFailed: The migration has failed (0 behind) v1 v2',
    );
  });
});
