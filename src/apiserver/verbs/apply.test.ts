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

  it('makes one by its version alone, and gives it another', async () => {
    const url = `PATCH ${MAPS}/by-version?fieldManager=me`;
    const made = await api.must(url, map({ name: 'by-version', resourceVersion: '7' }), {
      headers,
    });
    assert.notEqual(made.metadata.resourceVersion, '7');
  });

  it('makes none without a name, and finds one without', async () => {
    const url = `PATCH ${MAPS}/unnamed?fieldManager=me`;
    assert.equal(
      await api.refusal(url, map({}), { headers }),
      '400 the name of the object (unnamed based on URL) was undeterminable: name must be provided',
    );
    await api.must(url, map({ name: 'unnamed' }), { headers });
    assert.equal((await api.must(url, map({}), { headers })).metadata.name, 'unnamed');
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

describe('a PUT to what is not there', () => {
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const lease = (metadata: object): object => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: {},
  });

  it('makes it, whatever version it names', async () => {
    const { status, body } = await api.call(
      `PUT ${LEASES}/a`,
      lease({ name: 'a', resourceVersion: '7' }),
    );
    assert.equal(status, 201);
    assert.notEqual(body.metadata.resourceVersion, '7');
  });

  it('is refused with a uid', async () => {
    assert.equal(
      await api.refusal(`PUT ${LEASES}/b`, lease({ name: 'b', uid: 'u', resourceVersion: '7' })),
      '409 Operation cannot be fulfilled on leases.coordination.k8s.io "b": StorageError: invalid object, Code: 4, Key: /registry/leases/default/b, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: ',
    );
  });
});
