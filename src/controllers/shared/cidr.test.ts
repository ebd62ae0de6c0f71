/** Ranges, and the ranges of nodes in them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstFree } from '../node-ipam.ts';
import { nextStep, ttlSecondsOf } from '../ttl.ts';
import { formatAddress, parseCidr, subnetAt, subnetCount } from './cidr.ts';

describe('cidr', () => {
  it('reads and writes both families', () => {
    assert.equal(subnetAt(parseCidr('10.244.7.9/16'), 24, 3n), '10.244.3.0/24');
    assert.equal(subnetAt(parseCidr('fd00:10::/48'), 64, 255n), 'fd00:10:0:ff::/64');
    assert.equal(subnetCount(parseCidr('10.244.0.0/16'), 24), 256n);
  });
  it('shortens IPv6 as RFC 5952 has it', () => {
    const text = (cidr: string): string => formatAddress(parseCidr(cidr).base, 128);
    assert.equal(text('2001:db8:0:0:1:0:0:1/128'), '2001:db8::1:0:0:1');
    assert.equal(text('::1/128'), '::1');
    assert.equal(text('::/0'), '::');
    assert.equal(text('2001:0db8:0:1:1:1:1:1/128'), '2001:db8:0:1:1:1:1:1');
  });
  it('refuses what is no range', () => {
    for (const text of ['10.0.0.0', '10.0.0/8', '10.0.0.256/8', '1::2::3/64', '10.0.0.0/33', '']) {
      assert.throws(() => parseCidr(text), /Cannot read range/);
    }
  });
});

describe('firstFree', () => {
  const range = { cidr: parseCidr('10.244.0.0/22'), nodeBits: 24 };
  it('takes the lowest range that nobody has', () => {
    const used = ['10.244.0.0/24', '10.244.2.0/24'].map(parseCidr);
    assert.equal(firstFree(range, used), '10.244.1.0/24');
  });
  it('keeps clear of larger and smaller ranges that overlap', () => {
    assert.equal(
      firstFree(range, ['10.244.0.0/23', '10.244.2.128/25'].map(parseCidr)),
      '10.244.3.0/24',
    );
  });
  it('says when there is none', () => {
    assert.equal(firstFree(range, [parseCidr('10.0.0.0/8')]), undefined);
  });
});

describe('nextStep', () => {
  it('changes with the size of the cluster, with room before it changes back', () => {
    assert.equal(ttlSecondsOf(nextStep(0, 100)), 0);
    assert.equal(ttlSecondsOf(nextStep(0, 101)), 15);
    assert.equal(ttlSecondsOf(nextStep(1, 95)), 15);
    assert.equal(ttlSecondsOf(nextStep(1, 89)), 0);
    assert.equal(ttlSecondsOf(nextStep(0, 5_000)), 300);
  });
});
