import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { MemoryStore } from '#store/memory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { findServiceFaults } from './repair.ts';

const RANGES = { clusterIpRange: '10.96.0.0/16', nodePortRange: { from: 30_000, to: 32_767 } };

function service(name: string, spec: Partial<ServiceSpec>): Service {
  return { metadata: { name, namespace: 'default' }, spec: { type: 'ClusterIP', ...spec } };
}

const withAddress = (name: string, ...clusterIPs: string[]): Service =>
  service(name, { clusterIP: clusterIPs[0] ?? '', clusterIPs });
const withPort = (name: string, nodePort: number, protocol: 'TCP' | 'UDP' = 'TCP'): Service =>
  service(name, { type: 'NodePort', ports: [{ port: 80, nodePort, protocol }] });

describe('findServiceFaults', () => {
  type Row = [claim: string, services: Service[], faults: string[]];
  const rows: Row[] = [
    [
      'says nothing of a sound cluster',
      [withAddress('a', '10.96.0.1'), withAddress('b', '10.96.0.2')],
      [],
    ],
    [
      'names the later of two Services with one address',
      [withAddress('a', '10.96.0.1'), withAddress('b', '10.96.0.1')],
      [
        'b ClusterIPAlreadyAllocated Cluster IP [IPv4]:10.96.0.1 was assigned to multiple services; please recreate service',
      ],
    ],
    [
      'an address outside the range',
      [withAddress('a', '10.97.0.1')],
      [
        'a ClusterIPOutOfRange Cluster IP [IPv4]:10.97.0.1 is not within the service CIDR 10.96.0.0/16; please recreate service',
      ],
    ],
    [
      'a family that is not there, and what is no address',
      [withAddress('a', '10.96.0.1', 'fd00::1'), withAddress('b', 'nonsense')],
      [
        'a ClusterIPNotValid Cluster IP fd00::1(IPv6) is of ip family that is no longer configured on cluster; please recreate service',
        'b ClusterIPNotValid Cluster IP nonsense is not a valid IP; please recreate service',
      ],
    ],
    ['headless Services have none', [withAddress('a', 'None'), withAddress('b', 'None')], []],
    [
      'a node port twice, and out of range',
      [withPort('a', 30_080), withPort('b', 30_080), withPort('c', 80)],
      [
        'b PortAlreadyAllocated Port 30080 was assigned to multiple services; please recreate service',
        'c PortOutOfRange Port 80 is not within the port range 30000-32767; please recreate service',
      ],
    ],
    ['one number for two protocols', [withPort('a', 30_053), withPort('b', 30_053, 'UDP')], []],
  ];
  for (const [claim, services, expected] of rows) {
    it(claim, () => {
      assert.deepEqual(
        findServiceFaults(services, RANGES).map(
          ({ service: { metadata }, reason, message }) => `${metadata?.name} ${reason} ${message}`,
        ),
        expected,
      );
    });
  }
});

it('a server whose range was changed says so in one Event of each Service, once', async () => {
  const environment = new VirtualEnvironment();
  const store = new MemoryStore(environment);
  const before = await TestApiServer.start({ environment, store });
  const path = '/api/v1/namespaces/default/services';
  const { spec } = await before.must(`POST ${path}`, {
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }] },
  });
  await environment.resolve(before.server.stop());
  const after = await TestApiServer.start({
    environment,
    store,
    serviceClusterIpRange: '10.200.0.0/16',
  });
  await environment.advance(7 * 60_000);
  const { items } = await after.must('GET /api/v1/namespaces/default/events');
  const told = items.filter(
    (event: { involvedObject: { name: string } }) => event.involvedObject.name === 'web',
  );
  assert.equal(told.length, 1);
  assert.equal(told[0].reason, 'ClusterIPOutOfRange');
  assert.match(told[0].message, new RegExp(`IPv4\\]:${spec.clusterIP} is not within`));
});
