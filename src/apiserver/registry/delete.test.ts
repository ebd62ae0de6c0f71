/** Deletions that are meant for one object in one state. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const NAMESPACES = '/api/v1/namespaces';

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
});

interface Metadata {
  readonly uid: string;
  readonly resourceVersion: string;
}

const make = async (name: string): Promise<Metadata> =>
  (await api.must(`POST ${NAMESPACES}`, { metadata: { name } })).metadata;

/** What the server says to a DELETE of namespace `name`. */
const refusal = (name: string, preconditions: object): Promise<string> =>
  api.refusal(`DELETE ${NAMESPACES}/${name}`, { preconditions });

const failed = (name: string, what: string, asked: string, is: string): string =>
  `409 Operation cannot be fulfilled on namespaces "${name}": Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${is}`;

describe('the deletion of a namespace', () => {
  it('is refused for another object or state, the object first', async () => {
    const { uid, resourceVersion } = await make('one');
    assert.equal(await refusal('one', { uid: 'x' }), failed('one', 'UID', 'x', uid));
    assert.equal(
      await refusal('one', { uid, resourceVersion: '1' }),
      failed('one', 'ResourceVersion', '1', resourceVersion),
    );
    assert.equal(
      await refusal('one', { uid: 'x', resourceVersion: '1' }),
      failed('one', 'UID', 'x', uid),
    );
    const { metadata, status } = await api.must(`GET ${NAMESPACES}/one`);
    assert.deepEqual([metadata.deletionTimestamp, status.phase], [undefined, 'Active']);
  });

  it('begins for the object in the state that is meant', async () => {
    const { uid, resourceVersion } = await make('two');
    const going = await api.must(`DELETE ${NAMESPACES}/two`, {
      preconditions: { uid, resourceVersion },
    });
    assert.equal(going.status.phase, 'Terminating');
  });

  it('is refused so while it goes, too', async () => {
    await make('three');
    const { metadata } = await api.must(`DELETE ${NAMESPACES}/three`);
    const { uid, resourceVersion } = metadata;
    assert.equal(await refusal('three', { uid: 'x' }), failed('three', 'UID', 'x', uid));
    assert.equal(
      await refusal('three', { resourceVersion: '1' }),
      failed('three', 'ResourceVersion', '1', resourceVersion),
    );
  });
});

describe('the deletion of another object', () => {
  it('is refused in other words', async () => {
    const MAPS = '/api/v1/namespaces/default/configmaps';
    const { metadata } = await api.must(`POST ${MAPS}`, { metadata: { name: 'a' } });
    const { uid, resourceVersion } = metadata;
    const refused = (preconditions: object): Promise<string> =>
      api.refusal(`DELETE ${MAPS}/a`, { preconditions });
    const head = '409 Operation cannot be fulfilled on ConfigMap "a": the';
    assert.equal(
      await refused({ uid: 'x' }),
      `${head} UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
    assert.equal(
      await refused({ resourceVersion: '1' }),
      `${head} ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
    await api.must(`DELETE ${MAPS}/a`, { preconditions: { uid, resourceVersion } });
    assert.equal((await api.call(`GET ${MAPS}/a`)).status, 404);
  });
});
