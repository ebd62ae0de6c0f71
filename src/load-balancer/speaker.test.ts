import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { EXCLUDE_LABEL, speakerOf } from './speaker.ts';

const node = (name: string, over: Partial<Node> = {}): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
  ...over,
});
const NODES = ['n1', 'n2', 'n3', 'n4'].map((name) => node(name));
const ADDRESSES = Array.from({ length: 100 }, (_, at) => `192.0.2.${at}`);
const service: Service = { spec: { type: 'LoadBalancer' } };

function speakers(nodes: readonly Node[], slices: EndpointSlice[] = [], of = service) {
  return ADDRESSES.map((address) => speakerOf({ address, service: of, slices }, nodes));
}

describe('speakerOf', () => {
  it('is the same for everybody, and spreads addresses over nodes', () => {
    const chosen = speakers(NODES);
    assert.deepEqual(speakers(NODES.toReversed()), chosen);
    for (const { metadata } of NODES) {
      const share = chosen.filter((name) => name === metadata?.name).length;
      assert.ok(share >= 12 && share <= 40, `${metadata?.name} has ${share} of 100`);
    }
  });

  const gone: [what: string, over: Partial<Node> | undefined][] = [
    ['is gone', undefined],
    ['is not ready', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }],
    ['has said nothing yet', { status: {} }],
    ['is excluded by its label', { metadata: { name: 'n2', labels: { [EXCLUDE_LABEL]: '' } } }],
    ['is being deleted', { metadata: { name: 'n2', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
    [
      'is about to be taken away',
      { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } },
    ],
  ];
  for (const [what, over] of gone)
    it(`moves the addresses of a node that ${what}, and no others`, () => {
      const before = speakers(NODES);
      const left = NODES.filter(({ metadata }) => metadata?.name !== 'n2');
      const after = speakers(over === undefined ? left : [...left, node('n2', over)]);
      assert.ok(!after.includes('n2'));
      for (const [at, name] of before.entries()) if (name !== 'n2') assert.equal(after[at], name);
    });

  it('is a node with ready endpoints, where traffic has to stay on its node', () => {
    const local: Service = { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } };
    const slice = (nodeName: string, conditions: object): EndpointSlice => ({
      addressType: 'IPv4',
      ports: [],
      endpoints: [{ addresses: ['10.0.0.1'], nodeName, conditions }],
    });
    const slices = [
      slice('n1', { ready: false }),
      slice('n2', { ready: true, terminating: true }),
      slice('n3', {}),
    ];
    assert.deepEqual(new Set(speakers(NODES, slices, local)), new Set(['n3']));
    assert.deepEqual(new Set(speakers(NODES, slices.slice(0, 2), local)), new Set([undefined]));
    assert.ok(new Set(speakers(NODES, slices)).size > 1);
  });

  it('is nobody without nodes', () => {
    assert.deepEqual(new Set(speakers([])), new Set([undefined]));
  });
});
