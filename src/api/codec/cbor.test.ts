import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CborError, cborToJson, jsonToCbor } from './cbor.ts';
import type { Json } from '../meta/object.ts';

const read = (hex: string): string => cborToJson(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const refusal = (hex: string): string => {
  try {
    return read(hex);
  } catch (error) {
    assert.ok(error instanceof CborError, String(error));
    return error.message;
  }
};

describe('cborToJson()', () => {
  // RFC 8949, appendix A.
  const EXAMPLES: readonly (readonly [hex: string, json: string])[] = [
    ['00', '0'],
    ['17', '23'],
    ['1818', '24'],
    ['1903e8', '1000'],
    ['1a000f4240', '1000000'],
    ['1b000000e8d4a51000', '1000000000000'],
    ['1b7fffffffffffffff', '9223372036854775807'],
    ['20', '-1'],
    ['3903e7', '-1000'],
    ['f93c00', '1'],
    ['f93e00', '1.5'],
    ['f97bff', '65504'],
    ['fa47c35000', '100000'],
    ['fb3ff199999999999a', '1.1'],
    ['f90001', '5.960464477539063e-8'],
    ['f90400', '0.00006103515625'],
    ['f9c400', '-4'],
    ['f4', 'false'],
    ['f5', 'true'],
    ['f6', 'null'],
    ['60', '""'],
    ['6449455446', '"IETF"'],
    ['4449455446', '"IETF"'],
    ['62c3bc', '"ü"'],
    ['80', '[]'],
    ['8301820203820405', '[1,[2,3],[4,5]]'],
    ['a26161016162820203', '{"a":1,"b":[2,3]}'],
    ['9f018202039f0405ffff', '[1,[2,3],[4,5]]'],
    ['bf61610161629f0203ffff', '{"a":1,"b":[2,3]}'],
    ['7f657374726561646d696e67ff', '"streaming"'],
    ['d9d9f7a16161f5', '{"a":true}'],
    ['c074323031332d30332d32315432303a30343a30305a', '"2013-03-21T20:04:00Z"'],
    ['c11a514b67b0', '"2013-03-21T20:04:00Z"'],
    ['d64401020304', '"AQIDBA=="'],
    ['d74401020304', '"01020304"'],
  ];
  for (const [hex, json] of EXAMPLES) it(`reads ${hex}`, () => assert.equal(read(hex), json));

  it('reads a key that is named as JavaScript’s own', () => {
    assert.equal(read('a1695f5f70726f746f5f5f01'), '{"__proto__":1}');
  });

  it('refuses what JSON has no value for', () => {
    assert.match(refusal('f97c00'), /Infinity: it is no finite number/);
    assert.match(refusal('f97e00'), /NaN: it is no finite number/);
    assert.match(refusal('f7'), /simple value 23 is not recognized/);
    assert.match(refusal('f0'), /simple value 16/);
    assert.match(refusal('1bffffffffffffffff'), /overflows int64/);
    assert.match(refusal('3bffffffffffffffff'), /overflows int64/);
    assert.match(refusal('c249010000000000000000'), /bignum/);
    assert.match(refusal('a10102'), /keys are strings/);
    assert.match(refusal('c0656e6f646179'), /time/);
  });

  it('refuses what is malformed', () => {
    assert.match(refusal(''), /unexpected EOF/);
    assert.match(refusal('8201'), /unexpected EOF/);
    assert.match(refusal('5bffffffffffffffff00'), /unexpected EOF/);
    assert.match(refusal('9bffffffffffffffff01'), /unexpected EOF/);
    assert.match(refusal('0000'), /1 bytes of extraneous data starting at index 1/);
    assert.match(refusal('ff'), /break/);
    assert.match(refusal('1c'), /additional information 28/);
    assert.match(refusal('62c328'), /invalid UTF-8/);
    assert.match(refusal('7f0100ff'), /wrong element type/);
    assert.match(refusal('a2616101616102'), /duplicate map key "a"/);
    assert.match(refusal('81'.repeat(1_002)), /max nested level/);
    assert.match(refusal('c6'.repeat(1_002)), /max nested level/);
  });
});

describe('jsonToCbor()', () => {
  const written = (value: Json): string =>
    Buffer.from(jsonToCbor(value)).subarray(3).toString('hex');

  it('writes integers and floats in the shortest form, strings as bytes', () => {
    assert.equal(written(23), '17');
    assert.equal(written(-1000), '3903e7');
    assert.equal(written(1_000_000_000_000), '1b000000e8d4a51000');
    assert.equal(written(1.5), 'fa3fc00000');
    assert.equal(written(1.1), 'fb3ff199999999999a');
    assert.equal(written({ a: 'IETF', b: [null, true] }), 'a241614449455446416282f6f5');
  });

  it('begins with the tag that says what it is', () => {
    assert.deepEqual([...jsonToCbor(null)], [0xd9, 0xd9, 0xf7, 0xf6]);
  });

  it('writes what cborToJson() reads', () => {
    const value: Json = {
      text: 'ü'.repeat(300),
      list: Array.from({ length: 70_000 }, (_, i) => i - 100),
      deep: { a: { b: [{ c: -0.25, d: 2 ** 60, e: Number.MAX_SAFE_INTEGER }] } },
      empty: {},
    };
    assert.deepEqual(JSON.parse(cborToJson(jsonToCbor(value))), value);
  });
});
