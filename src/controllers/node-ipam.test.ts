/** Ranges of nodes in the range of the cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { formatCidr, type IpRange, parseCidr } from '#base/ip.ts';
import { TestCluster } from '#kit/cluster.ts';
import { nodeIpamController } from './node-ipam.ts';
import { NodeBlocks } from './node-ipam/ranges.ts';

const range = (text: string): IpRange => parseCidr(text)!;

describe('NodeBlocks', () => {
  const cluster = { cidr: range('10.244.0.0/22'), nodeBits: 24 };
  const blocks = (taken: readonly string[], of = cluster): NodeBlocks => {
    const pool = new NodeBlocks(of);
    for (const text of taken) pool.take(range(text));
    return pool;
  };
  const next = (pool: NodeBlocks): string | undefined => {
    const free = pool.findFree();
    if (free === undefined) return undefined;
    pool.take(free.cidr);
    return formatCidr(free.cidr);
  };

  it('gives one after the other, and passes by what somebody has', () => {
    const pool = blocks(['10.244.1.0/24']);
    assert.deepEqual([next(pool), next(pool)], ['10.244.0.0/24', '10.244.2.0/24']);
  });
  it('keeps clear of larger and smaller ranges that overlap', () => {
    assert.equal(next(blocks(['10.244.0.0/23', '10.244.2.128/25'])), '10.244.3.0/24');
  });
  it('says when there is none', () => {
    assert.equal(next(blocks(['10.0.0.0/8'])), undefined);
  });
  it('leaves a block that was given back for the next turn', () => {
    const pool = blocks([]);
    const first = next(pool)!;
    pool.release(range(first));
    assert.deepEqual(
      [next(pool), next(pool), next(pool), next(pool), next(pool)],
      ['10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24', first, undefined],
    );
  });
  it('keeps a block that two hold until both have given it back', () => {
    const pool = blocks(['10.244.0.0/24', '10.244.0.0/24']);
    assert.equal(pool.release(range('10.244.0.0/24')), 0);
    assert.equal(pool.release(range('10.244.0.0/24')), 1);
    assert.equal(pool.taken, 0);
  });
  it('counts nothing that lies beside it', () => {
    assert.equal(blocks(['10.243.255.0/24', '10.244.4.0/24', '0.0.0.0/8']).taken, 0);
  });
  it('does not mix families', () => {
    assert.equal(blocks(['::/0']).taken, 0);
    const six = { cidr: range('fd00:10::/62'), nodeBits: 64 };
    assert.equal(next(blocks(['0.0.0.0/0', 'fd00:10::/64'], six)), 'fd00:10:0:1::/64');
  });
});

describe('nodeIpamController', () => {
  it('tells of nodes that get no range: none is left, or it cannot be written', async () => {
    const controllers = [nodeIpamController({ clusterCidrs: ['10.244.0.0/24'] })];
    const cluster = await TestCluster.start({ nodes: 0, controllers, scheduler: false });
    const metadata = { name: 'system:controller:node-controller' };
    const { rules } = await cluster.get(CLUSTER_ROLE, metadata.name);
    const left = rules.filter(({ resources }) => resources?.includes('nodes') !== true);
    await cluster.create(NODE, { metadata: { name: 'one' } });
    await cluster.create(NODE, { metadata: { name: 'two' } });
    await cluster.settle();
    await cluster.delete(NODE, { metadata: { name: 'one' } });
    await cluster.delete(NODE, { metadata: { name: 'two' } });
    await cluster.patch(CLUSTER_ROLE, { metadata, rules }, { rules: left });
    await cluster.create(NODE, { metadata: { name: 'three' } });
    await cluster.advance(1_000);
    const events = await cluster.list(EVENT, 'default');
    assert.deepEqual(
      new Set(events.map(({ message }) => message)),
      new Set([
        'Node two status is now: CIDRNotAvailable',
        'Node three status is now: CIDRAssignmentFailed',
      ]),
    );
    assert.deepEqual(
      new Set(events.map(({ source }) => source?.component)),
      new Set(['cidrAllocator']),
    );
    await cluster.stop();
  });
  it('refuses what is no range', () => {
    assert.throws(() => nodeIpamController({ clusterCidrs: ['10.244/16'] }), /Cannot read range/);
  });
  it('refuses an IPv6 range of too many parts', () => {
    assert.throws(() => nodeIpamController({ clusterCidrs: ['fd00:10::/47'] }), /at most \/63/);
  });
});
