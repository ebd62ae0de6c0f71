/** Controllers that are behind gates: whether they run at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { CONTROLLERS } from './index.ts';

const OFF = [
  'kube-apiserver-serving-clustertrustbundle-publisher-controller',
  'podcertificaterequest-cleaner-controller',
  'podgroup-protection-controller',
  'resourcepoolstatusrequest-controller',
  'storage-version-migrator-controller',
  'storageversion-garbage-collector-controller',
];

/** The entries that run beside those that always do. */
function running(gates: string, serves = true, rootCa = 'ca'): string[] {
  const options = {
    rootCa,
    gates: new FeatureGates(parseFeatureGates(gates), 'kube-controller-manager'),
    serves: () => serves,
  };
  const names = CONTROLLERS.filter(({ make }) => make(options).length > 0).map(({ name }) => name);
  return OFF.filter((name) => names.includes(name));
}

const ON =
  'ClusterTrustBundle=true,DRAResourcePoolStatus=true,GenericWorkload=true,PodCertificateRequest=true,StorageVersionAPI=true,StorageVersionMigrator=true';

describe('a controller behind a gate', () => {
  it('does not run unless the gate is on', () => {
    assert.deepEqual(running(''), []);
  });

  it('runs where its gate is on', () => {
    assert.deepEqual(running(ON), OFF);
    assert.deepEqual(running('GenericWorkload=true'), ['podgroup-protection-controller']);
  });

  it('does not run where the server has not what it works on', () => {
    assert.deepEqual(running(ON, false), []);
  });

  it('is not asked for by the star when it warns of SELinux labels', () => {
    const entry = CONTROLLERS.find(({ name }) => name === 'selinux-warning-controller');
    assert.equal(entry?.isOffByDefault, true);
    assert.equal(entry?.make({}).length, 1);
  });
});
