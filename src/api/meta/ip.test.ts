import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatCidr, formatIp, isMapped, parseCidr, parseIp } from './ip.ts';

describe('parseIp()', () => {
  it('reads leading zeros and tells of them', () => {
    for (const [text, canonical, leadingZeros] of [
      ['10.0.0.1', '10.0.0.1', false],
      ['010.000.0.01', '10.0.0.1', true],
      ['0.0.0.0', '0.0.0.0', false],
      ['::ffff:010.0.0.1', '::ffff:10.0.0.1', true],
      ['2001:0db8::1', '2001:db8::1', false],
    ] as const) {
      const address = parseIp(text);
      assert.ok(address, text);
      assert.deepEqual([formatIp(address), address.leadingZeros], [canonical, leadingZeros]);
    }
  });
  it('refuses what is no address', () => {
    for (const text of ['', '10.0.0', '10.0.0.256', '0256.0.0.1', '1::2::3', 'fe80::1%eth0'])
      assert.equal(parseIp(text), undefined, text);
  });
  it('knows IPv4 addresses in the form of IPv6', () => {
    const mapped = (text: string): boolean => isMapped(parseIp(text) ?? { family: 4, value: 0n });
    assert.deepEqual(['::ffff:10.0.0.1', '::1', '10.0.0.1'].map(mapped), [true, false, false]);
  });
});

describe('parseCidr()', () => {
  it('keeps the address beside the range', () => {
    const range = parseCidr('10.1.2.3/8');
    assert.ok(range);
    assert.equal(formatCidr(range), '10.0.0.0/8');
    assert.equal(formatIp(range.address), '10.1.2.3');
    assert.equal(range.leadingZeros, false);
  });
  it('tells of leading zeros', () => {
    assert.equal(parseCidr('10.0.0.0/08')?.leadingZeros, true);
    assert.equal(parseCidr('010.0.0.0/8')?.leadingZeros, true);
  });
  it('refuses what is no range', () => {
    for (const text of [
      '10.0.0.0',
      '10.0.0.0/33',
      '10.0.0.0/x',
      '/8',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
    ])
      assert.equal(parseCidr(text), undefined, text);
  });
});
