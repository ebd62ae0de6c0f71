/**
 * Workloads: selectors, templates, strategies.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '#api/gen/apps-v1.ts';
import { DAEMON_SET } from '../apps/daemon-set.ts';
import { DEPLOYMENT } from '../apps/deployment.ts';
import { REPLICA_SET } from '../apps/replica-set.ts';
import { STATEFUL_SET } from '../apps/stateful-set.ts';
import { changed, createErrors } from '../kind-test-kit.ts';

type Row = readonly [path: string, value: unknown, errors: readonly string[]];

/** Messages without the examples and patterns that names get. */
const short = (errors: readonly string[]): string[] =>
  errors.map((error) => error.replace(/ \(e\.g\..*/s, ''));

const DEPLOYMENT_OBJECT: Deployment = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    },
  },
};

const DEPLOYMENT_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.selector',
    undefined,
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'spec.selector',
    {},
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    'spec.selector',
    { matchLabels: { app: 'other' } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'spec.selector',
    { matchExpressions: [{ key: 'app', operator: 'Near', values: ['web'] }] },
    [
      'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Near","values":["web"]}]}: invalid label selector',
    ],
  ],
  [
    'spec.template.metadata.labels',
    { 'a b': 'c' },
    [
      'spec.template.metadata.labels: Invalid value: {"a b":"c"}: `selector` does not match template `labels`',
      "spec.template.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.template.spec.restartPolicy',
    'Never',
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'spec.template.spec.activeDeadlineSeconds',
    3,
    [
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
    ],
  ],
  [
    'spec.template.spec.containers[0].image',
    undefined,
    ['spec.template.spec.containers[0].image: Required value'],
  ],
  ['spec.replicas', -1, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [
    'spec.minReadySeconds',
    -1,
    ['spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.minReadySeconds',
    600,
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
  [
    'spec.revisionHistoryLimit',
    -1,
    ['spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.progressDeadlineSeconds',
    -1,
    [
      'spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.progressDeadlineSeconds: Invalid value: -1: must be greater than minReadySeconds',
    ],
  ],
  [
    'spec.strategy',
    { type: 'Sudden' },
    [
      'spec.strategy: Unsupported value: {"type":"Sudden"}: supported values: "Recreate", "RollingUpdate"',
    ],
  ],
  [
    'spec.strategy',
    { type: 'Recreate', rollingUpdate: {} },
    [
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
  ],
  [
    'spec.strategy',
    { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } },
    [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
  ],
  [
    'spec.strategy',
    { rollingUpdate: { maxUnavailable: '101%' } },
    [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
  ],
  [
    'spec.strategy',
    { rollingUpdate: { maxSurge: 'x%' } },
    [
      'spec.strategy.rollingUpdate.maxSurge: Invalid value: "x%": a valid percent string must be a numeric string followed by an ending \'%\'',
    ],
  ],
  [
    'spec.strategy',
    { rollingUpdate: { maxSurge: -1 } },
    ['spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0'],
  ],
];

const REPLICA_SET_OBJECT: ReplicaSet = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    },
  },
};

const REPLICA_SET_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.selector',
    undefined,
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'spec.selector',
    { matchLabels: { app: 'other' } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'spec.template.spec.restartPolicy',
    'OnFailure',
    [
      'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
    ],
  ],
  ['spec.replicas', -1, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
];

const STATEFUL_SET_OBJECT: StatefulSet = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    },
    serviceName: 'web',
  },
};

const STATEFUL_SET_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.podManagementPolicy',
    'Odd',
    ["spec.podManagementPolicy: Invalid value: \"Odd\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'spec.updateStrategy',
    { type: 'Odd' },
    [
      'spec.updateStrategy: Invalid value: {"type":"Odd"}: must be \'RollingUpdate\' or \'OnDelete\'',
    ],
  ],
  [
    'spec.updateStrategy',
    { rollingUpdate: { partition: -1 } },
    [
      'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'spec.updateStrategy',
    { type: 'OnDelete', rollingUpdate: {} },
    [
      "spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'",
    ],
  ],
  [
    'spec.persistentVolumeClaimRetentionPolicy',
    { whenDeleted: 'Keep' },
    [
      'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
  ],
  [
    'spec.serviceName',
    'A',
    [
      'spec.serviceName: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  [
    'spec.ordinals',
    { start: -1 },
    ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.selector',
    { matchLabels: { app: 'other' } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
];

const DAEMON_SET_OBJECT: DaemonSet = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    },
  },
};

const DAEMON_SET_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.updateStrategy',
    { type: 'Odd' },
    [
      'spec.updateStrategy: Unsupported value: {"type":"Odd"}: supported values: "RollingUpdate", "OnDelete"',
    ],
  ],
  [
    'spec.updateStrategy',
    { rollingUpdate: { maxUnavailable: 0 } },
    [
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
  ],
  [
    'spec.updateStrategy',
    { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
    [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
    ],
  ],
  [
    'spec.template.spec.restartPolicy',
    'Never',
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'spec.selector',
    { matchLabels: { app: 'other' } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'spec.template.spec.activeDeadlineSeconds',
    5,
    [
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
    ],
  ],
];

describe('the validation of a Deployment', () => {
  it('takes one that is right', () =>
    assert.deepEqual(createErrors(DEPLOYMENT, DEPLOYMENT_OBJECT), []));
  for (const [path, value, errors] of DEPLOYMENT_OBJECT_ROWS) {
    it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(
        short(createErrors(DEPLOYMENT, changed(DEPLOYMENT_OBJECT, path, value))),
        errors,
      );
    });
  }
});

describe('the validation of a ReplicaSet', () => {
  it('takes one that is right', () =>
    assert.deepEqual(createErrors(REPLICA_SET, REPLICA_SET_OBJECT), []));
  for (const [path, value, errors] of REPLICA_SET_OBJECT_ROWS) {
    it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(
        short(createErrors(REPLICA_SET, changed(REPLICA_SET_OBJECT, path, value))),
        errors,
      );
    });
  }
});

describe('the validation of a StatefulSet', () => {
  it('takes one that is right', () =>
    assert.deepEqual(createErrors(STATEFUL_SET, STATEFUL_SET_OBJECT), []));
  for (const [path, value, errors] of STATEFUL_SET_OBJECT_ROWS) {
    it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(
        short(createErrors(STATEFUL_SET, changed(STATEFUL_SET_OBJECT, path, value))),
        errors,
      );
    });
  }
});

describe('the validation of a DaemonSet', () => {
  it('takes one that is right', () =>
    assert.deepEqual(createErrors(DAEMON_SET, DAEMON_SET_OBJECT), []));
  for (const [path, value, errors] of DAEMON_SET_OBJECT_ROWS) {
    it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(
        short(createErrors(DAEMON_SET, changed(DAEMON_SET_OBJECT, path, value))),
        errors,
      );
    });
  }
});
