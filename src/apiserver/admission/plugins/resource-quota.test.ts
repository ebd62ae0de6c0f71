/** Quotas and a whole API server, without anybody who counts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { RESOURCE_QUOTAS } from '../targets.ts';
import { resourceQuota } from './resource-quota.ts';

const QUOTAS = '/api/v1/namespaces/default/resourcequotas';
const SECRETS = '/api/v1/namespaces/default/secrets';

type Amounts = Record<string, string>;

async function limited(
  hard: Amounts,
  used: Amounts,
  environment = new VirtualEnvironment(),
): Promise<TestApiServer> {
  const server = await TestApiServer.start({ environment });
  const spec = { hard };
  const { body } = await server.call(`POST ${QUOTAS}`, { metadata: { name: 'limit' }, spec });
  await server.call(`PUT ${QUOTAS}/limit/status`, { ...body, status: { hard, used } });
  return server;
}

async function usedOf(server: TestApiServer): Promise<Amounts> {
  return (await server.call(`GET ${QUOTAS}/limit`)).body.status.used;
}

const secret = (name: string) => ({ metadata: { name } });

describe('a quota at admission', () => {
  it('looks at a dry run, and is not charged for it', async () => {
    const server = await limited({ secrets: '1' }, { secrets: '0' });
    const dry = () => server.call(`POST ${SECRETS}?dryRun=All`, secret('one'));
    assert.equal((await dry()).status, 201);
    assert.deepEqual(await usedOf(server), { secrets: '0' });
    await server.call(`POST ${SECRETS}`, secret('other'));
    const { status, body } = await dry();
    assert.equal(status, 403);
    assert.equal(
      body.message,
      'secrets "one" is forbidden: exceeded quota: limit, requested: secrets=1, used: secrets=1, limited: secrets=1',
    );
  });

  it('is charged right while others write it', async () => {
    const server = await limited({ secrets: '9' }, { secrets: '0' });
    const label = (i: number) =>
      server.call(`PATCH ${QUOTAS}/limit`, { metadata: { labels: { i: String(i) } } });
    const make = (i: number) => server.call(`POST ${SECRETS}`, secret(`s-${i}`));
    await Promise.all([1, 2, 3, 4, 5].flatMap((i) => [make(i), label(i)]));
    assert.deepEqual(await usedOf(server), { secrets: '5' });
  });

  it('is charged once for a name that was drawn again', async () => {
    const environment = new VirtualEnvironment();
    const server = await limited({ secrets: '9' }, { secrets: '0' }, environment);
    const draw = environment.random.next.bind(environment.random);
    const draws: number[] = [];
    environment.random.next = () => {
      draws.push(draws.length < 15 ? 0.5 : draw());
      return draws.at(-1) ?? 0;
    };
    const make = () => server.call(`POST ${SECRETS}`, { metadata: { generateName: 's-' } });
    const names = [await make(), await make()].map(({ body }) => body.metadata.name);
    assert.notEqual(names[0], names[1]);
    assert.equal(draws.length > 10, true, 'the name of the first was drawn again');
    assert.deepEqual(await usedOf(server), { secrets: '2' });
  });

  it('of two lets nothing in that one of them refuses', async () => {
    const server = await limited({ secrets: '2' }, { secrets: '0' });
    const hard = { secrets: '1' };
    const { body } = await server.call(`POST ${QUOTAS}`, {
      metadata: { name: 'z' },
      spec: { hard },
    });
    const status = { hard, used: { secrets: '0' } };
    await server.call(`PUT ${QUOTAS}/z/status`, { ...body, status });
    const ends = await Promise.all(
      ['a', 'b', 'c'].map((name) => server.call(`POST ${SECRETS}`, secret(name))),
    );
    assert.equal(ends.filter(({ status: code }) => code === 201).length, 1);
    assert.equal(ends.filter(({ status: code }) => code === 403).length, 2);
    assert.deepEqual(await usedOf(server), { secrets: '1' });
  });

  it('is gone as soon as it is deleted', async () => {
    const server = await limited({ secrets: '0' }, { secrets: '0' });
    assert.equal((await server.call(`POST ${SECRETS}`, secret('one'))).status, 403);
    await server.call(`DELETE ${QUOTAS}/limit`);
    assert.equal((await server.call(`POST ${SECRETS}`, secret('one'))).status, 201);
  });

  it('costs what makes no object, or is where no quota is, not even a turn', () => {
    const bench = new AdmissionBench();
    const plugin = resourceQuota(bench.services);
    const hard = { 'count/serviceaccounts': '0' };
    const quota = { name: 'limit', namespace: 'default', uid: 'limit', resourceVersion: '1' };
    bench.reader.put(RESOURCE_QUOTAS, { metadata: quota, status: { hard, used: hard } });
    const asks = (subresource: string, namespace: string): boolean => {
      const object = { metadata: { name: 'one' } };
      const asked = { plural: 'serviceaccounts', object, subresource, namespace };
      const answer = plugin.validate?.(bench.attributes(asked));
      answer?.catch(() => {});
      return answer !== undefined;
    };
    assert.equal(asks('', 'default'), true);
    assert.equal(asks('token', 'default'), false);
    assert.equal(asks('', 'other'), false);
  });

  it('must be there for what the plug-in is configured to limit', async () => {
    const limitedResources = [
      { apiGroup: '', resource: 'secrets', matchContains: ['secrets'], matchScopes: [] },
    ];
    const configuration = { limitedResources };
    const server = await TestApiServer.start({ admission: { configuration } });
    assert.equal(
      await server.refusal(`POST ${SECRETS}`, secret('one')),
      '403 secrets "one" is forbidden: insufficient quota to consume: count/secrets,secrets',
    );
    const hard = { secrets: '2', 'count/secrets': '2' };
    const { body } = await server.call(`POST ${QUOTAS}`, {
      metadata: { name: 'limit' },
      spec: { hard },
    });
    const status = { hard, used: { secrets: '0', 'count/secrets': '0' } };
    await server.call(`PUT ${QUOTAS}/limit/status`, { ...body, status });
    assert.equal((await server.call(`POST ${SECRETS}`, secret('one'))).status, 201);
  });

  it('must be there for pods of limited priority classes', async () => {
    const inClass = {
      scopeName: 'PriorityClass' as const,
      operator: 'In' as const,
      values: ['high'],
    };
    const limitedResources = [
      { apiGroup: '', resource: 'pods', matchContains: [], matchScopes: [inClass] },
    ];
    const server = await TestApiServer.start({
      admission: { disabled: ['ServiceAccount'], configuration: { limitedResources } },
    });
    await server.must('POST /apis/scheduling.k8s.io/v1/priorityclasses', {
      metadata: { name: 'high' },
      value: 5,
    });
    const pod = {
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'a', image: 'i' }], priorityClassName: 'high' },
    };
    assert.equal(
      await server.refusal('POST /api/v1/namespaces/default/pods', pod),
      '500 insufficient quota to match these scopes: [{PriorityClass In [high]}]',
    );
  });

  it('is no concern of a server that has the plug-in off', async () => {
    const server = await TestApiServer.start({ admission: { disabled: ['ResourceQuota'] } });
    const spec = { hard: { secrets: '0' } };
    const { body } = await server.call(`POST ${QUOTAS}`, { metadata: { name: 'limit' }, spec });
    const status = { ...spec, used: { secrets: '0' } };
    await server.call(`PUT ${QUOTAS}/limit/status`, { ...body, status });
    assert.equal((await server.call(`POST ${SECRETS}`, secret('one'))).status, 201);
  });
});
