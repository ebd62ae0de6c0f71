/** Server-side apply, as the verb: what the rules of fields (`api/apply/`) do not say. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const headers = { 'content-type': 'application/apply-patch+yaml' };

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
});

const map = (metadata: object): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata });

describe('an apply that says which object it is for', () => {
  it('makes none where that is gone', async () => {
    assert.equal(
      await api.refusal(
        `PATCH ${MAPS}/gone?fieldManager=me`,
        map({ uid: 'u', resourceVersion: '7' }),
        { headers },
      ),
      '409 Operation cannot be fulfilled on configmaps "gone": uid mismatch: the provided object specified uid u, and no existing object was found',
    );
    assert.equal((await api.call(`GET ${MAPS}/gone`)).status, 404);
  });

  it('is refused where another one is there, or the same in another state', async () => {
    const made = await api.must(`POST ${MAPS}`, map({ name: 'there' }));
    const { uid, resourceVersion } = made.metadata;
    const url = `PATCH ${MAPS}/there?fieldManager=me`;
    const other = map({ uid: 'other', resourceVersion });
    assert.match(await api.refusal(url, other, { headers }), /^4(09|22) /);
    const stale = map({ uid, resourceVersion: '1' });
    assert.match(await api.refusal(url, stale, { headers }), /^409 /);
    const same = await api.must(url, map({ uid, resourceVersion }), { headers });
    assert.deepEqual(same.metadata, made.metadata);
  });
});
