import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import { noLocalEndpoints, planHostPorts, planService } from './plan.ts';

const NODE = { family: 'ip', name: 'n1', zone: 'a', ownAddresses: ['10.96.0.10'] } as const;

function service(
  spec: Partial<NonNullable<Service['spec']>> = {},
  more: Partial<Service> = {},
): Service {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      clusterIP: '10.96.0.7',
      type: 'ClusterIP',
      ports: [{ port: 80, protocol: 'TCP' }],
      ...spec,
    },
    ...more,
  };
}

/** `10.0.0.1@n1 terminating serving`, `10.0.0.1@n1 for-zone=a for-node=n1` */
function slice(
  endpoints: string[],
  ports: EndpointSlice['ports'] = [{ name: '', port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return { addressType: 'IPv4', ports, endpoints: endpoints.map(endpoint) };
}

function endpoint(text: string): Endpoint {
  const [place = '', ...words] = text.split(' ');
  const [address = '', nodeName = 'n1'] = place.split('@');
  const has = (word: string): boolean => words.includes(word);
  const conditions = {
    ready: !has('unready') && !has('terminating'),
    serving: has('serving'),
    terminating: has('terminating'),
  };
  const named = (list: string): { name: string }[] =>
    words
      .filter((word) => word.startsWith(list))
      .map((word) => ({ name: word.slice(list.length) }));
  const hints = { forZones: named('for-zone='), forNodes: named('for-node=') };
  return { addresses: [address], nodeName, conditions, hints };
}

function planned(object: Service, endpoints: string[]): string[] {
  return planService(object, [slice(endpoints)], NODE).map(({ map, key, value }) =>
    `${map}: ${key} → ${value}`.trim(),
  );
}

describe('planService', () => {
  it('sends a cluster address to its ready endpoints, by index', () => {
    assert.deepEqual(planned(service(), ['10.0.0.2', '10.0.0.1', '10.0.0.3 unready']), [
      'services: 10.96.0.7 . tcp . 80 → goto pick-services-outsiders-2',
      'endpoints: 10.96.0.7 . tcp . 80 . 0 → 10.0.0.1 . 8080',
      'endpoints: 10.96.0.7 . tcp . 80 . 1 → 10.0.0.2 . 8080',
      'hairpins: 10.0.0.1 . 10.0.0.1 →',
      'hairpins: 10.0.0.2 . 10.0.0.2 →',
    ]);
  });

  it('falls back to endpoints that terminate but still serve', () => {
    const plan = planned(service(), [
      '10.0.0.1 terminating serving',
      '10.0.0.2 terminating',
      '10.0.0.3 unready',
    ]);
    assert.equal(plan[0], 'services: 10.96.0.7 . tcp . 80 → goto pick-services-outsiders-1');
    assert.equal(plan[1], 'endpoints: 10.96.0.7 . tcp . 80 . 0 → 10.0.0.1 . 8080');
  });

  it('refuses connections while there is no endpoint', () => {
    assert.deepEqual(planned(service(), ['10.0.0.1 unready']), [
      'blocked_services: 10.96.0.7 . tcp . 80 → goto refuse',
    ]);
  });

  it('drops what must stay here when endpoints are elsewhere only', () => {
    assert.deepEqual(planned(service({ internalTrafficPolicy: 'Local' }), ['10.0.0.1@n2']), [
      'services: 10.96.0.7 . tcp . 80 → drop',
    ]);
  });

  it('keeps traffic from outside on this node, source address and all, with externalTrafficPolicy Local', () => {
    const spec = {
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
    } as const;
    const plan = planned(service({ ...spec, ports: [...spec.ports], type: 'NodePort' }), [
      '10.0.0.1',
      '10.0.0.2@n2',
    ]);
    assert.ok(
      plan.includes('outside_node_ports: tcp . 30080 → goto pick-outside_node_ports-nobody-1'),
    );
    assert.ok(plan.includes('outside_node_endpoints: tcp . 30080 . 0 → 10.0.0.1 . 8080'));
    assert.ok(plan.includes('node_ports: tcp . 30080 → goto pick-node_ports-outsiders-2'));
  });

  describe('near the node', () => {
    const near: [claim: string, endpoints: string[], reached: string[]][] = [
      [
        'uses what is meant for its zone, when all endpoints have hints',
        ['10.0.0.1@n2 for-zone=a', '10.0.0.2@n3 for-zone=b'],
        ['10.0.0.1'],
      ],
      [
        'uses what is meant for it before what is meant for its zone',
        ['10.0.0.1@n1 for-zone=a for-node=n1', '10.0.0.2@n2 for-zone=a for-node=n2'],
        ['10.0.0.1'],
      ],
      [
        'uses its zone where nothing is meant for it',
        ['10.0.0.1@n2 for-zone=a for-node=n2', '10.0.0.2@n3 for-zone=b for-node=n3'],
        ['10.0.0.1'],
      ],
      [
        'uses all when one has no hints',
        ['10.0.0.1@n2 for-zone=a', '10.0.0.2@n3'],
        ['10.0.0.1', '10.0.0.2'],
      ],
      [
        'uses all when none is meant for its zone',
        ['10.0.0.1@n2 for-zone=b', '10.0.0.2@n3 for-zone=c'],
        ['10.0.0.1', '10.0.0.2'],
      ],
      [
        'does not ask for hints of what is not ready',
        ['10.0.0.1@n2 for-zone=a', '10.0.0.2@n3 for-zone=b', '10.0.0.3@n1 unready'],
        ['10.0.0.1'],
      ],
      [
        'uses all that still serve when none is ready, whatever their hints',
        ['10.0.0.1@n2 terminating serving for-zone=b', '10.0.0.2 terminating serving for-zone=a'],
        ['10.0.0.1', '10.0.0.2'],
      ],
    ];
    for (const [claim, endpoints, reached] of near) {
      it(claim, () => {
        const elements = planService(service(), [slice(endpoints)], NODE);
        const targets = elements.filter(({ map }) => map === 'endpoints');
        assert.deepEqual(
          targets.map(({ value }) => value.split(' ')[0]),
          reached,
        );
      });
    }

    it('is not asked where traffic has to stay on the node', () => {
      const plan = planned(service({ internalTrafficPolicy: 'Local' }), [
        '10.0.0.1@n1 for-zone=b',
        '10.0.0.2@n2 for-zone=a',
      ]);
      assert.ok(plan.includes('endpoints: 10.96.0.7 . tcp . 80 . 0 → 10.0.0.1 . 8080'));
    });
  });

  it('hides the source of traffic to a node port that may go anywhere', () => {
    const ports = [{ port: 80, nodePort: 30080, protocol: 'TCP' as const }];
    const plan = planned(service({ type: 'NodePort', ports }), ['10.0.0.1']);
    assert.ok(plan.includes('node_ports: tcp . 30080 → goto pick-node_ports-all-1'));
    assert.ok(plan.includes('node_endpoints: tcp . 30080 . 0 → 10.0.0.1 . 8080'));
  });

  it('serves external addresses and those of load balancers', () => {
    const object = service(
      { externalIPs: ['198.51.100.1'] },
      {
        status: {
          loadBalancer: {
            ingress: [{ ip: '198.51.100.2' }, { ip: '198.51.100.3', ipMode: 'Proxy' }],
          },
        },
      },
    );
    const places = planned(object, ['10.0.0.1']).filter((line) => line.startsWith('services:'));
    assert.deepEqual(places, [
      'services: 10.96.0.7 . tcp . 80 → goto pick-services-outsiders-1',
      'services: 198.51.100.1 . tcp . 80 → goto pick-services-all-1',
      'services: 198.51.100.2 . tcp . 80 → goto pick-services-all-1',
    ]);
  });

  describe('with loadBalancerSourceRanges', () => {
    const balanced = (loadBalancerSourceRanges: string[]): string[] =>
      planned(
        service(
          { type: 'LoadBalancer', externalIPs: ['198.51.100.1'], loadBalancerSourceRanges },
          { status: { loadBalancer: { ingress: [{ ip: '198.51.100.2' }] } } },
        ),
        ['10.0.0.1'],
      ).filter((line) => /^(guarded|source)/.test(line));

    it('guards the addresses of the load balancer alone', () => {
      const [guard = '', list = '', ...more] = balanced(['192.0.2.0/24', '10.0.0.0/8']);
      const digest = /^source_lists: ([0-9a-f]{16}) → 10\.0\.0\.0\/8, 192\.0\.2\.0\/24$/.exec(
        list,
      )?.[1];
      assert.equal(guard, `guarded_services: 198.51.100.2 . tcp . 80 → goto sources-${digest}`);
      assert.deepEqual(more, []);
    });

    it('names one list for the same ranges, however they are written', () => {
      const list = balanced(['10.0.0.0/8', '192.0.2.0/24']);
      assert.deepEqual(
        balanced([' 192.0.2.7/24 ', '10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8']),
        list,
      );
      assert.notDeepEqual(balanced(['10.0.0.0/8']), list);
      const [one, other] = ['192.0.2.0/24', '203.0.113.0/24'] as const;
      assert.deepEqual(balanced([one, other]), balanced([other, one]));
    });

    it('keeps nobody out when everybody may come, or only addresses of IPv6 are named', () => {
      assert.deepEqual(balanced(['10.0.0.0/8', '0.0.0.0/0']), []);
      assert.deepEqual(balanced(['2001:db8::/32']), []);
      assert.deepEqual(balanced([]), []);
    });
  });

  it('lets clients stick for the seconds of the Service', () => {
    const spec = {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    } as const;
    const plan = planned(service(spec), ['10.0.0.1']);
    assert.equal(plan[0], 'services: 10.96.0.7 . tcp . 80 → goto pick-services-outsiders-1-sticky');
    assert.ok(plan.includes('sticky_services: 10.96.0.7 . tcp . 80 → goto remember-60'));
  });

  it('finds the endpoints of each port by its name and protocol', () => {
    const ports = [
      { name: 'a', port: 1, protocol: 'TCP' as const },
      { name: 'b', port: 2, protocol: 'UDP' as const },
    ];
    const slices = [
      slice(['10.0.0.1'], [{ name: 'a', port: 1001, protocol: 'TCP' }]),
      slice(
        ['10.0.0.2'],
        [
          { name: 'b', port: 1002, protocol: 'UDP' },
          { name: 'b', port: 9, protocol: 'TCP' },
        ],
      ),
    ];
    const targets = planService(service({ ports }), slices, NODE).filter(
      ({ map }) => map === 'endpoints',
    );
    assert.deepEqual(
      targets.map(({ key, value }) => `${key} ${value}`),
      ['10.96.0.7 . tcp . 1 . 0 10.0.0.1 . 1001', '10.96.0.7 . udp . 2 . 0 10.0.0.2 . 1002'],
    );
  });

  it('counts an endpoint once, and as ready, while it moves between slices', () => {
    const slices = [slice(['10.0.0.1']), slice(['10.0.0.1 unready', '10.0.0.2'])];
    const targets = planService(service(), slices, NODE).filter(({ map }) => map === 'endpoints');
    assert.deepEqual(
      targets.map(({ value }) => value),
      ['10.0.0.1 . 8080', '10.0.0.2 . 8080'],
    );
  });

  const nothing: [claim: string, object: Service][] = [
    ['a headless Service', service({ clusterIP: 'None' })],
    ['an ExternalName', service({ type: 'ExternalName' })],
    ['an address that the node answers itself', service({ clusterIP: '10.96.0.10' })],
    [
      'a Service that says itself that it is headless',
      service({}, { metadata: { labels: { 'service.kubernetes.io/headless': '' } } }),
    ],
    [
      'a Service of another proxy',
      service({}, { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } } }),
    ],
  ];
  for (const [claim, object] of nothing) {
    it(`translates nothing for ${claim}`, () => {
      assert.deepEqual(planned(object, ['10.0.0.1@n2']), []);
    });
  }
});

