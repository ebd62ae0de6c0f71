/** What a Namespace says while it goes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsAfter, type Outcome } from './conditions.ts';

const CLEAN: Outcome = {
  discoveryFailures: new Map(),
  contentErrors: [],
  remaining: new Map(),
  finalizers: new Map(),
};

describe('conditionsAfter', () => {
  it('says five times that all is well', () => {
    const conditions = conditionsAfter([], CLEAN, 0);
    assert.deepEqual(
      conditions.map(({ status, reason }) => [status, reason]),
      [
        ['False', 'ResourcesDiscovered'],
        ['False', 'ParsedGroupVersions'],
        ['False', 'ContentDeleted'],
        ['False', 'ContentRemoved'],
        ['False', 'ContentHasNoFinalizers'],
      ],
    );
  });

  it('counts what is left, sorted, and by finalizer', () => {
    const outcome = {
      ...CLEAN,
      remaining: new Map([
        ['pods.', 2],
        ['deployments.apps', 1],
      ]),
      finalizers: new Map([['example.com/hold', 1]]),
      contentErrors: ['b failed', 'a failed'],
    };
    const messages = conditionsAfter([], outcome, 0)
      .filter(({ status }) => status === 'True')
      .map(({ message }) => message);
    assert.deepEqual(messages, [
      'Failed to delete all resource types, 2 remaining: a failed, b failed',
      'Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances',
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    ]);
  });

  it('changes nothing when nothing changed, and times only what turned', () => {
    const first = conditionsAfter([], CLEAN, 0);
    assert.equal(conditionsAfter(first, CLEAN, 60_000), first);
    const turned = conditionsAfter(first, { ...CLEAN, remaining: new Map([['pods.', 1]]) }, 60_000);
    const changed = turned.filter((condition, i) => condition !== first[i]);
    assert.deepEqual(
      changed.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
      [['NamespaceContentRemaining', '1970-01-01T00:01:00Z']],
    );
  });
});
