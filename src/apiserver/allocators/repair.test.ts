import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { IPAddress } from '#api/gen/networking-v1.ts';
import { ipAddressFor } from '#api/networking/service-ranges.ts';
import { parseIp } from '#base/ip.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { faultOfAddress, faultsOfService, type ServiceWorld } from './address-faults.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses';
const MINUTE_MS = 60_000;
const WEB = { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } };

/** Events about `name`: reason and message. */
async function told(api: TestApiServer, name: string): Promise<string[]> {
  const { items } = await api.must('GET /api/v1/namespaces/default/events');
  return items
    .filter((event: { involvedObject: { name: string } }) => event.involvedObject.name === name)
    .map(({ reason, message }: { reason: string; message: string }) => `${reason}: ${message}`);
}

describe('the repair', () => {
  it('makes the IPAddress of a Service anew when somebody deletes it, and says so once', async () => {
    const api = await TestApiServer.start();
    const { spec } = await api.must(`POST ${SERVICES}`, WEB);
    const ip: string = spec.clusterIP;
    await api.must(`DELETE ${ADDRESSES}/${ip}`);
    await api.environment.advance(7 * MINUTE_MS);
    const { spec: made } = await api.must(`GET ${ADDRESSES}/${ip}`);
    assert.equal(made.parentRef.name, 'web');
    assert.deepEqual(await told(api, 'web'), [
      `ClusterIPNotAllocated: Cluster IP [IPv4]: ${ip} is not allocated; repairing`,
    ]);
  });

  it('gives Services of an older store their IPAddresses, which nobody gets meanwhile', async () => {
    const before = await TestApiServer.start();
    await before.must(`POST ${SERVICES}`, {
      ...WEB,
      spec: { ...WEB.spec, clusterIP: '10.96.0.9' },
    });
    const { environment, store } = before;
    await environment.resolve(before.server.stop());
    await store.write({ type: 'delete', key: '/registry/ipaddresses/10.96.0.9' });
    const after = new TestApiServer({ environment, store });
    const other = { metadata: { name: 'b' }, spec: { ...WEB.spec, clusterIP: '10.96.0.9' } };
    let refused: Promise<string> | undefined;
    await environment.resolve(
      after.server.start().then(() => void (refused = after.refusal(`POST ${SERVICES}`, other))),
    );
    assert.match((await refused) ?? '', /^422 .*already allocated$/);
    await environment.advance(1);
    const { spec } = await after.must(`GET ${ADDRESSES}/10.96.0.9`);
    assert.equal(spec.parentRef.name, 'web');
  });

  it('deletes an IPAddress whose Service never came, but not one of somebody else', async () => {
    const api = await TestApiServer.start();
    const leaked = ipAddressFor(parseIp('10.96.0.7')!, { namespace: 'default', name: 'ghost' });
    await api.must(`POST ${ADDRESSES}`, leaked);
    await api.must(`POST ${ADDRESSES}`, { ...leaked, metadata: { name: '10.96.0.8' } });
    await api.environment.advance(50_000);
    await api.must(`GET ${ADDRESSES}/10.96.0.7`);
    await api.environment.advance(2 * MINUTE_MS);
    assert.equal((await api.call(`GET ${ADDRESSES}/10.96.0.7`)).status, 404);
    await api.must(`GET ${ADDRESSES}/10.96.0.8`);
    assert.deepEqual(await told(api, '10.96.0.7'), [
      'IPAddressNotAllocated: IPAddress: 10.96.0.7 for Service default/ghost appears to have leaked: cleaning up',
    ]);
  });

  it('deletes an IPAddress that its Service knows nothing of', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, WEB);
    await api.environment.advance(2_000);
    const wrong = ipAddressFor(parseIp('10.96.0.7')!, { namespace: 'default', name: 'web' });
    await api.must(`POST ${ADDRESSES}`, wrong);
    await api.environment.advance(2 * MINUTE_MS);
    assert.equal((await api.call(`GET ${ADDRESSES}/10.96.0.7`)).status, 404);
    assert.deepEqual(await told(api, '10.96.0.7'), [
      'IPAddressWrongReference: IPAddress: 10.96.0.7 for Service default/web has a wrong reference; cleaning up',
    ]);
  });

  it('leaves a sound cluster alone', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, WEB);
    const before = await api.store.revision();
    await api.environment.advance(10 * MINUTE_MS);
    const { items } = await api.store.list('/registry/');
    const written = items.filter(({ modRevision }) => modRevision > before).map(({ key }) => key);
    // The server says that it lives.
    assert.deepEqual(
      written.filter((key) => !key.startsWith('/registry/leases/')),
      [],
    );
  });
});