describe('planService of family ip6', () => {
  const NODE6 = { ...NODE, family: 'ip6', ownAddresses: ['fd00:96::a'] } as const;
  const dual = (spec: Partial<NonNullable<Service['spec']>> = {}, more: Partial<Service> = {}) =>
    service({ clusterIPs: ['10.96.0.7', 'FD00:96:0::7'], ...spec }, more);
  const slices: EndpointSlice[] = [
    slice(['10.0.0.1', '10.0.0.2']),
    { ...slice(['FD00::1']), addressType: 'IPv6', endpoints: [endpoint6('FD00::1')] },
  ];
  const lines = (object: Service, node: typeof NODE | typeof NODE6 = NODE6): string[] =>
    planService(object, slices, node).map(({ map, key, value }) =>
      `${map}: ${key} → ${value}`.trim(),
    );

  it('has the addresses and the endpoints of its family alone, as nft writes them', () => {
    assert.deepEqual(lines(dual()), [
      'services: fd00:96::7 . tcp . 80 → goto pick-services-outsiders-1',
      'endpoints: fd00:96::7 . tcp . 80 . 0 → fd00::1 . 8080',
      'hairpins: fd00::1 . fd00::1 →',
    ]);
    assert.deepEqual(lines(dual(), NODE).slice(0, 1), [
      'services: 10.96.0.7 . tcp . 80 → goto pick-services-outsiders-2',
    ]);
  });

  it('gives node ports, external addresses and sources to the families that have an address', () => {
    const spec = {
      type: 'LoadBalancer',
      ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
      externalIPs: ['198.51.100.1', '2001:db8::1'],
      loadBalancerSourceRanges: ['10.0.0.0/8', '2001:db8:1::/48'],
    } satisfies Partial<NonNullable<Service['spec']>>;
    const more = {
      status: { loadBalancer: { ingress: [{ ip: '198.51.100.2' }, { ip: '2001:db8::2' }] } },
    };
    const keys = (of: string[]): string[] =>
      of
        .filter((line) => /^(services|node_ports|guarded|source)/.test(line))
        .map((line) => line.replace(/ → goto.*|[0-9a-f]{16} → /, ''));
    assert.deepEqual(keys(lines(dual(spec, more))), [
      'services: fd00:96::7 . tcp . 80',
      'services: 2001:db8::1 . tcp . 80',
      'services: 2001:db8::2 . tcp . 80',
      'guarded_services: 2001:db8::2 . tcp . 80',
      'source_lists: 2001:db8:1::/48',
      'node_ports: tcp . 30080',
    ]);
    const single = lines(service({ type: 'NodePort', ports: spec.ports }));
    assert.deepEqual(keys(single), []);
  });

  it('leaves out what the node answers itself, and clients that stick', () => {
    assert.deepEqual(keysOf(lines(dual({ clusterIPs: ['fd00:96::a'] }))), ['hairpins']);
    assert.equal(
      lines(dual({ sessionAffinity: 'ClientIP' }))[0],
      'services: fd00:96::7 . tcp . 80 → goto pick-services-outsiders-1',
    );
  });
});

