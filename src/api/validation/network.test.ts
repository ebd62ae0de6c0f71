/**
 * Ingresses, network policies, Service ranges, endpoints.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type {
  IPAddress,
  Ingress,
  IngressClass,
  NetworkPolicy,
  ServiceCIDR,
} from '#api/gen/networking-v1.ts';
import type { Endpoints } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { ENDPOINTS } from '../core/endpoints.ts';
import { ENDPOINT_SLICE } from '../discovery/endpoint-slice.ts';
import { INGRESS_CLASS } from '../networking/ingress-class.ts';
import { INGRESS } from '../networking/ingress.ts';
import { IP_ADDRESS } from '../networking/ip-address.ts';
import { NETWORK_POLICY } from '../networking/network-policy.ts';
import { SERVICE_CIDR } from '../networking/service-cidr.ts';
import { type Row, testCreates } from './test-kit.ts';

const INGRESS_OBJECT: Ingress = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    rules: [
      {
        host: 'web.example',
        http: {
          paths: [
            {
              path: '/',
              pathType: 'Prefix',
              backend: { service: { name: 'web', port: { number: 80 } } },
            },
          ],
        },
      },
    ],
  },
};

const INGRESS_OBJECT_ROWS: readonly Row[] = [
  ['spec', {}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
  [
    'spec.rules[0].host',
    '10.0.0.1',
    ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
  ],
  [
    'spec.rules[0].host',
    'A',
    [
      "spec.rules[0].host: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.rules[0].host',
    '*.a.*',
    [
      "spec.rules[0].host: Invalid value: \"*.a.*\": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    ],
  ],
  ['spec.rules[0].http.paths', [], ['spec.rules[0].http.paths: Required value']],
  [
    'spec.rules[0].http.paths[0].pathType',
    undefined,
    ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
  ],
  [
    'spec.rules[0].http.paths[0].pathType',
    'Odd',
    [
      'spec.rules[0].http.paths[0].pathType: Unsupported value: "Odd": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ],
  ],
  [
    'spec.rules[0].http.paths[0].path',
    'x',
    ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'],
  ],
  [
    'spec.rules[0].http.paths[0].path',
    '/a//b',
    ['spec.rules[0].http.paths[0].path: Invalid value: "/a//b": must not contain \'//\''],
  ],
  [
    'spec.rules[0].http.paths[0].path',
    '/a/..',
    ['spec.rules[0].http.paths[0].path: Invalid value: "/a/..": cannot end with \'/..\''],
  ],
  [
    'spec.rules[0].http.paths[0].backend',
    {},
    [
      'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
    ],
  ],
  [
    'spec.rules[0].http.paths[0].backend.service.name',
    '',
    ['spec.rules[0].http.paths[0].backend.service.name: Required value'],
  ],
  [
    'spec.rules[0].http.paths[0].backend.service.port',
    {},
    ['spec.rules[0].http.paths[0].backend: Required value: port name or number is required'],
  ],
  [
    'spec.rules[0].http.paths[0].backend.service.port',
    { name: 'a', number: 1 },
    [
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number',
    ],
  ],
  [
    'spec.rules[0].http.paths[0].backend.resource',
    { kind: 'A', name: 'b' },
    [
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both resource and service backends',
    ],
  ],
  [
    'spec.tls',
    [{ hosts: ['A'], secretName: 'B_' }],
    [
      "spec.tls[0].hosts[0]: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      "spec.tls[0].secretName: Invalid value: \"B_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.ingressClassName',
    'A',
    [
      "spec.ingressClassName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

const INGRESS_CLASS_OBJECT: IngressClass = {
  metadata: { name: 'web' },
  spec: { controller: 'example.com/web' },
};

const INGRESS_CLASS_OBJECT_ROWS: readonly Row[] = [
  ['spec.controller', '', ['spec.controller: Required value']],
  [
    'spec.controller',
    'web',
    [
      'spec.controller: Invalid value: "web": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  ],
  [
    'spec.controller',
    'A/web',
    [
      "spec.controller: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.parameters',
    { kind: 'A', name: 'b', scope: 'Namespace' },
    ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
  ],
  [
    'spec.parameters',
    { kind: 'A', name: 'b', namespace: 'c' },
    ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
  ],
  [
    'spec.parameters',
    { scope: 'Odd' },
    [
      'spec.parameters.kind: Required value',
      'spec.parameters.name: Required value',
      'spec.parameters.scope: Unsupported value: "Odd": supported values: "Cluster", "Namespace"',
    ],
  ],
];

const NETWORK_POLICY_OBJECT: NetworkPolicy = {
  metadata: { name: 'web', namespace: 'd' },
  spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] },
};

const NETWORK_POLICY_OBJECT_ROWS: readonly Row[] = [
  ['spec.ingress[0].from', [{}], ['spec.ingress[0].from[0]: Required value: must specify a peer']],
  [
    'spec.ingress[0].from',
    [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }],
    ['spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer'],
  ],
  [
    'spec.ingress[0].from',
    [{ ipBlock: {} }],
    ['spec.ingress[0].from[0].ipBlock.cidr: Required value'],
  ],
  [
    'spec.ingress[0].from',
    [{ ipBlock: { cidr: 'x' } }],
    ['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "x": must be a valid CIDR value,'],
  ],
  [
    'spec.ingress[0].from',
    [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }],
    [
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ],
  ],
  [
    'spec.ingress[0].ports[0].port',
    0,
    ['spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  ],
  [
    'spec.ingress[0].ports[0].port',
    'A',
    [
      'spec.ingress[0].ports[0].port: Invalid value: "A": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.ingress[0].ports[0].port: Invalid value: "A": must contain at least one letter (a-z)',
    ],
  ],
  [
    'spec.ingress[0].ports[0].endPort',
    79,
    [
      'spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
    ],
  ],
  [
    'spec.ingress[0].ports',
    [{ endPort: 80 }],
    [
      'spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified',
    ],
  ],
  [
    'spec.ingress[0].ports[0].protocol',
    'ICMP',
    [
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
    ],
  ],
  [
    'spec.policyTypes',
    ['Both'],
    ['spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"'],
  ],
  ['spec.egress', [{ to: [{}] }], ['spec.egress[0].to[0]: Required value: must specify a peer']],
];

const SERVICE_CIDR_OBJECT: ServiceCIDR = {
  metadata: { name: 'more' },
  spec: { cidrs: ['10.0.0.0/24'] },
};

const SERVICE_CIDR_OBJECT_ROWS: readonly Row[] = [
  ['spec.cidrs', [], ['spec.cidrs: Required value: at least one CIDR required']],
  [
    'spec.cidrs',
    ['10.0.0.0/24', '10.1.0.0/24'],
    [
      'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  ],
  [
    'spec.cidrs',
    ['10.0.0.1/24'],
    [
      'spec.cidrs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length',
    ],
  ],
  [
    'spec.cidrs',
    ['10.0.0.0/24', 'fd00::/64', 'fd01::/64'],
    [
      'spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/24","fd00::/64","fd01::/64"]}: may only hold up to 2 values',
    ],
  ],
];

const IPADDRESS_OBJECT: IPAddress = {
  metadata: { name: '10.0.0.1' },
  spec: { parentRef: { resource: 'services', namespace: 'd', name: 'web' } },
};

const IPADDRESS_OBJECT_ROWS: readonly Row[] = [
  ['spec.parentRef', undefined, ['spec.parentRef: Required value']],
  ['spec.parentRef.name', '', ['spec.parentRef.name: Required value']],
  [
    'spec.parentRef.resource',
    'a/b',
    ['spec.parentRef.resource: Invalid value: "a/b": may not contain \'/\''],
  ],
  [
    'spec.parentRef.group',
    'A',
    [
      "spec.parentRef.group: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

const ENDPOINTS_OBJECT: Endpoints = {
  metadata: { name: 'web', namespace: 'd' },
  subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
};

const ENDPOINTS_OBJECT_ROWS: readonly Row[] = [
  [
    'subsets[0].addresses',
    [],
    ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
  ],
  [
    'subsets[0].addresses[0].ip',
    'x',
    [
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address,',
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
    ],
  ],
  [
    'subsets[0].addresses[0].ip',
    '169.254.0.1',
    [
      'subsets[0].addresses[0].ip: Invalid value: "169.254.0.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
  ],
  [
    'subsets[0].addresses[0].hostname',
    'a.b',
    ['subsets[0].addresses[0].hostname: Invalid value: "a.b": must not contain dots'],
  ],
  [
    'subsets[0].ports',
    [{ port: 80 }, { port: 81 }],
    ['subsets[0].ports[0].name: Required value', 'subsets[0].ports[1].name: Required value'],
  ],
  [
    'subsets[0].ports[0].port',
    0,
    ['subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  ],
  [
    'subsets[0].ports[0].protocol',
    'X',
    [
      'subsets[0].ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
    ],
  ],
];

const ENDPOINT_SLICE_OBJECT: EndpointSlice = {
  metadata: { name: 'web-1', namespace: 'd' },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ port: 80 }],
};

const ENDPOINT_SLICE_OBJECT_ROWS: readonly Row[] = [
  ['addressType', undefined, ['addressType: Required value']],
  [
    'addressType',
    'IPv5',
    ['addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"'],
  ],
  [
    'endpoints[0].addresses',
    [],
    ['endpoints[0].addresses: Required value: must contain at least 1 address'],
  ],
  [
    'endpoints[0].addresses',
    ['::1'],
    [
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
      'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'endpoints[0].addresses',
    ['127.0.0.1'],
    [
      'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'endpoints[0].hostname',
    'a.b',
    ['endpoints[0].hostname: Invalid value: "a.b": must not contain dots'],
  ],
  [
    'endpoints[0].nodeName',
    'A',
    [
      "endpoints[0].nodeName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  ['ports', [{ port: 80 }, { port: 81 }], ['ports[1].name: Duplicate value: ""']],
  [
    'ports[0].name',
    'A',
    [
      'ports[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character',
    ],
  ],
  [
    'endpoints[0].hints',
    { forZones: [{ name: 'a' }, { name: 'a' }] },
    ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
  ],
  [
    'endpoints[0].deprecatedTopology',
    { 'a b': 'c' },
    [
      "endpoints[0].deprecatedTopology: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ],
  ],
];

testCreates({ kind: INGRESS, object: INGRESS_OBJECT, rows: INGRESS_OBJECT_ROWS });

testCreates({ kind: INGRESS_CLASS, object: INGRESS_CLASS_OBJECT, rows: INGRESS_CLASS_OBJECT_ROWS });

testCreates({
  kind: NETWORK_POLICY,
  object: NETWORK_POLICY_OBJECT,
  rows: NETWORK_POLICY_OBJECT_ROWS,
});

testCreates({ kind: SERVICE_CIDR, object: SERVICE_CIDR_OBJECT, rows: SERVICE_CIDR_OBJECT_ROWS });

testCreates({ kind: IP_ADDRESS, object: IPADDRESS_OBJECT, rows: IPADDRESS_OBJECT_ROWS });

testCreates({ kind: ENDPOINTS, object: ENDPOINTS_OBJECT, rows: ENDPOINTS_OBJECT_ROWS });

testCreates({
  kind: ENDPOINT_SLICE,
  object: ENDPOINT_SLICE_OBJECT,
  rows: ENDPOINT_SLICE_OBJECT_ROWS,
});
