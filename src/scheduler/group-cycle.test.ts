/** What comes of a group: from what comes of each of its pods. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aPod } from '#kit/scheduler-world.ts';
import type { CycleResult } from './cycle.ts';
import { FilterRun } from './filter-run.ts';
import type { PodInfo, Verdict } from './framework.ts';
import { tryGroup } from './group-cycle.ts';
import { podInfo } from './pod-info.ts';

const WAIT: Verdict = { plugin: 'Gang', kind: 'Unschedulable', reasons: ['wait'] };

/** `fits`, `never`, `room` (when others go) or `broken`, for each pod; a gang of `minCount`. */
async function outcome(pods: readonly string[], minCount: number): Promise<string> {
  const placed = new Set<string>();
  const what = new Map(pods.map((word, i) => [`default/p${i}`, word]));
  const decide = (pod: PodInfo): CycleResult => {
    const word = what.get(pod.key);
    if (word === 'broken') throw new Error('no way');
    if (word === 'fits') return { node: 'n', run: new FilterRun(pod, []), looked: 1 };
    return { diagnosis: { nodeCount: 1, verdicts: new Map() }, message: '', looked: 1 };
  };
  const { status, trials } = await tryGroup(
    pods.map((_, i) => podInfo(aPod(`p${i}`))),
    {
      decide,
      makeRoom: ({ key }) => ({
        result:
          what.get(key) === 'room'
            ? { node: 'n', victims: [], violations: 0 }
            : { message: '', keep: true },
      }),
      take(pod, node) {
        placed.add(pod.key);
        return { node, reservations: [], nominated: '' };
      },
      giveBack: ({ key }) => placed.delete(key),
      permit: () => (placed.size < minCount ? WAIT : undefined),
    },
  );
  const words = trials.map(({ place, refused, waits, error }) => {
    if (error !== undefined) return 'error';
    if (place === undefined) return 'refused';
    return `${refused === undefined ? 'placed' : 'makes room'}${waits === undefined ? '' : ', waits'}`;
  });
  const text = typeof status === 'object' ? status.error : status;
  return `${text}: ${words.join('; ')} (${placed.size} kept)`;
}

describe('a group', () => {
  type Row = [claim: string, pods: string[], minCount: number, expected: string];
  const rows: Row[] = [
    [
      'is scheduled when enough of it fit',
      ['fits', 'fits', 'never'],
      2,
      'scheduled: placed, waits; placed; refused (2 kept)',
    ],
    [
      'is not when one too few do, and nothing is kept',
      ['fits', 'never', 'fits'],
      3,
      'unschedulable: placed, waits; refused; placed, waits (0 kept)',
    ],
    [
      'waits for those who must go, though others fit',
      ['fits', 'room'],
      2,
      'preempting: placed, waits; makes room (0 kept)',
    ],
    [
      'is scheduled by none when one of it makes room, though enough fit without',
      ['fits', 'room'],
      1,
      'preempting: placed; makes room (0 kept)',
    ],
    [
      'does not wait for them when it would be too few even so',
      ['room', 'never'],
      2,
      'unschedulable: makes room, waits; refused (0 kept)',
    ],
    [
      'fails as a whole, and the rest is not tried',
      ['fits', 'broken', 'fits'],
      1,
      'failed to schedule other pod from a pod group: no way: placed; error (0 kept)',
    ],
    [
      'that is no gang has those that fit',
      ['never', 'fits'],
      0,
      'scheduled: refused; placed (1 kept)',
    ],
    ['of which none fits is not scheduled', ['never'], 0, 'unschedulable: refused (0 kept)'],
  ];
  for (const [claim, pods, minCount, expected] of rows)
    it(claim, async () => assert.equal(await outcome(pods, minCount), expected));
});
