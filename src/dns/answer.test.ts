/** The Kubernetes DNS specification 1.1.0, section by section, and what CoreDNS makes of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { clusterView, recordText } from '#kit/dns.ts';
import { answer, type Zone } from './answer.ts';
import { TYPE } from './wire.ts';

const ZONE: Zone = {
  domain: 'cluster.local',
  addresses: ['10.96.0.10'],
  ttlSeconds: 30,
  owns: (address, name) => address.startsWith('10.') && name !== '8.9.9.10.in-addr.arpa',
};

function service(name: string, spec: NonNullable<Service['spec']>): Service {
  return { metadata: { name, namespace: 'default' }, spec };
}

function slice(of: string, rest: Omit<EndpointSlice, 'metadata'>): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': of };
  return { metadata: { name: `${of}-1`, namespace: 'default', labels }, ...rest };
}

const HEADLESS = { clusterIP: 'None', clusterIPs: ['None'] };
const SQL = { name: 'sql', port: 15432, protocol: 'TCP' } as const;

const VIEW = clusterView(
  [
    service('web', {
      clusterIP: '10.96.0.7',
      clusterIPs: ['10.96.0.7', 'fd00:0::7'],
      ports: [
        { name: 'http', port: 80, protocol: 'TCP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    }),
    service('one', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'], ports: [{ port: 9 }] }),
    service('db', { ...HEADLESS, ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] }),
    service('pair', { ...HEADLESS, ports: [SQL] }),
    service('bare', HEADLESS),
    service('six', { ...HEADLESS, ports: [SQL] }),
    service('idle', { ...HEADLESS, ports: [{ port: 1 }] }),
    service('early', { ...HEADLESS, publishNotReadyAddresses: true, ports: [SQL] }),
    service('ext', { type: 'ExternalName', externalName: 'Example.COM.' }),
    service('number', { type: 'ExternalName', externalName: '192.0.2.1' }),
  ],
  [
    slice('db', {
      addressType: 'IPv4',
      ports: [SQL],
      endpoints: [
        { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.0.6'] },
        { addresses: ['10.244.0.7'], conditions: { ready: false } },
      ],
    }),
    slice('pair', {
      addressType: 'IPv4',
      ports: [SQL],
      endpoints: [
        { addresses: ['10.244.1.1'], hostname: 'twin' },
        { addresses: ['10.244.1.2'], hostname: 'twin' },
        { addresses: ['10.244.1.3'], hostname: 'other' },
      ],
    }),
    slice('bare', { addressType: 'IPv4', ports: [], endpoints: [{ addresses: ['10.244.2.1'] }] }),
    slice('six', {
      addressType: 'IPv6',
      ports: [SQL],
      endpoints: [
        { addresses: ['fd00:244:0::5'], hostname: 'six-0' },
        { addresses: ['fd00:244::6'] },
      ],
    }),
    // The controller of slices says "ready" where Services publish addresses that are not.
    slice('early', {
      addressType: 'IPv4',
      ports: [SQL],
      endpoints: [{ addresses: ['10.244.3.1'], conditions: { ready: true, serving: false } }],
    }),
    slice('web', {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.244.4.1'] }],
    }),
    slice('nowhere', {
      addressType: 'FQDN',
      ports: [],
      endpoints: [{ addresses: ['example.com'] }],
    }),
  ],
);

const SOA = 'SOA ns.dns.cluster.local hostmaster.cluster.local 42 7200 1800 86400 30';

/** One line a record, or the code when there is none. */
function ask(name: string, type: keyof typeof TYPE): string[] {
  const result = answer({ name, type: TYPE[type] }, ZONE, VIEW, 42);
  if (result.kind === 'forward') return ['forward'];
  if (result.kind === 'alias') return [`alias ${result.target}`, recordText(result.record)];
  if (result.answers.length > 0) return result.answers.map(short);
  const [soa, ...more] = result.authority.map(recordText);
  const zone = name.endsWith('in-addr.arpa')
    ? 'in-addr.arpa'
    : name.endsWith('ip6.arpa')
      ? 'ip6.arpa'
      : 'cluster.local';
  assert.equal(soa, `${zone} 30 ${SOA.replaceAll('cluster.local', zone)}`, 'a "no" names its zone');
  assert.deepEqual(more, []);
  return [result.rcode === 0 ? 'NODATA' : 'NXDOMAIN'];
}

/** Without the TTL that nearly all have. */
function short(record: Parameters<typeof recordText>[0]): string {
  return recordText(record).replace(' 30 ', ' ');
}

const S = 'default.svc.cluster.local';
const V6 = '5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa';

