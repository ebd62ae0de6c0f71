/** What components that are blind for a field see and say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Client } from '#client/client.ts';
import { blindClient, blindnessOf, without } from './blindness.ts';

describe('without', () => {
  it('leaves out a member, also below lists, and changes nothing', () => {
    const value = Object.freeze({ spec: { rules: [{ action: 'Count', on: 1 }, { on: 2 }] } });
    assert.deepEqual(without(value, ['spec', 'rules', 'action']), {
      spec: { rules: [{ on: 1 }, { on: 2 }] },
    });
    assert.equal(without(value, ['status', 'replicas', 'x']), value);
  });
});

describe('blindClient', () => {
  const whole: Deployment = { spec: { replicas: 3, selector: {}, template: {} } };
  const sent: unknown[] = [];
  const client = {
    get: () => Promise.resolve(whole),
    update: (_type: unknown, object: unknown) => {
      sent.push(object);
      return Promise.resolve(whole);
    },
  } as unknown as Client;

  it('does not see a field of the spec', async () => {
    const blind = blindClient(client, { resource: 'deployments.apps', path: ['spec', 'replicas'] });
    assert.equal((await blind.get(DEPLOYMENT, 'a')).spec?.replicas, undefined);
    const other = blindClient(client, { resource: 'jobs.batch', path: ['spec', 'replicas'] });
    assert.equal((await other.get(DEPLOYMENT, 'a')).spec?.replicas, 3);
  });

  it('does not write a field of the status', async () => {
    const blind = blindClient(client, {
      resource: 'deployments.apps',
      path: ['status', 'replicas'],
    });
    await blind.update(DEPLOYMENT, { ...whole, status: { replicas: 1 } }, 'status');
    assert.deepEqual(sent, [{ ...whole, status: {} }]);
  });

  it('is for nobody where no field is named', () => {
    assert.equal(blindnessOf(undefined), undefined);
    assert.deepEqual(blindnessOf('jobs.batch spec.suspend'), {
      resource: 'jobs.batch',
      path: ['spec', 'suspend'],
    });
  });
});
