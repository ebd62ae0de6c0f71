/**
 * Several charge the same quota, and each sees late what the others have done: servers over one store,
 * and who counts while writes are on their way.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { MemoryStore } from '#store/memory.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const STATUS = `${NAMESPACE}/resourcequotas/limit/status`;

it('two servers together let in as many as the quota says', async () => {
  const one = await TestApiServer.start();
  const { environment, store } = one;
  const other = await TestApiServer.start({ environment, store });
  const hard = { secrets: '10' };
  await one.must(`POST ${NAMESPACE}/resourcequotas`, {
    metadata: { name: 'limit' },
    spec: { hard },
  });
  await one.must(`PATCH ${STATUS}`, { status: { hard, used: { secrets: '0' } } });
  await environment.advance(1000);
  const replies = await environment.resolve(
    Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? one : other).call(`POST ${NAMESPACE}/secrets`, {
          metadata: { name: `secret-${index}` },
        }),
      ),
    ),
  );
  const made = replies.filter(({ status }) => status === 201).length;
  assert.ok(made > 0);
  const { items } = await one.must(`GET ${NAMESPACE}/secrets`);
  assert.equal(items.length, made);
  const { status } = await one.must(`GET ${NAMESPACE}/resourcequotas/limit`);
  assert.deepEqual(status, { hard, used: { secrets: String(made) } });
  assert.equal(made, 10);
  for (const { body } of replies.filter((reply) => reply.status !== 201))
    assert.match(body.message, /exceeded quota: limit|Operation cannot be fulfilled/);
});

it('one server charges on top of what another has charged meanwhile', async () => {
  const one = await TestApiServer.start();
  const { environment, store } = one;
  const other = await TestApiServer.start({ environment, store });
  await limit(one, '9');
  for (const used of [2, 4, 6]) {
    const make = (server: TestApiServer, name: string) =>
      server.must(`POST ${NAMESPACE}/secrets`, { metadata: { name: `${name}-${used}` } });
    await environment.resolve(Promise.all([make(one, 'one'), make(other, 'other')]));
    assert.equal(await usedOf(one), String(used));
    assert.equal(await usedOf(other), String(used));
  }
});

/** Writes of secrets wait at a gate. */
class GatedStore extends MemoryStore {
  gate: Promise<void> = Promise.resolve();

  override async batch(
    ...args: Parameters<MemoryStore['batch']>
  ): ReturnType<MemoryStore['batch']> {
    const [writes] = args;
    if (writes.some(({ key }) => key.includes('/secrets/'))) await this.gate;
    return super.batch(...args);
  }
}

/** A request that the test does not wait for: time stands still. */
async function send(server: TestApiServer, name: string): Promise<number> {
  const { status } = await server.server.handler({
    method: 'POST',
    url: `${NAMESPACE}/secrets`,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: Buffer.from(JSON.stringify({ metadata: { name } })),
    peer: { component: { name: 'admin', groups: ['system:masters'] } },
  });
  return status;
}

it('writes on their way count together, whatever a count says that misses them', async () => {
  const environment = new VirtualEnvironment();
  const store = new GatedStore(environment);
  const server = await TestApiServer.start({ environment, store });
  const hard = { secrets: '3' };
  await limit(server, '3');
  let open = (): void => {};
  store.gate = new Promise((resolve) => {
    open = resolve;
  });
  const onTheirWay = Promise.all([send(server, 'a'), send(server, 'b')]);
  await environment.runUntilIdle();
  assert.equal(await usedOf(server), '2');
  assert.deepEqual((await server.must(`GET ${NAMESPACE}/secrets`)).items, []);
  await server.must(`PATCH ${STATUS}`, { status: { hard, used: { secrets: '0' } } });
  assert.equal(await usedOf(server), '2');
  const more = Promise.all([send(server, 'c'), send(server, 'd')]);
  await environment.runUntilIdle();
  open();
  const codes = await environment.resolve(Promise.all([onTheirWay, more]));
  assert.deepEqual(codes, [
    [201, 201],
    [201, 403],
  ]);
  assert.equal((await server.must(`GET ${NAMESPACE}/secrets`)).items.length, 3);
  assert.equal(await usedOf(server), '3');
});

async function limit(server: TestApiServer, secrets: string): Promise<void> {
  const hard = { secrets };
  await server.must(`POST ${NAMESPACE}/resourcequotas`, {
    metadata: { name: 'limit' },
    spec: { hard },
  });
  await server.must(`PATCH ${STATUS}`, { status: { hard, used: { secrets: '0' } } });
  await server.environment.advance(100);
}

async function usedOf(server: TestApiServer): Promise<string> {
  const { status } = await server.must(`GET ${NAMESPACE}/resourcequotas/limit`);
  return status.used.secrets;
}
