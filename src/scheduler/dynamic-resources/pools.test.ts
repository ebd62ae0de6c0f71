/** Which devices a node can reach, and from where devices can be reached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allocateIn, type AllocatorWorld, gives } from '#kit/allocator-world.ts';
import { aClaim, aRequest, aSlice } from '#kit/devices.ts';

const NONE = 'cannot allocate all claims';
const INVALID = 'invalid resource pools were encountered';

const two = [aSlice('s', { nodeName: 'n1', devices: ['a', 'b'] })];

type Row = readonly [claim: string, world: AllocatorWorld, gives: string];

function check(rows: readonly Row[]): void {
  for (const [name, world, expected] of rows)
    it(name, () => {
      assert.equal(gives(world), expected);
    });
}

describe('of a pool', () => {
  const old = aSlice('old', { nodeName: 'n1', devices: ['old'] });
  check([
    [
      'only the newest generation counts',
      {
        slices: [old, aSlice('new', { nodeName: 'n1', generation: 2, devices: ['new'] })],
        claims: [aClaim('c')],
      },
      'r=n1/new',
    ],
    [
      'nothing is taken while slices are missing',
      {
        slices: [aSlice('s', { nodeName: 'n1', slices: 2, devices: ['a'] })],
        claims: [aClaim('c')],
      },
      NONE,
    ],
    [
      'slices for other nodes are no missing ones',
      {
        slices: [
          aSlice('s', { pool: 'p', nodeName: 'n1', slices: 2, devices: ['a'] }),
          aSlice('t', { pool: 'p', nodeName: 'n2', slices: 2, devices: ['b'] }),
        ],
        claims: [aClaim('c')],
      },
      'r=p/a',
    ],
    [
      'nothing is left for a node that the newest generation does not know',
      {
        slices: [
          aSlice('s', { pool: 'p', nodeName: 'n1', slices: 2, devices: ['a'] }),
          aSlice('t', { pool: 'p', nodeName: 'n2', generation: 2, devices: ['b'] }),
        ],
        claims: [aClaim('c')],
      },
      NONE,
    ],
    [
      'two devices of one name are a fault',
      {
        slices: [
          aSlice('s', { nodeName: 'n1', slices: 2, devices: ['a'] }),
          aSlice('t', { nodeName: 'n1', slices: 2, devices: ['a'] }),
        ],
        claims: [aClaim('c')],
      },
      INVALID,
    ],
    [
      'a fault does not matter where another pool has enough',
      {
        slices: [...two, aSlice('z', { nodeName: 'n1', pool: 'broken', devices: ['x', 'x'] })],
        claims: [aClaim('c')],
      },
      'r=n1/a',
    ],
    [
      'the order is that of pools, slices and devices',
      {
        slices: [
          aSlice('s2', { nodeName: 'n1', pool: 'p2', devices: ['a'] }),
          aSlice('b', { nodeName: 'n1', pool: 'p1', slices: 2, devices: ['z'] }),
          aSlice('a', { nodeName: 'n1', pool: 'p1', slices: 2, devices: ['y', 'x'] }),
        ],
        claims: [aClaim('c', { requests: [aRequest('r', { count: 4 })] })],
      },
      'r=p1/y r=p1/x r=p1/z r=p2/a',
    ],
    [
      'devices that are to be made ready come last',
      {
        slices: [
          aSlice('s', {
            nodeName: 'n1',
            pool: 'a',
            devices: [
              { name: 'slow', bindingConditions: ['ready'], bindingFailureConditions: ['f'] },
            ],
          }),
          aSlice('t', { nodeName: 'n1', pool: 'b', devices: ['fast'] }),
        ],
        claims: [aClaim('c')],
      },
      'r=b/fast',
    ],
  ]);
});

describe('a slice', () => {
  const zone = { key: 'zone', operator: 'In' as const, values: ['a'] };
  const nodeSelector = { nodeSelectorTerms: [{ matchExpressions: [zone] }] };
  const mixed = aSlice('s', {
    pool: 'p',
    perDeviceNodeSelection: true,
    devices: [
      { name: 'of-n2', nodeName: 'n2' },
      { name: 'of-zone', nodeSelector },
      { name: 'of-all', allNodes: true },
    ],
  });
  check([
    [
      'for all nodes is for this one',
      { slices: [aSlice('s', { allNodes: true, devices: ['a'] })], claims: [aClaim('c')] },
      'r=shared/a',
    ],
    [
      'with a node selector is for nodes that it matches',
      {
        slices: [aSlice('s', { nodeSelector, devices: ['a'] })],
        claims: [aClaim('c')],
        node: { labels: { zone: 'a' } },
      },
      'r=shared/a',
    ],
    [
      'with a node selector is not for others',
      { slices: [aSlice('s', { nodeSelector, devices: ['a'] })], claims: [aClaim('c')] },
      NONE,
    ],
    [
      'may say it for each device: all nodes',
      { slices: [mixed], claims: [aClaim('c')] },
      'r=p/of-all',
    ],
    [
      'may say it for each device: a selector',
      { slices: [mixed], claims: [aClaim('c')], node: { labels: { zone: 'a' } } },
      'r=p/of-zone',
    ],
    [
      'may say it for each device: a name',
      { slices: [mixed], claims: [aClaim('c')], node: { name: 'n2' } },
      'r=p/of-n2',
    ],
    [
      'that says nothing of nodes is for none',
      { slices: [aSlice('s', { devices: ['a'] })], claims: [aClaim('c')] },
      NONE,
    ],
  ]);

  it('decides from where the devices can be reached', () => {
    const nodesOf = (...slices: AllocatorWorld['slices'] & object): unknown => {
      const given = allocateIn({
        slices,
        claims: [aClaim('c', { requests: [aRequest('r', { allocationMode: 'All' })] })],
        node: { labels: { zone: 'a' } },
      });
      return 'results' in given ? given.results[0]?.nodeSelector : given.reason;
    };
    const thisNode = {
      nodeSelectorTerms: [
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
      ],
    };
    assert.equal(nodesOf(aSlice('s', { allNodes: true, devices: ['a'] })), undefined);
    assert.deepEqual(nodesOf(aSlice('s', { nodeSelector, devices: ['a', 'b'] })), nodeSelector);
    assert.deepEqual(nodesOf(...two), thisNode);
    assert.deepEqual(
      nodesOf(aSlice('s', { allNodes: true, devices: [{ name: 'a', bindsToNode: true }] })),
      thisNode,
    );
    assert.deepEqual(
      nodesOf(aSlice('s', { pool: 'a', nodeSelector, devices: ['a'] }), ...two),
      thisNode,
    );
  });
});
