/** Which controllers a control plane runs. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { MemoryStore } from '#store/memory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { createControlPlane } from './control-plane.ts';
import { versionOptions } from './version-flags.ts';

const GATE = 'StorageVersionMigrator=true';
const SERVED = 'storagemigration.k8s.io/v1beta1=true';

function controllersOf(flags: Parameters<typeof versionOptions>[0]): string[] {
  const environment = new VirtualEnvironment();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { manager } = createControlPlane({
    ...versionOptions(flags),
    environment,
    store: new MemoryStore(environment),
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    serviceAccountIssuer: 'https://kubernetes.default.svc',
    serviceClusterIpRange: '10.96.0.0/16',
    serviceNodePortRange: { from: 30_000, to: 32_767 },
    advertise: { address: '10.0.0.1', port: 6443 },
    clientCa: '',
    kubelets: { to: () => () => Promise.reject(new Error('there is no kubelet')) },
    rootCa: 'A CA',
    podCidr: '10.244.0.0/16',
  });
  return manager.states().map(({ name }) => name);
}

it('the migrator of stored versions runs where its gate is on and its version is served', () => {
  const runs = (flags: Parameters<typeof versionOptions>[0]): boolean =>
    controllersOf(flags).includes('storage-version-migrator-controller');
  assert.equal(runs({ featureGates: GATE, runtimeConfig: SERVED }), true);
  assert.equal(runs({ featureGates: GATE }), false);
  assert.equal(runs({ runtimeConfig: SERVED }), false);
  assert.equal(runs({}), false);
});
