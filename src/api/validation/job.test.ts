/**
 * Jobs and cron jobs.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { CronJob, Job } from '#api/gen/batch-v1.ts';
import { CRON_JOB } from '../batch/cron-job.ts';
import { JOB } from '../batch/job.ts';
import { type Row, testCreates } from './test-kit.ts';

const PI: Job = {
  metadata: { name: 'pi', namespace: 'd' },
  spec: {
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
  },
};

const PI_ROWS: readonly Row[] = [
  [
    'spec.template.spec.restartPolicy',
    'Always',
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'spec.completions',
    -1,
    ['spec.completions: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.parallelism',
    -1,
    ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.backoffLimit',
    -1,
    ['spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.activeDeadlineSeconds',
    -1,
    ['spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.ttlSecondsAfterFinished',
    -1,
    ['spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.completionMode',
    'Odd',
    ['spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"'],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      parallelism: 2,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'spec.backoffLimitPerIndex',
    1,
    ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'Odd' }] },
    [
      'spec.podFailurePolicy.rules[0].action: Unsupported value: "Odd": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [] } }] },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: null: at least one value is required',
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [0] } }] },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [2, 1] } }] },
    ['spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered'],
  ],
  [
    'spec.podReplacementPolicy',
    'Odd',
    [
      'spec.podReplacementPolicy: Unsupported value: "Odd": supported values: "Failed", "TerminatingOrFailed"',
    ],
  ],
  [
    'spec.managedBy',
    'x',
    ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'spec.managedBy',
    'a.b/cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',
    ['spec.managedBy: Too long: may not be more than 63 bytes'],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      successPolicy: { rules: [] },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
    ],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      successPolicy: { rules: [{}] },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
    ],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      successPolicy: { rules: [{ succeededCount: 4 }] },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
    ],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      successPolicy: { rules: [{ succeededCount: 2, succeededIndexes: '1' }] },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)',
    ],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      successPolicy: { rules: [{ succeededIndexes: '3' }] },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "3": error parsing succeededIndexes: too large index: "3"',
    ],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      maxFailedIndexes: 2,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    ['spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified'],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      backoffLimitPerIndex: -1,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    ['spec.backoffLimitPerIndex: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      backoffLimitPerIndex: 1,
      maxFailedIndexes: 4,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    ['spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions'],
  ],
  [
    'spec',
    {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 2,
      podFailurePolicy: {
        rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }],
      },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
    },
    [
      'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onExitCodes: { operator: 'Odd', values: [1] } }] },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "Odd": supported values: "In", "NotIn"',
    ],
  ],
  [
    'spec.podFailurePolicy',
    {
      rules: [
        { action: 'FailJob', onExitCodes: { operator: 'In', values: [1], containerName: 'other' } },
      ],
    },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "other": must be one of the container or initContainer names in the pod template',
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [1, 1] } }] },
    ['spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Duplicate value: 1'],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onPodConditions: [{ type: 'a b', status: 'True' }] }] },
    [
      "spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.podFailurePolicy',
    { rules: [{ action: 'FailJob', onPodConditions: [{ type: 'a', status: 'Odd' }] }] },
    [
      'spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "Odd": supported values: "False", "True", "Unknown"',
    ],
  ],
  [
    'spec.podFailurePolicy',
    {
      rules: [
        {
          action: 'FailJob',
          onExitCodes: { operator: 'In', values: [1] },
          onPodConditions: [{ type: 'a', status: 'True' }],
        },
      ],
    },
    [
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported',
    ],
  ],
  [
    'spec.podFailurePolicy',
    {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
        { action: 'Ignore', onPodConditions: [{ type: 'a' }] },
      ],
    },
    ['spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items'],
  ],
  [
    'spec',
    {
      podFailurePolicy: { rules: [] },
      template: {
        spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', image: 'pi' }] },
      },
    },
    [
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
  ],
  [
    'spec.successPolicy',
    { rules: [{ succeededCount: 1 }] },
    [
      'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode',
    ],
  ],
  [
    'spec.selector',
    { matchLabels: { a: 'b' } },
    [
      'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"00000000-0000-0000-0000-000000000001","a":"b"}}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: {"job-name":"pi","batch.kubernetes.io/job-name":"pi","controller-uid":"00000000-0000-0000-0000-000000000001","batch.kubernetes.io/controller-uid":"00000000-0000-0000-0000-000000000001"}: `selector` does not match template `labels`',
    ],
  ],
];

const NIGHTLY: CronJob = {
  metadata: { name: 'nightly', namespace: 'd' },
  spec: {
    schedule: '0 3 * * *',
    jobTemplate: {
      spec: {
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] } },
      },
    },
  },
};

const NIGHTLY_ROWS: readonly Row[] = [
  ['spec.schedule', '', ['spec.schedule: Required value']],
  [
    'spec.schedule',
    '0 3 * *',
    ['spec.schedule: Invalid value: "0 3 * *": expected exactly 5 fields, found 4: [0 3 * *]'],
  ],
  [
    'spec.schedule',
    '61 * * * *',
    ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
  ],
  [
    'spec.schedule',
    'TZ=UTC 0 3 * * *',
    [
      'spec.schedule: Invalid value: "TZ=UTC 0 3 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  [
    'spec.timeZone',
    'Mars/Olympus',
    ['spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
  ],
  [
    'spec.timeZone',
    '',
    ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
  ],
  [
    'spec.timeZone',
    'Local',
    [
      'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
  ],
  [
    'spec.concurrencyPolicy',
    'Odd',
    [
      'spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"',
    ],
  ],
  [
    'spec.startingDeadlineSeconds',
    -1,
    ['spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.successfulJobsHistoryLimit',
    -1,
    ['spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'metadata.name',
    'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn',
    [
      'metadata.name: Invalid value: "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn": must be no more than 52 characters',
    ],
  ],
  [
    'spec.jobTemplate.spec.selector',
    { matchLabels: { a: 'b' } },
    [
      'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
    ],
  ],
  [
    'spec.jobTemplate.spec.manualSelector',
    true,
    [
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
  ],
  [
    'spec.jobTemplate.spec.template.spec.restartPolicy',
    'Always',
    [
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
  ],
];

testCreates({ kind: JOB, object: PI, rows: PI_ROWS });

testCreates({ kind: CRON_JOB, object: NIGHTLY, rows: NIGHTLY_ROWS });
