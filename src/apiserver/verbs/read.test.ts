import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { HttpResponse } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const ADMIN = { name: 'admin', groups: ['system:masters'] };
const PATH = '/api/v1/namespaces/default/configmaps';

async function configMaps(count: number): Promise<TestApiServer> {
  const server = await TestApiServer.start();
  for (let i = 0; i < count; i++) {
    await server.must(`POST ${PATH}`, {
      metadata: { name: `cm-${i}`, labels: { odd: String(i % 2) } },
      data: { value: 'before' },
    });
  }
  return server;
}

const names = (list: { items: { metadata: { name: string } }[] }): string[] =>
  list.items.map((item) => item.metadata.name);

/** As a reader in the server's process asks. */
function ask(server: TestApiServer, query: string, accept = 'application/json') {
  return server.environment.resolve(
    server.server.handler({
      method: 'GET',
      url: `${PATH}${query}`,
      headers: { accept },
      peer: { component: ADMIN },
      takesObjects: true,
    }),
  );
}

function listIn({ body }: HttpResponse): { items: { metadata: object }[] } {
  assert.ok(body?.kind === 'object');
  return body.object as { items: { metadata: object }[] };
}

describe('a list in pages', () => {
  let server: TestApiServer;
  before(async () => {
    server = await configMaps(5);
  });

  it('goes on where the last page ended, and says how many remain', async () => {
    const first = await server.must(`GET ${PATH}?limit=2`);
    assert.deepEqual(names(first), ['cm-0', 'cm-1']);
    assert.equal(first.metadata.remainingItemCount, 3);
    const second = await server.must(
      `GET ${PATH}?limit=2&continue=${encodeURIComponent(first.metadata.continue)}`,
    );
    assert.deepEqual(names(second), ['cm-2', 'cm-3']);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const last = await server.must(
      `GET ${PATH}?limit=2&continue=${encodeURIComponent(second.metadata.continue)}`,
    );
    assert.deepEqual(names(last), ['cm-4']);
    assert.equal(last.metadata.continue, undefined);
  });

  it('shows the state of the first page to its end, whatever is written meanwhile', async () => {
    const first = await server.must(`GET ${PATH}?limit=3`);
    await server.must(`PATCH ${PATH}/cm-4`, { data: { value: 'after' } });
    await server.must(`POST ${PATH}`, { metadata: { name: 'cm-5' } });
    const rest = await server.must(
      `GET ${PATH}?limit=3&continue=${encodeURIComponent(first.metadata.continue)}`,
    );
    assert.deepEqual(names(rest), ['cm-3', 'cm-4']);
    assert.equal(rest.items[1].data.value, 'before');
    assert.equal(rest.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  it('counts only what the selector selects, and does not say how many remain', async () => {
    const page = await server.must(`GET ${PATH}?limit=1&labelSelector=odd%3D1`);
    assert.deepEqual(names(page), ['cm-1']);
    assert.equal(page.metadata.remainingItemCount, undefined);
    const next = await server.must(
      `GET ${PATH}?labelSelector=odd%3D1&continue=${encodeURIComponent(page.metadata.continue)}`,
    );
    assert.deepEqual(names(next), ['cm-3']);
  });
});

describe('resourceVersion of a list', () => {
  it('Exact shows the past; a version that is to come is refused', async () => {
    const server = await configMaps(2);
    const { metadata } = await server.must(`GET ${PATH}`);
    await server.must(`DELETE ${PATH}/cm-0`);
    const past = await server.must(
      `GET ${PATH}?resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=Exact`,
    );
    assert.deepEqual(names(past), ['cm-0', 'cm-1']);
    assert.deepEqual(names(await server.must(`GET ${PATH}?resourceVersion=0`)), ['cm-1']);
    assert.match(
      await server.refusal(`GET ${PATH}?resourceVersion=999999`),
      /^504 .*Too large resource version: 999999/,
    );
  });
});

describe('a list for a reader in this process', () => {
  it('gives the same objects to every reader, with their resourceVersion', async () => {
    const server = await configMaps(3);
    const one = listIn(await ask(server, ''));
    const other = listIn(await ask(server, '?labelSelector=odd%3D1'));
    assert.equal(one.items.length, 3);
    assert.equal(one.items[1], other.items[0]);
    const sent = await server.must(`GET ${PATH}`);
    // What is sent says its kind once, in the list.
    const type = { kind: 'ConfigMap', apiVersion: 'v1' };
    assert.deepEqual(
      JSON.parse(JSON.stringify(one.items)),
      sent.items.map((item: object) => ({ ...type, ...item })),
    );
  });

  it('gives the metadata of the same objects where only that is asked for', async () => {
    const server = await configMaps(1);
    const whole = listIn(await ask(server, ''));
    const partial = listIn(
      await ask(server, '', 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'),
    );
    assert.equal(partial.items[0]?.metadata, whole.items[0]?.metadata);
    assert.deepEqual(Object.keys(partial.items[0] ?? {}), ['kind', 'apiVersion', 'metadata']);
  });

  it('gives a Table as bytes: it is made for one reader', async () => {
    const server = await configMaps(1);
    const { body } = await ask(
      server,
      '',
      'application/json;as=Table;g=meta.k8s.io;v=v1,application/json',
    );
    assert.equal(body?.kind, 'pieces');
  });

  it('gives new objects after a write, and leaves the old ones as they were', async () => {
    const server = await configMaps(1);
    const [old] = listIn(await ask(server, '')).items as { data?: { value: string } }[];
    await server.must(`PATCH ${PATH}/cm-0`, { data: { value: 'after' } });
    const [now] = listIn(await ask(server, '')).items as { data?: { value: string } }[];
    assert.equal(old?.data?.value, 'before');
    assert.equal(now?.data?.value, 'after');
  });
});
