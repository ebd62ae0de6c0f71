import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatCidr, formatIp, parseCidr, parseIp, rangeContains, sizeOfRange } from './ip.ts';

describe('parseIp() and formatIp()', () => {
  const CANONICAL: readonly (readonly [string, string])[] = [
    ['10.0.0.1', '10.0.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ];
  for (const [text, canonical] of CANONICAL) {
    it(`write ${text} as ${canonical}`, () => {
      const address = parseIp(text);
      assert.equal(address === undefined ? undefined : formatIp(address), canonical);
    });
  }
  const WRONG = [
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.1.2',
    '1:2:3',
    ':::',
    '1::2::3',
    '12345::',
    'fe80::1%eth0',
    '10.0.0.-1',
  ];
  for (const text of WRONG) {
    it(`refuse ${JSON.stringify(text)}`, () => assert.equal(parseIp(text), undefined));
  }
  it('see leading zeros', () => {
    assert.equal(parseIp('010.0.0.1')?.leadingZeros, true);
    assert.equal(parseIp('10.0.0.1')?.leadingZeros, false);
  });
});

describe('parseCidr()', () => {
  it('answers the first address of the range', () => {
    const range = parseCidr('10.1.2.3/8');
    assert.ok(range);
    assert.equal(formatCidr(range), '10.0.0.0/8');
    assert.equal(sizeOfRange(range), 2n ** 24n);
  });
  it('refuses what is no range', () => {
    for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/x', '/8', '10.0.0.0/-1'])
      assert.equal(parseCidr(text), undefined, text);
  });
  it('knows what lies within', () => {
    const range = parseCidr('10.0.0.0/30');
    const within = (text: string): boolean => {
      const address = parseIp(text);
      return range !== undefined && address !== undefined && rangeContains(range, address);
    };
    assert.deepEqual(['10.0.0.0', '10.0.0.3', '10.0.0.4', '9.255.255.255', '::1'].map(within), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
