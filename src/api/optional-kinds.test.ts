import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { chosenKinds } from './chosen-kinds.ts';
import { FeatureGates, parseFeatureGates } from './features/feature-gates.ts';
import { KINDS } from './kinds.ts';
import type { JsonObject } from './meta/object.ts';
import { OPTIONAL_KINDS } from './optional-kinds.ts';
import { deprecated } from './same-fields.ts';

const featureGates = new FeatureGates(
  parseFeatureGates(
    'ClusterTrustBundle=true,PodCertificateRequest=true,GenericWorkload=true,StorageVersionMigrator=true',
  ),
);
const runtimeConfig = new Map([['api/all', 'true']]);

const shared = process.env['COXSWAIN_SHARED'];
const golden = shared === undefined ? '' : join(shared, 'golden/objects');
const skip = existsSync(golden) ? false : 'COXSWAIN_SHARED with golden/objects is absent';

describe('older versions of stored kinds', { skip }, () => {
  for (const kind of skip === false ? OPTIONAL_KINDS : []) {
    const { storedAs } = kind;
    if (storedAs === undefined) continue;
    test(`${kind.group}/${kind.version} ${kind.kind} comes back from the store as it went in`, () => {
      const file = join(golden, `${kind.group}.${kind.version}.${kind.kind}.json`);
      const object = JSON.parse(readFileSync(file, 'utf8')) as JsonObject;
      const stored = storedAs.toStored(object);
      assert.equal(stored.apiVersion, `${kind.group}/${storedAs.version}`);
      assert.deepEqual(storedAs.fromStored(stored), object);
    });
  }
});

test('no version is listed twice', () => {
  const names = [...KINDS, ...OPTIONAL_KINDS].map(
    ({ group, version, plural }) => `${group}/${version}/${plural}`,
  );
  assert.deepEqual(names, [...new Set(names)]);
  assert.equal(chosenKinds(featureGates, runtimeConfig).length, names.length);
});

test('a version that goes away says so', () => {
  const of = { group: 'a.io', version: 'v1beta1', kind: 'Thing' };
  assert.equal(
    deprecated(of, { since: '1.34', until: '1.37', use: 'a.io/v1 Thing' }),
    'a.io/v1beta1 Thing is deprecated in v1.34+, unavailable in v1.37+; use a.io/v1 Thing',
  );
});
