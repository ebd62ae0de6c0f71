import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunked, JoinMemo, whole } from './join-memo.ts';

const [A, B, C] = ['a', 'b', 'c'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

test('the same pieces give the same memory, others their own bytes', () => {
  const memo = new JoinMemo(whole);
  const joined = memo.join([A, B], 2);
  assert.equal(String(joined), 'ab');
  assert.equal(memo.join([A, B], 2), joined);
  assert.equal(String(memo.join([A, C], 2)), 'ac');
  assert.equal(String(memo.join([C, A], 2)), 'ca');
  assert.equal(String(memo.join([A, B, C], 3)), 'abc');
  assert.equal(String(memo.join([A, B], 2)), 'ab');
  assert.equal(String(memo.join([B, C], 2)), 'bc');
  assert.equal(memo.join([A], 1), A);
});

test('a chunk has its length in hexadecimal before it', () => {
  const memo = new JoinMemo(chunked);
  assert.equal(String(memo.join([A], 1)), '1\r\na\r\n');
  const long = Buffer.alloc(25, 'x');
  assert.equal(String(memo.join([A, long, B], 27)), `1b\r\na${'x'.repeat(25)}b\r\n`);
});

test('what is large is not kept', () => {
  const memo = new JoinMemo(whole);
  const large = Buffer.alloc(300_000, 'x');
  const joined = memo.join([A, large], 300_001);
  assert.notEqual(memo.join([A, large], 300_001), joined);
  assert.deepEqual(memo.join([A, large], 300_001), joined);
});
