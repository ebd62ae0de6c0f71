/** Objects that change between the list and their turn, and what a server may answer. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import {
  conflict,
  internalError,
  invalid,
  serviceUnavailable,
  tooManyRequests,
} from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { TestCluster } from '#kit/cluster.ts';
import { MalformedRevisionError } from './revisions.ts';
import { isRetriable, rewriteAll } from './rewrite.ts';

let cluster: TestCluster;
let maps: ConfigMap[];

beforeEach(async () => {
  cluster = await TestCluster.start({ nodes: 0, controllers: [], scheduler: false });
  maps = [];
  for (const name of ['a', 'b', 'c', 'd'])
    maps.push(await cluster.create(CONFIG_MAP, { metadata: { name, namespace: 'default' } }));
});

afterEach(() => cluster.stop());

/** Rewrites the maps, as they were when they were listed. Answers the names of those it asked for. */
async function rewrite(until: string, whenListed: () => Promise<unknown>): Promise<string> {
  const asked: string[] = [];
  const { client, environment } = cluster;
  const slow = Object.assign(Object.create(client) as Client, {
    list: async (...args: Parameters<Client['list']>) => {
      const page = await client.list(...args);
      await whenListed();
      return { ...page, items: page.items.filter(({ metadata }) => metadata?.name?.length === 1) };
    },
    patch: async (...args: Parameters<Client['patch']>) => {
      asked.push(args[1].name);
      return client.patch(...args);
    },
  });
  const isWanted = (): boolean => true;
  await cluster.run(rewriteAll({ client: slow, environment, type: CONFIG_MAP, until, isWanted }));
  return asked.join(' ');
}

describe('rewriteAll', () => {
  it('leaves alone what is newer than the migration', async () => {
    const until = maps[1]?.metadata?.resourceVersion ?? '';
    assert.equal(await rewrite(until, async () => {}), 'a b');
  });

  it('passes over what was changed, deleted or made anew meanwhile', async () => {
    const { client } = cluster;
    const target = (name: string) => ({ name, namespace: 'default' });
    const asked = await rewrite('999999', async () => {
      await client.patch(CONFIG_MAP, target('a'), 'merge', { data: { is: 'changed' } });
      await client.delete(CONFIG_MAP, target('b'));
      await client.delete(CONFIG_MAP, target('c'));
      await client.create(CONFIG_MAP, { metadata: target('c'), data: { is: 'new' } });
    });
    assert.equal(asked, 'a b c d');
    const left = await cluster.list(CONFIG_MAP, 'default');
    const own = left.filter(({ metadata }) => metadata?.name?.length === 1);
    assert.deepEqual(
      own.map(({ metadata, data }) => [metadata?.name, data?.['is']]),
      [
        ['a', 'changed'],
        ['c', 'new'],
        ['d', undefined],
      ],
    );
  });
});

describe('isRetriable', () => {
  const resource = { group: '', resource: 'pods' };
  const rows: readonly (readonly [error: Error, is: boolean])[] = [
    [tooManyRequests('too many', 1), true],
    [internalError('failed'), true],
    [serviceUnavailable('away'), true],
    [new Error('socket hang up'), true],
    [invalid({ group: '', kind: 'Pod' }, 'a', []), false],
    [conflict(resource, 'a', 'changed'), false],
    [new MalformedRevisionError('x'), false],
  ];
  for (const [error, is] of rows)
    it(`${error.name} ${error.message} is ${is ? '' : 'not '}tried again`, () =>
      assert.equal(isRetriable(error), is));
});
