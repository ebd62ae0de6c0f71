/** What is left of the StorageVersions of API servers that are gone. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { STORAGE_VERSION } from '#api/apiserverinternal/storage-version.ts';
import { LEASE } from '#api/coordination/lease.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { StorageVersion } from '#api/gen/apiserverinternal-v1alpha1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { storageVersionGarbageCollectors } from './storageversion-garbage-collector.ts';

const NAMESPACE = 'kube-system';
const NAME = 'apps.deployments';

let cluster: TestCluster;

beforeEach(async () => {
  const gates = parseFeatureGates('StorageVersionAPI=true');
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: storageVersionGarbageCollectors,
    apiServer: {
      featureGates: new FeatureGates(gates, 'kube-controller-manager'),
      runtimeConfig: parseRuntimeConfig('internal.apiserver.k8s.io/v1alpha1=true'),
    },
  });
});

afterEach(() => cluster.stop());

async function server(name: string, component = 'kube-apiserver'): Promise<void> {
  const labels = { 'apiserver.kubernetes.io/identity': component };
  await cluster.create(LEASE, { metadata: { name, namespace: NAMESPACE, labels } });
}

async function stops(name: string): Promise<void> {
  await cluster.delete(LEASE, { metadata: { name, namespace: NAMESPACE } });
  await cluster.settle();
}

/** The version of each server. */
async function say(
  versions: Readonly<Record<string, string>>,
  rest: StorageVersion['status'] = {},
): Promise<void> {
  const made = await cluster.create(STORAGE_VERSION, { metadata: { name: NAME }, spec: {} });
  const storageVersions = Object.entries(versions).map(([apiServerID, encodingVersion]) => ({
    apiServerID,
    encodingVersion,
    decodableVersions: [encodingVersion],
  }));
  const status = { storageVersions, ...rest };
  await cluster.run(cluster.client.update(STORAGE_VERSION, { ...made, status }, 'status'));
  await cluster.settle();
}

async function said(): Promise<string> {
  const [found] = await cluster.list(STORAGE_VERSION);
  if (found?.status === undefined) return 'nothing';
  const { storageVersions = [], commonEncodingVersion = 'none', conditions = [] } = found.status;
  const ids = storageVersions.map(({ apiServerID }) => apiServerID).join();
  const states = conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
  return `${ids} agree on ${commonEncodingVersion}; ${states.join()}`;
}

describe('a StorageVersion', () => {
  it('loses what a server said when its Lease goes, and says what the others agree on', async () => {
    await server('one');
    await server('two');
    await say({ one: 'v1', two: 'v2' });
    assert.equal(await said(), 'one,two agree on none; ');
    await stops('one');
    assert.equal(
      await said(),
      'two agree on v2; AllEncodingVersionsEqual=True CommonEncodingVersionSet',
    );
  });

  it('goes with the last server', async () => {
    await server('one');
    await say({ one: 'v1' }, { commonEncodingVersion: 'v1' });
    await stops('one');
    assert.equal(await said(), 'nothing');
    assert.deepEqual(await cluster.list(STORAGE_VERSION), []);
  });

  it('loses what is said for a server without a Lease of an API server', async () => {
    await server('one');
    await server('stranger', 'kube-scheduler');
    await say({ gone: 'v1', stranger: 'v1', one: 'v1' }, { commonEncodingVersion: 'v1' });
    assert.equal(
      await said(),
      'one agree on v1; AllEncodingVersionsEqual=True CommonEncodingVersionSet',
    );
  });

  it('says so when those that are left do not agree, and since when', async () => {
    for (const name of ['one', 'two', 'three']) await server(name);
    const condition = {
      type: 'AllEncodingVersionsEqual',
      status: 'False',
      reason: 'CommonEncodingVersionUnset',
      message: 'Common encoding version unset',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    };
    await say({ one: 'v1', two: 'v2', three: 'v1' }, { conditions: [condition] });
    await stops('one');
    const times = async () =>
      (await cluster.get(STORAGE_VERSION, NAME)).status?.conditions?.map(
        ({ lastTransitionTime }) => lastTransitionTime,
      );
    assert.equal(
      await said(),
      'two,three agree on none; AllEncodingVersionsEqual=False CommonEncodingVersionUnset',
    );
    assert.deepEqual(await times(), [condition.lastTransitionTime]);
    await stops('two');
    assert.equal(
      await said(),
      'three agree on v1; AllEncodingVersionsEqual=True CommonEncodingVersionSet',
    );
    assert.notDeepEqual(await times(), [condition.lastTransitionTime]);
  });

  it('is let be while its servers live, whatever else goes', async () => {
    await server('one');
    await server('two');
    await say({ one: 'v1' }, { commonEncodingVersion: 'v1' });
    const before = await cluster.get(STORAGE_VERSION, NAME);
    await stops('two');
    assert.deepEqual(await cluster.get(STORAGE_VERSION, NAME), before);
  });
});
