import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { aPod } from '#kit/scheduler-world.ts';
import { explainGang } from './gang.ts';

function member(name: string, message?: string, nodeName?: string): Pod {
  const condition = { type: 'PodScheduled', status: 'False' as const, reason: 'X', message };
  const conditions = message === undefined ? [] : [{ ...condition, message }];
  return aPod(name, {
    schedulingGroup: { podGroupName: 'g' },
    status: { conditions },
    ...(nodeName === undefined ? {} : { nodeName }),
  });
}

const gang = (minCount: number): PodGroup => ({
  spec: { schedulingPolicy: { gang: { minCount } } },
});
const [a, b] = [member('a'), member('b')];
const WAITS = 'pod group is unschedulable, waiting for minCount pods from a gang to be scheduled';

function linesOf(
  group: PodGroup | undefined,
  pods: readonly Pod[],
  fitting: readonly string[] = [],
): string[] | undefined {
  const found = explainGang({ pod: a, pods, group, fitting });
  if (found === undefined) return undefined;
  return [found.sentence, ...found.causes.map(({ what, detail }) => `${what}: ${detail}`)];
}

describe('a pod of a gang', () => {
  type Row = [claim: string, lines: string[] | undefined, expected: string[] | undefined];
  const rows: Row[] = [
    [
      'waits for its group',
      linesOf(undefined, [a]),
      [
        'Pod a waits for its group: there is no PodGroup g.',
        'PodGroup g: is not there, or may not be read',
      ],
    ],
    [
      'waits for others',
      linesOf(gang(3), [a, b, aPod('stranger')]),
      [
        'Pod a waits for its gang: 2 of the 3 pods that g needs are there.',
        'gang g: 1 more must come',
      ],
    ],
    [
      'waits for one that has no place',
      linesOf(gang(2), [member('a', WAITS), member('b', '0/1 nodes are available')], ['n1']),
      [
        'Pod a would fit on n1, and waits for its gang: g needs places for 2 pods at once, and 2 wait.',
        'pod b: 0/1 nodes are available',
      ],
    ],
    ['has no place itself', linesOf(gang(2), [a, b]), undefined],
    [
      'that is no gang waits for nobody',
      linesOf({ spec: { schedulingPolicy: { basic: {} } } }, [a], ['n1']),
      undefined,
    ],
  ];
  for (const [claim, lines, expected] of rows) it(claim, () => assert.deepEqual(lines, expected));
});