const keysOf = (lines: readonly string[]): string[] =>
  lines.map((line) => line.split(':')[0] ?? '');

function endpoint6(address: string): Endpoint {
  return { ...endpoint('x'), addresses: [address] };
}

describe('noLocalEndpoints', () => {
  const local = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' } as const;
  const rows: [
    claim: string,
    spec: Partial<NonNullable<Service['spec']>>,
    on: string[],
    said: string[],
  ][] = [
    ['both policies', local, ['10.0.0.1@n2'], ['internal', 'external']],
    ['one policy', { externalTrafficPolicy: 'Local' }, ['10.0.0.1@n2'], ['external']],
    ['nothing of endpoints here', local, ['10.0.0.1@n2', '10.0.0.2@n1'], []],
    ['nothing where there is no endpoint at all', local, [], []],
    ['nothing of a headless Service', { ...local, clusterIP: 'None' }, ['10.0.0.1@n2'], []],
  ];
  for (const [claim, spec, on, said] of rows)
    it(`tells of ${claim}`, () => {
      assert.deepEqual(noLocalEndpoints(service(spec), [slice(on)], NODE), said);
    });
});

describe('planHostPorts', () => {
  const pod = (over: Partial<NonNullable<Pod['spec']>> = {}, phase = 'Running'): Pod => ({
    spec: {
      containers: [
        {
          name: 'c',
          ports: [
            { containerPort: 80, hostPort: 8080 },
            { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '192.0.2.2' },
            { containerPort: 81 },
          ],
        },
      ],
      ...over,
    },
    status: { podIP: '10.0.0.9', phase: phase as 'Running' },
  });

  it('maps the ports of the node to the pod', () => {
    assert.deepEqual(
      planHostPorts(pod(), 'ip').map(({ map, key, value }) => `${map}: ${key} → ${value}`.trim()),
      [
        'host_ports: tcp . 8080 → 10.0.0.9 . 80',
        'host_address_ports: 192.0.2.2 . udp . 53 → 10.0.0.9 . 53',
        'hairpins: 10.0.0.9 . 10.0.0.9 →',
      ],
    );
  });

  it('maps them for each family that the pod has an address of', () => {
    const ports = [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 81, hostPort: 8081, hostIP: '0.0.0.0' },
      { containerPort: 82, hostPort: 8082, hostIP: '::' },
      { containerPort: 83, hostPort: 8083, hostIP: 'FD00::2' },
    ];
    const object: Pod = {
      ...pod({ containers: [{ name: 'c', ports }] }),
      status: { podIP: '10.0.0.9', podIPs: [{ ip: '10.0.0.9' }, { ip: 'fd00::9' }] },
    };
    const places = (family: 'ip' | 'ip6'): string[] =>
      planHostPorts(object, family).map(({ key, value }) => `${key} → ${value}`);
    assert.deepEqual(places('ip').slice(0, -1), [
      'tcp . 8080 → 10.0.0.9 . 80',
      'tcp . 8081 → 10.0.0.9 . 81',
    ]);
    assert.deepEqual(places('ip6').slice(0, -1), [
      'tcp . 8080 → fd00::9 . 80',
      'tcp . 8082 → fd00::9 . 82',
      'fd00::2 . tcp . 8083 → fd00::9 . 83',
    ]);
  });

  it('maps nothing for a pod that is over, or lives in the network of the node', () => {
    assert.deepEqual(planHostPorts(pod({}, 'Succeeded'), 'ip'), []);
    assert.deepEqual(planHostPorts(pod({ hostNetwork: true }), 'ip'), []);
  });
});
