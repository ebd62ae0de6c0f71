import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StorageVersionMigration } from '#api/gen/storagemigration-v1beta1.ts';
import { planMigrations, withCondition } from './plan.ts';
import { compareRevisions, MalformedRevisionError } from './revisions.ts';

/** `a 10 Running Succeeded`: its name, the minute in which it was made, what is true of it. */
function migration(text: string): StorageVersionMigration {
  const [name = '', minute = '', ...is] = text.split(' ');
  const made = { metadata: { name, creationTimestamp: `2026-01-01T00:${minute}:00Z` } };
  return is.reduce<StorageVersionMigration>(
    (all, type) =>
      withCondition(all, { type: type as 'Running', reason: 'Because', message: '' }, 0),
    made,
  );
}

describe('planMigrations', () => {
  const rows: readonly (readonly [claim: string, all: string[], ended: string, goes: string])[] = [
    ['starts the oldest', ['b 10', 'a 20', 'c 30'], '', 'next b'],
    ['of the same age the first by name', ['b 10', 'a 10'], '', 'next a'],
    ['starts none while one runs', ['a 10', 'b 20 Running'], '', 'running b'],
    ['ends what has ended, and starts the next', ['a 10 Running Failed', 'b 20'], 'a', 'next b'],
    ['leaves alone what has ended', ['a 10 Succeeded', 'b 10 Failed'], '', ''],
    ['ends all that have', ['a 10 Running Succeeded', 'b 10 Running Failed'], 'a b', ''],
  ];
  for (const [claim, all, ended, goes] of rows)
    it(claim, () => {
      const plan = planMigrations(all.map(migration));
      const nameOf = (one: StorageVersionMigration): string => one.metadata?.name ?? '';
      assert.equal(plan.ended.map(nameOf).join(' '), ended);
      const next = plan.next === undefined ? '' : `next ${nameOf(plan.next)}`;
      const running = plan.running === undefined ? '' : `running ${nameOf(plan.running)}`;
      assert.equal(next + running, goes);
    });
});

describe('compareRevisions', () => {
  it('compares numbers of any length', () => {
    assert.ok(compareRevisions('9', '10') < 0);
    assert.ok(compareRevisions('90071992547409930', '90071992547409929') > 0);
    assert.equal(compareRevisions('7', '7'), 0);
  });

  for (const wrong of ['', '0', '07', '-1', 'a1', '1a'])
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => compareRevisions(wrong, '1'), MalformedRevisionError);
      assert.throws(() => compareRevisions('1', wrong), MalformedRevisionError);
    });
});
