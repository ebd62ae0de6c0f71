/** A plan in a sentence or two. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlannedCapacity, PlannedObject, PlannedPod } from './plan-result.ts';
import { summaryOf } from './summary.ts';
import { timeText } from './texts.ts';

type Facts = Parameters<typeof summaryOf>[0];

const NOTHING: Facts = {
  refused: [],
  objects: [],
  pods: [],
  evictions: [],
  pending: [],
  capacity: [],
  budgets: [],
  rests: true,
  durationSeconds: 5,
};

const object = (action: PlannedObject['action'], asked = true): PlannedObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'a',
  action,
  asked,
});
const pod = (action: PlannedPod['action']): PlannedPod => ({
  name: 'a',
  namespace: 'shop',
  action,
  atSeconds: 0,
});
const loss = (least: number, of: number, untilSeconds?: number): PlannedCapacity => ({
  workload: `Deployment d${of}`,
  namespace: 'shop',
  least,
  of,
  fromSeconds: 0,
  ...(untilSeconds === undefined ? {} : { untilSeconds }),
  totalSeconds: untilSeconds ?? 60,
});
const refused = [{ request: 'a', reason: 'b', message: 'c' }];
const pending = [{ name: 'a', namespace: 'shop', sentence: '', remedies: [] }];

const TABLE: readonly [facts: Partial<Facts>, summary: string][] = [
  [{}, 'Nothing would change. At rest after 5s.'],
  [
    { objects: [object('created'), object('created'), object('changed'), object('unchanged')] },
    '2 objects would be created and 1 object would be changed. At rest after 5s.',
  ],
  [{ objects: [object('created', false)] }, 'Nothing would change. At rest after 5s.'],
  [
    { pods: [pod('created'), pod('moved'), pod('replaced'), pod('deleted'), pod('passing')] },
    '1 pod would be created, 2 pods would be replaced (1 on another node) and 1 pod would be deleted. At rest after 5s.',
  ],
  [
    { refused, pending, rests: false },
    'Nothing would change. 1 refused and 1 not ready at rest. Not at rest when the time was over.',
  ],
  [
    { capacity: [loss(3, 4, 30), loss(1, 2, 34)] },
    'Nothing would change. Deployment d2 would fall to 1 of 2 ready pods for 34s, and 1 more would have fewer. At rest after 5s.',
  ],
  [
    { capacity: [loss(0, 2)] },
    'Nothing would change. Deployment d2 would fall to 0 of 2 ready pods for 60s and stay there. At rest after 5s.',
  ],
];

describe('the summary of a plan', () => {
  for (const [facts, summary] of TABLE)
    it(`is: ${summary}`, () => assert.equal(summaryOf({ ...NOTHING, ...facts }), summary));
});

it('times are told as people tell them', () => {
  const times: readonly [seconds: number, text: string][] = [
    [0, '0s'],
    [1.5, '1.5s'],
    [119, '119s'],
    [120, '2m'],
    [125.4, '2m5s'],
    [7_260, '2h1m'],
  ];
  for (const [seconds, text] of times) assert.equal(timeText(seconds), text);
});
