/** What a Pod of a Job is made like. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, JobSpec } from '#api/gen/batch-v1.ts';
import type { Container } from '#api/gen/core-v1.ts';
import { jobPod, jobWith } from '#kit/job-pods.ts';
import { podOf } from './pod-template.ts';

const FINALIZER = 'batch.kubernetes.io/job-tracking';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';

function indexed(containers: Container[], initContainers: Container[] = []): Job {
  return jobWith({
    completionMode: 'Indexed',
    template: { spec: { containers, initContainers } },
  });
}

describe('podOf()', () => {
  it('has the finalizer once, beside those of the template', () => {
    for (const finalizers of [[], ['a/b'], [FINALIZER, 'a/b']]) {
      const job = jobWith({ template: { metadata: { finalizers }, spec: { containers: [] } } });
      const all = new Set([...finalizers, FINALIZER]);
      assert.deepEqual(podOf(job, undefined).metadata?.finalizers, [...all]);
    }
  });

  it('is controlled by the Job and named after it', () => {
    const { metadata, spec } = podOf(jobWith(), undefined);
    const { uid, controller, blockOwnerDeletion } = metadata?.ownerReferences?.[0] ?? {};
    assert.deepEqual([uid, controller, blockOwnerDeletion], ['work', true, true]);
    assert.deepEqual([metadata?.generateName, spec?.hostname], ['work-', undefined]);
  });

  it('gets its index into each container that does not set it', () => {
    const own = { name: 'JOB_COMPLETION_INDEX', value: '7' };
    const job = indexed([{ name: 'a' }, { name: 'b', env: [own] }], [{ name: 'init' }]);
    const { spec } = podOf(job, 3);
    const name = 'JOB_COMPLETION_INDEX';
    assert.deepEqual(
      spec?.containers[0]?.env?.map((variable) => variable.name),
      [name],
    );
    assert.deepEqual(spec?.containers[1]?.env, [own]);
    assert.deepEqual(
      spec?.initContainers?.[0]?.env?.map((variable) => variable.name),
      [name],
    );
    assert.equal(spec?.hostname, 'work-3');
  });

  it('has a name that leaves room for five more characters', () => {
    const made = indexed([]);
    const job = { ...made, metadata: { ...made.metadata, name: 'n'.repeat(63) } };
    assert.equal(podOf(job, 12).metadata?.generateName, `${'n'.repeat(54)}-12-`);
  });

  it('goes on counting the failures of its index', () => {
    const policy: JobSpec['podFailurePolicy'] = {
      rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [42] } }],
    };
    const made = indexed([]);
    const job = {
      ...made,
      spec: { ...made.spec!, backoffLimitPerIndex: 3, podFailurePolicy: policy },
    };
    const counts = (replaced: string | undefined): (string | undefined)[] => {
      const { annotations } =
        podOf(job, 0, replaced === undefined ? undefined : jobPod(replaced)).metadata ?? {};
      return [annotations?.[FAILURES], annotations?.[IGNORED]];
    };
    assert.deepEqual(counts(undefined), ['0', undefined]);
    assert.deepEqual(counts('a phase=Failed exit=1 failures=1'), ['2', undefined]);
    assert.deepEqual(counts('a phase=Failed exit=42 failures=1 ignored=2'), ['1', '3']);
    assert.deepEqual(counts('a phase=Failed exit=1 failures=many ignored=-1'), ['1', undefined]);
  });
});
