import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressRecord, queryOf, said, soaRecord } from '#kit/dns.ts';
import { encodeQuery } from './encode.ts';
import { delivered, readForeignAnswer, readForeignRecords, withoutEdns } from './foreign.ts';
import { RCODE, TYPE } from './wire.ts';

const MESSAGE = encodeQuery({ id: 7, name: 'a.example', type: TYPE.A });
const OPT_BYTES = 11;

function read(bytes: Uint8Array) {
  const answer = readForeignAnswer(bytes);
  assert.ok(answer);
  return answer;
}

describe('readForeignAnswer', () => {
  it('reads the code that EDNS0 makes longer', () => {
    const bytes = said(MESSAGE, { rcode: RCODE.badVersion });
    assert.equal(read(bytes).rcode, RCODE.badVersion);
  });

  const broken: [claim: string, change: (bytes: Buffer) => Buffer][] = [
    ['a query', (b) => ((b[2] = 1), b)],
    ['two questions', (b) => (b.writeUInt16BE(2, 4), b)],
    ['a record that is missing', (b) => (b.writeUInt16BE(5, 6), b)],
    ['an end that is missing', (b) => b.subarray(0, b.length - 1)],
    ['EDNS0 in the wrong section', (b) => (b.writeUInt32BE(0x00010000, 8), b)],
    [
      'EDNS0 twice',
      (b) => (b.writeUInt16BE(2, 10), Buffer.concat([b, b.subarray(b.length - OPT_BYTES)])),
    ],
  ];
  for (const [claim, change] of broken) {
    it(`takes no ${claim}`, () => {
      const bytes = change(said(MESSAGE, { answers: [addressRecord('a.example', 1)] }));
      assert.equal(readForeignAnswer(bytes), undefined);
    });
  }
});

describe('withoutEdns', () => {
  it('leaves the other records as they are', () => {
    const bytes = said(MESSAGE, {
      answers: [addressRecord('a.example', 1)],
      authority: [soaRecord('example', 9)],
    });
    const stripped = withoutEdns(bytes, read(bytes));
    assert.equal(stripped.length, bytes.length - OPT_BYTES);
    assert.equal(read(stripped).opt, undefined);
    assert.deepEqual(read(stripped).ttlOffsets, read(bytes).ttlOffsets);
  });

  it('drops what follows it, and what is no part of the message', () => {
    const bytes = said(MESSAGE, { answers: [addressRecord('a.example', 1)] });
    const further = Buffer.from('\u0001b\u0000\u0000\u0001\u0000\u0001', 'latin1');
    const record = Buffer.concat([further, Buffer.from([0, 0, 0, 9, 0, 4, 1, 2, 3, 4])]);
    const longer = Buffer.concat([bytes, record, Buffer.from('rest')]);
    longer.writeUInt16BE(2, 10);
    assert.equal(read(longer).ttlOffsets.length, 2);
    const stripped = withoutEdns(longer, read(longer));
    assert.equal(stripped.length, bytes.length - OPT_BYTES);
    assert.equal(read(stripped).answers, 1);
    const plain = Buffer.concat([stripped, Buffer.from('rest')]);
    assert.equal(withoutEdns(plain, read(plain)).length, stripped.length);
  });
});

describe('delivered', () => {
  const many = Array.from({ length: 50 }, (_, index) => addressRecord('a.example', index));
  const asked = queryOf(encodeQuery({ id: 9, name: 'A.example', type: TYPE.A }));
  const whole = (bytes: Buffer): Uint8Array => withoutEdns(bytes, read(bytes));

  it('cuts at a record, and says so', () => {
    const bytes = whole(said(MESSAGE, { answers: many }));
    for (let bytesMax = 512; bytesMax < 545; bytesMax++) {
      const given = delivered(bytes, asked, { bytesMax });
      const { id, truncated, answers, opt } = read(given);
      assert.deepEqual({ id, truncated }, { id: 9, truncated: true });
      assert.ok(opt && given.length <= bytesMax && given.length > bytesMax - 16);
      assert.deepEqual(readForeignRecords(given), many.slice(0, answers));
    }
  });

  it('leaves additional records out without a word', () => {
    const bytes = Buffer.from(whole(said(MESSAGE, { answers: many.slice(0, 30) })));
    // All but the first are additional records now.
    bytes.writeUInt16BE(1, 6);
    bytes.writeUInt16BE(29, 10);
    const given = delivered(bytes, asked, { bytesMax: 300 });
    assert.equal(read(given).truncated, false);
    assert.equal(read(given).answers, 1);
    assert.ok(given.length <= 300);
  });

  it('gives all of it where it just fits', () => {
    const bytes = whole(said(MESSAGE, { answers: many }));
    const given = delivered(bytes, asked, { bytesMax: bytes.length + OPT_BYTES });
    assert.deepEqual([read(given).truncated, read(given).answers], [false, 50]);
    const short = delivered(bytes, asked, { bytesMax: bytes.length + OPT_BYTES - 1 });
    assert.deepEqual([read(short).truncated, read(short).answers], [true, 49]);
  });
});
