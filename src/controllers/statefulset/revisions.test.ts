/** Which revision a StatefulSet is at, and which revisions it keeps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import type { ControllerRevision, StatefulSet } from '#api/gen/apps-v1.ts';
import { pod } from '#kit/builders.ts';
import { newRevision } from '../shared/history.ts';
import { planRevision, superfluousRevisions } from './revisions.ts';

function web(image: string, spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  const set: StatefulSet = {
    metadata: { name: 'web', namespace: 'default', uid: 'web' },
    spec: {
      serviceName: '',
      selector: { matchLabels: { app: 'web' } },
      template: { spec: { containers: [{ name: 'main', image }] } },
      ...spec,
    },
  };
  STATEFUL_SET.setDefaults?.(set);
  return set;
}

function revision(image: string, number: number): ControllerRevision {
  const reference = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'web' };
  const set = web(image);
  const made = newRevision({
    owner: set,
    reference,
    template: set.spec!.template,
    revision: number,
    collisionCount: 0,
  });
  return { ...made, metadata: { ...made.metadata, name: `web-${image}` } };
}

describe('planRevision', () => {
  const one = revision('v1', 1);
  const two = revision('v2', 2);

  it('makes the first', () => {
    const plan = planRevision(web('v1'), []);
    assert.deepEqual([plan.do, plan.revision.revision], ['create', 1]);
  });
  it('keeps the last while the template is its own', () => {
    assert.deepEqual(planRevision(web('v2'), [one, two]), { do: 'keep', revision: two });
  });
  it('makes another for another template', () => {
    const plan = planRevision(web('v3'), [one, two]);
    assert.deepEqual([plan.do, plan.revision.revision], ['create', 3]);
  });
  it('gives an old one a new number when its template comes back', () => {
    assert.deepEqual(planRevision(web('v1'), [one, two]), {
      do: 'renumber',
      revision: one,
      to: 3,
    });
  });
  it('keeps the last when it says the same in the words of an older release', () => {
    const { template } = structuredClone(one.data!['spec']) as { template: Record<string, object> };
    template['metadata'] = { creationTimestamp: null };
    delete (template['spec'] as Record<string, unknown>)['schedulerName'];
    const older = { ...one, data: { spec: { template } } } as unknown as ControllerRevision;
    assert.deepEqual(planRevision(web('v1'), [older]), { do: 'keep', revision: older });
    assert.equal(planRevision(web('v2'), [older]).do, 'create');
  });
});

describe('superfluousRevisions', () => {
  const all = ['v1', 'v2', 'v3', 'v4', 'v5'].map((image, i) => revision(image, i + 1));
  const past = (limit: number, podOf?: string): (string | undefined)[] => {
    const labels = { 'controller-revision-hash': podOf ?? 'web-v5' };
    const pods = [{ ...pod('web-0'), metadata: { labels } }];
    const live = { current: all[3]!, update: all[4]!, pods };
    return superfluousRevisions(web('v5', { revisionHistoryLimit: limit }), all, live).map(
      ({ metadata }) => metadata?.name,
    );
  };

  it('are the oldest beyond the limit, not counting those in use', () => {
    assert.deepEqual(past(3), []);
    assert.deepEqual(past(1), ['web-v1', 'web-v2']);
    assert.deepEqual(past(0), ['web-v1', 'web-v2', 'web-v3']);
    assert.deepEqual(past(0, 'web-v2'), ['web-v1', 'web-v3']);
  });
  it('are none when the limit is negative', () => {
    assert.deepEqual(past(-1), []);
  });
});
