/** What clients may leave out of workloads. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { CRON_JOB } from '../batch/cron-job.ts';
import { JOB } from '../batch/job.ts';
import { REPLICATION_CONTROLLER } from '../core/replication-controller.ts';
import { ago, created, decoded, row, UID } from '../kind-test-kit.ts';
import { DAEMON_SET } from './daemon-set.ts';
import { DEPLOYMENT } from './deployment.ts';
import { REPLICA_SET } from './replica-set.ts';
import { STATEFUL_SET } from './stateful-set.ts';

const template: PodTemplateSpec = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'main', image: 'web:1' }] },
};
const selector = { matchLabels: { app: 'web' } };

describe('the defaults of workloads', () => {
  it('of a Deployment', () => {
    const { template: made, ...spec } = decoded(DEPLOYMENT, { spec: { selector, template } })
      .spec ?? { selector, template };
    assert.deepEqual(spec, {
      selector,
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
    });
    assert.equal(made.spec?.restartPolicy, 'Always');
    assert.equal(made.spec?.enableServiceLinks, undefined);
  });

  it('of a ReplicaSet', () => {
    assert.equal(decoded(REPLICA_SET, { spec: { selector, template } }).spec?.replicas, 1);
  });

  it('of a ReplicationController, which selects the labels of its template', () => {
    const { spec, metadata } = decoded(REPLICATION_CONTROLLER, { spec: { template } });
    assert.deepEqual(spec?.selector, { app: 'web' });
    assert.deepEqual(metadata?.labels, { app: 'web' });
  });

  it('of a StatefulSet', () => {
    const { spec } = decoded(STATEFUL_SET, { spec: { selector, template, serviceName: 'web' } });
    assert.equal(spec?.podManagementPolicy, 'OrderedReady');
    assert.deepEqual(spec?.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { partition: 0 },
    });
    assert.deepEqual(spec?.persistentVolumeClaimRetentionPolicy, {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
  });

  it('of a DaemonSet', () => {
    const { spec } = decoded(DAEMON_SET, { spec: { selector, template } });
    assert.deepEqual(spec?.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 0, maxUnavailable: 1 },
    });
  });
});

describe('a new Job', () => {
  const spec = {
    template: {
      spec: {
        ...template.spec,
        containers: [{ name: 'main', image: 'web:1' }],
        restartPolicy: 'Never' as const,
      },
    },
  };

  it('has defaults', () => {
    const job = decoded(JOB, { spec });
    assert.equal(job.spec?.completions, 1);
    assert.equal(job.spec?.parallelism, 1);
    assert.equal(job.spec?.backoffLimit, 6);
    assert.equal(job.spec?.completionMode, 'NonIndexed');
    assert.equal(job.spec?.podReplacementPolicy, 'TerminatingOrFailed');
  });

  it('has no completions when only the parallelism is given', () => {
    assert.equal(decoded(JOB, { spec: { ...spec, parallelism: 3 } }).spec?.completions, undefined);
  });

  it('selects its pods by its uid', () => {
    const job = created(JOB, { metadata: { name: 'pi' }, spec });
    assert.deepEqual(job.spec?.selector?.matchLabels, {
      'batch.kubernetes.io/controller-uid': UID,
    });
    assert.deepEqual(job.spec?.template.metadata?.labels, {
      'batch.kubernetes.io/controller-uid': UID,
      'batch.kubernetes.io/job-name': 'pi',
      'controller-uid': UID,
      'job-name': 'pi',
    });
  });

  it('keeps a selector of its own when asked to', () => {
    const own = { ...spec, selector, manualSelector: true };
    assert.deepEqual(
      created(JOB, { metadata: { name: 'pi' }, spec: own }).spec?.selector,
      selector,
    );
  });
});

describe('a CronJob', () => {
  it('has defaults', () => {
    const { spec } = decoded(CRON_JOB, {
      spec: { schedule: '* * * * *', jobTemplate: { spec: { template } } },
    });
    assert.equal(spec?.concurrencyPolicy, 'Allow');
    assert.equal(spec?.successfulJobsHistoryLimit, 3);
    assert.equal(spec?.failedJobsHistoryLimit, 1);
    assert.equal(spec?.suspend, false);
  });
});

describe('rows of workloads', () => {
  it('of a Deployment', () => {
    const cells = row(DEPLOYMENT, {
      metadata: { name: 'web' },
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
    });
    assert.deepEqual(
      [cells['Ready'], cells['Up-to-date'], cells['Available'], cells['Images'], cells['Selector']],
      ['2/3', 1, 2, 'web:1', 'app=web'],
    );
  });

  it('of a ReplicaSet', () => {
    const cells = row(REPLICA_SET, {
      spec: { replicas: 3, selector, template },
      status: { replicas: 2, readyReplicas: 1 },
    });
    assert.deepEqual([cells['Desired'], cells['Current'], cells['Ready']], [3, 2, 1]);
  });

  it('of a Job', () => {
    const job = {
      spec: { completions: 3, template },
      status: {
        succeeded: 3,
        startTime: ago(90),
        completionTime: ago(30),
        conditions: [{ type: 'Complete', status: 'True' }],
      },
    };
    const cells = row(JOB, job);
    assert.deepEqual(
      [cells['Status'], cells['Completions'], cells['Duration']],
      ['Complete', '3/3', '60s'],
    );
    assert.equal(row(JOB, { spec: { parallelism: 2, template } })['Completions'], '0/1 of 2');
  });

  it('of a CronJob', () => {
    const cells = row(CRON_JOB, {
      spec: { schedule: '@hourly', suspend: true, jobTemplate: {} },
      status: { active: [{ name: 'a' }], lastScheduleTime: ago(120) },
    });
    assert.deepEqual(
      [
        cells['Schedule'],
        cells['Timezone'],
        cells['Suspend'],
        cells['Active'],
        cells['Last Schedule'],
      ],
      ['@hourly', '<none>', 'True', 1, '2m'],
    );
  });
});
