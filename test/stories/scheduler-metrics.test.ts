/** What the scheduler counts, told by a story. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';

const PREFIX = 'scheduler_';

function podOf(name: string, cpu: string, spec: Partial<PodSpec> = {}): Pod {
  const containers = [{ name: 'main', image: 'i', resources: { requests: { cpu } } }];
  return {
    metadata: { name, namespace: 'default' },
    spec: { containers, terminationGracePeriodSeconds: 0, ...spec },
  };
}

it('the scheduler counts attempts, what came of them, and where pods wait', async () => {
  const metrics = new MetricRegistry();
  const cluster = await TestCluster.start({ nodes: 0, metrics });
  const counts = (name: string): string[] => countsOf(metrics, PREFIX + name);
  await cluster.create(NODE, {
    metadata: { name: 'a' },
    status: {
      allocatable: { cpu: '2', pods: '10' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
  await cluster.advance(1_000);
  await cluster.create(POD, podOf('first', '1'));
  await cluster.create(POD, podOf('gated', '1', { schedulingGates: [{ name: 'example.com/g' }] }));
  await cluster.create(POD, podOf('large', '2'));
  // The node is not looked after by a kubelet: what becomes of that comes later.
  await cluster.advance(500);
  const profile = 'profile="default-scheduler"';
  assert.deepEqual(counts('schedule_attempts_total'), [
    `{result="scheduled",${profile}} 1`,
    `{result="unschedulable",${profile}} 1`,
  ]);
  assert.deepEqual(counts('scheduling_attempt_duration_seconds'), [
    `_count{result="scheduled",${profile}} 1`,
    `_count{result="unschedulable",${profile}} 1`,
  ]);
  assert.deepEqual(counts('pod_scheduling'), [
    '_attempts_count 1',
    '_sli_duration_seconds_count{attempts="1"} 1',
  ]);
  assert.deepEqual(counts('pending_pods'), ['{queue="gated"} 1', '{queue="unschedulable"} 1']);
  assert.deepEqual(counts('unschedulable_pods'), [
    `{plugin="NodeResourcesFit",${profile}} 1`,
    `{plugin="SchedulingGates",${profile}} 1`,
  ]);
  assert.deepEqual(counts('queue_incoming_pods_total'), [
    '{queue="active",event="UnschedulablePodAdd"} 2',
    '{queue="unschedulable",event="ScheduleAttemptFailure"} 1',
    '{queue="unschedulable",event="UnschedulablePodAdd"} 1',
  ]);
  assert.deepEqual(counts('cache_size'), ['{type="nodes"} 1', '{type="pods"} 1']);
  assert.equal(sampleOf(metrics, 'scheduler_preemption_attempts_total'), 1);

  await cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 10 });
  await cluster.create(POD, podOf('important', '2', { priorityClassName: 'high' }));
  await cluster.advance(5_000);
  const pods = await cluster.list(POD, 'default');
  assert.equal(pods.find(({ metadata }) => metadata?.name === 'important')?.spec?.nodeName, 'a');
  assert.equal(sampleOf(metrics, 'scheduler_preemption_victims_count'), 1);
  assert.equal(sampleOf(metrics, 'scheduler_preemption_victims_sum'), 1);
  assert.ok(sampleOf(metrics, 'scheduler_pod_scheduling_attempts_sum') >= 3);
  const moved = counts('queue_incoming_pods_total').map((line) => line.replace(/ \d+$/, ''));
  assert.ok(
    moved.some((line) => line.includes('event="AssignedPodDelete"')),
    moved.join(),
  );
  await cluster.stop();
});

it('the scheduler counts what its plug-ins are asked, at which points, and what they answer', async () => {
  const metrics = new MetricRegistry();
  const cluster = await TestCluster.start({ nodes: 0, metrics });
  const counts = (name: string): string[] => countsOf(metrics, PREFIX + name);
  for (const name of ['a', 'b', 'c'])
    await cluster.create(NODE, {
      metadata: { name },
      spec: { unschedulable: name === 'c' },
      status: { allocatable: { cpu: '2', pods: '10' } },
    });
  await cluster.advance(1_000);
  await cluster.create(POD, podOf('first', '1'));
  await cluster.advance(100);
  const at = (point: string, status = 'Success'): string =>
    `_count{extension_point="${point}",status="${status}",profile="default-scheduler"}`;
  assert.deepEqual(counts('framework_extension_point_duration_seconds'), [
    `${at('Bind')} 1`,
    `${at('Filter')} 1`,
    `${at('PreBind')} 1`,
    `${at('PreFilter')} 1`,
    `${at('PreScore')} 1`,
    `${at('Reserve')} 1`,
    `${at('Score')} 1`,
  ]);
  assert.deepEqual(counts('scheduling_algorithm_duration_seconds'), ['_count 1']);
  const asked = (plugin: string, point: string): number =>
    sampleOf(
      metrics,
      `scheduler_plugin_evaluation_total{plugin="${plugin}",extension_point="${point}",profile="default-scheduler"}`,
    );
  // The first to refuse a node ends the matter for the others.
  assert.equal(asked('NodeUnschedulable', 'Filter'), 3);
  assert.equal(asked('NodeResourcesFit', 'Filter'), 2);
  assert.equal(asked('NodeResourcesFit', 'PreFilter'), 1);
  assert.equal(asked('NodeUnschedulable', 'PreFilter'), 0, 'it has none upstream');
  assert.equal(asked('NodeResourcesFit', 'Score'), 2);
  assert.equal(asked('InterPodAffinity', 'PreFilter'), 0, 'it is skipped');
  const took = (plugin: string, point: string, status: string): number =>
    sampleOf(
      metrics,
      `scheduler_plugin_execution_duration_seconds_count{plugin="${plugin}",extension_point="${point}",status="${status}"}`,
    );
  assert.equal(took('NodeUnschedulable', 'Filter', 'Success'), 2);
  assert.equal(took('NodeUnschedulable', 'Filter', 'UnschedulableAndUnresolvable'), 1);
  assert.equal(took('NodeResourcesFit', 'Score', 'Success'), 2);
  assert.equal(took('InterPodAffinity', 'PreFilter', 'Skip'), 1);

  await cluster.create(POD, podOf('large', '4'));
  await cluster.advance(100);
  assert.equal(
    sampleOf(
      metrics,
      `scheduler_framework_extension_point_duration_seconds${at('PostFilter', 'Unschedulable')}`,
    ),
    1,
  );
  assert.equal(took('NodeUnschedulable', 'Filter', 'Success'), 2, 'the second cycle is no sample');
  await cluster.delete(POD, podOf('first', '1'), { gracePeriodSeconds: 0 });
  await cluster.advance(100);
  assert.deepEqual(counts('queueing_hint_execution_duration_seconds'), [
    '_count{plugin="NodeResourcesFit",event="AssignedPodDelete",hint="Queue"} 1',
  ]);
  const events = counts('event_handling_duration_seconds');
  for (const [event, times] of [
    ['NodeAdd', 3],
    ['UnschedulablePodAdd', 2],
    ['AssignedPodAdd', 1],
    ['AssignedPodDelete', 1],
  ] as const)
    assert.ok(events.includes(`_count{event="${event}"} ${times}`), events.join('\n'));
  assert.match(metrics.text(), /^scheduler_goroutines\{operation="binding"\} 0$/m);
  await cluster.stop();
});

it('the scheduler counts what happens to pods that it places, and to those that have a place', async () => {
  const metrics = new MetricRegistry();
  const cluster = await TestCluster.start({ nodes: 0, metrics });
  await cluster.create(NODE, {
    metadata: { name: 'a' },
    status: { allocatable: { cpu: '2', pods: '10' } },
  });
  await cluster.advance(1_000);
  await cluster.create(POD, podOf('foreign', '1', { schedulerName: 'other' }));
  await cluster.create(POD, podOf('gated', '1', { schedulingGates: [{ name: 'example.com/g' }] }));
  await cluster.create(POD, podOf('large', '4'));
  await cluster.advance(100);
  await cluster.patch(POD, podOf('gated', '1'), { spec: { schedulingGates: [] } });
  await cluster.advance(100);
  const placed = { metadata: { labels: { a: 'b' } } };
  await cluster.patch(POD, podOf('gated', '1'), placed);
  await cluster.delete(POD, podOf('foreign', '1'), { gracePeriodSeconds: 0 });
  await cluster.advance(100);
  const opened = 'UnschedulablePodUpdatePodSchedulingGatesEliminated';
  assert.deepEqual(
    countsOf(metrics, `${PREFIX}queue_incoming_pods_total`).filter((line) =>
      line.includes('PodUpdate'),
    ),
    [`{queue="active",event="${opened}"} 1`],
  );
  const handled = countsOf(metrics, `${PREFIX}event_handling_duration_seconds`)
    .map((line) => line.replace('_count{event="', '').replace('"}', ''))
    .filter((line) => line.includes('Pod'));
  assert.deepEqual(handled, [
    'AssignedPodAdd 1',
    'AssignedPodUpdate 1',
    'AssignedPodUpdatePodLabel 1',
    'UnschedulablePodAdd 2',
    'UnschedulablePodDelete 1',
    'UnschedulablePodUpdate 2',
    `${opened} 1`,
  ]);
  await cluster.stop();
});
