/** What is given away, and what of it the node says of itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { MemoryGrpcSockets } from '#kit/grpc-sockets.ts';
import { SimulatedDevicePlugin } from '#kit/kubelet/device-plugin.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { DeviceManager } from './device-manager.ts';

const GPU = 'example.com/gpu';
const directory = '/k/device-plugins';

function wanting(uid: string, more: Pod['status'] = {}): Pod {
  const containers = [{ name: 'main', resources: { limits: { [GPU]: '2' } } }];
  return { metadata: { uid }, spec: { containers }, status: more };
}

describe('the manager of devices', () => {
  async function world() {
    const environment = new VirtualEnvironment();
    const fileSystem = new MemoryFileSystem();
    const sockets = new MemoryGrpcSockets(environment, fileSystem);
    const active = new Set(['p', 'q']);
    const manager = new DeviceManager({
      environment,
      fileSystem,
      sockets,
      directory,
      registry: new MetricRegistry(),
      isActive: (uid) => active.has(uid),
      onRoom: () => {},
      onHealth: () => {},
    });
    await manager.start();
    const plugin = new SimulatedDevicePlugin(sockets, directory, GPU, ['a', 'b', 'c']);
    await plugin.listen();
    await plugin.register();
    await environment.advance(0);
    return { manager, plugin, active };
  }

  it('shows the node with what was given away, whatever it says of itself', async () => {
    const { manager, active } = await world();
    assert.equal(await manager.allocate(wanting('p')), undefined);
    const shown = (amount?: string) =>
      manager.withAllocated({
        status: { allocatable: amount === undefined ? {} : { [GPU]: amount } },
      }).status?.allocatable;
    assert.deepEqual(
      [shown(), shown('0'), shown('3')],
      [{ [GPU]: '2' }, { [GPU]: '2' }, { [GPU]: '3' }],
    );
    active.delete('p');
    assert.deepEqual([shown(), shown('0')], [{}, { [GPU]: '0' }]);
    await manager.stop();
  });

  it('gives nothing of what comes with a claim', async () => {
    const { manager, plugin } = await world();
    const requestMappings = [{ containerName: 'main', resourceName: GPU, requestName: 'r' }];
    const status = { extendedResourceClaimStatus: { resourceClaimName: 'c', requestMappings } };
    assert.equal(await manager.allocate(wanting('p', status)), undefined);
    assert.deepEqual([plugin.asked, manager.devicesOf('p', 'main')], [[], []]);
    await manager.stop();
  });

  it('gives a pod that asks again what it has, and refuses another amount', async () => {
    const { manager, plugin } = await world();
    await manager.allocate(wanting('p'));
    assert.equal(await manager.allocate(wanting('p')), undefined);
    assert.deepEqual(plugin.asked, ['Allocate a b']);
    const more = [{ name: 'main', resources: { limits: { [GPU]: '3' } } }];
    assert.deepEqual(
      await manager.allocate({ metadata: { uid: 'p' }, spec: { containers: more } }),
      {
        reason: 'UnexpectedAdmissionError',
        message: `Allocate failed due to pod "p" container "main" changed request for resource "${GPU}" from 2 to 3, which is unexpected`,
      },
    );
    await manager.stop();
  });
});
