/** What is counted of one pass, and of Pods that come and go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { jobPod, jobWith } from '#kit/job-pods.ts';
import { countsOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { JobMetrics } from './metrics.ts';

describe('a pass', () => {
  it('that failed is counted as such, with what it did and how long it took', async () => {
    const environment = new VirtualEnvironment();
    const registry = new MetricRegistry();
    const job = jobWith({ completionMode: 'Indexed' }, {});
    const pass = new JobMetrics(registry).sync(job, environment.clock, async (note) => {
      note.action = 'pods_created';
      await environment.advance(20);
      throw new Error('refused');
    });
    await assert.rejects(pass, { message: 'refused' });
    const labels = 'completion_mode="Indexed",result="error",action="pods_created"';
    assert.deepEqual(countsOf(registry, 'job_controller_job_syncs_total'), [`{${labels}} 1`]);
    assert.match(
      registry.text(),
      new RegExp(`le="0.016"} 0\\n.*{${labels},le="0.032"} 1\\n[^]*_sum{${labels}} 0.02\\n`),
    );
  });
});

describe('Pods that have ended and wait to be counted', () => {
  const key = 'default/a';
  const [running, ended, counted] = [
    jobPod('a phase=Running'),
    jobPod('a phase=Succeeded'),
    jobPod('a phase=Succeeded untracked'),
  ];
  const rows = [
    ['come when they end', [{ type: 'modified', object: ended, previous: running }], 'add'],
    ['come when they are seen', [{ type: 'added', object: ended }], 'add'],
    [
      'go when they are counted',
      [{ type: 'modified', object: counted, previous: ended }],
      'delete',
    ],
    ['go when they are gone', [{ type: 'deleted', object: ended, previous: ended }], 'delete'],
    ['are none while they run', [{ type: 'added', object: running }], undefined],
    ['are none when they go uncounted', [{ type: 'deleted', object: running }], undefined],
    ['stay', [{ type: 'modified', object: ended, previous: ended }], undefined],
  ] as const;
  for (const [claim, changes, event] of rows)
    it(claim, () => {
      const registry = new MetricRegistry();
      for (const change of changes) new JobMetrics(registry).podSeen({ key, ...change });
      const counts = countsOf(registry, 'job_controller_terminated_pods_tracking_finalizer_total');
      assert.deepEqual(counts, event === undefined ? [] : [`{event="${event}"} 1`]);
    });
});
