/** What controllers count, told by stories; those of Jobs are in `job-metrics.test.ts`. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { cronJobController } from '#controllers/cronjob.ts';
import { ephemeralVolumeController } from '#controllers/ephemeral-volume.ts';
import { jobController } from '#controllers/job.ts';
import { nodeIpamController } from '#controllers/node-ipam.ts';
import { nodeLifecycleController } from '#controllers/node-lifecycle.ts';
import { podGcController } from '#controllers/pod-gc.ts';
import { replicaSetController } from '#controllers/replicaset.ts';
import { rootCaPublisher } from '#controllers/root-ca-publisher.ts';
import { serviceAccountController } from '#controllers/serviceaccount.ts';
import { statefulSetController } from '#controllers/statefulset.ts';
import { taintEvictionController } from '#controllers/taint-eviction.ts';
import { ttlAfterFinishedController } from '#controllers/ttl-after-finished.ts';
import { TestCluster, type TestClusterOptions } from '#kit/cluster.ts';
import { NO_FAULTS } from '#kit/faults.ts';
import { job } from '#kit/jobs.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';
import type { Controller } from '#reconcile/controller.ts';

const DEFAULT = 'default';
const LABELS = { app: 'web' };
const template = {
  metadata: { labels: LABELS },
  spec: { containers: [{ name: 'main', image: 'web' }] },
};

let metrics: MetricRegistry;
let cluster: TestCluster;

/** With these controllers, and those without which no Pod can be made. */
async function start(
  controllers: readonly Controller[],
  options: Partial<TestClusterOptions> = {},
): Promise<void> {
  metrics = new MetricRegistry();
  const all = [serviceAccountController, ...controllers];
  const nodes = { nodes: 0, scheduler: false };
  cluster = await TestCluster.start({ ...nodes, controllers: all, metrics, ...options });
}

afterEach(() => cluster.stop());

function pod(name: string, spec: Partial<PodSpec>, finalizers: string[] = []): Pod {
  const containers = [{ name: 'main', image: 'web' }];
  const metadata = { name, namespace: DEFAULT, labels: LABELS, finalizers };
  return { metadata, spec: { containers, ...spec } };
}

async function whileWritesFail(story: () => Promise<void>): Promise<void> {
  cluster.faults = { ...NO_FAULTS, writeFailureRatio: 1 };
  await story();
  cluster.faults = NO_FAULTS;
}

