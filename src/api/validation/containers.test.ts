/**
 * Containers of a new pod.
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
  ['spec.containers', [], ['spec.containers: Required value']],
  ['spec.containers[0].name', undefined, ['spec.containers[0].name: Required value']],
  [
    'spec.containers[0].name',
    'Main',
    [
      'spec.containers[0].name: Invalid value: "Main": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  ['spec.containers[0].name', 'setup', ['spec.initContainers[0].name: Duplicate value: "setup"']],
  ['spec.containers[0].image', undefined, ['spec.containers[0].image: Required value']],
  [
    'spec.containers[0].image',
    ' web',
    [
      'spec.containers[0].image: Invalid value: " web": must not have leading or trailing whitespace',
    ],
  ],
  [
    'spec.containers[0].imagePullPolicy',
    'Sometimes',
    [
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
  ],
  [
    'spec.containers[0].terminationMessagePolicy',
    'No',
    [
      'spec.containers[0].terminationMessagePolicy: Unsupported value: "No": supported values: "File", "FallbackToLogsOnError"',
    ],
  ],
  [
    'spec.containers[0].ports[0].containerPort',
    0,
    ['spec.containers[0].ports[0].containerPort: Required value'],
  ],
  [
    'spec.containers[0].ports[0].containerPort',
    70000,
    [
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'spec.containers[0].ports[0].protocol',
    'ICMP',
    [
      'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
  ],
  [
    'spec.containers[0].ports[0].hostPort',
    -1,
    [
      'spec.containers[0].ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'spec.containers[0].ports[0].name',
    'http--x',
    [
      'spec.containers[0].ports[0].name: Invalid value: "http--x": must not contain consecutive hyphens',
    ],
  ],
  [
    'spec.containers[0].ports[0].name',
    'averyveryverylongname',
    [
      'spec.containers[0].ports[0].name: Invalid value: "averyveryverylongname": must be no more than 15 characters',
    ],
  ],
  [
    'spec.containers[0].ports',
    [
      { containerPort: 80, name: 'a' },
      { containerPort: 81, name: 'a' },
    ],
    ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
  ],
  [
    'spec.containers[0].ports',
    [
      { containerPort: 80, hostPort: 80 },
      { containerPort: 81, hostPort: 80 },
    ],
    ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
  ],
  [
    'spec.containers[0].env',
    [{ name: '', value: 'x' }],
    ['spec.containers[0].env[0].name: Required value'],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A=B' }],
    [
      'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    [
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: {} }],
    [
      'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.nope' } } }],
    [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.nope": error converting fieldPath: field label not supported: metadata.nope',
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a b']" } } }],
    [
      "spec.containers[0].env[0].valueFrom.fieldRef: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c' } } }],
    ['spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Required value'],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: { secretKeyRef: { key: 'a b' } } }],
    [
      "spec.containers[0].env[0].valueFrom.secretKeyRef.name: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      "spec.containers[0].env[0].valueFrom.secretKeyRef.key: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    ],
  ],
  [
    'spec.containers[0].env',
    [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'nope' } } }],
    [
      'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "nope": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    ],
  ],
  [
    'spec.containers[0].envFrom',
    [{}],
    [
      'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
    ],
  ],
  [
    'spec.containers[0].envFrom',
    [{ prefix: 'a=', configMapRef: { name: 'x' } }],
    [
      'spec.containers[0].envFrom[0].prefix: Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
  ],
  [
    'spec.containers[0].envFrom',
    [{ configMapRef: {} }],
    ['spec.containers[0].envFrom[0].configMapRef.name: Required value'],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'nope', mountPath: '/x' }],
    ['spec.containers[0].volumeMounts[0].name: Not found: "nope"'],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data' }],
    ['spec.containers[0].volumeMounts[0].mountPath: Required value'],
  ],
  [
    'spec.containers[0].volumeMounts',
    [
      { name: 'data', mountPath: '/x' },
      { name: 'data', mountPath: '/x' },
    ],
    ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique'],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data', mountPath: '/x', subPath: '/a' }],
    ['spec.containers[0].volumeMounts.subPath: Invalid value: "/a": must be a relative path'],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data', mountPath: '/x', subPath: 'a/../b' }],
    ['spec.containers[0].volumeMounts.subPath: Invalid value: "a/../b": must not contain \'..\''],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data', mountPath: '/x', mountPropagation: 'Both' }],
    [
      'spec.containers[0].volumeMounts.mountPropagation: Unsupported value: "Both": supported values: "Bidirectional", "HostToContainer", "None"',
    ],
  ],
  [
    'spec.containers[0].resources',
    { requests: { cpu: '2' }, limits: { cpu: '1' } },
    [
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
  ],
  [
    'spec.containers[0].resources',
    { limits: { cpu: '-1' } },
    [
      'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
  [
    'spec.containers[0].resources',
    { limits: { foo: '1' } },
    [
      'spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource for containers',
      'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers',
    ],
  ],
  [
    'spec.containers[0].resources',
    { requests: { 'example.com/x': '1' } },
    [
      'spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources',
    ],
  ],
  [
    'spec.containers[0].resources',
    { limits: { 'example.com/x': '500m' } },
    [
      'spec.containers[0].resources.limits[example.com/x]: Invalid value: "500m": must be an integer',
      'spec.containers[0].resources.requests[example.com/x]: Invalid value: "500m": must be an integer',
    ],
  ],
  [
    'spec.containers[0].resources',
    { limits: { 'hugepages-2Mi': '2Mi' } },
    ['spec.containers[0].resources: Forbidden: HugePages require cpu or memory'],
  ],
  [
    'spec.containers[0].livenessProbe',
    {},
    ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  ],
  [
    'spec.containers[0].livenessProbe',
    { exec: { command: ['a'] }, tcpSocket: { port: 1 } },
    [
      'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
  ],
  [
    'spec.containers[0].livenessProbe',
    { exec: { command: [] } },
    ['spec.containers[0].livenessProbe.exec.command: Required value'],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 0 } },
    [
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 'Bad_' } },
    [
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 80, scheme: 'FTP' } },
    [
      'spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
    ],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 80 }, successThreshold: 2 },
    ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 80 }, periodSeconds: -1 },
    [
      'spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'spec.containers[0].readinessProbe',
    { httpGet: { port: 80 }, terminationGracePeriodSeconds: 3 },
    [
      'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes',
    ],
  ],
  [
    'spec.containers[0].livenessProbe',
    { httpGet: { port: 80 }, terminationGracePeriodSeconds: 0 },
    [
      'spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0',
    ],
  ],
  [
    'spec.containers[0].lifecycle',
    { preStop: {} },
    ['spec.containers[0].lifecycle.preStop: Required value: must specify a handler type'],
  ],
  [
    'spec.containers[0].lifecycle',
    { preStop: { sleep: { seconds: 100 } } },
    [
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 100: must be non-negative and less than terminationGracePeriodSeconds (30)',
    ],
  ],
  [
    'spec.initContainers[0].livenessProbe',
    { httpGet: { port: 80 } },
    [
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    'spec.initContainers[0].lifecycle',
    { preStop: { exec: { command: ['a'] } } },
    [
      'spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    'spec.initContainers[0].restartPolicy',
    'Sometimes',
    [
      'spec.initContainers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { runAsUser: -1 },
    [
      'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { privileged: true, allowPrivilegeEscalation: false },
    [
      'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { capabilities: { add: ['CAP_SYS_ADMIN'] }, allowPrivilegeEscalation: false },
    [
      'spec.containers[0].securityContext: Invalid value: {"Capabilities":{"Add":["CAP_SYS_ADMIN"],"Drop":null},"Privileged":null,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { seccompProfile: { type: 'Nope' } },
    [
      'spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "Nope": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { seccompProfile: { type: 'Localhost' } },
    [
      'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { procMount: 'Odd' },
    [
      'spec.containers[0].securityContext.procMount: Unsupported value: "Odd": supported values: "Default", "Unmasked"',
    ],
  ],
  [
    'spec.containers[0].resizePolicy',
    [{ resourceName: 'disk', restartPolicy: 'Odd' }],
    [
      'spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
      'spec.containers[0].resizePolicy: Unsupported value: "Odd": supported values: "NotRequired", "RestartContainer"',
    ],
  ],
  [
    'spec.containers[0].restartPolicyRules',
    [{ action: 'Odd' }],
    [
      'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
      'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Odd": supported values: "Restart", "RestartAllContainers"',
      'spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified',
    ],
  ],
  [
    'spec.containers[0].volumeDevices',
    [{ name: 'data', devicePath: '/x' }],
    [
      'spec.containers[0].volumeDevices[0].name: Invalid value: "data": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
    ],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data', mountPath: '/x', recursiveReadOnly: 'Enabled' }],
    [
      'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
    ],
  ],
  [
    'spec.containers[0].volumeMounts',
    [{ name: 'data', mountPath: '/x', subPath: 'a', subPathExpr: 'b' }],
    [
      'spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive',
    ],
  ],
  [
    'spec.containers[0].resources',
    { claims: [{ name: 'x' }] },
    [
      'spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
  ],
  [
    'spec.containers[0].securityContext',
    { appArmorProfile: { type: 'Localhost' } },
    [
      'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost',
    ],
  ],
];

testCreates({ name: 'containers', kind: POD, object: WEB, rows: WEB_ROWS });
