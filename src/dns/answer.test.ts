/** The Kubernetes DNS specification 1.1.0, section by section. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { answer, type ClusterView, type Zone } from './answer.ts';
import { type DnsRecord, TYPE } from './wire.ts';

const ZONE: Zone = {
  domain: 'cluster.local',
  address: '10.96.0.10',
  ttlSeconds: 5,
  owns: (address) => address.startsWith('10.'),
};

function service(name: string, spec: NonNullable<Service['spec']>): Service {
  return { metadata: { name, namespace: 'default' }, spec };
}

const SERVICES = [
  service('web', {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00::7'],
    ports: [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] }),
  service('idle', { clusterIP: 'None', ports: [{ port: 1 }] }),
  service('ext', { type: 'ExternalName', externalName: 'Example.COM.' }),
];

const SLICES: EndpointSlice[] = [
  {
    metadata: {
      name: 'db-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'db' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'sql', port: 15432, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.0.6'] },
      { addresses: ['10.244.0.7'], conditions: { ready: false } },
    ],
  },
];

const VIEW: ClusterView = {
  service: (namespace, name) =>
    namespace === 'default' ? SERVICES.find(({ metadata }) => metadata?.name === name) : undefined,
  slices: (_namespace, name) =>
    SLICES.filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name),
  hasNamespace: (name) => name === 'default',
  servicesAt: (address) => SERVICES.filter(({ spec }) => spec?.clusterIP === address),
  slicesAt: (address) =>
    SLICES.filter(({ endpoints }) =>
      endpoints.some(({ addresses }) => addresses.includes(address)),
    ),
};

/** One line a record, or the code when there is none. */
function ask(name: string, type: keyof typeof TYPE): string[] {
  const result = answer({ name, type: TYPE[type] }, ZONE, VIEW, 42);
  if (result.kind === 'forward') return ['forward'];
  if (result.kind === 'alias') return [`alias ${result.target}`];
  if (result.answers.length > 0) return result.answers.map(textOf);
  assert.deepEqual(
    result.authority.map((record) => record.data.type),
    [TYPE.SOA],
    'a "no" names its zone',
  );
  return [result.rcode === 0 ? 'NODATA' : 'NXDOMAIN'];
}

function textOf({ name, data }: DnsRecord): string {
  switch (data.type) {
    case TYPE.A:
      return `${name} A ${data.address.join('.')}`;
    case TYPE.AAAA:
      return `${name} AAAA ${Buffer.from(data.address).toString('hex')}`;
    case TYPE.SRV:
      return `${name} SRV ${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case TYPE.TXT:
      return `${name} TXT ${data.text}`;
    case TYPE.SOA:
      return `${name} SOA ${data.primary} ${data.mailbox} ${data.serial}`;
    default:
      return `${name} ${data.type} ${data.target}`;
  }
}

const S = 'default.svc.cluster.local';

describe('answer', () => {
  const rows: [name: string, type: keyof typeof TYPE, lines: string[]][] = [
    // 2.2 schema version
    ['dns-version.cluster.local', 'TXT', ['dns-version.cluster.local TXT 1.1.0']],
    // 2.3 Services with a cluster address
    [`web.${S}`, 'A', [`web.${S} A 10.96.0.7`]],
    [`web.${S}`, 'AAAA', [`web.${S} AAAA fd000000000000000000000000000007`]],
    [`web.${S}`, 'TXT', ['NODATA']],
    [`_http._tcp.web.${S}`, 'SRV', [`_http._tcp.web.${S} SRV 0 100 80 web.${S}`]],
    [`_dns._udp.web.${S}`, 'SRV', [`_dns._udp.web.${S} SRV 0 100 53 web.${S}`]],
    [`_dns._tcp.web.${S}`, 'SRV', ['NXDOMAIN']],
    [`_http._tcp.web.${S}`, 'A', ['NODATA']],
    [`_tcp.web.${S}`, 'A', ['NODATA']],
    [`_sctp.web.${S}`, 'A', ['NXDOMAIN']],
    ['7.0.96.10.in-addr.arpa', 'PTR', [`7.0.96.10.in-addr.arpa 12 web.${S}`]],
    // 2.4 headless Services
    [`db.${S}`, 'A', [`db.${S} A 10.244.0.5`, `db.${S} A 10.244.0.6`]],
    [`db-0.db.${S}`, 'A', [`db-0.db.${S} A 10.244.0.5`]],
    [`10-244-0-6.db.${S}`, 'A', [`10-244-0-6.db.${S} A 10.244.0.6`]],
    [`10-244-0-7.db.${S}`, 'A', ['NXDOMAIN']],
    [
      `_sql._tcp.db.${S}`,
      'SRV',
      [
        `_sql._tcp.db.${S} SRV 0 50 15432 db-0.db.${S}`,
        `_sql._tcp.db.${S} SRV 0 50 15432 10-244-0-6.db.${S}`,
      ],
    ],
    ['5.0.244.10.in-addr.arpa', 'PTR', [`5.0.244.10.in-addr.arpa 12 db-0.db.${S}`]],
    [`idle.${S}`, 'A', ['NODATA']],
    // 2.5 ExternalName
    [`ext.${S}`, 'A', ['alias example.com']],
    // Pods
    ['10-1-2-3.default.pod.cluster.local', 'A', ['10-1-2-3.default.pod.cluster.local A 10.1.2.3']],
    ['10-1-2-3.nowhere.pod.cluster.local', 'A', ['NXDOMAIN']],
    ['ten.default.pod.cluster.local', 'A', ['NXDOMAIN']],
    // Names that only lead to others exist without records
    ['default.svc.cluster.local', 'A', ['NODATA']],
    ['svc.cluster.local', 'A', ['NODATA']],
    ['cluster.local', 'A', ['NODATA']],
    [
      'cluster.local',
      'SOA',
      ['cluster.local SOA ns.dns.cluster.local hostmaster.cluster.local 42'],
    ],
    ['cluster.local', 'NS', ['cluster.local 2 ns.dns.cluster.local']],
    ['ns.dns.cluster.local', 'A', ['ns.dns.cluster.local A 10.96.0.10']],
    // and those that are not there do not
    [`missing.${S}`, 'A', ['NXDOMAIN']],
    ['web.nowhere.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['nowhere.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['example.com.default.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['x.cluster.local', 'A', ['NXDOMAIN']],
    ['9.9.9.10.in-addr.arpa', 'PTR', ['NXDOMAIN']],
    // What is not the cluster's
    ['example.com', 'A', ['forward']],
    ['notcluster.local', 'A', ['forward']],
    ['8.8.8.8.in-addr.arpa', 'PTR', ['forward']],
  ];
  for (const [name, type, lines] of rows) {
    it(`${type} ${name}: ${lines.join(', ')}`, () => assert.deepEqual(ask(name, type), lines));
  }

  it('adds the addresses of SRV targets', () => {
    const result = answer({ name: `_sql._tcp.db.${S}`, type: TYPE.SRV }, ZONE, VIEW, 1);
    assert.ok(result.kind === 'records');
    assert.deepEqual(result.additional.map(textOf), [
      `db-0.db.${S} A 10.244.0.5`,
      `10-244-0-6.db.${S} A 10.244.0.6`,
    ]);
  });
});
