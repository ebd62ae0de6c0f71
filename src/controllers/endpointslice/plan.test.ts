/** Slices of a Service, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { pod, service } from '#kit/builders.ts';
import { type Plan, planSlices } from './plan.ts';

function plan(
  pods: readonly Pod[],
  slices: readonly EndpointSlice[] = [],
  subject: Service = service(),
): Plan {
  const zones = new Map([
    ['n1', 'zone-a'],
    ['n2', 'zone-b'],
  ]);
  return planSlices({ service: subject, pods, slices, zoneOf: (node) => zones.get(node) });
}

/** Slices as the server would hold them. */
function stored({ creates }: Plan): EndpointSlice[] {
  return creates.map((slice, i) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `web-${i}`, resourceVersion: '1' },
  }));
}

function crowd(count: number, from = 0): Pod[] {
  return Array.from({ length: count }, (_, i) =>
    pod(`p${from + i} ready ip=10.0.${Math.floor((from + i) / 250)}.${(from + i) % 250}`),
  );
}

const addresses = (slice: EndpointSlice | undefined): string[] =>
  (slice?.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);

describe('planSlices', () => {
  it('says of each Pod where it is and how it does', () => {
    const pods = [
      'a ready ip=10.0.0.1',
      'b ip=10.0.0.2 node=n2',
      'c ready ip=10.0.0.3 deleted',
      'd ready',
      'e ready ip=10.0.0.5 phase=Failed',
    ];
    const [slice, ...others] = plan(pods.map(pod)).creates;
    assert.deepEqual(others, []);
    assert.deepEqual(slice?.metadata?.labels, {
      team: 'shop',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    assert.equal(slice?.metadata?.ownerReferences?.[0]?.uid, 'svc');
    assert.deepEqual(slice?.ports, [{ name: 'http', protocol: 'TCP', port: 8080 }]);
    assert.deepEqual(
      slice?.endpoints.map(({ addresses: [ip], conditions: is, nodeName, zone }) => [
        ip,
        is?.ready,
        is?.serving,
        is?.terminating,
        nodeName,
        zone,
      ]),
      [
        ['10.0.0.1', true, true, false, 'n1', 'zone-a'],
        ['10.0.0.2', false, false, false, 'n2', 'zone-b'],
        ['10.0.0.3', false, true, true, 'n1', 'zone-a'],
      ],
    );
  });

  it('keeps an empty slice for a Service without endpoints, and writes it once', () => {
    const first = plan([]);
    assert.deepEqual(
      first.creates.map(({ endpoints, ports }) => [endpoints, ports]),
      [[[], []]],
    );
    const second = plan([], stored(first));
    assert.deepEqual([second.creates, second.updates, second.deletes], [[], [], []]);
  });

  it('writes nothing when nothing changed', () => {
    const pods = crowd(150);
    const again = plan(pods, stored(plan(pods)));
    assert.deepEqual([again.creates, again.updates, again.deletes], [[], [], []]);
  });

  it('holds at most a hundred endpoints in a slice', () => {
    assert.deepEqual(
      plan(crowd(250)).creates.map(({ endpoints }) => endpoints.length),
      [100, 100, 50],
    );
  });

  it('puts a new Pod into the slice with room, in one write', () => {
    const slices = stored(plan(crowd(150)));
    const { creates, updates, deletes } = plan(crowd(151), slices);
    assert.deepEqual([creates, deletes], [[], []]);
    assert.deepEqual(
      updates.map(({ metadata, endpoints }) => [metadata?.name, endpoints.length]),
      [['web-1', 51]],
    );
  });

  it('fills the place of a Pod that is gone in the slice that is written anyway', () => {
    const slices = stored(plan(crowd(150)));
    const { updates, creates } = plan([...crowd(149, 1), ...crowd(1, 200)], slices);
    assert.deepEqual(creates, []);
    assert.deepEqual(
      updates.map(({ metadata, endpoints }) => [metadata?.name, endpoints.length]),
      [['web-0', 100]],
    );
  });

  it('deletes a slice whose last Pod is gone', () => {
    const slices = stored(plan(crowd(150)));
    const { deletes, updates } = plan(crowd(100), slices);
    assert.deepEqual(
      deletes.map(({ metadata }) => metadata?.name),
      ['web-1'],
    );
    assert.deepEqual(updates, []);
  });

  it('puts the first endpoints into the placeholder', () => {
    const slices = stored(plan([]));
    const { creates, updates, deletes } = plan(crowd(1), slices);
    assert.deepEqual([creates, deletes], [[], []]);
    assert.deepEqual(
      updates.map((slice) => [slice.metadata?.name, slice.ports.length, addresses(slice)]),
      [['web-0', 1, ['10.0.0.0']]],
    );
  });

  it('puts Pods that do not fill a slice where there is room, though a full slice is made', () => {
    const slices = stored(plan(crowd(50)));
    const { creates, updates } = plan(crowd(190), slices);
    assert.deepEqual(
      [creates, updates].map((written) => written.map(({ endpoints }) => endpoints.length)),
      [[100], [90]],
    );
  });

  it('takes away the slices of an earlier Service of that name', () => {
    const slices = stored(plan(crowd(1)));
    slices[0]!.metadata!.ownerReferences![0]!.uid = 'earlier';
    const { creates, updates, deletes } = plan(crowd(1), slices);
    assert.deepEqual(creates.map(addresses), [['10.0.0.0']]);
    assert.deepEqual([updates, deletes], [[], slices]);
  });

  it('makes no new slices for a Service that is being deleted', () => {
    const subject = service();
    subject.metadata!.deletionTimestamp = '2026-01-01T00:00:00Z';
    assert.deepEqual(plan(crowd(1), [], subject).creates, []);
  });

  it('keeps Pods with different numbers behind one port name in different slices', () => {
    const other = pod('b ready ip=10.0.0.2');
    other.spec!.containers[0]!.ports = [{ name: 'http', containerPort: 9090, protocol: 'TCP' }];
    const { creates } = plan([pod('a ready ip=10.0.0.1'), other]);
    assert.deepEqual(
      creates.map(({ ports }) => ports[0]?.port),
      [8080, 9090],
    );
  });

  it('makes one set of slices for each address family', () => {
    const subject = service({ ipFamilies: ['IPv4', 'IPv6'] });
    const { creates } = plan([pod('a ready ip=10.0.0.1,fd00::1')], [], subject);
    assert.deepEqual(
      creates.map((slice) => [slice.addressType, addresses(slice)]),
      [
        ['IPv4', ['10.0.0.1']],
        ['IPv6', ['fd00::1']],
      ],
    );
  });

  it('takes away the slices of a family that the Service lost', () => {
    const pods = [pod('a ready ip=10.0.0.1,fd00::1')];
    const slices = stored(plan(pods, [], service({ ipFamilies: ['IPv4', 'IPv6'] })));
    const { deletes, updates, creates } = plan(pods, slices);
    assert.deepEqual(
      deletes.map(({ addressType }) => addressType),
      ['IPv6'],
    );
    assert.deepEqual([creates, updates], [[], []]);
  });

  it('marks slices of a headless Service, which may have no ports', () => {
    const subject = service({ clusterIP: 'None', ports: [] });
    const [slice] = plan([pod('a ready ip=10.0.0.1')], [], subject).creates;
    assert.equal(slice?.metadata?.labels?.['service.kubernetes.io/headless'], '');
    assert.deepEqual([slice?.ports, addresses(slice)], [[], ['10.0.0.1']]);
  });

  it('publishes what is not ready when the Service asks for it', () => {
    const [slice] = plan(
      [pod('a ip=10.0.0.1')],
      [],
      service({ publishNotReadyAddresses: true }),
    ).creates;
    assert.deepEqual(slice?.endpoints[0]?.conditions, {
      ready: true,
      serving: false,
      terminating: false,
    });
  });

  it('leaves out Pods of unknown nodes, and says which', () => {
    const { creates, skipped } = plan(
      ['a ready ip=10.0.0.1', 'b ready ip=10.0.0.2 node=ghost'].map(pod),
    );
    assert.deepEqual(addresses(creates[0]), ['10.0.0.1']);
    assert.deepEqual(
      skipped.map(({ metadata }) => metadata?.name),
      ['b'],
    );
  });

  it('gives hints for traffic that should stay close', () => {
    const [slice] = plan(
      [pod('a ready ip=10.0.0.1')],
      [],
      service({ trafficDistribution: 'PreferSameNode' }),
    ).creates;
    assert.deepEqual(slice?.endpoints[0]?.hints, {
      forZones: [{ name: 'zone-a' }],
      forNodes: [{ name: 'n1' }],
    });
  });

  it('leaves hints by topology to those who give them, and none by distribution', () => {
    const subject = service({ trafficDistribution: 'PreferSameNode' });
    subject.metadata!.annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
    const slices = stored(plan(crowd(1), [], subject));
    const [endpoint] = slices[0]!.endpoints;
    assert.equal(endpoint?.hints, undefined);
    endpoint!.hints = { forZones: [{ name: 'zone-b' }] };
    const { updates } = planSlices({
      service: subject,
      pods: crowd(1),
      slices,
      zoneOf: () => 'zone-a',
      hint: (unhinted) => {
        assert.deepEqual([unhinted.updates, unhinted.unchanged], [[], slices]);
        return { creates: [], updates: unhinted.unchanged };
      },
    });
    assert.deepEqual(updates, slices);
  });

  it('rewrites slices when the labels of the Service change', () => {
    const pods = crowd(1);
    const slices = stored(plan(pods));
    const subject = service();
    subject.metadata!.labels = { team: 'other' };
    const { updates } = plan(pods, slices, subject);
    assert.equal(updates[0]?.metadata?.labels?.['team'], 'other');
  });
});
