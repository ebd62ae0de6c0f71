/** Which changes of owned objects wake their owner. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { type Change, keyOf } from '#client/informer.ts';
import { pod } from '#kit/builders.ts';
import { defineController, owned, type Setup } from './controller.ts';

/** The keys that a change of a Pod wakes, where no change of one that stays is news. */
function woken(change: Change<Pod>): string[] {
  let keysOf: ((change: Change<Pod>) => Iterable<string>) | undefined;
  const setup = {
    name: 'test',
    watch: ({ kind }: { kind: string }, keys: typeof keysOf) => {
      if (kind === POD.kind) keysOf = keys;
      return { index: () => {} };
    },
  } as unknown as Setup;
  defineController<ReplicaSet>({
    name: 'test',
    for: REPLICA_SET,
    owns: [owned(POD, () => false)],
    reconcile: () => Promise.resolve(),
  }).create(setup);
  assert.ok(keysOf !== undefined);
  return [...keysOf(change)];
}

describe('a controller that is told what is news', () => {
  const before = pod('a owner=web');
  const successor: Pod = { ...before, metadata: { ...before.metadata, uid: 'another' } };
  const key = keyOf(before);
  const rows: readonly (readonly [claim: string, change: Change<Pod>, wakes: boolean])[] = [
    [
      'is not woken by what is none',
      { type: 'modified', key, object: before, previous: before },
      false,
    ],
    ['is woken by what comes', { type: 'added', key, object: before }, true],
    ['is woken by what goes', { type: 'deleted', key, object: before, previous: before }, true],
    [
      'is woken by another of the same name, whose coming no watch showed',
      { type: 'modified', key, object: successor, previous: before },
      true,
    ],
  ];
  for (const [claim, change, wakes] of rows)
    it(claim, () => assert.deepEqual(woken(change), wakes ? ['default/web'] : []));
});
