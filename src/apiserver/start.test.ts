/** A server that starts: what it says of objects that it has not read yet. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sleep } from '#base/env.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { MemoryStore } from '#store/memory.ts';

class SlowStore extends MemoryStore {
  gate: Promise<void> = Promise.resolve();

  override async list(...args: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    await this.gate;
    return super.list(...args);
  }
}

it('answers nobody before it has read all objects', async () => {
  const environment = new VirtualEnvironment();
  const store = new SlowStore(environment);
  const options = { environment, store };
  const first = await TestApiServer.start(options);
  const path = '/api/v1/namespaces/default/configmaps';
  await first.call(`POST ${path}`, { metadata: { name: 'there' } });
  await environment.resolve(first.server.stop());

  store.gate = sleep(environment, 1_000);
  const second = new TestApiServer(options);
  const started = second.server.start();
  const got = await second.call(`GET ${path}/there`);
  assert.equal(got.status, 200);
  assert.ok(environment.elapsedMs >= 1_000);
  await environment.resolve(started);
});

it('waits for all objects with a list and a write too', async () => {
  for (const request of ['GET', 'PATCH']) {
    const environment = new VirtualEnvironment();
    const store = new SlowStore(environment);
    const first = await TestApiServer.start({ environment, store });
    const path = '/api/v1/namespaces/default/configmaps';
    await first.call(`POST ${path}`, { metadata: { name: 'there' } });
    await environment.resolve(first.server.stop());
    store.gate = sleep(environment, 1_000);
    const second = new TestApiServer({ environment, store });
    const started = second.server.start();
    if (request === 'GET') {
      // Any version will do, but not a part of one.
      const { body } = await second.call(`GET ${path}?resourceVersion=0`);
      assert.deepEqual(
        body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
        ['there'],
      );
    } else {
      const { status } = await second.call(`PATCH ${path}/there`, { data: { a: 'b' } });
      assert.equal(status, 200);
    }
    await environment.resolve(started);
  }
});
