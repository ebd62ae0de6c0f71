import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Service, ServiceSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { parseCidr, parseIp, rangeContains } from '#base/ip.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { FakeReader } from '#kit/fake-reader.ts';
import type { ApiObject } from '../api-object.ts';
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from '../admission/targets.ts';
import type { Taken } from '../registry/allocators.ts';
import { ServiceAllocators } from './services.ts';

const RANGE = '10.96.0.0/16';

let reader: FakeReader;
let allocators: ServiceAllocators;

/** IPAddresses in a store that the cache shows at once. */
const client = {
  async create(target: typeof IP_ADDRESSES, object: KubeObject): Promise<boolean> {
    if (reader.get(target, '', object.metadata?.name ?? '') !== undefined) return false;
    reader.put(target, object);
    return true;
  },
  async remove(target: typeof IP_ADDRESSES, { metadata }: KubeObject): Promise<void> {
    reader.remove(target, metadata?.namespace ?? '', metadata?.name ?? '');
  },
};

const addresses = (): (string | undefined)[] =>
  [...reader.list(IP_ADDRESSES)].map(({ metadata }) => metadata?.name);

function start(clusterIpRange = RANGE, nodePortRange = { from: 30_000, to: 32_767 }): void {
  reader.put(SERVICE_CIDRS, {
    metadata: { name: 'kubernetes' },
    spec: { cidrs: clusterIpRange.split(',') },
  });
  const { clock, log } = new VirtualEnvironment();
  allocators = new ServiceAllocators({
    reader,
    client,
    clock,
    log,
    metricRegistry: new MetricRegistry(),
    clusterIpRange,
    nodePortRange,
    random: new SeededRandom(1),
  });
  allocators.start();
}

beforeEach(() => {
  reader = new FakeReader();
  start();
});

const service = (name: string, spec: ServiceSpec): Service => ({
  metadata: { namespace: 'default', name },
  spec: { type: 'ClusterIP', selector: { app: 'x' }, ...structuredClone(spec) },
});

const begin = (next: Service, old?: ApiObject, dryRun = false): Promise<Taken> =>
  allocators.begin({ next: next as ApiObject, old, dryRun });

/** The Service is deleted. */
async function remove(gone: Service): Promise<void> {
  reader.remove(SERVICES, 'default', gone.metadata?.name ?? '');
  await allocators.afterDelete(gone as ApiObject);
}

/** Allocates and, unless told otherwise, lets the cache see the object. */
async function write(
  next: Service,
  options: { old?: Service; seen?: boolean; dryRun?: boolean } = {},
): Promise<Service> {
  const old = structuredClone(options.old) as ApiObject | undefined;
  const taken = await begin(next, old, options.dryRun === true);
  await taken.commit();
  if (options.seen !== false && options.dryRun !== true) reader.put(SERVICES, next as ApiObject);
  return next;
}

async function refusal(next: Service, old?: Service): Promise<string> {
  try {
    await write(next, old === undefined ? {} : { old });
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return `${error.code} ${error.message}`;
  }
  return assert.fail('nothing was refused');
}

