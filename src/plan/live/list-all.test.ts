/** Lists of a cluster that is too large for one answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Client, ListOptions } from '#client/client.ts';
import { listAll } from './list-all.ts';

const object = (name: string) => ({ metadata: { name } });

/** A server with three pages, whose past is gone before the page at `expiresAt`. */
function server(expiresAt?: string): { client: Client; asked: ListOptions[] } {
  const asked: ListOptions[] = [];
  const list = (_type: unknown, options: ListOptions = {}) => {
    asked.push(options);
    const { continue: token, limit } = options;
    if (limit === undefined) return Promise.resolve({ items: ['a', 'b', 'c', 'd'].map(object) });
    if (token !== undefined && token === expiresAt)
      return Promise.reject(new StatusError({ code: 410, reason: 'Expired', message: 'gone' }));
    const next = { first: 'second', second: undefined }[token ?? ''] ?? 'first';
    const end = token === 'second' ? {} : { continue: next };
    return Promise.resolve({ items: [object(token ?? 'start')], ...end });
  };
  return { client: { list } as unknown as Client, asked };
}

const names = async (client: Client, max = 100): Promise<(string | undefined)[]> =>
  (await listAll(client, CONFIG_MAP, { max })).map(({ metadata }) => metadata?.name);

describe('a list in pages', () => {
  it('is read to its end', async () => {
    const { client } = server();
    assert.deepEqual(await names(client), ['start', 'first', 'second']);
  });

  it('is read at once when its past is gone', async () => {
    const { client, asked } = server('second');
    assert.deepEqual(await names(client), ['a', 'b', 'c', 'd']);
    assert.deepEqual(asked.at(-1), {});
  });

  it('is not read to its end when there is too much', async () => {
    const { client } = server();
    assert.deepEqual(await names(client, 1), ['start', 'first']);
  });

  it('fails when it fails from the start', async () => {
    const list = () =>
      Promise.reject(new StatusError({ code: 403, reason: 'Forbidden', message: 'no' }));
    await assert.rejects(names({ list } as unknown as Client), /no/);
  });
});
