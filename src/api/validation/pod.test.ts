/**
 * The spec of a new pod, but for containers and volumes.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { POD } from '../core/pod.ts';
import { type Row, testCreates } from './test-kit.ts';

const WEB: Pod = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    containers: [{ name: 'main', image: 'web', ports: [{ containerPort: 80 }] }],
    initContainers: [{ name: 'setup', image: 'x' }],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
};

const WEB_ROWS: readonly Row[] = [
  ['spec', {}, ['spec.containers: Required value']],
  [
    'spec.securityContext',
    { supplementalGroups: [-1] },
    [
      'spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
  ],
  [
    'spec.securityContext',
    { sysctls: [{ name: 'A' }] },
    [
      'spec.securityContext.sysctls[0].name: Invalid value: "A": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
  ],
  [
    'spec.securityContext',
    { fsGroupChangePolicy: 'X' },
    [
      'spec.securityContext.fsGroupChangePolicy: Unsupported value: "X": supported values: "Always", "OnRootMismatch"',
    ],
  ],
  [
    'spec.restartPolicy',
    'Never ',
    [
      'spec.restartPolicy: Unsupported value: "Never ": supported values: "Always", "OnFailure", "Never"',
    ],
  ],
  [
    'spec.schedulingGroup',
    {},
    ['spec.schedulingGroup.podGroupName: Invalid value: null: must specify one of: `podGroupName`'],
  ],
  [
    'spec.schedulingGroup',
    { podGroupName: 'A' },
    [
      "spec.schedulingGroup.podGroupName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.dnsPolicy',
    'X',
    [
      'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
  ],
  [
    'spec.dnsPolicy',
    'None',
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    'spec.dnsConfig',
    { nameservers: ['a'] },
    ['spec.dnsConfig.nameservers[0]: Invalid value: "a": must be a valid IP address,'],
  ],
  [
    'spec.dnsConfig',
    { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] },
    [
      'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]: must not have more than 3 nameservers',
    ],
  ],
  [
    'spec.dnsConfig',
    { searches: ['a b'] },
    [
      "spec.dnsConfig.searches[0]: Invalid value: \"a b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.dnsConfig',
    { options: [{ value: 'x' }] },
    ['spec.dnsConfig.options[0]: Required value: must not be empty'],
  ],
  [
    'spec.activeDeadlineSeconds',
    0,
    ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
  ],
  [
    'spec.nodeName',
    'A',
    [
      "spec.nodeName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.serviceAccountName',
    'A_',
    [
      "spec.serviceAccountName: Invalid value: \"A_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  ['spec.hostname', 'a.b', ['spec.hostname: Invalid value: "a.b": must not contain dots']],
  [
    'spec.subdomain',
    'A',
    [
      'spec.subdomain: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  [
    'spec.nodeSelector',
    { 'a b': 'c' },
    [
      "spec.nodeSelector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.priorityClassName',
    'A',
    [
      "spec.priorityClassName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.runtimeClassName',
    'A',
    [
      "spec.runtimeClassName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.os',
    { name: 'mac' },
    ['spec.os: Unsupported value: "mac": supported values: "linux", "windows"'],
  ],
  [
    'spec.preemptionPolicy',
    'X',
    [
      'spec.preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"',
    ],
  ],
  [
    'spec.hostAliases',
    [{ ip: 'x' }],
    ['spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address,'],
  ],
  [
    'spec.tolerations',
    [{ key: 'a b' }],
    [
      "spec.tolerations[0].key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.tolerations',
    [{ operator: 'Equal' }],
    [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    'spec.tolerations',
    [{ key: 'a', operator: 'Exists', value: 'x' }],
    [
      'spec.tolerations[0].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\'',
    ],
  ],
  [
    'spec.tolerations',
    [{ key: 'a', operator: 'Foo' }],
    ['spec.tolerations[0].operator: Unsupported value: "Foo": supported values: "Equal", "Exists"'],
  ],
  [
    'spec.tolerations',
    [{ key: 'a', effect: 'X' }],
    [
      'spec.tolerations[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
  ],
  [
    'spec.tolerations',
    [{ key: 'a', tolerationSeconds: 3 }],
    [
      'spec.tolerations[0].effect: Invalid value: "": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
  ],
  [
    'spec.topologySpreadConstraints',
    [{ maxSkew: 0, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }],
    ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
  ],
  [
    'spec.topologySpreadConstraints',
    [{ maxSkew: 1, whenUnsatisfiable: 'X' }],
    [
      'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
  ],
  [
    'spec.topologySpreadConstraints',
    [
      { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' },
      { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' },
    ],
    [
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{z, DoNotSchedule}"',
    ],
  ],
  [
    'spec.topologySpreadConstraints',
    [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 }],
    [
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
    ],
  ],
  [
    'spec.affinity',
    { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
    [
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  ],
  [
    'spec.affinity',
    {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }],
        },
      },
    },
    [
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
  ],
  [
    'spec.affinity',
    {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }],
      },
    },
    [
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
    ],
  ],
  [
    'spec.affinity',
    {
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {} }] },
    },
    [
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
      "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.readinessGates',
    [{ conditionType: 'a b' }],
    [
      "spec.readinessGates[0].conditionType: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.schedulingGates',
    [{ name: '' }],
    [
      'spec.schedulingGates[0]: Invalid value: "": name part must be non-empty',
      "spec.schedulingGates[0]: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.schedulingGates',
    [{ name: 'a' }, { name: 'a' }],
    ['spec.schedulingGates[1]: Duplicate value: "a"'],
  ],
  [
    'spec.ephemeralContainers',
    [{ name: 'e', image: 'x' }],
    ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
  ],
  [
    'spec.overhead',
    { cpu: '-1' },
    ['spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  [
    'spec.resourceClaims',
    [{ name: 'a' }],
    [
      'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
    ],
  ],
  [
    'spec.resources',
    { requests: { cpu: '1' }, limits: { cpu: '500m' } },
    [
      'spec.resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 500m',
    ],
  ],
  [
    'spec.resources',
    { limits: { 'example.com/x': '1' } },
    [
      'spec.resources.limits[example.com/x]: Unsupported value: "example.com/x": supported values: "cpu", "hugepages-", "memory"',
    ],
  ],
  [
    'spec.hostnameOverride',
    'A',
    [
      "spec.hostnameOverride: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.hostnameOverride',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ['spec.hostnameOverride: Too long: may not be more than 64 bytes'],
  ],
];

testCreates({ kind: POD, object: WEB, rows: WEB_ROWS });
