/** The loop that keeps routes, against a kernel that only remembers what it was told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import type { Processes, ProcessResult } from '#base/doors.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { clientAs } from '#client/in-process.ts';
import { NODE } from '#api/core/node.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { PodNetwork } from './pod-network.ts';
import type { PodNetworkMode } from './routes.ts';

class FakeKernel implements Processes {
  readonly calls: string[] = [];
  readonly batches: string[] = [];
  there = '[]';
  failure = '';
  hasTunnel = false;

  run(command: string, args: readonly string[], options = {}): Promise<ProcessResult> {
    const { input = '' } = options as { input?: string };
    this.calls.push([command, ...args].join(' '));
    if (input !== '') this.batches.push(input);
    const text = (value: string): Uint8Array => Buffer.from(value);
    const isAbsent = args.includes('link') && !this.hasTunnel;
    const exitCode = isAbsent || (this.failure !== '' && input !== '') ? 1 : 0;
    const stdout = args.includes('show') ? this.there : '';
    return Promise.resolve({ exitCode, stdout: text(stdout), stderr: text(this.failure) });
  }
}

interface NodeParts {
  readonly podCIDR?: string;
  readonly address: string;
}

function node(name: string, { podCIDR, address }: NodeParts): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

async function world(mode: PodNetworkMode, own: Pick<NodeParts, 'podCIDR'>, hasTunnel = false) {
  const { environment, server } = await TestApiServer.start();
  const kernel = new FakeKernel();
  kernel.hasTunnel = hasTunnel;
  kernel.there = '[{"dst":"10.244.9.0/24","gateway":"192.0.2.9"}]';
  const admin = { name: 'admin', groups: ['system:masters'] };
  const client = clientAs(server.handler, admin, { environment, userAgent: 'test' });
  const create = (name: string, parts: NodeParts) =>
    environment.resolve(client.create(NODE, node(name, parts)));
  const patch = async (name: string, change: object): Promise<void> => {
    await environment.resolve(client.patch(NODE, { name }, 'merge', change));
    await environment.advance(1_000);
  };
  await create('self', { ...own, address: '192.0.2.1' });
  await create('other', { podCIDR: '10.244.1.0/24', address: '192.0.2.2' });
  const informers = new InformerFactory({ client, environment });
  const stop = new AbortController();
  const network = new PodNetwork({
    environment,
    informers,
    processes: kernel,
    node: { name: 'self', address: '192.0.2.1', linkMtu: 1_400 },
    mode,
    tunnelDevice: 'tunnel',
  });
  informers.start(stop.signal);
  await environment.resolve(network.start(stop.signal));
  return {
    environment,
    kernel,
    patch,
    addThird: async (): Promise<void> => {
      await create('third', { podCIDR: '10.244.2.0/24', address: '192.0.2.3' });
      await environment.advance(100);
    },
    remove: async (name: string): Promise<void> => {
      await environment.resolve(client.delete(NODE, { name }));
      await environment.advance(1_000);
    },
  };
}

const OWN = { podCIDR: '10.244.0.0/24' };
const OTHER = 'route replace 10.244.1.0/24 via 192.0.2.2 proto 201\n';

describe('PodNetwork', () => {
  it('takes routes of before away, and makes those to other nodes', async () => {
    const { kernel } = await world('direct', OWN);
    assert.deepEqual(kernel.batches, [`route delete 10.244.9.0/24 proto 201\n${OTHER}`]);
  });

  it('follows Nodes, and writes nothing where they only say that they live', async () => {
    const { kernel, patch, addThird, remove } = await world('direct', OWN);
    await patch('other', { metadata: { annotations: { heartbeat: '2' } } });
    assert.equal(kernel.batches.length, 1);
    await addThird();
    const third = 'route replace 10.244.2.0/24 via 192.0.2.3 proto 201\n';
    assert.equal(kernel.batches[1], `${OTHER}${third}`);
    await remove('other');
    assert.equal(kernel.batches[2], `route delete 10.244.1.0/24 proto 201\n${third}`);
  });

  it('tries again what failed, from what the kernel has then', async () => {
    const { environment, kernel, addThird } = await world('direct', OWN);
    kernel.failure = 'Nexthop has invalid gateway';
    await addThird();
    assert.match(environment.lines('error')[0]?.message ?? '', /cannot write routes of pods/);
    kernel.failure = '';
    kernel.there = '[{"dst":"10.244.1.0/24","gateway":"192.0.2.2"},{"dst":"10.244.8.0/24"}]';
    await environment.advance(1_000);
    const third = 'route replace 10.244.2.0/24 via 192.0.2.3 proto 201\n';
    const late = 'route delete 10.244.8.0/24 proto 201\n';
    assert.equal(kernel.batches.at(-1), `${late}${OTHER}${third}`);
    assert.ok(kernel.calls.includes('ip -force -batch -'));
    const written = kernel.batches.length;
    await environment.advance(60_000);
    assert.equal(kernel.batches.length, written);
  });

  it('makes a tunnel when the node has its range, and not before', async () => {
    const { kernel, patch, addThird } = await world('vxlan', {});
    assert.equal(kernel.batches.length, 0);
    await patch('self', { spec: { podCIDR: OWN.podCIDR, podCIDRs: [OWN.podCIDR] } });
    assert.match(
      kernel.batches[0] ?? '',
      /^link add tunnel type vxlan id 1 dstport 8472 local 192.0.2.1 nolearning\nlink set tunnel .* mtu 1350 up\n/,
    );
    assert.match(
      kernel.batches[1] ?? '',
      /fdb replace 02:78:0a:f4:01:00 dev tunnel dst 192.0.2.2\n$/,
    );
    assert.match(kernel.batches[2] ?? '', /via 10.244.1.0 dev tunnel onlink proto 201\n$/);
    await addThird();
    const shown = kernel.calls.filter((each) => each === 'ip link show dev tunnel');
    assert.equal(shown.length, 1);
  });

  it('takes over the tunnel of before', async () => {
    const { kernel } = await world('vxlan', OWN, true);
    assert.match(kernel.batches[0] ?? '', /^link set tunnel /);
  });

  it('has both families in the tunnel, and takes routes of before of both away', async () => {
    const { kernel, patch } = await world('vxlan', {});
    const podCIDRs = ['fd00:244::/64', OWN.podCIDR];
    await patch('self', { spec: { podCIDR: podCIDRs[0], podCIDRs } });
    assert.match(
      kernel.batches[0] ?? '',
      /address replace 10\.244\.0\.0\/32 dev tunnel\naddress replace fd00:244::\/128 dev tunnel nodad\n$/,
    );
    for (const family of ['-4', '-6'])
      assert.ok(kernel.calls.includes(`ip -json ${family} route show proto 201`), family);
  });
});
