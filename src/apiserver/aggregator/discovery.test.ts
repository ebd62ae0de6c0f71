import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AggregatedServers, GROUP, GROUP_PATH } from '#kit/extension-server.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
let servers: AggregatedServers;
beforeEach(async () => {
  servers = await AggregatedServers.start();
});

interface Version {
  readonly version: string;
  readonly freshness: string;
  readonly resources?: readonly { readonly resource: string }[];
}

const groups = async (): Promise<{ metadata: { name: string }; versions: Version[] }[]> =>
  (await servers.api.must('GET /apis', undefined, { headers: { accept: AGGREGATED } })).items;
const versionsOf = async (name = GROUP): Promise<string[] | undefined> =>
  (await groups())
    .find(({ metadata }) => metadata.name === name)
    ?.versions.map(
      ({ version, freshness, resources }) =>
        `${version} ${freshness} ${(resources ?? []).map(({ resource }) => resource).join()}`,
    );
const listed = async (): Promise<string[]> =>
  (await servers.api.must('GET /apis')).groups.map(({ name }: { name: string }) => name);

describe('discovery of other servers', () => {
  it('is as it was without them', async () => {
    const before = [await listed(), await groups()];
    await servers.serve();
    assert.ok((await listed()).includes(GROUP));
    await servers.api.must(`DELETE /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.${GROUP}`);
    await servers.settle();
    assert.deepEqual([await listed(), await groups()], before);
  });

  it('names what they serve, in every form', async () => {
    await servers.serve();
    assert.deepEqual(await versionsOf(), ['v1alpha1 Current flunders']);
    const version = { groupVersion: `${GROUP}/v1alpha1`, version: 'v1alpha1' };
    const { api } = servers;
    const group = { name: GROUP, versions: [version], preferredVersion: version };
    assert.deepEqual(await api.must(`GET /apis/${GROUP}`), {
      kind: 'APIGroup',
      apiVersion: 'v1',
      ...group,
    });
    const { groups: all } = await api.must('GET /apis');
    assert.deepEqual(
      all.filter(({ name }: { name: string }) => name === GROUP),
      [group],
    );
    const { resources } = await api.must(`GET ${GROUP_PATH}`);
    assert.equal(resources[0].name, 'flunders');
    for (const accept of ['application/vnd.kubernetes.protobuf', 'application/yaml'])
      assert.equal((await api.call('GET /apis', undefined, { headers: { accept } })).status, 200);
  });

  it('has an ETag that changes with what they serve', async () => {
    await servers.serve();
    const { api } = servers;
    const ask = (match: string) =>
      api.call('GET /apis', undefined, { headers: { accept: AGGREGATED, 'if-none-match': match } });
    const { etag = '' } = (await ask('')).headers;
    assert.equal((await ask(etag)).status, 304);
    servers.broken = 'gone';
    await servers.settle(61_000);
    assert.equal((await ask(etag)).status, 200);
  });

  it('puts groups in the order of their priorities', async () => {
    await servers.serve();
    await servers.register({ groupPriorityMinimum: 17_790 }, 'v1.second.example.com');
    await servers.register({ groupPriorityMinimum: 20_000 }, 'v1.first.example.com');
    const all = await listed();
    assert.deepEqual(all.slice(0, 4), [
      'apiregistration.k8s.io',
      'first.example.com',
      'apps',
      'second.example.com',
    ]);
    assert.deepEqual(
      (await groups()).map(({ metadata }) => metadata.name),
      all,
    );
  });

  it('puts versions in the order of their priorities, then the better one first', async () => {
    await servers.serve();
    for (const version of ['v1', 'v2beta1', 'v2'])
      await servers.register({ versionPriority: 100 }, `${version}.${GROUP}`);
    const { versions } = await servers.api.must(`GET /apis/${GROUP}`);
    assert.deepEqual(
      versions.map(({ version }: Version) => version),
      ['v2', 'v1', 'v2beta1', 'v1alpha1'],
    );
  });

  it('keeps what a server has said when it cannot be reached, as stale', async () => {
    await servers.serve();
    servers.broken = 'no route';
    await servers.settle(61_000);
    assert.deepEqual(await versionsOf(), ['v1alpha1 Stale flunders']);
    servers.broken = undefined;
    await servers.settle(61_000);
    assert.deepEqual(await versionsOf(), ['v1alpha1 Current flunders']);
  });

  it('names a server that has never answered, as stale', async () => {
    await servers.register();
    await servers.settle();
    assert.deepEqual(await versionsOf(), ['v1alpha1 Stale ']);
  });

  it('takes the old form from servers that know no other', async () => {
    servers.extension.aggregatedDiscovery = false;
    servers.extension.resources = [
      { name: 'flunders/status', namespaced: true, kind: 'Flunder', verbs: ['get'] },
      {
        name: 'flunders',
        singularName: 'flunder',
        namespaced: true,
        kind: 'Flunder',
        verbs: ['get'],
      },
      { name: 'others/scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: 'all' },
    ];
    await servers.serve();
    const all = await groups();
    assert.deepEqual(all.find(({ metadata }) => metadata.name === GROUP)?.versions[0], {
      version: 'v1alpha1',
      freshness: 'Current',
      resources: [
        {
          resource: 'flunders',
          responseKind: { group: '', version: '', kind: 'Flunder' },
          scope: 'Namespaced',
          singularResource: 'flunder',
          verbs: ['get'],
          subresources: [
            {
              subresource: 'status',
              responseKind: { group: '', version: '', kind: 'Flunder' },
              verbs: ['get'],
            },
          ],
        },
        {
          resource: 'others',
          responseKind: { group: '', version: '', kind: '' },
          scope: 'Cluster',
          singularResource: '',
          verbs: [],
          subresources: [
            {
              subresource: 'scale',
              responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
              verbs: [],
            },
          ],
        },
      ],
    });
  });
});
