/**
 * The small kinds of the core group.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type {
  ConfigMap,
  LimitRange,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  Secret,
} from '#api/gen/core-v1.ts';
import { CONFIG_MAP } from '../core/config-map.ts';
import { LIMIT_RANGE } from '../core/limit-range.ts';
import { NODE } from '../core/node.ts';
import { PERSISTENT_VOLUME_CLAIM } from '../core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from '../core/persistent-volume.ts';
import { RESOURCE_QUOTA } from '../core/resource-quota.ts';
import { SECRET } from '../core/secret.ts';
import { type Row, testCreates } from './test-kit.ts';

const CONFIG_MAP_OBJECT: ConfigMap = { metadata: { name: 'c', namespace: 'd' }, data: { a: 'b' } };

const CONFIG_MAP_OBJECT_ROWS: readonly Row[] = [
  [
    'data',
    { 'a b': 'c' },
    [
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    ],
  ],
  ['data', { '..': 'c' }, ['data[..]: Invalid value: "..": must not be \'..\'']],
  [
    'binaryData',
    { a: 'eA==' },
    ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
  ],
];

const SECRET_OBJECT: Secret = { metadata: { name: 's', namespace: 'd' }, data: { a: 'eA==' } };

const SECRET_OBJECT_ROWS: readonly Row[] = [
  [
    'data',
    { 'a b': 'eA==' },
    [
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    ],
  ],
  ['type', 'kubernetes.io/dockerconfigjson', ['data[.dockerconfigjson]: Required value']],
  [
    'type',
    'kubernetes.io/basic-auth',
    ['data[username]: Required value', 'data[password]: Required value'],
  ],
  ['type', 'kubernetes.io/ssh-auth', ['data[ssh-privatekey]: Required value']],
  ['type', 'kubernetes.io/tls', ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  [
    'type',
    'kubernetes.io/service-account-token',
    ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  ],
];

const NODE_OBJECT: Node = { metadata: { name: 'n1' } };

const NODE_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.taints',
    [{ key: 'a', effect: 'Odd' }],
    [
      'metadata.taints[0].effect: Unsupported value: "Odd": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
  ],
  [
    'spec.taints',
    [{ key: 'a b', effect: 'NoSchedule' }],
    [
      "metadata.taints[0].key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.taints',
    [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'a', effect: 'NoSchedule' },
    ],
    [
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
  ],
  ['spec.podCIDRs', ['x'], ['spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value,']],
  [
    'spec.podCIDRs',
    ['10.0.0.0/24', '10.1.0.0/24'],
    [
      'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP family',
    ],
  ],
  [
    'status.capacity',
    { cpu: '-1' },
    [
      'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
      'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
];

const PERSISTENT_VOLUME_CLAIM_OBJECT: PersistentVolumeClaim = {
  metadata: { name: 'c', namespace: 'd' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

const PERSISTENT_VOLUME_CLAIM_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.accessModes',
    [],
    ['spec.accessModes: Required value: at least 1 access mode is required'],
  ],
  [
    'spec.accessModes',
    ['Odd'],
    [
      'spec.accessModes: Unsupported value: "Odd": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ],
  ],
  [
    'spec.accessModes',
    ['ReadWriteOncePod', 'ReadWriteOnce'],
    ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
  ],
  ['spec.resources', {}, ['spec.resources[storage]: Required value']],
  [
    'spec.resources',
    { requests: { storage: '0' } },
    ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
  ],
  [
    'spec.dataSourceRef',
    { apiGroup: 'a.b', kind: 'K', name: '' },
    ['spec.dataSource.name: Required value', 'spec.dataSourceRef.name: Required value'],
  ],
  [
    'spec.dataSourceRef',
    { apiGroup: 'A', kind: 'K', name: 'n' },
    [
      "spec.dataSource.apiGroup: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      "spec.dataSourceRef.apiGroup: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  // References to other namespaces are off, and forgotten.
  ['spec.dataSourceRef', { apiGroup: 'a.b', kind: 'K', name: 'n', namespace: 'A' }, []],
  [
    'spec.storageClassName',
    'A',
    [
      "spec.storageClassName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.volumeMode',
    'Odd',
    ['spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"'],
  ],
  [
    'spec.dataSource',
    { kind: 'PersistentVolumeClaim', name: '' },
    ['spec.dataSource.name: Required value', 'spec.dataSourceRef.name: Required value'],
  ],
  // Of old sources only claims and snapshots are kept.
  ['spec.dataSource', { kind: 'Odd', name: 'a' }, []],
  [
    'spec.selector',
    { matchLabels: { 'a b': 'c' } },
    [
      "spec.selector.matchLabels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

const PERSISTENT_VOLUME_OBJECT: PersistentVolume = {
  metadata: { name: 'v' },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/v' } },
};

const PERSISTENT_VOLUME_OBJECT_ROWS: readonly Row[] = [
  ['spec.accessModes', [], ['spec.accessModes: Required value']],
  [
    'spec.capacity',
    {},
    [
      'spec.capacity: Required value',
      'spec.capacity: Unsupported value: {}: supported values: "storage"',
    ],
  ],
  [
    'spec.capacity',
    { storage: '0' },
    ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
  ],
  ['spec.hostPath', undefined, ['spec: Required value: must specify a volume type']],
  [
    'spec.nfs',
    { server: 'a', path: '/b' },
    ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'spec.persistentVolumeReclaimPolicy',
    'Odd',
    [
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Odd": supported values: "Delete", "Recycle", "Retain"',
    ],
  ],
  ['spec.hostPath.path', '', ['spec.hostPath.path: Required value']],
  [
    'spec.storageClassName',
    'A',
    [
      "spec.storageClassName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.volumeMode',
    'Odd',
    ['spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"'],
  ],
  [
    'spec.nodeAffinity',
    {},
    ['spec.nodeAffinity.required: Required value: must specify required node constraints'],
  ],
];

const RESOURCE_QUOTA_OBJECT: ResourceQuota = {
  metadata: { name: 'q', namespace: 'd' },
  spec: { hard: { pods: '3' } },
};

const RESOURCE_QUOTA_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.hard',
    { pods: '-1' },
    ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  [
    'spec.hard',
    { odd: '1' },
    [
      'spec.hard[odd]: Invalid value: "odd": must be a standard resource type or fully qualified',
      'spec.hard[odd]: Invalid value: "odd": must be a standard resource for quota',
    ],
  ],
  ['spec.hard', { pods: '500m' }, ['spec.hard[pods]: Invalid value: "500m": must be an integer']],
  ['spec.scopes', ['Odd'], ['spec.scopes: Invalid value: ["Odd"]: unsupported scope']],
  [
    'spec.scopes',
    ['BestEffort', 'NotBestEffort'],
    ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
  ],
];

const LIMIT_RANGE_OBJECT: LimitRange = {
  metadata: { name: 'l', namespace: 'd' },
  spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
};

const LIMIT_RANGE_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.limits[0].type',
    'a b',
    [
      "spec.limits[0].type: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.limits',
    [{ type: 'Pod', default: { cpu: '1' } }],
    ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
  ],
  [
    'spec.limits',
    [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }],
    [
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
    ],
  ],
  [
    'spec.limits',
    [{ type: 'Container', default: { cpu: '2' }, max: { cpu: '1' } }],
    [
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
      'spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
    ],
  ],
  [
    'spec.limits',
    [{ type: 'Container', maxLimitRequestRatio: { cpu: '500m' } }],
    ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
  ],
  [
    'spec.limits',
    [
      { type: 'Container', max: { cpu: '1' } },
      { type: 'Container', max: { cpu: '2' } },
    ],
    ['spec.limits[1].type: Duplicate value: "Container"'],
  ],
  [
    'spec.limits',
    [{ type: 'PersistentVolumeClaim' }],
    [
      'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
  ],
];

testCreates({ kind: CONFIG_MAP, object: CONFIG_MAP_OBJECT, rows: CONFIG_MAP_OBJECT_ROWS });

testCreates({ kind: SECRET, object: SECRET_OBJECT, rows: SECRET_OBJECT_ROWS });

testCreates({ kind: NODE, object: NODE_OBJECT, rows: NODE_OBJECT_ROWS });

testCreates({
  kind: PERSISTENT_VOLUME_CLAIM,
  object: PERSISTENT_VOLUME_CLAIM_OBJECT,
  rows: PERSISTENT_VOLUME_CLAIM_OBJECT_ROWS,
});

testCreates({
  kind: PERSISTENT_VOLUME,
  object: PERSISTENT_VOLUME_OBJECT,
  rows: PERSISTENT_VOLUME_OBJECT_ROWS,
});

testCreates({
  kind: RESOURCE_QUOTA,
  object: RESOURCE_QUOTA_OBJECT,
  rows: RESOURCE_QUOTA_OBJECT_ROWS,
});

testCreates({ kind: LIMIT_RANGE, object: LIMIT_RANGE_OBJECT, rows: LIMIT_RANGE_OBJECT_ROWS });
