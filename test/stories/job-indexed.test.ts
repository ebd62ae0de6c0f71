/** Stories of indexed Jobs: what each Pod knows, limits per index, success policies, scaling. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import type { JobSpec } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { activePods, conditionsOf, endPod, job, podsOf, readJob } from '#kit/jobs.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';

const indexOf = ({ metadata }: Pod): string => metadata?.annotations?.[INDEX] ?? '';
const indexes = (pods: readonly Pod[]): string => pods.map(indexOf).toSorted().join(',');
const annotation = (pod: Pod | undefined, name: string): string | undefined =>
  pod?.metadata?.annotations?.[name];

async function started(spec: Partial<JobSpec>, nodes = 0): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes, scheduler: nodes > 0 });
  await cluster.create(JOB, job({ ...spec, completionMode: 'Indexed' }));
  await cluster.settle();
  return cluster;
}

async function activePod(cluster: TestCluster, index: number): Promise<Pod> {
  const found = (await activePods(cluster)).find((pod) => indexOf(pod) === String(index));
  assert.ok(found !== undefined, `no active Pod of index ${index}`);
  return found;
}

async function end(cluster: TestCluster, index: number, exitCode: number): Promise<void> {
  await endPod(cluster, await activePod(cluster, index), { exitCode });
}

describe('an indexed Job', () => {
  it('tells each Pod its index, in its name, labels, annotations, host name and environment', async () => {
    const cluster = await started({ completions: 3, parallelism: 2 });
    const pods = await activePods(cluster);
    assert.equal(indexes(pods), '0,1');
    const [pod] = pods;
    assert.match(pod?.metadata?.name ?? '', /^work-0-\w{5}$/);
    assert.equal(pod?.metadata?.labels?.[INDEX], '0');
    assert.equal(pod?.spec?.hostname, 'work-0');
    const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` };
    assert.deepEqual(pod?.spec?.containers[0]?.env, [
      { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } },
    ]);
    assert.equal(annotation(pod, FAILURES), undefined);
    await cluster.stop();
  });

  it('repeats indexes that failed, and is complete when each has succeeded once', async () => {
    const cluster = await started({ completions: 3, parallelism: 3 });
    await end(cluster, 1, 1);
    await end(cluster, 2, 0);
    await end(cluster, 0, 0);
    await cluster.advance(5_000);
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.completedIndexes, status?.succeeded, status?.failed], ['0,2', 2, 1]);
    await cluster.settle();
    await end(cluster, 1, 0);
    await cluster.settle();
    const done = await readJob(cluster);
    assert.deepEqual(
      [done.status?.completedIndexes, done.status?.failedIndexes],
      ['0-2', undefined],
    );
    assert.equal(done.status?.conditions?.at(-1)?.type, 'Complete');
    await cluster.stop();
  });

  it('deletes Pods that have no index of its, or one that another has', async () => {
    const cluster = await started({ completions: 2, parallelism: 2 });
    const twin = await activePod(cluster, 0);
    const { name: _name, uid: _uid, resourceVersion: _revision, ...metadata } = twin.metadata!;
    for (const [name, annotations] of [
      ['twin', { [INDEX]: '0' }],
      ['beyond', { [INDEX]: '7' }],
      ['without', {}],
    ] as const) {
      const stray = { metadata: { ...metadata, name, annotations }, spec: twin.spec! };
      await cluster.create(POD, stray);
    }
    await cluster.settle();
    const pods = await podsOf(cluster);
    assert.equal(pods.length, 2);
    assert.equal(indexes(pods), '0,1');
    assert.equal((await readJob(cluster)).status?.failed, undefined);
    await cluster.stop();
  });

  it('can be made larger and smaller with its parallelism', async () => {
    const cluster = await started({ completions: 4, parallelism: 4 });
    const made = await readJob(cluster);
    await end(cluster, 0, 0);
    await end(cluster, 3, 0);
    await cluster.settle();
    assert.equal((await readJob(cluster)).status?.completedIndexes, '0,3');
    await cluster.patch(JOB, made, { spec: { completions: 2, parallelism: 2 } });
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.completedIndexes, status?.succeeded], ['0', 1]);
    assert.equal(indexes(await activePods(cluster)), '1');
    await cluster.patch(JOB, made, { spec: { completions: 5, parallelism: 5 } });
    await cluster.settle();
    assert.equal(indexes(await activePods(cluster)), '1,2,3,4');
    await cluster.stop();
  });
});

describe('back-off limits per index', () => {
  const perIndex = { completions: 3, parallelism: 3, backoffLimitPerIndex: 1 };

  it('fail an index, not the Job, until all have ended', async () => {
    const cluster = await started(perIndex);
    await end(cluster, 0, 1);
    await cluster.advance(5_000);
    const waiting = (await podsOf(cluster)).find((pod) => indexOf(pod) === '0');
    assert.notEqual(waiting?.metadata?.finalizers, undefined, 'it waits for its replacement');
    assert.equal((await readJob(cluster)).status?.failedIndexes, '');
    await cluster.settle(12_000);
    assert.equal(annotation(await activePod(cluster, 0), FAILURES), '1');
    assert.equal(annotation(await activePod(cluster, 1), FAILURES), '0');
    assert.equal((await readJob(cluster)).status?.failed, 1);
    await end(cluster, 0, 1);
    await end(cluster, 1, 0);
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual(
      [status?.failedIndexes, status?.completedIndexes, status?.failed],
      ['0', '1', 2],
    );
    assert.equal(indexes(await activePods(cluster)), '2', 'a failed index is not repeated');
    await end(cluster, 2, 0);
    await cluster.settle();
    const why = 'FailedIndexes: Job has failed indexes';
    assert.deepEqual(conditionsOf(await readJob(cluster)), [
      `FailureTarget=True ${why}`,
      `Failed=True ${why}`,
    ]);
    await cluster.stop();
  });

  it('wait for each index on its own', async () => {
    const cluster = await started({ ...perIndex, backoffLimitPerIndex: 5 });
    await end(cluster, 0, 1);
    await cluster.advance(12_000);
    await end(cluster, 0, 1);
    await end(cluster, 1, 1);
    await cluster.advance(12_000);
    assert.equal(indexes(await activePods(cluster)), '1,2', 'its first failure, 10 s');
    await cluster.advance(10_000);
    assert.equal(indexes(await activePods(cluster)), '0,1,2', 'its second failure, 20 s');
    await cluster.stop();
  });

  it('fail the Job when too many indexes failed', async () => {
    const cluster = await started({ ...perIndex, backoffLimitPerIndex: 0, maxFailedIndexes: 1 });
    await end(cluster, 0, 1);
    await cluster.settle();
    assert.deepEqual(conditionsOf(await readJob(cluster)), []);
    await end(cluster, 2, 1);
    await cluster.settle();
    const why =
      'MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes';
    assert.equal(conditionsOf(await readJob(cluster)).at(-1), `Failed=True ${why}`);
    assert.equal((await readJob(cluster)).status?.failedIndexes, '0,2');
    await cluster.stop();
  });

  it('obey a policy: FailIndex fails it at once, Ignore is counted apart', async () => {
    const rules = [
      { action: 'FailIndex' as const, onExitCodes: { operator: 'In' as const, values: [42] } },
      { action: 'Ignore' as const, onExitCodes: { operator: 'In' as const, values: [43] } },
    ];
    const cluster = await started({ ...perIndex, podFailurePolicy: { rules } });
    await end(cluster, 0, 42);
    await end(cluster, 1, 43);
    await cluster.settle(12_000);
    assert.equal((await readJob(cluster)).status?.failedIndexes, '0');
    const again = await activePod(cluster, 1);
    assert.deepEqual([annotation(again, FAILURES), annotation(again, IGNORED)], ['0', '1']);
    await cluster.stop();
  });
});

describe('a success policy', () => {
  it('ends the Job when the indexes of a rule have succeeded; others are no failures', async () => {
    const successPolicy = { rules: [{ succeededIndexes: '0,2-3', succeededCount: 2 }] };
    const cluster = await started({ completions: 4, parallelism: 4, successPolicy }, 1);
    await end(cluster, 1, 0);
    await end(cluster, 2, 0);
    await cluster.settle();
    assert.deepEqual(conditionsOf(await readJob(cluster)), []);
    await end(cluster, 3, 0);
    await cluster.settle();
    const why = 'SuccessPolicy: Matched rules at index 0';
    const done = await readJob(cluster);
    assert.deepEqual(conditionsOf(done), [
      `SuccessCriteriaMet=True ${why}`,
      `Complete=True ${why}`,
    ]);
    const { succeeded, failed, completedIndexes, active } = done.status ?? {};
    assert.deepEqual(
      [succeeded, failed, completedIndexes, active],
      [3, undefined, '1-3', undefined],
    );
    assert.equal((await podsOf(cluster)).length, 3, 'what still ran was deleted');
    await cluster.stop();
  });
});
