import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatCidr,
  formatIp,
  nthAddress,
  parseCidr,
  parseIp,
  rangeContains,
  rangesOverlap,
  sameIp,
} from './ip.ts';

const canonical = (text: string): string | undefined => {
  const address = parseIp(text);
  return address === undefined ? undefined : formatIp(address);
};

describe('parseIp and formatIp', () => {
  const rows: [text: string, canonical: string | undefined][] = [
    ['10.96.0.1', '10.96.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['0.0.0.0', '0.0.0.0'],
    ['10.096.0.1', undefined],
    ['10.0.0.256', undefined],
    ['10.0.0', undefined],
    ['', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0:0::A', 'fd00::a'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4:5:6:7::8', undefined],
    ['fe80::1%eth0', undefined],
    [':1', undefined],
  ];
  for (const [text, expected] of rows) {
    it(`reads ${JSON.stringify(text)} as ${expected ?? 'no address'}`, () =>
      assert.equal(canonical(text), expected));
  }
});

describe('ranges', () => {
  const range = parseCidr('10.96.7.9/16')!;
  it('clear the bits behind the prefix', () => assert.equal(formatCidr(range), '10.96.0.0/16'));
  it('know their size', () => assert.equal(range.size, 65536n));
  it('contain their first and last address, and no other', () => {
    const inside = ['10.96.0.0', '10.96.255.255'].map((text) =>
      rangeContains(range, parseIp(text)!),
    );
    const outside = ['10.95.255.255', '10.97.0.0', '::a60:1'].map((text) =>
      rangeContains(range, parseIp(text)!),
    );
    assert.deepEqual(
      [inside, outside],
      [
        [true, true],
        [false, false, false],
      ],
    );
  });
  it('count their addresses', () => {
    assert.equal(formatIp(nthAddress(range, 10)!), '10.96.0.10');
    assert.equal(nthAddress(range, 65536), undefined);
  });
  it('may be of IPv6', () =>
    assert.equal(formatCidr(parseCidr('fd00:10:96::5/112')!), 'fd00:10:96::/112'));
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', 'x/8']) {
    it(`are not made of ${text}`, () => assert.equal(parseCidr(text), undefined));
  }
});

describe('sameIp', () => {
  it('compares addresses, not texts', () => {
    assert.ok(sameIp('fd00::0:1', 'FD00::1'));
    assert.ok(!sameIp('10.0.0.1', '10.0.0.2'));
    assert.ok(!sameIp('x', 'x'));
  });
});

describe('rangesOverlap', () => {
  const rows: [left: string, right: string, is: boolean][] = [
    ['10.0.0.0/8', '10.255.255.255/32', true],
    ['10.0.0.0/8', '11.0.0.0/8', false],
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['fd00::/64', 'fd00::/48', true],
    ['::/0', '0.0.0.0/0', false],
  ];
  for (const [left, right, is] of rows)
    it(`${left} and ${right}: ${is}`, () => {
      for (const [a, b] of [
        [left, right],
        [right, left],
      ])
        assert.equal(rangesOverlap(parseCidr(a ?? '')!, parseCidr(b ?? '')!), is);
    });
});
