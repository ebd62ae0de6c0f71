/**
 * Services.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { Service } from '#api/gen/core-v1.ts';
import { SERVICE } from '../core/service.ts';
import { type Row, testCreates } from './test-kit.ts';

const WEB: Service = {
  metadata: { name: 'web', namespace: 'd' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
};

const WEB_ROWS: readonly Row[] = [
  ['spec.ports', [], ['spec.ports: Required value']],
  [
    'spec.ports[0].port',
    0,
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'spec.ports[0].targetPort',
    70000,
    ['spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  ],
  [
    'spec.ports[0].targetPort',
    'Bad_',
    [
      'spec.ports[0].targetPort: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
  ],
  [
    'spec.ports[0].protocol',
    'ICMP',
    ['spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    'spec.ports',
    [{ port: 80 }, { port: 81 }],
    ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  ],
  [
    'spec.ports',
    [
      { name: 'a', port: 80 },
      { name: 'a', port: 81 },
    ],
    ['spec.ports[1].name: Duplicate value: "a"'],
  ],
  [
    'spec.ports',
    [
      { name: 'a', port: 80 },
      { name: 'b', port: 80 },
    ],
    [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  ],
  [
    'spec.ports[0].name',
    'A',
    [
      'spec.ports[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  [
    'spec.ports[0].nodePort',
    30000,
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'spec.ports[0].appProtocol',
    'a b',
    [
      "spec.ports[0].appProtocol: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.type',
    'Odd',
    [
      'spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  ],
  ['spec.type', 'ExternalName', ['spec.externalName: Required value']],
  [
    'spec.sessionAffinity',
    'Odd',
    ['spec.sessionAffinity: Unsupported value: "Odd": supported values: "ClientIP", "None"'],
  ],
  [
    'spec.clusterIPs',
    ['10.0.0.1'],
    [
      'spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified',
    ],
  ],
  [
    'spec.externalIPs',
    ['x'],
    ['spec.externalIPs[0]: Invalid value: "x": must be a valid IP address,'],
  ],
  [
    'spec.externalIPs',
    ['127.0.0.1'],
    [
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'spec.externalTrafficPolicy',
    'Local',
    [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  ],
  [
    'spec.internalTrafficPolicy',
    'Odd',
    ['spec.internalTrafficPolicy: Unsupported value: "Odd": supported values: "Cluster", "Local"'],
  ],
  [
    'spec.healthCheckNodePort',
    30000,
    [
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
  ],
  [
    'spec.loadBalancerClass',
    'a/b',
    ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
  ],
  [
    'spec.allocateLoadBalancerNodePorts',
    true,
    [
      "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
  ],
  [
    'spec.ipFamilies',
    ['IPv5'],
    ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
  ],
  [
    'spec.ipFamilyPolicy',
    'Odd',
    [
      'spec.ipFamilyPolicy: Unsupported value: "Odd": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
    ],
  ],
  [
    'spec.selector',
    { 'a b': 'c' },
    [
      "spec.selector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.loadBalancerSourceRanges',
    ['x'],
    [
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "x": must be a valid CIDR value,',
    ],
  ],
  [
    'spec',
    { type: 'ExternalName', externalName: 'a_b' },
    [
      "spec.externalName: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec',
    { type: 'LoadBalancer', ports: [{ port: 80 }], loadBalancerSourceRanges: ['10.0.0.0/33'] },
    ['spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value,'],
  ],
  [
    'spec.trafficDistribution',
    'Odd',
    [
      'spec.trafficDistribution: Unsupported value: "Odd": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
    ],
  ],
];

testCreates({ kind: SERVICE, object: WEB, rows: WEB_ROWS });
