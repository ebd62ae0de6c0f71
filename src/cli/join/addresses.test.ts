import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Interfaces } from '../own-addresses.ts';
import { UserError } from '../user-error.ts';
import { type AddressChoice, joinAddresses } from './addresses.ts';

const on = (...addresses: string[]) =>
  addresses.map((address) => ({
    address,
    internal: address === '127.0.0.1' || address === '::1',
  }));
const MACHINE: Interfaces = {
  lo: on('127.0.0.1', '::1'),
  docker0: on('172.17.0.1', 'fd17::1'),
  eth0: on('192.0.2.7', 'fe80::7', '2001:db8::7'),
  eth1: on('198.51.100.7', '2001:db8:1::7'),
};
const IPV4 = { podCidr: '10.244.0.0/16' };
const BOTH = { podCidr: '10.244.0.0/16,fd00:10:244::/48' };
const IPV6_FIRST = { podCidr: 'fd00:10:244::/48,10.244.0.0/16' };

const addresses = (over: Partial<AddressChoice>): string[] => {
  const { address, secondAddress } = joinAddresses({
    given: undefined,
    cluster: BOTH,
    seen: undefined,
    interfaces: MACHINE,
    ...over,
  });
  return secondAddress === undefined ? [address] : [address, secondAddress];
};

describe('the addresses of a machine that joins', () => {
  const rows: [claim: string, over: Partial<AddressChoice>, wanted: string[]][] = [
    [
      'what the API server sees, and what is on the same interface',
      { seen: '198.51.100.7' },
      ['198.51.100.7', '2001:db8:1::7'],
    ],
    [
      'seen by IPv6: the main family is the cluster’s all the same',
      { seen: '2001:db8:1::7' },
      ['198.51.100.7', '2001:db8:1::7'],
    ],
    [
      'the main family first',
      { cluster: IPV6_FIRST, seen: '192.0.2.7' },
      ['2001:db8::7', '192.0.2.7'],
    ],
    ['one in a cluster of one family', { cluster: IPV4, seen: '198.51.100.7' }, ['198.51.100.7']],
    [
      'not what is seen where the cluster has another family',
      { cluster: IPV4, seen: '2001:db8:1::7' },
      ['198.51.100.7'],
    ],
    [
      'not loopback, which nobody else reaches',
      { seen: '127.0.0.1' },
      ['192.0.2.7', '2001:db8::7'],
    ],
    [
      'of another interface where the same has none',
      { seen: '192.0.2.9', interfaces: { ...MACHINE, eth2: on('192.0.2.9', 'fe80::9') } },
      ['192.0.2.9', '2001:db8::7'],
    ],
    [
      'not those of load balancers',
      {
        cluster: { ...BOTH, loadBalancerPools: ['198.51.100.7/32,2001:db8:1::7/128'] },
        seen: '198.51.100.7',
      },
      ['192.0.2.7', '2001:db8::7'],
    ],
    [
      'those given, in their order',
      { given: '2001:db8:1::7,192.0.2.7' },
      ['2001:db8:1::7', '192.0.2.7'],
    ],
    [
      'one given, and what is beside it',
      { given: '2001:db8:1:0::7' },
      ['198.51.100.7', '2001:db8:1:0::7'],
    ],
    [
      'one given, and what is beside it, whatever is seen',
      { given: '198.51.100.7', seen: '192.0.2.7' },
      ['198.51.100.7', '2001:db8:1::7'],
    ],
    [
      'what is seen of several on one interface',
      {
        cluster: IPV4,
        seen: '203.0.113.2',
        interfaces: { ...MACHINE, eth2: on('203.0.113.1', '203.0.113.2') },
      },
      ['203.0.113.2'],
    ],
    [
      'given as that of a network of containers',
      { given: '172.17.0.1' },
      ['172.17.0.1', 'fd17::1'],
    ],
    [
      'what the API server sees, by whatever interface',
      { cluster: IPV4, seen: '172.17.0.1' },
      ['172.17.0.1'],
    ],
    [
      'never of containers unless it is asked for',
      { interfaces: MACHINE },
      ['192.0.2.7', '2001:db8::7'],
    ],
  ];
  for (const [claim, over, wanted] of rows)
    it(`are ${claim}`, () => {
      assert.deepEqual(addresses(over), wanted);
    });

  const refused: [claim: string, over: Partial<AddressChoice>, why: RegExp][] = [
    [
      'a family that the machine has no address of',
      { seen: '192.0.2.7', interfaces: { eth0: on('192.0.2.7', 'fe80::7') } },
      /Cannot join: .* IPv4 and IPv6, and this machine has none of IPv6 .*ip address add.*--node-ip IPV4,IPV6\./,
    ],
    [
      'a machine without any',
      { cluster: IPV4, interfaces: { lo: on('127.0.0.1') } },
      /of IPv4, and this machine has none of IPv4 .*--node-ip IPV4\./,
    ],
    [
      'an address of another machine',
      { given: '192.0.2.8' },
      /--node-ip 192\.0\.2\.8: no interface/,
    ],
    [
      'a second address of another machine',
      { given: '192.0.2.7,2001:db8::8' },
      /--node-ip 2001:db8::8: no interface/,
    ],
    [
      'a family that the cluster has not',
      { cluster: IPV4, given: '192.0.2.7,2001:db8::7' },
      /--node-ip 2001:db8::7: .* IPv4 alone/,
    ],
    [
      'two of one family',
      { given: '192.0.2.7,198.51.100.7' },
      /bad --node-ip .* one of each family/,
    ],
    ['what is no address', { given: 'eth0' }, /bad --node-ip "eth0"/],
  ];
  for (const [claim, over, why] of refused)
    it(`refuse ${claim}`, () => {
      assert.throws(
        () => addresses(over),
        (error: unknown) => error instanceof UserError && why.test(error.message),
      );
    });
});