describe('controllers count', () => {
  it('how late the Jobs of CronJobs are', async () => {
    await start([cronJobController]);
    const podSpec = { ...template.spec, restartPolicy: 'Never' as const };
    await cluster.create(CRON_JOB, {
      metadata: { name: 'often', namespace: DEFAULT },
      spec: { schedule: '*/10 * * * *', jobTemplate: { spec: { template: { spec: podSpec } } } },
    });
    // It is midnight; the Job of 00:10 cannot be made for a while.
    await cluster.advance(590_000 - cluster.environment.elapsedMs);
    await whileWritesFail(() => cluster.advance(30_000));
    await cluster.settle();
    const name = 'cronjob_controller_job_creation_skew_duration_seconds';
    assert.equal(sampleOf(metrics, `${name}_count`), 1);
    const late = sampleOf(metrics, `${name}_sum`);
    assert.ok(late >= 20 && late < 60, `${late} s`);
  });

  it('how late Jobs are deleted that have ended', async () => {
    const controllers = [serviceAccountController, jobController];
    await start([], { controllers });
    await cluster.create(JOB, job({ completions: 0, ttlSecondsAfterFinished: 30 }));
    await cluster.settle();
    controllers.push(ttlAfterFinishedController);
    await cluster.advance(100_000);
    await cluster.startComponents('kube-controller-manager');
    await cluster.settle();
    const name = 'ttl_after_finished_controller_job_deletion_duration_seconds';
    assert.equal(sampleOf(metrics, `${name}_count`), 1);
    const late = sampleOf(metrics, `${name}_sum`);
    assert.ok(late > 60 && late < 90, `${late} s`);
  });

  it('Pods that nobody else removes', async () => {
    await start([podGcController({ terminatedPodsMax: 1 })]);
    await cluster.create(NODE, { metadata: { name: 'there' } });
    const prefix = 'pod_gc_collector_force_delete_';
    const stays = await cluster.create(POD, pod('a', {}, ['example.com/stays']));
    await cluster.delete(POD, stays);
    await cluster.advance(25_000);
    await cluster.patch(POD, stays, { metadata: { finalizers: null } });
    const total = (reason: string): string =>
      `pods_total{namespace="default",reason="${reason}"} 1`;
    assert.deepEqual(countsOf(metrics, prefix), [total('unscheduled')]);
    await cluster.create(POD, pod('lost', { nodeName: 'nowhere' }));
    for (const name of ['ended-1', 'ended-2']) {
      const made = await cluster.create(POD, pod(name, { nodeName: 'there' }));
      const status = { phase: 'Succeeded' } as const;
      await cluster.run(cluster.client.update(POD, { ...made, status }, 'status'));
    }
    await cluster.advance(90_000);
    const reasons = ['orphaned', 'terminated', 'unscheduled'];
    assert.deepEqual(countsOf(metrics, prefix), reasons.map(total));
    await cluster.create(POD, pod('later', { nodeName: 'nowhere-2' }));
    await whileWritesFail(() => cluster.advance(90_000));
    const errors = `${prefix}pod_errors_total{namespace="default",reason="orphaned"}`;
    assert.ok(sampleOf(metrics, errors) > 0);
  });

  it('how the publishing of the cluster’s authority goes', async () => {
    await start([rootCaPublisher({ ca: 'ca' })]);
    const prefix = 'root_ca_cert_publisher_sync_';
    const before = sampleOf(metrics, `${prefix}total{code="200"}`);
    assert.ok(before > 0);
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    await whileWritesFail(() => cluster.advance(1_000));
    assert.ok(sampleOf(metrics, `${prefix}total{code="500"}`) > 0);
    await cluster.settle();
    assert.ok(sampleOf(metrics, `${prefix}total{code="200"}`) > before);
    const bare = (name: string): string[] =>
      countsOf(metrics, prefix + name).map((line) => line.replace('_count', ''));
    assert.deepEqual(bare('duration_seconds'), bare('total'));
  });

  it('claims of ephemeral volumes', async () => {
    await start([ephemeralVolumeController]);
    const spec = {
      accessModes: ['ReadWriteOnce' as const],
      resources: { requests: { storage: '1Gi' } },
    };
    const volume = { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } };
    await cluster.create(POD, pod('web', { volumes: [volume] }));
    await whileWritesFail(() => cluster.advance(1_000));
    await cluster.settle();
    const prefix = 'ephemeral_volume_controller_create_';
    const failures = sampleOf(metrics, `${prefix}failures_total`);
    assert.ok(failures > 0);
    assert.equal(sampleOf(metrics, `${prefix}total`), failures + 1);
  });

  it('Pods that leave tainted nodes, from when their time was over', async () => {
    await start([taintEvictionController]);
    const taints = [{ key: 'broken', effect: 'NoExecute' as const }];
    await cluster.create(NODE, { metadata: { name: 'n1' }, spec: { taints } });
    const toleration = { key: 'broken', effect: 'NoExecute' as const, tolerationSeconds: 60 };
    await cluster.create(POD, pod('a', { nodeName: 'n1', tolerations: [toleration] }));
    await cluster.advance(55_000);
    await whileWritesFail(() => cluster.advance(10_000));
    await cluster.advance(60_000);
    const prefix = 'taint_eviction_controller_pod_deletion';
    assert.equal(sampleOf(metrics, `${prefix}s_total`), 1);
    assert.equal(sampleOf(metrics, `${prefix}_duration_seconds_count`), 1);
    const late = sampleOf(metrics, `${prefix}_duration_seconds_sum`);
    assert.ok(late > 4 && late < 30, `${late} s`);
    await cluster.create(POD, pod('b', { nodeName: 'n1' }));
    await cluster.settle();
    assert.equal(sampleOf(metrics, `${prefix}s_total`), 2);
    assert.ok(sampleOf(metrics, `${prefix}_duration_seconds_sum`) - late < 1);
  });

  it('the ages of Pods that a ReplicaSet gives up, and of no others', async () => {
    await start([replicaSetController, nodeLifecycleController], { nodes: 1, scheduler: true });
    const made = await cluster.create(REPLICA_SET, {
      metadata: { name: 'web', namespace: DEFAULT },
      spec: { replicas: 4, selector: { matchLabels: LABELS }, template },
    });
    await cluster.settle();
    const name = 'replicaset_controller_sorting_deletion_age_ratio';
    await cluster.patch(REPLICA_SET, made, { spec: { replicas: 1 } });
    await cluster.settle();
    assert.equal(sampleOf(metrics, `${name}_count`), 3);
    assert.equal(sampleOf(metrics, `${name}_sum`), 3, 'all are of one age');
    await cluster.patch(REPLICA_SET, made, { spec: { replicas: 0 } });
    await cluster.settle();
    assert.equal(sampleOf(metrics, `${name}_count`), 3, 'the last one was not chosen');
  });

  it('passes that wait until their caches show what was written', async () => {
    await start([replicaSetController]);
    const skips = 'replicaset_controller_stale_sync_skips_total';
    cluster.faults = { ...NO_FAULTS, watchDelayMsMax: 2_000 };
    const made = await cluster.create(REPLICA_SET, {
      metadata: { name: 'web', namespace: DEFAULT },
      spec: { replicas: 20, selector: { matchLabels: LABELS }, template },
    });
    for (let replicas = 19; replicas > 10; replicas--) {
      await cluster.advance(500);
      await cluster.patch(REPLICA_SET, made, { spec: { replicas } });
    }
    await cluster.settle();
    const pods = sampleOf(metrics, `${skips}{group="",resource="pods"}`);
    const sets = sampleOf(metrics, `${skips}{group="apps",resource="replicasets"}`);
    assert.ok(pods + sets > 0);
    assert.equal(countsOf(metrics, skips).length, Number(pods > 0) + Number(sets > 0));
  });

  it('Pods of StatefulSets that are not there, where several may be missing', async () => {
    await start([statefulSetController({ allowsMaxUnavailable: true })]);
    await cluster.create(STATEFUL_SET, {
      metadata: { name: 'db', namespace: DEFAULT },
      spec: {
        replicas: 3,
        serviceName: 'db',
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: LABELS },
        template,
      },
    });
    await cluster.settle();
    const labels =
      '{statefulset_namespace="default",statefulset_name="db",pod_management_policy="Parallel"}';
    assert.deepEqual(countsOf(metrics, 'statefulset_controller_'), [
      `statefulset_max_unavailable${labels} 1`,
      `statefulset_unavailable_replicas${labels} 3`,
    ]);
  });

  it('the health of zones, and nodes that are given up', async () => {
    await start([nodeLifecycleController], {
      nodes: 4,
      nodeLabels: (name) => ({ 'topology.kubernetes.io/zone': name === 'node-4' ? 'b' : 'a' }),
    });
    const zone = (name: string): string => `{zone=":\u0000:${name}"}`;
    const counts = (): string[] =>
      countsOf(metrics, 'node_collector_').filter((line) => !line.includes('duration'));
    const whole = [
      `zone_health${zone('a')} 100`,
      `zone_health${zone('b')} 100`,
      `zone_size${zone('a')} 3`,
      `zone_size${zone('b')} 1`,
    ];
    assert.deepEqual(counts(), whole);
    cluster.killNode('node-1');
    await cluster.advance(120_000);
    assert.deepEqual(counts(), [
      `evictions_total${zone('a')} 1`,
      `unhealthy_nodes_in_zone${zone('a')} 1`,
      `zone_health${zone('a')} ${200 / 3}`,
      ...whole.slice(1),
    ]);
    cluster.killNode('node-4');
    await cluster.delete(NODE, { metadata: { name: 'node-4' } });
    await cluster.advance(10_000);
    assert.deepEqual(counts().slice(3), [`zone_health${zone('b')} 100`, `zone_size${zone('a')} 3`]);
    const name = 'node_collector_update';
    const [rounds, looks] = ['all_nodes', 'node'].map((what) =>
      sampleOf(metrics, `${name}_${what}_health_duration_seconds_count`),
    );
    assert.ok(rounds! > 20 && looks! > 3 * rounds!, `${rounds} rounds, ${looks} looks`);
  });

  it('ranges that nodes have', async () => {
    const [clusterCidrs, serviceCidrs] = [['10.244.0.0/22'], ['10.244.1.0/25']];
    await start([nodeIpamController({ clusterCidrs, serviceCidrs })]);
    const one = await cluster.create(NODE, { metadata: { name: 'one' } });
    await cluster.create(NODE, { metadata: { name: 'two' } });
    await cluster.settle();
    const label = '{clusterCIDR="10.244.0.0/22"}';
    const prefix = 'node_ipam_controller_';
    assert.deepEqual(countsOf(metrics, prefix), [
      `cidrset_allocation_tries_per_request_count${label} 2`,
      `cidrset_cidrs_allocations_total${label} 3`,
      `cidrset_usage_cidrs${label} 0.75`,
      `cirdset_max_cidrs${label} 4`,
    ]);
    const tries = `${prefix}cidrset_allocation_tries_per_request_sum${label}`;
    assert.equal(sampleOf(metrics, tries), 1, 'the first was free, then one was not');
    await cluster.delete(NODE, one);
    await cluster.settle();
    assert.equal(sampleOf(metrics, `${prefix}cidrset_cidrs_releases_total${label}`), 1);
    assert.equal(sampleOf(metrics, `${prefix}cidrset_usage_cidrs${label}`), 0.5);
  });
});
