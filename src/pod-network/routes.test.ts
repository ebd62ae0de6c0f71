import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { hardwareAddress, podRoutes, tunnelAddress } from './routes.ts';

function node(
  name: string,
  podCIDRs: string[],
  ...addresses: [type: string, address: string][]
): Node {
  return {
    metadata: { name },
    spec: { podCIDRs },
    status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
  };
}

describe('podRoutes', () => {
  it('leads to each other node, by each family that it has a range and an address of', () => {
    const nodes = [
      node('self', ['10.244.0.0/24'], ['InternalIP', '192.0.2.1']),
      node(
        'both',
        ['fd00:1::/64', '10.244.2.0/24'],
        ['Hostname', 'b'],
        ['InternalIP', 'fd00::2'],
        ['InternalIP', '192.0.2.2'],
      ),
      node('early', [], ['InternalIP', '192.0.2.3']),
      node('mute', ['10.244.4.0/24'], ['Hostname', 'mute']),
      node('old', ['fd00:4::/64', '10.244.3.0/24'], ['InternalIP', '192.0.2.4']),
      node('new', ['fd00:6::/64'], ['InternalIP', 'fd00::6']),
      node('odd', ['10.244.5.0/99'], ['InternalIP', '192.0.2.5']),
      node('first', ['10.244.1.0/24'], ['InternalIP', '192.0.2.6']),
    ];
    assert.deepEqual(podRoutes(nodes, 'self'), [
      {
        cidr: '10.244.1.0/24',
        nodeAddress: '192.0.2.6',
        hardwareAddress: '02:78:0a:f4:01:00',
      },
      {
        cidr: '10.244.2.0/24',
        nodeAddress: '192.0.2.2',
        hardwareAddress: '02:78:0a:f4:02:00',
      },
      {
        cidr: '10.244.3.0/24',
        nodeAddress: '192.0.2.4',
        hardwareAddress: '02:78:0a:f4:03:00',
      },
      { cidr: 'fd00:1::/64', nodeAddress: 'fd00::2', hardwareAddress: '02:78:0a:f4:02:00' },
      { cidr: 'fd00:6::/64', nodeAddress: 'fd00::6' },
    ]);
  });
});

describe('the end of a tunnel', () => {
  it('has the first address of each range, and a hardware address made of that of IPv4', () => {
    assert.equal(tunnelAddress('10.244.17.0/24'), '10.244.17.0');
    assert.equal(tunnelAddress('fd00:0:0:7::/64'), 'fd00:0:0:7::');
    assert.equal(hardwareAddress('10.244.17.0/24'), '02:78:0a:f4:11:00');
  });

  it('refuses what is no range, or none of IPv4', () => {
    for (const text of ['', '10.244.0.0/40', 'fd00::'])
      assert.throws(() => tunnelAddress(text), /Cannot make a tunnel/);
    assert.throws(() => hardwareAddress('fd00::/64'), /no IPv4 range/);
  });
});
