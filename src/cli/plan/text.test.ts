/** A plan as text: what people read of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consequences, Plan, PlannedObject, PlannedPod } from '#plan/report/plan-result.ts';
import { planText } from './text.ts';

const NOTHING: Consequences = {
  refused: [],
  objects: [],
  pods: [],
  evictions: [],
  pending: [],
  capacity: [],
  budgets: [],
};

function textOf(plan: Partial<Plan>): string {
  return planText({
    apiVersion: 'plan.coxswain.dev/v1alpha1',
    kind: 'Plan',
    summary: 'In short.',
    rests: true,
    durationSeconds: 0,
    withoutChange: NOTHING,
    notSimulated: [],
    assumptions: [],
    ...NOTHING,
    ...plan,
  });
}

/** The lines below the summary. */
function linesOf(plan: Partial<Plan>): string[] {
  const [summary, empty, ...lines] = textOf(plan).trimEnd().split('\n');
  assert.deepEqual([summary, empty], ['In short.', '']);
  return lines;
}

const object = (facts: Partial<PlannedObject>): PlannedObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'web',
  action: 'changed',
  asked: true,
  ...facts,
});

const pod = (name: string, facts: Partial<PlannedPod> = {}): PlannedPod => ({
  name,
  namespace: 'shop',
  action: 'created',
  workload: 'Deployment web',
  atSeconds: 1,
  ...facts,
});

describe('the text of a plan', () => {
  it('is the summary when nothing would happen', () => {
    assert.equal(textOf({}), 'In short.\n');
  });

  it('has the fields of what is changed, and who did it', () => {
    const fields = [
      { path: 'spec.replicas', old: 1, new: 2 },
      { path: 'spec.paused', new: true },
      { path: 'spec.minReadySeconds', old: 3 },
      { path: 'data.key' },
      { path: 'x', new: 'y'.repeat(60) },
    ];
    assert.deepEqual(
      linesOf({ objects: [object({ fields, notes: ['a note'], by: ['the change', 'others'] })] }),
      [
        'OBJECT                WOULD BE   BY                   DETAIL',
        'Deployment shop/web   changed    the change, others   a note; spec.replicas: 1 → 2; spec.paused: true; spec.minReadySeconds: removed; data.key; 1 more',
      ],
    );
    const [, long] = linesOf({ objects: [object({ fields: fields.slice(4) })] });
    assert.match(long ?? '', / x: "y{38}…$/);
  });

  it('leaves out what follows by itself, unless it was asked for', () => {
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
    assert.equal(textOf({ objects: [object({ ...slice, asked: false })] }), 'In short.\n');
    assert.match(textOf({ objects: [object(slice)] }), /\nEndpointSlice shop\/web/);
  });

  it('says where pods would go', () => {
    const pods = [
      pod('a', { node: 'n1' }),
      pod('b', { action: 'moved', node: 'n2', before: { name: 'o', node: 'n1' } }),
      pod('db-0', { action: 'replaced', node: 'n2', before: { name: 'db-0', node: 'n2' } }),
      pod('c', { action: 'deleted', node: 'n1', atSeconds: 130 }),
      pod('p', { action: 'passing' }),
      pod('q', { action: 'passing' }),
      pod('r', { action: 'passing', workload: 'Job one', node: 'n3' }),
    ];
    assert.deepEqual(linesOf({ pods }), [
      'POD                 WOULD BE              NODE      AT',
      'shop/a              created               n1        +1s',
      'shop/o → b          moved                 n1 → n2   +1s',
      'shop/db-0           replaced              n2        +1s',
      'shop/c              deleted               n1        +2m10s',
      'shop/p and 1 more   created and deleted             +1s',
      'shop/r              created and deleted   n3        +1s',
    ]);
  });

  it('tells pods that wait for the same together', () => {
    const waiting = (name: string, why: string) => ({
      namespace: 'shop',
      name,
      workload: 'Deployment web',
      remedies: ['more cpu'],
      sentence: `Pod ${name} fits none: ${why}.`,
    });
    const pending = [waiting('a', 'cpu'), waiting('b', 'cpu'), waiting('c', 'memory')];
    assert.deepEqual(linesOf({ pending }), [
      'NOT READY AT REST   WHY',
      'shop/a and 1 more   Pod a fits none: cpu.',
      '                    would help: more cpu',
      'shop/c              Pod c fits none: memory.',
      '                    would help: more cpu',
    ]);
  });

  it('has all other tables', () => {
    const lines = linesOf({
      refused: [
        { request: 'apply Pod a/b', source: 'a.yaml', reason: 'Invalid', message: 'no\n\u001b[1m' },
      ],
      evictions: [
        {
          namespace: 'shop',
          name: 'a',
          node: 'n1',
          reason: 'EvictionByEvictionAPI',
          by: 'an eviction',
          atSeconds: 5,
          waitedSeconds: 90,
        },
      ],
      capacity: [
        {
          workload: 'Deployment web',
          namespace: 'shop',
          least: 2,
          of: 3,
          fromSeconds: 0,
          untilSeconds: 34,
          totalSeconds: 34,
        },
        {
          workload: 'StatefulSet db',
          namespace: 'shop',
          least: 0,
          of: 1,
          fromSeconds: 1,
          totalSeconds: 600,
        },
      ],
      budgets: [{ namespace: 'shop', name: 'web', allowedBefore: 2, least: 0 }],
      rests: false,
      moving: ['job-controller is at work'],
      notSimulated: [{ what: 'secrets', why: 'Forbidden' }],
      assumptions: ['Pods stop.'],
    });
    assert.deepEqual(lines, [
      'REFUSED                  REASON    MESSAGE',
      'apply Pod a/b (a.yaml)   Invalid   no \ufffd[1m',
      '',
      'EVICTED   FROM   BY                             AT',
      'shop/a    n1     an eviction, held up for 90s   +5s',
      '',
      'CAPACITY OF           READY    FROM   FOR',
      'Deployment shop/web   2 of 3   +0s    34s',
      'StatefulSet shop/db   0 of 1   +1s    the rest of the time',
      '',
      'BUDGET     ALLOWS',
      'shop/web   0 instead of 2, at the least',
      '',
      'Still moving when the time was over:',
      '  - job-controller is at work',
      '',
      'NOT SIMULATED   WHY',
      'secrets         Forbidden',
      '',
      'Taken for granted:',
      '  - Pods stop.',
    ]);
  });

  it('sets apart what was under way', () => {
    const withoutChange = { ...NOTHING, pods: [pod('a', { node: 'n1' })] };
    assert.deepEqual(linesOf({ withoutChange }).slice(0, 4), [
      'Already under way, without the change:',
      '',
      'POD      WOULD BE   NODE   AT',
      'shop/a   created    n1     +1s',
    ]);
  });

  it('ends tables that are too long', () => {
    const pods = Array.from({ length: 42 }, (_, index) => pod(`p${index}`));
    const lines = linesOf({ pods });
    assert.equal(lines.length, 42);
    assert.equal(lines.at(-1), '… and 2 more; -o yaml has them all');
  });
});
