/**
 * Many lists at a time by one user: another user's requests do not wait behind them. The large form,
 * with times, is `scripts/soak.ts --flood`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Identity, TestApiServer } from '#kit/api-server.ts';

const LISTS = 200;
const OBJECTS = 30;
const LISTED = '/api/v1/namespaces/default/configmaps';
const groups = ['system:authenticated'];
const mallory: Identity = { name: 'mallory', groups };
const bob: Identity = { name: 'bob', groups };

async function started(): Promise<TestApiServer> {
  // Few seats: the flood waits, as 500 large lists do for hundreds of seats.
  const api = await TestApiServer.start({ limits: { readsInFlight: 20, writesInFlight: 10 } });
  for (let nth = 0; nth < OBJECTS; nth++)
    await api.must(`POST ${LISTED}`, { metadata: { name: `object-${nth}` }, data: { a: 'b' } });
  await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'both' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: ['mallory', 'bob'].map((name) => ({
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'User',
      name,
    })),
  });
  return api;
}

describe('while one user lists in a flood', () => {
  it('another is answered before most of it, and nothing of his is refused', async () => {
    const api = await started();
    const answered: string[] = [];
    // Noted when it is answered, and not when the test gets to it.
    const ask = async (as: Identity, request: string, body?: object): Promise<void> => {
      const [method = '', url = ''] = request.split(' ');
      const { status } = await api.server.handler({
        method,
        url,
        headers: { 'content-type': 'application/json' },
        peer: { component: as },
        ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      });
      answered.push(`${as.name} ${status}`);
    };
    const flood = Array.from({ length: LISTS }, () => ask(mallory, `GET ${LISTED}`));
    const bobs = [
      ask(bob, `GET ${LISTED}/object-1`),
      ask(bob, `GET ${LISTED}`),
      ask(bob, `POST ${LISTED}`, { metadata: { name: 'new' } }),
    ];
    await api.environment.resolve(Promise.all([...flood, ...bobs]));
    const isBobs = (each: string): boolean => each.startsWith('bob');
    assert.deepEqual(answered.filter(isBobs).toSorted(), ['bob 200', 'bob 200', 'bob 201']);
    assert.equal(answered.filter((each) => each === 'mallory 200').length, LISTS);
    const last = answered.findLastIndex(isBobs);
    assert.ok(last < LISTS / 4, `bob was answered as number ${last}`);
  });
});
