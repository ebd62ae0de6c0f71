/** Ranges of nodes in the range of the cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type IpRange, parseCidr } from '#base/ip.ts';
import { nodeIpamController } from './node-ipam.ts';
import { firstFree } from './node-ipam/ranges.ts';

const range = (text: string): IpRange => parseCidr(text)!;

describe('firstFree', () => {
  const cluster = { cidr: range('10.244.0.0/22'), nodeBits: 24 };
  it('takes the lowest range that nobody has', () => {
    assert.equal(firstFree(cluster, []), '10.244.0.0/24');
    assert.equal(
      firstFree(cluster, ['10.244.0.0/24', '10.244.2.0/24'].map(range)),
      '10.244.1.0/24',
    );
  });
  it('keeps clear of larger and smaller ranges that overlap', () => {
    assert.equal(
      firstFree(cluster, ['10.244.0.0/23', '10.244.2.128/25'].map(range)),
      '10.244.3.0/24',
    );
  });
  it('says when there is none', () => {
    assert.equal(firstFree(cluster, [range('10.0.0.0/8')]), undefined);
  });
  it('does not mix families', () => {
    const six = { cidr: range('fd00:10::/62'), nodeBits: 64 };
    assert.equal(firstFree(six, [range('0.0.0.0/0'), range('fd00:10::/64')]), 'fd00:10:0:1::/64');
  });
});

describe('nodeIpamController', () => {
  it('refuses what is no range', () => {
    assert.throws(() => nodeIpamController({ clusterCidrs: ['10.244/16'] }), /Cannot read range/);
  });
});
