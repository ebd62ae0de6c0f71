import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { podRoutes, tunnelEnd } from './routes.ts';

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
  it('leads to each other node that has a range and an address, by IPv4', () => {
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
      node('odd', ['10.244.5.0/99'], ['InternalIP', '192.0.2.5']),
      node('first', ['10.244.1.0/24'], ['InternalIP', '192.0.2.6']),
    ];
    assert.deepEqual(podRoutes(nodes, 'self'), [
      { cidr: '10.244.1.0/24', nodeAddress: '192.0.2.6' },
      { cidr: '10.244.2.0/24', nodeAddress: '192.0.2.2' },
    ]);
  });
});

describe('tunnelEnd', () => {
  it('is made of the first address of the range', () => {
    const end = { address: '10.244.17.0', hardwareAddress: '02:78:0a:f4:11:00' };
    assert.deepEqual(tunnelEnd('10.244.17.0/24'), end);
  });

  it('refuses what is no IPv4 range', () => {
    for (const text of ['', '10.244.0.0/40', 'fd00::/64'])
      assert.throws(() => tunnelEnd(text), /Cannot make a tunnel/);
  });
});
