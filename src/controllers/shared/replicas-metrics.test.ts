/** How old the Pods are that go first. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pod } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { agesBesideYoungest } from './replicas-metrics.ts';

it('agesBesideYoungest() looks at ready Pods', () => {
  const pods = ['a ready', 'b ready created=60', 'c created=90', 'd created=10'].map(pod);
  const ages = (nowSeconds: number): number[] =>
    agesBesideYoungest(pods, pods.slice(0, 3), VIRTUAL_START_MS + nowSeconds * 1000);
  assert.deepEqual(ages(120), [2, 1]);
  assert.deepEqual(ages(60), [], 'beside an age of nothing there is none');
  assert.deepEqual(agesBesideYoungest([pod('a')], [pod('a')], VIRTUAL_START_MS + 1), []);
});
