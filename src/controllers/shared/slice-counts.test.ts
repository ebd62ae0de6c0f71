/** What changes in the slices of a Service, in numbers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { endpointChanges, type SliceChange, totalsAfter } from './slice-counts.ts';

/** `a: 1 2!` — a slice `a` with two endpoints, the second not ready; `a/81: 1` has another port. */
function slice(text: string): EndpointSlice {
  const [head = '', words = ''] = text.split(':');
  const [name = '', port = '80'] = head.split('/');
  const addresses = words.split(' ').filter((word) => word !== '');
  return {
    metadata: { name },
    addressType: 'IPv4',
    ports: [{ port: Number(port) }],
    endpoints: addresses.map((word) => ({
      addresses: [`10.0.0.${word.replace('!', '')}`],
      conditions: { ready: !word.endsWith('!') },
    })),
  };
}

function change(parts: Partial<Record<keyof SliceChange, readonly string[]>>): SliceChange {
  const of = (name: keyof SliceChange): EndpointSlice[] => (parts[name] ?? []).map(slice);
  return {
    slices: of('slices'),
    creates: of('creates'),
    updates: of('updates'),
    deletes: of('deletes'),
  };
}

const ROWS: readonly (readonly [
  claim: string,
  parts: Parameters<typeof change>[0],
  counts: readonly [added: number, updated: number, removed: number],
  totals: readonly [endpoints: number, slices: number, wantedSlices: number],
])[] = [
  ['nothing comes of nothing', {}, [0, 0, 0], [0, 0, 0]],
  ['what is made comes', { creates: ['a: 1 2', ': 3'] }, [3, 0, 0], [3, 2, 2]],
  ['what is left alone stays', { slices: ['a: 1 2'] }, [0, 0, 0], [2, 1, 1]],
  [
    'what is written anew comes, changes and goes',
    { slices: ['a: 1 2 3', 'b: 4'], updates: ['a: 2! 3 5 6'] },
    [2, 1, 1],
    [5, 2, 3],
  ],
  [
    'what moves to another slice stays',
    { slices: ['a: 1', 'b: 2'], updates: ['a: 1 2'], deletes: ['b: 2'] },
    [0, 0, 0],
    [2, 1, 1],
  ],
  [
    'what goes to another port goes',
    { slices: ['a: 1'], deletes: ['a: 1'], creates: ['/81: 1'] },
    [1, 0, 1],
    [1, 1, 1],
  ],
  ['ports have slices of their own', { slices: ['a: 1', 'b/81: 1'] }, [0, 0, 0], [2, 2, 2]],
  ['half-full slices could be one', { slices: ['a: 1', 'b: 2'] }, [0, 0, 0], [2, 2, 1]],
  ['an empty slice is none that is wanted', { slices: ['a:'] }, [0, 0, 0], [0, 1, 0]],
];

describe('a pass over slices', () => {
  for (const [claim, parts, counts, totals] of ROWS)
    it(claim, () => {
      const { added, updated, removed } = endpointChanges(change(parts));
      assert.deepEqual([added, updated, removed], counts);
      const { endpoints, slices, wantedSlices } = totalsAfter(change(parts), 2);
      assert.deepEqual([endpoints, slices, wantedSlices], totals);
    });
});
