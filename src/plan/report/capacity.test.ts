/** For how long, and how low, the ready pods of a workload fall: a table of courses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Loss, lossOf } from './capacity.ts';
import type { Step } from './observer.ts';

/** `0:3 10:2` */
function steps(text: string): Step[] {
  return text.split(' ').map((each) => {
    const [atMs = '', count = ''] = each.split(':');
    return { atMs: Number(atMs), count: Number(count) };
  });
}

const CASES: readonly {
  readonly claim: string;
  readonly ready: string;
  readonly wanted: string;
  /** `least/of from-until total`; empty: nothing was lost. */
  readonly loss: string;
}[] = [
  { claim: 'nothing happens', ready: '0:3', wanted: '0:3', loss: '' },
  {
    claim: 'one goes and comes again',
    ready: '0:3 10:2 25:3',
    wanted: '0:3',
    loss: '2/3 10-25 15',
  },
  { claim: 'one goes for good', ready: '0:3 40:2', wanted: '0:3', loss: '2/3 40- 60' },
  {
    claim: 'there are better times in between',
    ready: '0:3 10:1 20:3 30:2 35:3',
    wanted: '0:3',
    loss: '1/3 10-35 15',
  },
  { claim: 'fewer are wanted', ready: '0:3 10:1', wanted: '0:3 10:1', loss: '' },
  {
    claim: 'fewer stay than are wanted',
    ready: '0:3 10:1',
    wanted: '0:3 10:2',
    loss: '1/2 10- 90',
  },
  { claim: 'more are wanted than come', ready: '0:3', wanted: '0:3 10:9', loss: '' },
  { claim: 'it was short before', ready: '0:1', wanted: '0:3', loss: '' },
  { claim: 'it is new', ready: '10:0 20:1', wanted: '10:3', loss: '' },
  {
    claim: 'the change itself takes one away',
    ready: '0:3 5:2 9:3',
    wanted: '0:3',
    loss: '2/3 5-9 4',
  },
  { claim: 'it happened before', ready: '0:3 1:2 2:3', wanted: '0:3', loss: '' },
  { claim: 'it is wanted no more', ready: '0:3 10:0', wanted: '0:3 10:0', loss: '' },
];

function textOf(loss: Loss | undefined): string {
  if (loss === undefined) return '';
  const { least, of, fromMs, untilMs, totalMs } = loss;
  return `${least}/${of} ${fromMs}-${untilMs ?? ''} ${totalMs}`;
}

describe('capacity, of a change at 5 that is looked at until 100', () => {
  for (const { claim, ready, wanted, loss } of CASES)
    it(`${loss === '' ? 'is not reduced' : 'is reduced'} when ${claim}`, () => {
      const found = lossOf({ ready: steps(ready), wanted: steps(wanted), fromMs: 5, untilMs: 100 });
      assert.equal(textOf(found), loss);
    });
});
