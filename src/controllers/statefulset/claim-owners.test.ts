/** Who owns a claim, policy by policy. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { OwnerReference } from '#api/meta/object.ts';
import { pod } from '#kit/builders.ts';
import { hasOtherController, withRightOwners } from './claim-owners.ts';

function web(whenDeleted: string, whenScaled: string): StatefulSet {
  return {
    metadata: { name: 'web', uid: 'web' },
    spec: {
      replicas: 1,
      serviceName: '',
      template: {},
      persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
    },
  };
}

/** `set`, `pod`, `set/other` (another uid), `set!` (does not control), `Job/x`, `Job/x!`. */
function reference(text: string): OwnerReference {
  const [name = '', uid] = text.replace('!', '').split('/');
  const controls = text.endsWith('!') ? {} : { controller: true };
  if (name === 'set')
    return {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'web',
      uid: uid ?? 'web',
      ...controls,
    };
  if (name === 'pod')
    return { apiVersion: 'v1', kind: 'Pod', name: POD, uid: uid ?? POD, ...controls };
  return { apiVersion: 'batch/v1', kind: name, name: uid ?? '', uid: uid ?? '', ...controls };
}

let POD = 'web-0';

function claim(owners: string): PersistentVolumeClaim {
  const ownerReferences = owners.split(' ').filter(Boolean).map(reference);
  return { metadata: { name: 'data', ownerReferences } };
}

/** The owners afterwards, or undefined when nothing changes. */
function after(set: StatefulSet, owners: string): string | undefined {
  const changed = withRightOwners(claim(owners), set, pod(POD));
  return changed?.metadata?.ownerReferences
    ?.map(({ kind, controller }) => `${kind}${controller === true ? '' : '!'}`)
    .join(' ');
}

type Row = [whenDeleted: string, whenScaled: string, owners: string, expected: string | undefined];

describe('owners of the claim of a Pod in range', () => {
  const rows: Row[] = [
    ['Retain', 'Retain', '', undefined],
    ['Retain', 'Retain', 'set', ''],
    ['Retain', 'Retain', 'pod', ''],
    ['Delete', 'Retain', '', 'StatefulSet'],
    ['Delete', 'Retain', 'set', undefined],
    ['Delete', 'Retain', 'pod', 'StatefulSet'],
    ['Retain', 'Delete', '', undefined],
    ['Retain', 'Delete', 'pod', ''],
    ['Delete', 'Delete', '', 'StatefulSet'],
    ['Delete', 'Delete', 'set', undefined],
    ['Delete', 'Delete', 'set pod', 'StatefulSet'],
    ['Unheard', 'Of', 'set', ''],
  ];
  for (const [whenDeleted, whenScaled, owners, expected] of rows)
    it(`${whenDeleted}, ${whenScaled}: ${owners || 'none'} becomes ${expected ?? 'the same'}`, () => {
      POD = 'web-0';
      assert.equal(after(web(whenDeleted, whenScaled), owners), expected);
    });
});

describe('owners of the claim of a Pod beyond the range', () => {
  const rows: Row[] = [
    ['Retain', 'Retain', 'pod', ''],
    ['Delete', 'Retain', '', 'StatefulSet'],
    ['Retain', 'Delete', '', 'Pod'],
    ['Retain', 'Delete', 'pod', undefined],
    ['Delete', 'Delete', 'set', 'Pod'],
    ['Delete', 'Delete', 'pod', undefined],
  ];
  for (const [whenDeleted, whenScaled, owners, expected] of rows)
    it(`${whenDeleted}, ${whenScaled}: ${owners || 'none'} becomes ${expected ?? 'the same'}`, () => {
      POD = 'web-1';
      assert.equal(after(web(whenDeleted, whenScaled), owners), expected);
    });
});

describe('owners of a claim that others have to do with', () => {
  const rows: [claim: string, owners: string, expected: string | undefined][] = [
    ['leaves what an earlier set owns', 'set/before', undefined],
    ['leaves what an earlier Pod owns', 'pod/before', undefined],
    ['leaves what another controller owns', 'Job/x', undefined],
    ['takes itself away from what another controller owns', 'Job/x set', 'Job'],
    ['adds itself to owners that do not control', 'Job/x!', 'Job! StatefulSet'],
    ['makes itself the controller where it owns', 'set!', 'StatefulSet'],
  ];
  for (const [name, owners, expected] of rows)
    it(name, () => {
      POD = 'web-0';
      assert.equal(after(web('Delete', 'Retain'), owners), expected);
    });

  it('leaves all of a claim that an earlier set or Pod has to do with', () => {
    POD = 'web-0';
    assert.equal(after(web('Retain', 'Retain'), 'set/before pod'), undefined);
    assert.equal(after(web('Retain', 'Retain'), 'set pod/before'), undefined);
  });

  it('another controller matters only to a policy that deletes', () => {
    const other = claim('Job/x');
    assert.equal(hasOtherController(other, web('Retain', 'Delete'), pod('web-0')), true);
    assert.equal(hasOtherController(other, web('Retain', 'Retain'), pod('web-0')), false);
    assert.equal(hasOtherController(claim('set'), web('Delete', 'Retain'), pod('web-0')), false);
  });
});
