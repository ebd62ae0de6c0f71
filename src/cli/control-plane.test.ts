/** Which controllers a control plane runs, and what it can tell of its scheduler. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { MemoryStore } from '#store/memory.ts';
import { testServerOptions } from '#kit/server-options.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { LastAttempt } from '#why/last-attempt.ts';
import { clientAs } from '#client/in-process.ts';
import { type ControlPlane, createControlPlane } from './control-plane.ts';
import { versionOptions } from './version-flags.ts';

const GATE = 'StorageVersionMigrator=true';
const SERVED = 'storagemigration.k8s.io/v1beta1=true';

function controllersOf(flags: Parameters<typeof versionOptions>[0]): string[] {
  const { manager } = controlPlane(new VirtualEnvironment(), flags);
  return manager.states().map(({ name }) => name);
}

function controlPlane(
  environment: VirtualEnvironment,
  flags: Parameters<typeof versionOptions>[0] = {},
): ControlPlane {
  return createControlPlane({
    ...testServerOptions(),
    ...versionOptions(flags),
    environment,
    store: new MemoryStore(environment),
    rootCa: 'A CA',
    podCidr: '10.244.0.0/16',
  });
}

it('the migrator of stored versions runs where its gate is on and its version is served', () => {
  const runs = (flags: Parameters<typeof versionOptions>[0]): boolean =>
    controllersOf(flags).includes('storage-version-migrator-controller');
  assert.equal(runs({ featureGates: GATE, runtimeConfig: SERVED }), true);
  assert.equal(runs({ featureGates: GATE }), false);
  assert.equal(runs({ runtimeConfig: SERVED }), false);
  assert.equal(runs({}), false);
});

it('an explanation says what the scheduler found when it last tried, on which node', async () => {
  const environment = new VirtualEnvironment();
  const plane = controlPlane(environment);
  await environment.resolve(plane.start());
  const client = clientAs(
    plane.handler,
    { name: 'kubernetes-admin', groups: ['system:masters'] },
    { environment, userAgent: 'test' },
  );
  const status = { allocatable: { cpu: '1', pods: '10' } };
  const taints = [{ key: 'kept', effect: 'NoSchedule' as const }];
  const run = async <T>(promise: Promise<T>): Promise<T> => environment.resolve(promise);
  await run(client.create(NODE, { metadata: { name: 'small' }, status }));
  await run(client.create(NODE, { metadata: { name: 'kept' }, spec: { taints }, status }));
  const containers = [{ name: 'main', image: 'i', resources: { requests: { cpu: '2' } } }];
  const pod: Pod = { metadata: { name: 'big', namespace: 'default' }, spec: { containers } };
  await run(client.create(POD, pod));
  await environment.advance(2_000);
  const path = '/apis/why.coxswain.dev/v1/explanations/api/v1/namespaces/default/pods/big';
  const { lastAttempt, note } = JSON.parse(await run(client.raw('GET', path))) as {
    lastAttempt: LastAttempt;
    note?: string;
  };
  assert.equal(note, undefined, 'the profile of the scheduler is at hand');
  const { time, message, verdicts } = lastAttempt;
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.match(message, /^0\/2 nodes are available: 1 Insufficient cpu, 1 node\(s\) had untol/);
  assert.deepEqual(verdicts.map(({ node, plugin }) => `${node ?? ''} ${plugin}`).sort(), [
    'kept TaintToleration',
    'small NodeResourcesFit',
  ]);
  await run(plane.stop());
});
