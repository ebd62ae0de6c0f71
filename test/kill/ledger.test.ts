import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Found, Ledger } from './ledger.ts';

/** A server that has acknowledged `a` as `one` of version 5. */
function begun(): Ledger {
  const ledger = new Ledger();
  ledger.begin('a', 'one');
  ledger.acknowledge('a', 5);
  return ledger;
}
const there = (items: Record<string, [string, number]>): ReadonlyMap<string, Found> =>
  new Map(Object.entries(items).map(([name, [content, version]]) => [name, { content, version }]));

describe('the ledger of the kill test', () => {
  it('is content with a server that keeps its promises', () => {
    const ledger = begun();
    ledger.tell('a', 'one', 5);
    ledger.begin('b', 'two');
    ledger.tell('b', 'two', 6);
    ledger.acknowledge('b', 6);
    ledger.begin('a', undefined);
    ledger.acknowledge('a');
    ledger.tell('a', undefined, 7);
    assert.equal(ledger.reconcile(there({ b: ['two', 6] }), 9), 0);
    assert.equal(ledger.newest, 9);
  });

  it('lets an unanswered write have happened, or not', () => {
    for (const [items, happened] of [
      [there({ a: ['one', 5] }), 0],
      [there({ a: ['two', 6] }), 1],
    ] as const) {
      const ledger = begun();
      ledger.begin('a', 'two');
      assert.equal(ledger.reconcile(items, 6), happened);
      assert.equal(ledger.contentOf('a'), items.get('a')?.content);
    }
    const deleted = begun();
    deleted.begin('a', undefined);
    assert.equal(deleted.reconcile(there({}), 6), 1);
  });

  it('finds an acknowledged write that is lost, or undone, or came back', () => {
    assert.throws(() => begun().reconcile(there({}), 5), /a is absent, acknowledged was one/);
    assert.throws(() => begun().reconcile(there({ a: ['zero', 4] }), 5), /a is zero of version 4/);
    const deleted = begun();
    deleted.begin('a', undefined);
    deleted.acknowledge('a');
    assert.throws(() => deleted.reconcile(there({ a: ['one', 5] }), 6), /acknowledged was absent/);
  });

  it('finds an unanswered write that the watch told of and that is lost', () => {
    const ledger = begun();
    ledger.tell('a', 'one', 5);
    ledger.begin('a', 'two');
    ledger.tell('a', 'two', 6);
    assert.throws(() => ledger.reconcile(there({ a: ['one', 5] }), 6), /a: .*told of.*lost/);
  });

  it('finds a version that means two things', () => {
    const ledger = begun();
    ledger.begin('b', 'two');
    assert.throws(() => ledger.reconcile(there({ a: ['one', 5], b: ['two', 5] }), 5), /Version 5/);
    const told = begun();
    assert.throws(() => told.tell('b', 'two', 5), /given for a: one, and again for b: two/);
  });

  it('finds a version that does not grow', () => {
    const ledger = begun();
    ledger.begin('b', 'two');
    assert.throws(() => ledger.acknowledge('b', 4), /4 for a write to b, but 5 was told before/);
    assert.throws(() => begun().reconcile(there({ a: ['one', 5] }), 4), /list is of version 4/);
    const watched = begun();
    watched.tell('a', 'one', 5);
    assert.throws(() => watched.tell('a', 'two', 5), /after 5/);
  });

  it('finds a write that the watch left out', () => {
    assert.throws(() => begun().tell('b', 'two', 6), /left out version 5, told 6/);
    const late = begun();
    late.begin('b', 'two');
    late.begin('c', 'three');
    late.tell('a', 'one', 5);
    late.tell('c', 'three', 7);
    assert.throws(() => late.acknowledge('b', 6), /left out version 6, told 7/);
    const anew = begun();
    anew.skipTo(5);
    anew.tell('b', 'two', 6);
  });
});
