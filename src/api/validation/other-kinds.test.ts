/**
 * Roles, budgets, autoscalers, classes, leases.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '#api/gen/rbac-v1.ts';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import type { HorizontalPodAutoscaler } from '#api/gen/autoscaling-v2.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { PriorityClass } from '#api/gen/scheduling-v1.ts';
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import type { CSIDriver, StorageClass } from '#api/gen/storage-v1.ts';
import { HORIZONTAL_POD_AUTOSCALER } from '../autoscaling/horizontal-pod-autoscaler.ts';
import { LEASE } from '../coordination/lease.ts';
import { RUNTIME_CLASS } from '../node/runtime-class.ts';
import { POD_DISRUPTION_BUDGET } from '../policy/pod-disruption-budget.ts';
import { CLUSTER_ROLE_BINDING } from '../rbac/cluster-role-binding.ts';
import { CLUSTER_ROLE } from '../rbac/cluster-role.ts';
import { ROLE_BINDING } from '../rbac/role-binding.ts';
import { ROLE } from '../rbac/role.ts';
import { PRIORITY_CLASS } from '../scheduling/priority-class.ts';
import { CSI_DRIVER } from '../storage/csi-driver.ts';
import { STORAGE_CLASS } from '../storage/storage-class.ts';
import { type Row, testCreates } from './test-kit.ts';

const ROLE_OBJECT: Role = {
  metadata: { name: 'r', namespace: 'd' },
  rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
};

const ROLE_OBJECT_ROWS: readonly Row[] = [
  ['rules[0].verbs', [], ['rules[0].verbs: Required value: verbs must contain at least one value']],
  [
    'rules[0].apiGroups',
    [],
    ['rules[0].apiGroups: Required value: resource rules must supply at least one api group'],
  ],
  [
    'rules[0].resources',
    [],
    ['rules[0].resources: Required value: resource rules must supply at least one resource'],
  ],
  [
    'rules',
    [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
    [
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ],
];

const CLUSTER_ROLE_OBJECT: ClusterRole = {
  metadata: { name: 'r' },
  rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
};

const CLUSTER_ROLE_OBJECT_ROWS: readonly Row[] = [
  [
    'rules[0].resources',
    ['pods'],
    [
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
  ],
  [
    'aggregationRule',
    {},
    [
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ],
  ],
  [
    'aggregationRule',
    { clusterRoleSelectors: [{ matchLabels: { 'a b': 'c' } }] },
    [
      "aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
    ],
  ],
];

const ROLE_BINDING_OBJECT: RoleBinding = {
  metadata: { name: 'r', namespace: 'd' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
  subjects: [{ kind: 'User', name: 'u' }],
};

const ROLE_BINDING_OBJECT_ROWS: readonly Row[] = [
  [
    'roleRef.kind',
    'Odd',
    ['roleRef.kind: Unsupported value: "Odd": supported values: "Role", "ClusterRole"'],
  ],
  ['roleRef.name', '', ['roleRef.name: Required value']],
  [
    'roleRef.apiGroup',
    'x',
    ['roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"'],
  ],
  [
    'subjects[0].kind',
    'Odd',
    [
      'subjects[0].kind: Unsupported value: "Odd": supported values: "ServiceAccount", "User", "Group"',
    ],
  ],
  ['subjects[0].name', '', ['subjects[0].name: Required value']],
  [
    'subjects[0].apiGroup',
    'x',
    ['subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"'],
  ],
  [
    'subjects',
    [{ kind: 'ServiceAccount', name: 'A' }],
    [
      "subjects[0].name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

const CLUSTER_ROLE_BINDING_OBJECT: ClusterRoleBinding = {
  metadata: { name: 'r' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
};

const CLUSTER_ROLE_BINDING_OBJECT_ROWS: readonly Row[] = [
  [
    'roleRef.kind',
    'Role',
    ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
  ],
  ['subjects', [{ kind: 'ServiceAccount', name: 'a' }], ['subjects[0].namespace: Required value']],
];

const POD_DISRUPTION_BUDGET_OBJECT: PodDisruptionBudget = {
  metadata: { name: 'p', namespace: 'd' },
  spec: { minAvailable: 1, selector: {} },
};

const POD_DISRUPTION_BUDGET_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.maxUnavailable',
    1,
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":{},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  [
    'spec.minAvailable',
    -1,
    ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'spec.minAvailable',
    '200%',
    ['spec.minAvailable: Invalid value: "200%": must not be greater than 100%'],
  ],
  [
    'spec.minAvailable',
    'x',
    [
      'spec.minAvailable: Invalid value: "x": a valid percent string must be a numeric string followed by an ending \'%\'',
    ],
  ],
  [
    'spec.unhealthyPodEvictionPolicy',
    'Odd',
    [
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Odd": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  ],
  [
    'spec.selector',
    { matchLabels: { 'a b': 'c' } },
    [
      "spec.selector.matchLabels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

const HORIZONTAL_POD_AUTOSCALER_OBJECT: HorizontalPodAutoscaler = {
  metadata: { name: 'h', namespace: 'd' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    maxReplicas: 3,
  },
};

const HORIZONTAL_POD_AUTOSCALER_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.maxReplicas',
    0,
    [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ],
  [
    'spec.maxReplicas',
    -1,
    [
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1',
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`',
    ],
  ],
  [
    'spec.minReplicas',
    0,
    [
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ],
  ],
  [
    'spec.minReplicas',
    5,
    ['spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`'],
  ],
  ['spec.scaleTargetRef.kind', '', ['spec.scaleTargetRef.kind: Required value']],
  [
    'spec.scaleTargetRef.apiVersion',
    'v1',
    ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'],
  ],
  [
    'spec.scaleTargetRef.apiVersion',
    'a/b/c',
    [
      'spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    ],
  ],
  [
    'spec.metrics',
    [{ type: 'Odd' }],
    [
      'spec.metrics[0].type: Unsupported value: "Odd": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      'spec.metrics[0].type: Unsupported value: "Odd": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
    ],
  ],
  [
    'spec.metrics',
    [{ type: 'Resource' }],
    [
      'spec.metrics[0].resource: Required value: must populate information for the given metric source',
    ],
  ],
  [
    'spec.metrics',
    [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }],
    [
      'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
    ],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 0 } },
      },
    ],
    [
      'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'Pods',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
      },
    ],
    ['spec.metrics[0].pods: Required value: must populate information for the given metric source'],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'A', name: 'b' },
          metric: { name: 'm' },
          target: { type: 'Value' },
        },
      },
    ],
    [
      'spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue',
    ],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'External',
        external: {
          metric: { name: 'm' },
          target: { type: 'Value', value: '1', averageValue: '1' },
        },
      },
    ],
    [
      'spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
    ],
  ],
  [
    'spec.metrics',
    [{ type: 'Pods', pods: { metric: { name: '' }, target: { type: 'Odd', averageValue: '0' } } }],
    [
      'spec.metrics[0].pods.metric.name: Required value: must specify a metric name',
      'spec.metrics[0].pods.target.type: Invalid value: "Odd": must be either Utilization, Value, or AverageValue',
      'spec.metrics[0].pods.target.averageValue: Invalid value: "0": must be positive',
    ],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          target: { type: 'Utilization', averageUtilization: 1, averageValue: '1' },
        },
      },
    ],
    [
      'spec.metrics[0].containerResource.container: Required value: must specify a container',
      'spec.metrics[0].containerResource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
    ],
  ],
  [
    'spec.metrics',
    [
      {
        type: 'Pods',
        pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } },
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
      },
    ],
    ['spec.metrics[0].resource: Forbidden: must populate the given metric source only'],
  ],
  [
    'spec.behavior',
    { scaleUp: { stabilizationWindowSeconds: 4000 } },
    [
      'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
    ],
  ],
  [
    'spec.behavior',
    { scaleUp: { policies: [{ type: 'Odd', value: 0, periodSeconds: 9999 }] } },
    [
      'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Odd": supported values: "Percent", "Pods"',
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 9999: must be less than or equal to 1800',
    ],
  ],
  [
    'spec.behavior',
    { scaleDown: { selectPolicy: 'Odd' } },
    [
      'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Odd": supported values: "Disabled", "Max", "Min"',
    ],
  ],
];

const LEASE_OBJECT: Lease = {
  metadata: { name: 'l', namespace: 'd' },
  spec: { holderIdentity: 'a' },
};

const LEASE_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.leaseDurationSeconds',
    0,
    ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
  [
    'spec.leaseTransitions',
    -1,
    ['spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0'],
  ],
];

const PRIORITY_CLASS_OBJECT: PriorityClass = { metadata: { name: 'p' }, value: 1000 };

const PRIORITY_CLASS_OBJECT_ROWS: readonly Row[] = [
  [
    'value',
    2000000001,
    ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  ],
  [
    'metadata.name',
    'system-mine',
    [
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
  ],
  [
    'metadata.name',
    'system-node-critical',
    [
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000",
    ],
  ],
  [
    'preemptionPolicy',
    'Odd',
    [
      'preemptionPolicy: Unsupported value: "Odd": supported values: "PreemptLowerPriority", "Never"',
    ],
  ],
];

const RUNTIME_CLASS_OBJECT: RuntimeClass = { metadata: { name: 'r' }, handler: 'runc' };

const RUNTIME_CLASS_OBJECT_ROWS: readonly Row[] = [
  ['handler', '', ['handler: Required value']],
  [
    'handler',
    'A',
    [
      'handler: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  [
    'overhead',
    { podFixed: { cpu: '-1' } },
    ['overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  [
    'scheduling',
    { nodeSelector: { 'a b': 'c' } },
    [
      "scheduling.nodeSelector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'scheduling',
    { tolerations: [{ key: 'a' }, { key: 'a' }] },
    [
      'scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"","Value":"","Effect":"","TolerationSeconds":null}',
    ],
  ],
];

const STORAGE_CLASS_OBJECT: StorageClass = {
  metadata: { name: 's' },
  provisioner: 'example.com/disk',
};

const STORAGE_CLASS_OBJECT_ROWS: readonly Row[] = [
  ['provisioner', '', ['provisioner: Required value']],
  [
    'provisioner',
    'a b',
    [
      "provisioner: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'reclaimPolicy',
    'Recycle',
    ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
  ],
  [
    'volumeBindingMode',
    'Odd',
    [
      'volumeBindingMode: Unsupported value: "Odd": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
  ],
  ['parameters', { '': 'x' }, ['parameters: Invalid value: "": field can not be empty.']],
  [
    'allowedTopologies',
    [{ matchLabelExpressions: [{ key: 'z', values: [] }] }],
    ['allowedTopologies[0].matchLabelExpressions[0].values: Required value'],
  ],
];

const CSIDRIVER_OBJECT: CSIDriver = { metadata: { name: 'c' }, spec: {} };

const CSIDRIVER_OBJECT_ROWS: readonly Row[] = [
  [
    'spec.fsGroupPolicy',
    'Odd',
    [
      'spec.fsGroupPolicy: Unsupported value: "Odd": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    ],
  ],
  [
    'spec.nodeAllocatableUpdatePeriodSeconds',
    9,
    [
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
    ],
  ],
  [
    'spec.serviceAccountTokenInSecrets',
    true,
    [
      'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    ],
  ],
  [
    'spec.volumeLifecycleModes',
    ['Odd'],
    [
      'spec.volumeLifecycleModes: Unsupported value: "Odd": supported values: "Persistent", "Ephemeral"',
    ],
  ],
  [
    'spec.tokenRequests',
    [{ audience: 'a' }, { audience: 'a' }],
    ['spec.tokenRequests[1].audience: Duplicate value: "a"'],
  ],
  [
    'spec.tokenRequests',
    [{ audience: 'a', expirationSeconds: 1 }],
    [
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
    ],
  ],
];

testCreates({ kind: ROLE, object: ROLE_OBJECT, rows: ROLE_OBJECT_ROWS });

testCreates({ kind: CLUSTER_ROLE, object: CLUSTER_ROLE_OBJECT, rows: CLUSTER_ROLE_OBJECT_ROWS });

testCreates({ kind: ROLE_BINDING, object: ROLE_BINDING_OBJECT, rows: ROLE_BINDING_OBJECT_ROWS });

testCreates({
  kind: CLUSTER_ROLE_BINDING,
  object: CLUSTER_ROLE_BINDING_OBJECT,
  rows: CLUSTER_ROLE_BINDING_OBJECT_ROWS,
});

testCreates({
  kind: POD_DISRUPTION_BUDGET,
  object: POD_DISRUPTION_BUDGET_OBJECT,
  rows: POD_DISRUPTION_BUDGET_OBJECT_ROWS,
});

testCreates({
  kind: HORIZONTAL_POD_AUTOSCALER,
  object: HORIZONTAL_POD_AUTOSCALER_OBJECT,
  rows: HORIZONTAL_POD_AUTOSCALER_OBJECT_ROWS,
});

testCreates({ kind: LEASE, object: LEASE_OBJECT, rows: LEASE_OBJECT_ROWS });

testCreates({
  kind: PRIORITY_CLASS,
  object: PRIORITY_CLASS_OBJECT,
  rows: PRIORITY_CLASS_OBJECT_ROWS,
});

testCreates({ kind: RUNTIME_CLASS, object: RUNTIME_CLASS_OBJECT, rows: RUNTIME_CLASS_OBJECT_ROWS });

testCreates({ kind: STORAGE_CLASS, object: STORAGE_CLASS_OBJECT, rows: STORAGE_CLASS_OBJECT_ROWS });

testCreates({ kind: CSI_DRIVER, object: CSIDRIVER_OBJECT, rows: CSIDRIVER_OBJECT_ROWS });
