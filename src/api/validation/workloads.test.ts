/**
 * Workloads: selectors, templates, strategies.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { LabelSelector } from '#api/meta/object.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { DAEMON_SET } from '../apps/daemon-set.ts';
import { DEPLOYMENT } from '../apps/deployment.ts';
import { REPLICA_SET } from '../apps/replica-set.ts';
import { STATEFUL_SET } from '../apps/stateful-set.ts';
import { type Row, testCreates } from './test-kit.ts';

const spec: { readonly selector: LabelSelector; readonly template: PodTemplateSpec } = {
  selector: { matchLabels: { app: 'web' } },
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'web' }] },
  },
};
const metadata = { name: 'web', namespace: 'd' };

const MISMATCH =
  'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`';
const negative = (field: string): Row => [
  field,
  -1,
  [`${field}: Invalid value: -1: must be greater than or equal to 0`],
];

/** Words in the messages that differ by kind. */
interface Words {
  /** What upstream calls the kind where it speaks of the selector. */
  readonly selector: string;
  /** What makes the pods. */
  readonly template: string;
  readonly withoutSelector: readonly string[];
  readonly withWrongSelector: readonly string[];
}

/** What is refused of every workload. */
function commonRows(words: Words): Row[] {
  const nearly = { matchExpressions: [{ key: 'app', operator: 'Near', values: ['web'] }] };
  return [
    ['spec.selector', undefined, words.withoutSelector],
    [
      'spec.selector',
      {},
      [`spec.selector: Invalid value: {}: empty selector is invalid for ${words.selector}`],
    ],
    ['spec.selector', { matchLabels: { app: 'other' } }, [MISMATCH]],
    [
      'spec.selector',
      nearly,
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
        ...words.withWrongSelector.map(
          (detail) => `spec.selector: Invalid value: ${JSON.stringify(nearly)}${detail}`,
        ),
      ],
    ],
    [
      'spec.template.metadata.labels',
      { 'a b': 'c' },
      [
        MISMATCH.replace('"app":"web"', '"a b":"c"'),
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
        `spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ${words.template} is not Supported`,
      ],
    ],
    [
      'spec.template.spec.containers[0].image',
      undefined,
      ['spec.template.spec.containers[0].image: Required value'],
    ],
    negative('spec.minReadySeconds'),
  ];
}

const FOR_REPLICA_SETS: Words = {
  selector: 'deployment',
  template: 'ReplicaSet',
  withoutSelector: ['spec.selector: Required value', MISMATCH],
  withWrongSelector: [': invalid label selector'],
};

const DEPLOYMENT_ROWS: readonly Row[] = [
  ...commonRows(FOR_REPLICA_SETS),
  negative('spec.replicas'),
  negative('spec.revisionHistoryLimit'),
  [
    'spec.minReadySeconds',
    600,
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
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
      'spec.strategy: Unsupported value: {"Type":"Sudden","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
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

const STATEFUL_SET_ROWS: readonly Row[] = [
  ...commonRows({
    selector: 'statefulset',
    template: 'StatefulSet',
    withoutSelector: ['spec.selector: Required value', MISMATCH],
    withWrongSelector: [''],
  }),
  negative('spec.replicas'),
  [
    'spec.podManagementPolicy',
    'Odd',
    ["spec.podManagementPolicy: Invalid value: \"Odd\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'spec.updateStrategy',
    { type: 'Odd' },
    [
      'spec.updateStrategy: Invalid value: {"Type":"Odd","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
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
      `spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":0,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'`,
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
];

const DAEMON_SET_ROWS: readonly Row[] = [
  ...commonRows({
    selector: 'daemonset',
    template: 'DaemonSet',
    withoutSelector: [MISMATCH],
    withWrongSelector: [],
  }),
  negative('spec.revisionHistoryLimit'),
  [
    'spec.updateStrategy',
    { type: 'Odd' },
    [
      'spec.updateStrategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
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
];

testCreates({ kind: DEPLOYMENT, object: { metadata, spec }, rows: DEPLOYMENT_ROWS });
testCreates({
  kind: REPLICA_SET,
  object: { metadata, spec },
  rows: [...commonRows(FOR_REPLICA_SETS), negative('spec.replicas')],
});
testCreates({
  kind: STATEFUL_SET,
  object: { metadata, spec: { ...spec, serviceName: 'web' } },
  rows: STATEFUL_SET_ROWS,
});
testCreates({ kind: DAEMON_SET, object: { metadata, spec }, rows: DAEMON_SET_ROWS });