describe('answer', () => {
  const rows: [name: string, type: keyof typeof TYPE, lines: string[]][] = [
    // 2.2 schema version
    ['dns-version.cluster.local', 'TXT', ['dns-version.cluster.local 28800 TXT 1.1.0']],
    ['dns-version.cluster.local', 'A', ['NODATA']],
    // 2.3 Services with a cluster address
    [`web.${S}`, 'A', [`web.${S} A 10.96.0.7`]],
    [`web.${S}`, 'AAAA', [`web.${S} AAAA fd000000000000000000000000000007`]],
    [`web.${S}`, 'TXT', ['NODATA']],
    [`web.${S}`, 'SOA', ['NODATA']],
    [`web.${S}`, 'CNAME', ['NODATA']],
    [`one.${S}`, 'AAAA', ['NODATA']],
    [`one.${S}`, 'SRV', [`one.${S} SRV 0 100 9 one.${S}`]],
    // Two families share the weight, as in CoreDNS.
    [`_http._tcp.web.${S}`, 'SRV', [`_http._tcp.web.${S} SRV 0 50 80 web.${S}`]],
    [`_dns._udp.web.${S}`, 'SRV', [`_dns._udp.web.${S} SRV 0 50 53 web.${S}`]],
    [`_dns._tcp.web.${S}`, 'SRV', ['NXDOMAIN']],
    [`_._tcp.one.${S}`, 'SRV', ['NXDOMAIN']],
    [`_http._tcp.web.${S}`, 'A', [`_http._tcp.web.${S} A 10.96.0.7`]],
    [`_http._tcp.web.${S}`, 'TXT', ['NODATA']],
    [`_tcp.web.${S}`, 'A', ['NODATA']],
    [`_tcp.one.${S}`, 'A', ['NXDOMAIN']],
    [`_sctp.web.${S}`, 'A', ['NXDOMAIN']],
    [`http._tcp.web.${S}`, 'SRV', ['NXDOMAIN']],
    [`a._http._tcp.web.${S}`, 'SRV', ['NXDOMAIN']],
    ['7.0.96.10.in-addr.arpa', 'PTR', [`7.0.96.10.in-addr.arpa PTR web.${S}`]],
    ['7.0.96.10.in-addr.arpa', 'A', ['NODATA']],
    // Endpoints have names below any Service.
    [`10-244-4-1.web.${S}`, 'A', [`10-244-4-1.web.${S} A 10.244.4.1`]],
    // 2.4 headless Services
    [`db.${S}`, 'A', [`db.${S} A 10.244.0.5`, `db.${S} A 10.244.0.6`]],
    [`db.${S}`, 'AAAA', ['NODATA']],
    [`db-0.db.${S}`, 'A', [`db-0.db.${S} A 10.244.0.5`]],
    [`10-244-0-5.db.${S}`, 'A', ['NXDOMAIN']],
    [`10-244-0-6.db.${S}`, 'A', [`10-244-0-6.db.${S} A 10.244.0.6`]],
    [`10-244-0-7.db.${S}`, 'A', ['NXDOMAIN']],
    [`x.db-0.db.${S}`, 'A', ['NXDOMAIN']],
    [
      `_sql._tcp.db.${S}`,
      'SRV',
      [
        `_sql._tcp.db.${S} SRV 0 50 15432 db-0.db.${S}`,
        `_sql._tcp.db.${S} SRV 0 50 15432 10-244-0-6.db.${S}`,
      ],
    ],
    // One name of two addresses is one target.
    [
      `_sql._tcp.pair.${S}`,
      'SRV',
      [
        `_sql._tcp.pair.${S} SRV 0 33 15432 twin.pair.${S}`,
        `_sql._tcp.pair.${S} SRV 0 33 15432 other.pair.${S}`,
      ],
    ],
    [`twin.pair.${S}`, 'A', [`twin.pair.${S} A 10.244.1.1`, `twin.pair.${S} A 10.244.1.2`]],
    [`bare.${S}`, 'A', [`bare.${S} A 10.244.2.1`]],
    [`bare.${S}`, 'SRV', ['NODATA']],
    ['5.0.244.10.in-addr.arpa', 'PTR', [`5.0.244.10.in-addr.arpa PTR db-0.db.${S}`]],
    ['7.0.244.10.in-addr.arpa', 'PTR', ['NXDOMAIN']],
    [`idle.${S}`, 'A', ['NODATA']],
    [`early.${S}`, 'A', [`early.${S} A 10.244.3.1`]],
    // IPv6 endpoints
    [
      `six.${S}`,
      'AAAA',
      [
        `six.${S} AAAA fd000244000000000000000000000005`,
        `six.${S} AAAA fd000244000000000000000000000006`,
      ],
    ],
    [`six.${S}`, 'A', ['NODATA']],
    [
      `fd00-244--6.six.${S}`,
      'AAAA',
      [`fd00-244--6.six.${S} AAAA fd000244000000000000000000000006`],
    ],
    [V6, 'PTR', [`${V6} PTR six-0.six.${S}`]],
    // 2.5 ExternalName
    [`ext.${S}`, 'A', ['alias example.com', `ext.${S} 30 CNAME example.com`]],
    [`ext.${S}`, 'CNAME', ['alias example.com', `ext.${S} 30 CNAME example.com`]],
    [`x.ext.${S}`, 'CNAME', ['NXDOMAIN']],
    [`number.${S}`, 'A', ['NODATA']],
    // Pods
    ['10-1-2-3.default.pod.cluster.local', 'A', ['10-1-2-3.default.pod.cluster.local A 10.1.2.3']],
    ['10-1-2-3.default.pod.cluster.local', 'AAAA', ['NODATA']],
    [
      'fd00--1.default.pod.cluster.local',
      'AAAA',
      ['fd00--1.default.pod.cluster.local AAAA fd000000000000000000000000000001'],
    ],
    ['10-1-2-3.nowhere.pod.cluster.local', 'A', ['NXDOMAIN']],
    ['ten.default.pod.cluster.local', 'A', ['NXDOMAIN']],
    ['x.10-1-2-3.default.pod.cluster.local', 'A', ['NXDOMAIN']],
    ['default.pod.cluster.local', 'A', ['NODATA']],
    ['nowhere.pod.cluster.local', 'A', ['NXDOMAIN']],
    ['pod.cluster.local', 'A', ['NODATA']],
    // Names that only lead to others exist without records
    ['default.svc.cluster.local', 'A', ['NODATA']],
    ['default.svc.cluster.local', 'NS', ['NODATA']],
    ['svc.cluster.local', 'A', ['NODATA']],
    ['dns.cluster.local', 'A', ['NODATA']],
    ['cluster.local', 'A', ['NODATA']],
    ['cluster.local', 'SOA', [`cluster.local ${SOA}`]],
    ['cluster.local', 'NS', ['cluster.local NS ns.dns.cluster.local']],
    ['ns.dns.cluster.local', 'A', ['ns.dns.cluster.local A 10.96.0.10']],
    ['ns.dns.cluster.local', 'AAAA', ['NODATA']],
    // and those that are not there do not
    [`missing.${S}`, 'A', ['NXDOMAIN']],
    [`*.${S}`, 'A', ['NXDOMAIN']],
    [`*.db.${S}`, 'A', ['NXDOMAIN']],
    [`*._tcp.web.${S}`, 'SRV', ['NXDOMAIN']],
    ['web.*.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['web.any.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['web.nowhere.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['nowhere.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['example.com.default.svc.cluster.local', 'A', ['NXDOMAIN']],
    ['x.cluster.local', 'A', ['NXDOMAIN']],
    ['x.ns.dns.cluster.local', 'A', ['NXDOMAIN']],
    ['x.dns-version.cluster.local', 'TXT', ['NXDOMAIN']],
    ['9.9.9.10.in-addr.arpa', 'PTR', ['NXDOMAIN']],
    // What is not the cluster's
    ['example.com', 'A', ['forward']],
    ['notcluster.local', 'A', ['forward']],
    ['8.8.8.8.in-addr.arpa', 'PTR', ['forward']],
    ['8.9.9.10.in-addr.arpa', 'PTR', ['forward']],
    ['9.9.10.in-addr.arpa', 'PTR', ['forward']],
    [V6.replace('5.', '9.'), 'PTR', ['forward']],
  ];
  for (const [name, type, lines] of rows) {
    it(`${type} ${name}: ${lines.join(', ')}`, () => assert.deepEqual(ask(name, type), lines));
  }

  const additional: [name: string, type: keyof typeof TYPE, lines: string[]][] = [
    [`_sql._tcp.db.${S}`, 'SRV', [`db-0.db.${S} A 10.244.0.5`, `10-244-0-6.db.${S} A 10.244.0.6`]],
    [
      `_sql._tcp.pair.${S}`,
      'SRV',
      [
        `twin.pair.${S} A 10.244.1.1`,
        `twin.pair.${S} A 10.244.1.2`,
        `other.pair.${S} A 10.244.1.3`,
      ],
    ],
    [`web.${S}`, 'SRV', [`web.${S} A 10.96.0.7`, `web.${S} AAAA fd000000000000000000000000000007`]],
    ['cluster.local', 'NS', ['ns.dns.cluster.local A 10.96.0.10']],
  ];
  for (const [name, type, lines] of additional) {
    it(`adds the addresses of what ${type} ${name} leads to`, () => {
      const result = answer({ name, type: TYPE[type] }, ZONE, VIEW, 1);
      assert.ok(result.kind === 'records');
      assert.deepEqual(result.additional.map(short), lines);
    });
  }

  it('keeps no SOA record longer than five minutes', () => {
    const zone = { ...ZONE, ttlSeconds: 600 };
    const result = answer({ name: 'cluster.local', type: TYPE.A }, zone, VIEW, 42);
    assert.ok(result.kind === 'records');
    const [soa] = result.authority.map(recordText);
    assert.equal(soa, `cluster.local 300 ${SOA.replace(/30$/, '600')}`);
  });

  it('names the Service that has the address of the server, where there is one', () => {
    const zone = { ...ZONE, addresses: ['10.96.0.7', 'fd00::7'] };
    const result = answer({ name: 'cluster.local', type: TYPE.NS }, zone, VIEW, 1);
    assert.ok(result.kind === 'records');
    assert.deepEqual(result.answers.map(short), [`cluster.local NS web.${S}`]);
    assert.deepEqual(result.additional.map(short), [
      `web.${S} A 10.96.0.7`,
      `web.${S} AAAA fd000000000000000000000000000007`,
    ]);
  });
});