describe('cluster addresses', () => {
  it('are given from the upper band', async () => {
    const { spec } = await write(service('a', {}));
    const value = parseIp(spec!.clusterIP!)!.value;
    assert.ok(rangeContains(parseCidr(RANGE)!, parseIp(spec!.clusterIP!)!));
    assert.ok(value >= parseIp('10.96.1.1')!.value);
    assert.deepEqual(
      [spec!.clusterIPs, spec!.ipFamilies, spec!.ipFamilyPolicy],
      [[spec!.clusterIP], ['IPv4'], 'SingleStack'],
    );
  });

  it('fall back to the lower band, and end', async () => {
    start('10.96.0.0/27');
    const given = new Set<string>();
    for (let i = 0; i < 30; i++) given.add((await write(service(`s${i}`, {}))).spec!.clusterIP!);
    assert.equal(given.size, 30);
    assert.ok(!given.has('10.96.0.0') && !given.has('10.96.0.31'));
    assert.match(
      await refusal(service('more', {})),
      /^500 .*failed to allocate a serviceIP for Service "more": range is full$/,
    );
  });

  it('may be asked for', async () => {
    const { spec } = await write(service('dns', { clusterIP: '10.96.0.10' }));
    assert.deepEqual([spec!.clusterIP, spec!.clusterIPs], ['10.96.0.10', ['10.96.0.10']]);
  });

  it('are refused when another Service has them', async () => {
    await write(service('a', { clusterIP: '10.96.0.10' }));
    assert.equal(
      await refusal(service('b', { clusterIP: '10.96.0.10' })),
      '422 Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
  });

  it('are refused while another write holds them, and free when it failed', async () => {
    const taken = await begin(service('a', { clusterIP: '10.96.0.10' }));
    assert.match(await refusal(service('b', { clusterIP: '10.96.0.10' })), /already allocated/);
    await taken.revert();
    await write(service('b', { clusterIP: '10.96.0.10' }));
  });

  it('are refused outside the range, and at its ends', async () => {
    for (const ip of ['10.97.0.1', '10.96.0.0', '10.96.255.255']) {
      assert.match(
        await refusal(service('a', { clusterIP: ip })),
        /422 .*the provided network does not match the current range$/,
      );
    }
  });

  it('are free again when the Service is gone', async () => {
    await remove(await write(service('a', { clusterIP: '10.96.0.10' })));
    assert.deepEqual(addresses(), []);
    await write(service('b', { clusterIP: '10.96.0.10' }));
  });

  it('of Services that were there before are known', async () => {
    reader.put(
      SERVICES,
      service('old', { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }) as ApiObject,
    );
    start();
    assert.match(await refusal(service('b', { clusterIP: '10.96.0.10' })), /already allocated/);
  });

  it('are not taken by a dry run', async () => {
    await write(service('a', { clusterIP: '10.96.0.10' }), { dryRun: true });
    await write(service('b', { clusterIP: '10.96.0.10' }));
  });

  it('are not given to headless Services', async () => {
    const { spec } = await write(service('a', { clusterIP: 'None' }));
    assert.deepEqual(
      [spec!.clusterIPs, spec!.ipFamilies, spec!.ipFamilyPolicy],
      [['None'], ['IPv4'], 'SingleStack'],
    );
  });

  it('make a headless Service without selector one of both families', async () => {
    const { spec } = await write(service('a', { clusterIP: 'None', selector: {} }));
    assert.deepEqual(
      [spec!.ipFamilies, spec!.ipFamilyPolicy],
      [['IPv4', 'IPv6'], 'RequireDualStack'],
    );
  });

  it('are not given to ExternalName, and are freed when a Service becomes one', async () => {
    const external = await write(service('a', { type: 'ExternalName', externalName: 'x.y' }));
    assert.equal(external.spec!.clusterIP, undefined);
    const old = await write(service('b', { clusterIP: '10.96.0.10' }));
    const next = await write(service('b', { type: 'ExternalName', externalName: 'x.y' }), { old });
    assert.equal(next.spec!.clusterIP, undefined);
    await write(service('c', { clusterIP: '10.96.0.10' }));
  });

  it('stay when an update leaves them out', async () => {
    const old = await write(service('a', {}));
    const { spec } = await write(service('a', {}), { old });
    assert.deepEqual(
      [spec!.clusterIP, spec!.clusterIPs],
      [old.spec!.clusterIP, old.spec!.clusterIPs],
    );
  });

  it('refuse two families on a cluster of one', async () => {
    assert.equal(
      await refusal(service('a', { ipFamilyPolicy: 'RequireDualStack' })),
      '422 Service "a" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    );
    assert.match(
      await refusal(service('a', { ipFamilies: ['IPv6'] })),
      /spec.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster$/,
    );
  });

  it('come from both families where there are two', async () => {
    start(`${RANGE},fd00:96::/108`);
    const { spec } = await write(service('a', { ipFamilyPolicy: 'PreferDualStack' }));
    assert.deepEqual(spec!.ipFamilies, ['IPv4', 'IPv6']);
    assert.equal(spec!.clusterIP, spec!.clusterIPs![0]);
    assert.ok(rangeContains(parseCidr('fd00:96::/108')!, parseIp(spec!.clusterIPs![1]!)!));
  });

  it('gain and lose a second family on request', async () => {
    start(`${RANGE},fd00:96::/108`);
    const single = await write(service('a', {}));
    const both = await write(service('a', { ipFamilyPolicy: 'RequireDualStack' }), { old: single });
    assert.equal(both.spec!.clusterIPs!.length, 2);
    assert.equal(both.spec!.clusterIP, single.spec!.clusterIP);
    const again = await write(service('a', { ...both.spec!, ipFamilyPolicy: 'SingleStack' }), {
      old: both,
    });
    assert.deepEqual(again.spec!.clusterIPs, single.spec!.clusterIPs);
  });
});

describe('node ports', () => {
  const ports = (...list: [port: number, nodePort?: number, protocol?: 'TCP' | 'UDP'][]) =>
    list.map(([port, nodePort, protocol = 'TCP'], i) => ({
      name: `p${i}`,
      port,
      protocol,
      ...(nodePort ? { nodePort } : {}),
    }));

  it('are given from the upper band', async () => {
    const { spec } = await write(service('a', { type: 'NodePort', ports: ports([80]) }));
    const port = spec!.ports![0]!.nodePort!;
    assert.ok(port >= 30_086 && port <= 32_767, String(port));
  });

  it('serve all protocols of a port', async () => {
    const { spec } = await write(
      service('a', { type: 'NodePort', ports: ports([53, 0, 'TCP'], [53, 0, 'UDP']) }),
    );
    assert.equal(spec!.ports![0]!.nodePort, spec!.ports![1]!.nodePort);
  });

  it('asked for by one protocol serve the other', async () => {
    const { spec } = await write(
      service('a', { type: 'NodePort', ports: ports([53, 0, 'TCP'], [53, 30_053, 'UDP']) }),
    );
    assert.deepEqual(
      spec!.ports!.map(({ nodePort }) => nodePort),
      [30_053, 30_053],
    );
  });

  it('are refused when they are taken or out of range', async () => {
    await write(service('a', { type: 'NodePort', ports: ports([80, 30_080]) }));
    assert.equal(
      await refusal(service('b', { type: 'NodePort', ports: ports([81], [80, 30_080]) })),
      '422 Service "b" is invalid: spec.ports[1].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    assert.equal(
      await refusal(service('b', { type: 'NodePort', ports: ports([80, 80]) })),
      '422 Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('are given back with all else when one is refused', async () => {
    await write(service('a', { type: 'NodePort', ports: ports([80, 30_080]) }));
    await refusal(
      service('b', {
        type: 'NodePort',
        clusterIP: '10.96.0.10',
        ports: ports([81, 30_081], [80, 30_080]),
      }),
    );
    await write(
      service('c', { type: 'NodePort', clusterIP: '10.96.0.10', ports: ports([81, 30_081]) }),
    );
  });

  it('stay by the name of the port when an update leaves them out', async () => {
    const old = await write(service('a', { type: 'NodePort', ports: ports([80], [443]) }));
    const { spec } = await write(service('a', { type: 'NodePort', ports: ports([8080], [443]) }), {
      old,
    });
    assert.deepEqual(
      spec!.ports!.map(({ nodePort }) => nodePort),
      old.spec!.ports!.map(({ nodePort }) => nodePort),
    );
  });

  it('do not stay when another port asks for the number', async () => {
    const old = await write(
      service('a', { type: 'NodePort', ports: ports([80, 30_080], [443, 30_443]) }),
    );
    const { spec } = await write(
      service('a', { type: 'NodePort', ports: ports([80, 30_443], [443]) }),
      { old },
    );
    const [first, second] = spec!.ports!.map(({ nodePort }) => nodePort);
    assert.equal(first, 30_443);
    assert.notEqual(second, 30_443);
    assert.ok(second);
  });

  it('are freed when the type needs none', async () => {
    const old = await write(service('a', { type: 'NodePort', ports: ports([80, 30_080]) }));
    await write(service('a', { type: 'ClusterIP', ports: ports([80]) }), { old });
    await write(service('b', { type: 'NodePort', ports: ports([80, 30_080]) }));
  });

  it('are given to load balancers only as they wish', async () => {
    const without = await write(
      service('a', {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        ports: ports([80], [81, 30_081]),
      }),
    );
    assert.deepEqual(
      without.spec!.ports!.map(({ nodePort }) => nodePort),
      [undefined, 30_081],
    );
    const withPorts = await write(
      service('b', {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: true,
        ports: ports([80]),
      }),
    );
    assert.ok(withPorts.spec!.ports![0]!.nodePort);
  });

  it('include one for health checks of local traffic', async () => {
    const spec: ServiceSpec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ports: ports([80]),
    };
    const old = await write(service('a', spec));
    assert.ok(old.spec!.healthCheckNodePort);
    const next = await write(service('a', spec), { old });
    assert.equal(next.spec!.healthCheckNodePort, old.spec!.healthCheckNodePort);
  });
});

it('never gives one number twice, whatever is written and removed', async () => {
  start('10.96.0.0/26', { from: 30_000, to: 30_063 });
  const random = new SeededRandom(7);
  const alive = new Map<string, Service>();
  for (let i = 0; i < 500; i++) {
    const name = `s${random.below(40)}`;
    const old = alive.get(name);
    if (old !== undefined && random.chance(0.5)) {
      await remove(old);
      alive.delete(name);
    } else {
      const next = service(name, {
        type: random.chance(0.5) ? 'NodePort' : 'ClusterIP',
        ports: [{ port: 80 }],
      });
      await write(next, old === undefined ? {} : { old });
      if (next.spec!.type === 'ClusterIP')
        for (const port of next.spec!.ports!) delete port.nodePort;
      reader.put(SERVICES, next as ApiObject);
      alive.set(name, next);
    }
    const ips = [...alive.values()].map(({ spec }) => spec!.clusterIP);
    const nodePorts = [...alive.values()].flatMap(({ spec }) =>
      spec!.ports!.flatMap(({ nodePort }) => nodePort ?? []),
    );
    assert.equal(new Set(ips).size, ips.length);
    assert.equal(new Set(nodePorts).size, nodePorts.length);
  }
});
