import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fromYaml } from '../codec/yaml.ts';
import { allGates, FeatureGateError, FeatureGates, parseFeatureGates } from './feature-gates.ts';

const shared = process.env['COXSWAIN_SHARED'];
const golden = shared === undefined ? '' : join(shared, 'golden/features.yaml');
const skip = existsSync(golden) ? false : 'COXSWAIN_SHARED with golden/features.yaml is absent';

interface Spec {
  readonly default: boolean;
  readonly lockToDefault: boolean;
  readonly preRelease: string;
  readonly version: string;
}

test('every gate has the name, default, stage and lock that it has in v1.36', { skip }, () => {
  const list = fromYaml(readFileSync(golden, 'utf8')) as unknown as {
    name: string;
    versionedSpecs: Spec[];
  }[];
  const minor = ({ version }: Spec): number => Number(version.split('.')[1]);
  const want = list.map(({ name, versionedSpecs }) => {
    const now = versionedSpecs
      .filter((spec) => minor(spec) <= 36)
      .toSorted((a, b) => minor(a) - minor(b))
      .at(-1);
    return [name, now?.default, now?.preRelease, now?.lockToDefault];
  });
  const have = allGates().map((gate) => [gate.name, gate.default, gate.stage, gate.isLocked]);
  const byName = (a: unknown[], b: unknown[]): number => (String(a[0]) < String(b[0]) ? -1 : 1);
  assert.deepEqual(have.toSorted(byName), want.toSorted(byName));
});

function gates(text: string): FeatureGates {
  return new FeatureGates(parseFeatureGates(text));
}

function refusal(text: string): string {
  try {
    gates(text);
  } catch (error) {
    assert.ok(error instanceof FeatureGateError);
    return error.message;
  }
  return '';
}

describe('feature gates', () => {
  test('have their defaults when nothing is said', () => {
    assert.equal(gates('').enabled('WatchList'), true);
    assert.equal(gates('').enabled('ClusterTrustBundle'), false);
  });

  test('are set one by one, with spaces and the words of Go', () => {
    const set = gates(' ClusterTrustBundle = T ,WatchList=0,');
    assert.equal(set.enabled('ClusterTrustBundle'), true);
    assert.equal(set.enabled('WatchList'), false);
  });

  test('are refused when they are unknown, without a value, or with a wrong one', () => {
    assert.equal(refusal('Nothing=true'), 'unrecognized feature gate: Nothing');
    assert.equal(refusal('WatchList'), 'missing bool value for WatchList');
    assert.equal(
      refusal('WatchList=maybe'),
      'invalid value of WatchList=maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax',
    );
  });

  test('that one component alone has are refused by the others', () => {
    const asked = parseFeatureGates('StorageVersionAPI=true');
    assert.match(refusal('StorageVersionAPI=true'), /Coxswain has only its default/);
    const own = new FeatureGates(asked, 'kube-controller-manager');
    assert.equal(own.enabled('StorageVersionAPI'), true);
  });

  test('that are locked keep their default', () => {
    assert.equal(
      refusal('DynamicResourceAllocation=false'),
      'cannot set feature gate DynamicResourceAllocation to false, feature is locked to true',
    );
    assert.equal(refusal('DynamicResourceAllocation=true'), '');
  });

  test('whose other value is not built are refused by name', () => {
    assert.equal(
      refusal('MemoryQoS=true'),
      'cannot set feature gate MemoryQoS to true: Coxswain has only its default, false',
    );
    assert.equal(refusal('MemoryQoS=false'), '');
  });

  test('of a whole stage name each gate that is not built, but those that are named themselves', () => {
    const all = refusal('AllAlpha=true,MemoryQoS=false');
    assert.match(all, /HPAScaleToZero to true: Coxswain has only its default/);
    assert.doesNotMatch(all, /MemoryQoS/);
    assert.doesNotMatch(all, /GenericWorkload/);
    assert.equal(refusal('AllAlpha=false'), '');
  });
});
