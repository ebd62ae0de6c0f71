import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressRecord, queryOf, type Said, said, soaRecord } from '#kit/dns.ts';
import { AnswerCache, cacheKey, CAPACITY, keptSeconds } from './cache.ts';
import { encodeQuery } from './encode.ts';
import { type ForeignAnswer, readForeignAnswer } from './foreign.ts';
import { RCODE, TYPE } from './wire.ts';

const MESSAGE = encodeQuery({ id: 7, name: 'one.example', type: TYPE.A });

function read(bytes: Uint8Array): ForeignAnswer {
  const answer = readForeignAnswer(bytes);
  assert.ok(answer);
  return answer;
}

describe('keptSeconds', () => {
  const yes = (ttl: number): Said => ({ answers: [addressRecord('one.example', 1, ttl)] });
  const no = (ttl: number, minimum = ttl): Said => ({
    rcode: RCODE.nxDomain,
    authority: [soaRecord('example', ttl, minimum)],
  });
  const many = Array.from({ length: 40 }, (_, index) => addressRecord('one.example', index));
  const rows: [claim: string, said: Said, cacheSeconds: number, kept: number][] = [
    ['as long as it says', yes(20), 30, 20],
    ['no longer than configured', yes(31), 30, 30],
    ['no longer than an hour', yes(90_000), 90_000, 3_600],
    ['five seconds at least', yes(0), 30, 5],
    ['a TTL with the first bit set counts as none', yes(0x80000001), 30, 5],
    [
      'as long as the shortest of its records',
      { answers: [addressRecord('one.example', 1, 25), addressRecord('one.example', 2, 12)] },
      30,
      12,
    ],
    ['never when nothing is to be kept', yes(20), 0, 0],
    ['a "no" as long as its SOA says', no(20), 30, 20],
    ['a "no" as long as the minimum of its SOA says', no(20, 10), 30, 10],
    ['a "no" no longer than half an hour', no(90_000), 3_600, 1_800],
    ['no data is a "no"', { authority: [soaRecord('example', 90_000)] }, 3_600, 1_800],
    ['not a "no" that does not say of which zone', { rcode: RCODE.nxDomain }, 30, 0],
    ['an empty answer for a short time', {}, 30, 5],
    ['a failure for five seconds', { rcode: RCODE.servFail }, 30, 5],
    ['not what was refused', { rcode: RCODE.refused }, 30, 0],
    ['not what is cut off', { answers: many, bytesMax: 512 }, 30, 0],
  ];
  for (const [claim, what, cacheSeconds, kept] of rows) {
    it(claim, () => assert.equal(keptSeconds(read(said(MESSAGE, what)), cacheSeconds), kept));
  }
});

describe('AnswerCache', () => {
  const bytes = said(MESSAGE, { answers: [addressRecord('one.example', 1)] });
  const denial = said(MESSAGE, { authority: [soaRecord('example', 20)] });

  it('counts the time to live down, and forgets when it is over', () => {
    const cache = new AnswerCache();
    cache.put('k', bytes, read(bytes), { seconds: 20, nowMs: 0 });
    assert.equal(cache.get('other', 0), undefined);
    assert.equal(cache.get('k', 8_500)?.ttlSeconds, 12);
    assert.equal(cache.get('k', 19_999)?.ttlSeconds, 1);
    assert.equal(cache.get('k', 20_000), undefined);
    assert.equal(cache.size('success'), 0);
  });

  it("keeps a copy, for the bytes are the reader of the socket's", () => {
    const cache = new AnswerCache();
    const own = Buffer.from(bytes);
    cache.put('k', own, read(own), { seconds: 20, nowMs: 0 });
    own.fill(0);
    assert.deepEqual(Buffer.from(cache.get('k', 0)?.entry.bytes ?? []), bytes);
  });

  it('keeps either a "yes" or a "no" of one question', () => {
    const cache = new AnswerCache();
    const time = { seconds: 20, nowMs: 0 };
    cache.put('k', bytes, read(bytes), time);
    cache.put('k', denial, read(denial), time);
    assert.deepEqual([cache.size('success'), cache.size('denial')], [0, 1]);
    assert.equal(cache.get('k', 0)?.type, 'denial');
    cache.put('k', bytes, read(bytes), time);
    assert.deepEqual([cache.size('success'), cache.size('denial')], [1, 0]);
    cache.clear();
    assert.equal(cache.get('k', 0), undefined);
  });

  it('keeps nothing that is large, or not to be kept', () => {
    const cache = new AnswerCache();
    const large = Array.from({ length: 300 }, (_, index) =>
      addressRecord('one.example', index % 250),
    );
    const long = said(MESSAGE, { answers: large });
    cache.put('k', long, read(long), { seconds: 20, nowMs: 0 });
    cache.put('k', bytes, read(bytes), { seconds: 0, nowMs: 0 });
    assert.equal(cache.size('success'), 0);
  });

  it('holds a bounded number of answers, and lets those go that were not asked for', () => {
    const evicted: string[] = [];
    const cache = new AnswerCache((type) => evicted.push(type));
    const answer = read(bytes);
    for (let index = 0; index < CAPACITY; index++)
      cache.put(`n${index}`, bytes, answer, { seconds: 20, nowMs: 0 });
    assert.deepEqual(evicted, []);
    cache.get('n0', 0);
    for (const key of ['x', 'y']) cache.put(key, bytes, answer, { seconds: 20, nowMs: 0 });
    assert.equal(cache.size('success'), CAPACITY);
    assert.deepEqual(evicted, ['success', 'success']);
    assert.ok(cache.get('n0', 0));
    assert.equal(cache.get('n1', 0), undefined);
  });
});

describe('cacheKey', () => {
  it('is one for questions that have one answer', () => {
    const plain = Buffer.from(encodeQuery({ id: 1, name: 'ONE.example', type: TYPE.A }));
    const withoutOpt = Buffer.from(plain.subarray(0, plain.length - 11));
    withoutOpt.writeUInt16BE(0, 10);
    assert.equal(cacheKey(queryOf(withoutOpt)), cacheKey(queryOf(MESSAGE)));
    assert.equal(cacheKey(queryOf(plain)), cacheKey(queryOf(MESSAGE)));
  });

  it('differs where answers may', () => {
    const flags = (value: number): Buffer => {
      const bytes = Buffer.from(MESSAGE);
      bytes.writeUInt16BE(value, 2);
      return bytes;
    };
    const dnssecOk = Buffer.from(MESSAGE);
    dnssecOk[dnssecOk.length - 4] = 0x80;
    const keys = [
      MESSAGE,
      encodeQuery({ id: 7, name: 'two.example', type: TYPE.A }),
      encodeQuery({ id: 7, name: 'one.example', type: TYPE.AAAA }),
      flags(0),
      flags(0x0110),
      flags(0x0120),
      dnssecOk,
    ].map((message) => cacheKey(queryOf(message)));
    assert.equal(new Set(keys).size, keys.length);
  });
});