describe('the addresses of a Service', () => {
  const service = (name: string, ...clusterIPs: string[]): Service => ({
    metadata: { namespace: 'default', name },
    spec: { type: 'ClusterIP', clusterIP: clusterIPs[0] ?? '', clusterIPs },
  });
  const of = (name: string): IPAddress =>
    ipAddressFor(parseIp('10.96.0.5')!, { namespace: 'default', name });
  const gateway = { spec: { parentRef: { group: 'x.io', resource: 'gateways', name: 'g' } } };
  const world = (address?: IPAddress): ServiceWorld => ({
    nowMs: 0,
    ranges: [{ spec: { cidrs: ['10.96.0.0/24'] } }],
    service: (_, name) => (name === 'gone' ? undefined : service(name, '10.96.0.5')),
    address: () => address,
  });
  type Row = [claim: string, ips: string[], address: IPAddress | undefined, faults: string[]];
  const rows: Row[] = [
    ['are right', ['10.96.0.5'], of('web'), []],
    ['are none of a headless one', ['None'], undefined, []],
    [
      'are addresses',
      ['nonsense'],
      undefined,
      ['ClusterIPNotValid Cluster IP nonsense is not a valid IP; please recreate Service'],
    ],
    [
      'lie in a range',
      ['10.96.0.255'],
      undefined,
      [
        'ClusterIPOutOfRange Cluster IP [IPv4]: 10.96.0.255 is not within any configured Service CIDR; please recreate service',
      ],
    ],
    [
      'are its own, not of another kind',
      ['10.96.0.5'],
      { ...of('web'), ...gateway },
      [
        'ClusterIPNotAllocated the ClusterIP [IPv4]: 10.96.0.5 for Service default/web has a wrong reference; repairing -10.96.0.5 +10.96.0.5',
      ],
    ],
    [
      'nor of a Service that is gone',
      ['10.96.0.5'],
      of('gone'),
      [
        'ClusterIPNotAllocated the ClusterIP [IPv4]: 10.96.0.5 for Service default/web has a wrong reference; repairing -10.96.0.5 +10.96.0.5',
      ],
    ],
    [
      'nor of one that is there: a person must choose',
      ['10.96.0.5'],
      of('other'),
      [
        'ClusterIPAlreadyAllocated Cluster IP [IPv4]:10.96.0.5 was assigned to multiple services; please recreate service',
      ],
    ],
    [
      'have the labels',
      ['10.96.0.5'],
      { ...of('web'), metadata: { name: '10.96.0.5' } },
      ['undefined undefined -10.96.0.5 +10.96.0.5'],
    ],
  ];
  for (const [claim, ips, address, expected] of rows) {
    it(claim, () => {
      const faults = faultsOfService(service('web', ...ips), world(address));
      const texts = faults.map(({ finding, remove, create }) =>
        [
          `${finding?.reason} ${finding?.message}`,
          ...(remove === undefined ? [] : [`-${remove.metadata?.name}`]),
          ...(create === undefined ? [] : [`+${create.metadata?.name}`]),
        ].join(' '),
      );
      assert.deepEqual(texts, expected);
    });
  }
});

describe('an IPAddress without its Service', () => {
  const MADE = '2026-01-01T00:00:00Z';
  const address: IPAddress = ipAddressFor(parseIp('10.96.0.5')!, {
    namespace: 'default',
    name: 'web',
  });
  const made = { ...address, metadata: { ...address.metadata, creationTimestamp: MADE } };
  const service = (type: 'ClusterIP' | 'ExternalName', creationTimestamp: string): Service => ({
    metadata: { creationTimestamp },
    spec: { type, clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] },
  });
  const BEFORE = '2025-01-01T00:00:00Z';
  type Row = [claim: string, ageMs: number, service: Service | undefined, verdict: string];
  const rows: Row[] = [
    ['may be half of a create', 60_000, undefined, 'later'],
    ['is a leak after a minute', 60_001, undefined, 'IPAddressNotAllocated'],
    ['may be half of a change of type', 59_999, service('ExternalName', BEFORE), 'later'],
    ['but not for ever', 60_000, service('ExternalName', BEFORE), 'IPAddressWrongReference'],
    ['may be about to be taken back', 4_999, service('ClusterIP', BEFORE), 'later'],
    ['for five seconds', 5_000, service('ClusterIP', BEFORE), 'IPAddressWrongReference'],
    [
      'unless it is older than the Service',
      0,
      service('ClusterIP', MADE),
      'IPAddressWrongReference',
    ],
  ];
  for (const [claim, ageMs, owner, verdict] of rows) {
    it(claim, () => {
      const fault = faultOfAddress(made, {
        nowMs: Date.parse(MADE) + ageMs,
        ranges: [],
        service: () => owner,
        address: () => undefined,
      });
      assert.equal(typeof fault === 'object' ? fault.finding?.reason : fault, verdict);
    });
  }
});
