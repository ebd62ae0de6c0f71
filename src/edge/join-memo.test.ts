import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JoinMemo } from './join-memo.ts';

const [A, B, C] = ['a', 'b', 'c'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

test('the same pieces give the same memory, others their own bytes', () => {
  const memo = new JoinMemo();
  const joined = memo.join([A, B], 2);
  assert.equal(String(joined), 'ab');
  assert.equal(memo.join([A, B], 2), joined);
  assert.equal(String(memo.join([A, C], 2)), 'ac');
  assert.equal(String(memo.join([C, A], 2)), 'ca');
  assert.equal(String(memo.join([A, B, C], 3)), 'abc');
  assert.equal(String(memo.join([B, C], 2)), 'bc');
});

test('one piece is itself', () => {
  assert.equal(new JoinMemo().join([A], 1), A);
});

test('what is large is not kept', () => {
  const memo = new JoinMemo();
  const large = Buffer.alloc(300_000, 'x');
  const joined = memo.join([A, large], 300_001);
  assert.notEqual(memo.join([A, large], 300_001), joined);
  assert.deepEqual(memo.join([A, large], 300_001), joined);
});
