import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nthAddress, parseCidr, parseIp } from '#base/ip.ts';
import { parsePools, poolCidrs, PoolError, poolOf } from './pools.ts';

describe('pools of addresses', () => {
  it('are CIDRs and ranges of both families, by name', () => {
    const pools = parsePools(['192.0.2.0/30, 192.0.2.9-192.0.2.10', 'public=2001:db8::/126']);
    assert.deepEqual(
      pools.map(({ name, ranges }) => [name, ranges.length]),
      [
        ['default', 2],
        ['public', 1],
      ],
    );
    const name = (text: string): string | undefined => {
      const address = parseIp(text);
      return address && poolOf(pools, address)?.name;
    };
    const places = ['192.0.2.0', '192.0.2.3', '192.0.2.4', '192.0.2.9', '192.0.2.10', '192.0.2.11'];
    assert.deepEqual(places.map(name), [
      'default',
      'default',
      undefined,
      'default',
      'default',
      undefined,
    ]);
    assert.deepEqual(['2001:db8::3', '2001:db8::4'].map(name), ['public', undefined]);
    // The same number in the other family is another address.
    assert.equal(poolOf(pools, { family: 6, value: parseIp('192.0.2.0')?.value ?? 0n }), undefined);
  });

  const refused: [what: string, texts: string[], words: RegExp][] = [
    ['what is no range', ['192.0.2.0'], /"192\.0\.2\.0" is no range of addresses: write a CIDR/],
    ['an empty part', ['192.0.2.0/30,'], /"" is no range/],
    ['a range that runs back', ['192.0.2.9-192.0.2.1'], /ends before it begins/],
    ['ends of two families', ['192.0.2.9-2001:db8::1'], /is no range/],
    ['a name of capitals', ['Pool=192.0.2.0/30'], /"Pool" is no name of a pool/],
    ['two of one name', ['a=192.0.2.0/30', 'a=192.0.2.8/30'], /same name/],
    [
      'overlaps, of other pools too',
      ['a=192.0.2.0/30', 'b=192.0.2.3-192.0.2.5'],
      /192\.0\.2\.0-192\.0\.2\.3 and 192\.0\.2\.3-192\.0\.2\.5 have addresses in common/,
    ],
  ];
  for (const [what, texts, words] of refused)
    it(`refuse ${what}`, () => {
      assert.throws(
        () => parsePools(texts),
        (error) => error instanceof PoolError && words.test(error.message),
      );
    });

  it('are as CIDRs the addresses that they are as ranges', () => {
    const last = fc.integer({ min: 0, max: 70 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), last, (first, more) => {
        const end = Math.min(255, first + more);
        const cidrs = poolCidrs(parsePools([`192.0.2.${first}-192.0.2.${end}`]));
        const held = cidrs.flatMap((text) => {
          const range = parseCidr(text);
          assert.ok(range);
          return Array.from({ length: Number(range.size) }, (_, at) =>
            Number(nthAddress(range, at)?.value),
          );
        });
        const base = Number(parseIp('192.0.2.0')?.value);
        assert.deepEqual(
          held,
          Array.from({ length: end - first + 1 }, (_, at) => base + first + at),
        );
      }),
    );
    assert.deepEqual(
      poolCidrs(parsePools(['10.0.0.0/24', 'b=2001:db8::/64', 'all=0.0.0.0-0.0.0.7'])),
      ['10.0.0.0/24', '2001:db8::/64', '0.0.0.0/29'],
    );
    assert.deepEqual(poolCidrs(parsePools(['::/0'])), ['::/0']);
  });
});
