import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import { allocate, heldAddresses } from './allocate.ts';
import { parsePools } from './pools.ts';

describe('allocate', () => {
  const pools = parsePools(['four=192.0.2.1-192.0.2.2', 'six=2001:db8::1-2001:db8::2']);
  const free = (): boolean => false;
  const service = (spec: Partial<NonNullable<Service['spec']>>, ...ips: string[]): Service => ({
    spec: { type: 'LoadBalancer', ...spec },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  });
  const dual: Partial<NonNullable<Service['spec']>> = {
    ipFamilies: ['IPv6', 'IPv4'],
    ipFamilyPolicy: 'RequireDualStack',
  };

  it('gives one of each family, in the order of the Service', () => {
    assert.deepEqual(allocate(service(dual), pools, free).addresses, ['2001:db8::1', '192.0.2.1']);
  });

  it('keeps what the Service has, and gives the other family beside it', () => {
    assert.deepEqual(allocate(service(dual, '192.0.2.2'), pools, free).addresses, [
      '2001:db8::1',
      '192.0.2.2',
    ]);
    const taken = (address: string): boolean => address === '192.0.2.2';
    assert.deepEqual(allocate(service({}, '192.0.2.2'), pools, taken).addresses, ['192.0.2.1']);
    assert.deepEqual(allocate(service({}, '10.0.0.1'), pools, free).addresses, ['192.0.2.1']);
  });

  it('asks for the second family only where it must be', () => {
    const [four] = pools;
    assert.ok(four);
    const families: Partial<NonNullable<Service['spec']>> = { ipFamilies: ['IPv4', 'IPv6'] };
    const prefer = service({ ...families, ipFamilyPolicy: 'PreferDualStack' });
    assert.deepEqual(allocate(prefer, [four], free).addresses, ['192.0.2.1']);
    const require = service({ ...families, ipFamilyPolicy: 'RequireDualStack' });
    assert.equal(allocate(require, [four], free).problem?.reason, 'PoolExhausted');
    const other = service({ ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' });
    assert.equal(allocate(other, [four], free).problem?.reason, 'PoolExhausted');
  });

  it('takes the address that is asked for as one of its family alone', () => {
    assert.deepEqual(
      allocate(service({ ...dual, loadBalancerIP: '192.0.2.2' }), pools, free).addresses,
      ['2001:db8::1', '192.0.2.2'],
    );
  });
});

describe('heldAddresses', () => {
  it('gives an address to the older of two Services, and leaves out those of no pool', () => {
    const claim = (name: string, creationTimestamp: string, ...ips: string[]): Service => ({
      metadata: { name, namespace: 'd', creationTimestamp },
      spec: { type: 'LoadBalancer' },
      status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
    });
    const services = [
      claim('young', '2026-02-01T00:00:00Z', '192.0.2.1', '192.0.2.2'),
      claim('old', '2026-01-01T00:00:00Z', '192.0.2.1', '10.0.0.1'),
      {
        ...claim('other', '2025-01-01T00:00:00Z', '192.0.2.2'),
        spec: { type: 'ClusterIP' as const },
      },
    ];
    const held = heldAddresses(services, parsePools(['192.0.2.0/24']));
    assert.deepEqual(
      [...held].map(([address, { metadata }]) => `${address} ${metadata?.name}`),
      ['192.0.2.1 old', '192.0.2.2 young'],
    );
  });
});
