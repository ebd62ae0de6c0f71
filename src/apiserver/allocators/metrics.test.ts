/** What the page of metrics says of addresses and node ports that Services have taken. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { FakeReader } from '#kit/fake-reader.ts';
import { sampleOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { SERVICE_CIDRS } from '../admission/targets.ts';
import { AddressAllocator } from './addresses.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';
const IPS = 'kube_apiserver_clusterip_allocator_';
const PORTS = 'kube_apiserver_nodeport_allocator_';

const service = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { selector: { app: 'x' }, ports: [{ port: 80 }], ...spec },
});

/** The samples that are not 0, without `prefix`, buckets and sums. */
async function samples(api: TestApiServer, prefix: string): Promise<string[]> {
  const text = String((await api.call('GET /metrics')).body);
  return text
    .split('\n')
    .filter((line) => line.startsWith(prefix) && !/_(?:bucket|sum)[{ ]| 0$/.test(line))
    .map((line) => line.slice(prefix.length));
}

describe('the metrics of the addresses of Services', () => {
  it('say by range how many are taken and free, and how often which way', async () => {
    const api = await TestApiServer.start();
    const kubernetes = [
      'allocated_ips{cidr="10.96.0.0/16"} 1',
      'allocation_duration_seconds_count{cidr="10.96.0.0/16"} 1',
      'allocation_total{cidr="10.96.0.0/16",scope="static"} 1',
      'available_ips{cidr="10.96.0.0/16"} 65533',
    ];
    assert.deepEqual(await samples(api, IPS), kubernetes);
    await api.must(`POST ${SERVICES}`, service('any'));
    await api.must(`POST ${SERVICES}`, service('this', { clusterIP: '10.96.0.10' }));
    await api.must(`POST ${SERVICES}?dryRun=All`, service('none'));
    const three = [
      'allocated_ips{cidr="10.96.0.0/16"} 3',
      'allocation_duration_seconds_count{cidr="10.96.0.0/16"} 3',
      'allocation_total{cidr="10.96.0.0/16",scope="static"} 2',
      'allocation_total{cidr="10.96.0.0/16",scope="dynamic"} 1',
      'available_ips{cidr="10.96.0.0/16"} 65531',
    ];
    assert.deepEqual(await samples(api, IPS), three);
    await api.must(`DELETE ${SERVICES}/this`);
    const two = await samples(api, IPS);
    assert.equal(two[0], 'allocated_ips{cidr="10.96.0.0/16"} 2');
    assert.equal(two.at(-1), 'available_ips{cidr="10.96.0.0/16"} 65532');
    assert.deepEqual(two.slice(1, -1), three.slice(1, -1));
  });

  it('count what was asked for in vain, but not of dry runs and outside all ranges', async () => {
    const api = await TestApiServer.start({ serviceClusterIpRange: '10.96.0.0/30' });
    const errors = async () =>
      (await samples(api, IPS)).filter((line) => line.startsWith('allocation_errors'));
    const taken = service('taken', { clusterIP: '10.96.0.1' });
    const outside = service('out', { clusterIP: '10.97.0.1' });
    assert.match(await api.refusal(`POST ${SERVICES}?dryRun=All`, outside), /^422 /);
    assert.match(await api.refusal(`POST ${SERVICES}`, outside), /^422 /);
    assert.deepEqual(await errors(), []);
    assert.match(await api.refusal(`POST ${SERVICES}`, taken), /^422 .*already allocated$/);
    await api.must(`POST ${SERVICES}`, service('last'));
    assert.match(await api.refusal(`POST ${SERVICES}`, service('more')), /^500 .*range is full$/);
    assert.deepEqual(await errors(), [
      'allocation_errors_total{cidr="10.96.0.0/30",scope="static"} 1',
      'allocation_errors_total{cidr="10.96.0.0/30",scope="dynamic"} 1',
    ]);
  });

  it('count an address that another server has just taken, and the next one', async () => {
    const reader = new FakeReader();
    reader.put(SERVICE_CIDRS, { metadata: { name: 'a' }, spec: { cidrs: ['10.96.0.0/16'] } });
    const answers = [false, true];
    const client = {
      create: () => Promise.resolve(answers.shift() === true),
      remove: () => Promise.resolve(),
    };
    const { clock, random } = new VirtualEnvironment();
    const metricRegistry = new MetricRegistry();
    const allocator = new AddressAllocator({ reader, client, random, clock, metricRegistry });
    allocator.start();
    await allocator.takeAny('IPv4', { metadata: { namespace: 'default', name: 'web' } });
    const labels = '{cidr="10.96.0.0/16",scope="dynamic"}';
    assert.equal(sampleOf(metricRegistry, `${IPS}allocation_errors_total${labels}`), 1);
    assert.equal(sampleOf(metricRegistry, `${IPS}allocation_total${labels}`), 1);
  });

  it('say of a range of IPv6 what fits into a number, and of one that is gone nothing', async () => {
    const api = await TestApiServer.start({ serviceClusterIpRange: '10.96.0.0/16,fd00::/64' });
    const spec = { cidrs: ['fd01::/112'] };
    const ranges = async () =>
      (await samples(api, IPS)).filter((line) => line.startsWith('available_ips'));
    await api.must(`POST ${CIDRS}`, { metadata: { name: 'more' }, spec });
    assert.deepEqual((await ranges()).toSorted(), [
      'available_ips{cidr="10.96.0.0/16"} 65533',
      'available_ips{cidr="fd00::/64"} 9.223372036854776e+18',
      'available_ips{cidr="fd01::/112"} 65535',
    ]);
    await api.must(`DELETE ${CIDRS}/more`);
    assert.equal((await ranges()).length, 2);
  });
});

it('the metrics of node ports say the same of the one range that there is', async () => {
  const api = await TestApiServer.start({ serviceNodePortRange: { from: 30_000, to: 30_002 } });
  const port = (name: string, nodePort?: number) =>
    service(name, { type: 'NodePort', ports: [{ port: 80, ...(nodePort && { nodePort }) }] });
  assert.deepEqual(await samples(api, PORTS), ['available_ports 3']);
  await api.must(`POST ${SERVICES}`, port('any'));
  const { spec } = await api.must(`GET ${SERVICES}/any`);
  const given = spec.ports[0].nodePort as number;
  const other = given === 30_000 ? 30_001 : 30_000;
  await api.must(`POST ${SERVICES}`, port('this', other));
  await api.must(`POST ${SERVICES}?dryRun=All`, port('none'));
  assert.match(await api.refusal(`POST ${SERVICES}?dryRun=All`, port('no', given)), /^422 /);
  assert.match(await api.refusal(`POST ${SERVICES}`, port('twice', given)), /^422 /);
  assert.match(await api.refusal(`POST ${SERVICES}`, port('outside', 80)), /^422 /);
  assert.deepEqual(await samples(api, PORTS), [
    'allocated_ports 2',
    'allocation_errors_total{scope="static"} 2',
    'allocation_total{scope="dynamic"} 1',
    'allocation_total{scope="static"} 1',
    'available_ports 1',
  ]);
  await api.must(`POST ${SERVICES}`, port('last'));
  assert.match(await api.refusal(`POST ${SERVICES}`, port('more')), /^500 .*range is full$/);
  await api.must(`DELETE ${SERVICES}/any`);
  assert.deepEqual(await samples(api, PORTS), [
    'allocated_ports 2',
    'allocation_errors_total{scope="static"} 2',
    'allocation_errors_total{scope="dynamic"} 1',
    'allocation_total{scope="dynamic"} 2',
    'allocation_total{scope="static"} 1',
    'available_ports 1',
  ]);
});
