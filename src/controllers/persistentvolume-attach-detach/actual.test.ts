/** What is known to be attached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Actual } from './actual.ts';

describe('what is known to be attached', () => {
  it('is taken to be in use until the node says that it is not', () => {
    const actual = new Actual();
    actual.add('v', 'a', true);
    assert.equal(actual.isInUse('v', 'a'), true);
    actual.setInUse('a', ['w']);
    assert.equal(actual.isInUse('v', 'a'), false);
    assert.equal(actual.isInUse('w', 'a'), true);
    actual.add('v', 'a', true);
    assert.equal(actual.isInUse('v', 'a'), false, 'it is not new to the node');
  });

  it('is reported when it is known for certain, and until it is said not to be', () => {
    const actual = new Actual();
    actual.add('v', 'a', false);
    assert.deepEqual(actual.reportedOn('a'), []);
    actual.add('v', 'a', true);
    assert.deepEqual(actual.reportedOn('a'), ['v']);
    actual.setReported('v', 'a', false);
    actual.add('v', 'a', false);
    assert.deepEqual(actual.reportedOn('a'), []);
  });

  it('counts how long it is not wanted, and begins anew when it was wanted again', () => {
    const actual = new Actual();
    actual.add('v', 'a', true);
    assert.equal(actual.unwantedForMs('v', 'a', 1_000), 0);
    assert.equal(actual.unwantedForMs('v', 'a', 5_000), 4_000);
    actual.touch('v', 'a');
    assert.equal(actual.unwantedForMs('v', 'a', 6_000), 0);
    assert.equal(actual.unwantedForMs('v', 'b', 6_000), 0);
  });

  it('is forgotten node by node', () => {
    const actual = new Actual();
    actual.add('v', 'a', true);
    actual.add('v', 'b', true);
    actual.remove('v', 'a');
    assert.deepEqual(actual.nodesOf('v'), ['b']);
    assert.deepEqual([...actual.volumesOf('a')], []);
    actual.remove('v', 'b');
    assert.deepEqual([...actual.volumes], []);
  });
});
