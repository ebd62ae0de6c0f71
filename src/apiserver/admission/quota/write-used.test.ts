/** Several servers over one store charge the same quota: what one has written the other sees late. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

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
