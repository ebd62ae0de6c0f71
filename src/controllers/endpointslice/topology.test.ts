/** Hints by topology, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { type Hinted, type Told, TopologyHints, type Unhinted } from './topology.ts';

/** `a:2` is a node of zone a with two processors; more words are its labels. */
function node(text: string): Node {
  const [place = '', ...names] = text.split(' ');
  const [zone = '', cpu = ''] = place.split(':');
  const labels = Object.fromEntries(names.map((name) => [name, '']));
  return {
    metadata: {
      labels: { ...(zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }), ...labels },
    },
    status: {
      allocatable: cpu === '' ? {} : { cpu },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

/** `aab` is a slice with two endpoints in zone a and one in zone b; `a>b`: with a hint for b. */
function slice(text: string, name = text): EndpointSlice {
  const endpoints = [...text.matchAll(/(\w|-)(?:>(\w))?/g)].map(([, zone = '', hint]) => ({
    addresses: ['10.0.0.1'],
    conditions: { ready: zone !== '-' },
    ...(zone === '-' || zone === 'x' ? {} : { zone }),
    ...(hint === undefined ? {} : { hints: { forZones: [{ name: hint }] } }),
  }));
  return { metadata: { name }, addressType: 'IPv4', endpoints, ports: [] };
}

function texts(slices: readonly EndpointSlice[]): string[] {
  return slices.map(({ endpoints }) =>
    endpoints
      .map(({ zone, hints, conditions }) => {
        const place = conditions?.ready === true ? (zone ?? 'x') : '-';
        return hints === undefined ? place : `${place}>${hints.forZones?.[0]?.name}`;
      })
      .join(''),
  );
}

class World {
  readonly told: Told[] = [];
  nodes: Node[];
  readonly hints = new TopologyHints(() => this.nodes);

  constructor(nodes: string) {
    this.nodes = nodes.split(',').map(node);
  }

  hint(slices: Partial<Unhinted>): Hinted {
    const all = { family: 'IPv4', creates: [], updates: [], unchanged: [], ...slices };
    return this.hints.hint('default/web', all, (told) => this.told.push(told));
  }

  get messages(): string[] {
    return this.told.map(({ message }) => message);
  }
}

describe('TopologyHints', () => {
  it('leaves endpoints in their zones when these have their share', () => {
    const world = new World('a:2,b:2');
    assert.deepEqual(texts(world.hint({ creates: [slice('ab-')] }).creates), ['a>ab>b-']);
    assert.deepEqual(world.told, [
      {
        type: 'Normal',
        reason: 'TopologyAwareHintsEnabled',
        message: 'Topology Aware Hints has been enabled, addressType: IPv4',
      },
    ]);
    world.hint({ unchanged: [slice('a>ab>b')] });
    assert.equal(world.told.length, 1, 'told once');
  });

  it('gives endpoints of a zone that has too many to one that has too few', () => {
    const even = new World('a:2,b:2');
    assert.deepEqual(texts(even.hint({ creates: [slice('aaaa')] }).creates), ['a>ba>ba>aa>a']);
    assert.deepEqual(even.hints.nodesChanged(), [], 'b has its share');
    const uneven = new World('a:1,b:3').hint({ creates: [slice('aabb')] });
    assert.deepEqual(texts(uneven.creates), ['a>ba>ab>bb>b']);
    const three = new World('a:2,b:2,c:2').hint({ creates: [slice('aaaabbbbcc')] });
    assert.deepEqual(
      texts(three.creates),
      ['a>ca>aa>aa>ab>bb>bb>bb>bc>cc>c'],
      'a third is not worth it',
    );
  });

  it('leaves slices alone whose hints are right, and writes the others', () => {
    const world = new World('a:2,b:2');
    const { updates } = world.hint({ updates: [slice('b')], unchanged: [slice('a>a')] });
    assert.deepEqual(texts(updates), ['b>b']);
    const missing = world.hint({ unchanged: [slice('a>a'), slice('b')] });
    assert.deepEqual(texts(missing.updates), ['b>b']);
    const full = world.hint({ unchanged: [slice('a>aa>aa>aa>aa>a'), slice('b>bb>bb>b')] });
    assert.deepEqual(texts(full.updates), ['a>ba>aa>aa>aa>a']);
    const gone = world.hint({ unchanged: [slice('a>ca>a'), slice('b>bb>b')] });
    assert.deepEqual(texts(gone.updates), ['a>aa>a']);
  });

  const none: [name: string, nodes: string, slices: string, message: string][] = [
    [
      'a node has no zone',
      'a:2,b:2,:2',
      'ab',
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    [
      'a node has no processors',
      'a:2,b',
      'ab',
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    [
      'there is one zone but for control planes',
      'a:2,b:2 node-role.kubernetes.io/control-plane',
      'ab',
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    [
      'there are more zones than endpoints',
      'a:2,b:2,c:2',
      'ab-',
      'Insufficient number of endpoints (2 endpoints, 3 zones)',
    ],
    [
      'some would get too much',
      'a:2,b:2,c:2',
      'abca',
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (4 endpoints, 3 zones)',
    ],
    [
      'an endpoint has no zone',
      'a:2,b:2',
      'abxx',
      'One or more endpoints do not have a zone specified',
    ],
  ];
  for (const [name, nodes, text, message] of none) {
    it(`gives none, and takes those that are there, when ${name}`, () => {
      const world = new World(nodes);
      const unchanged = [slice('-', 'plain'), slice('->b', 'old')];
      const { creates, updates } = world.hint({ creates: [slice(text)], unchanged });
      assert.deepEqual(texts(creates), [text]);
      assert.deepEqual(
        updates.map(({ metadata }) => metadata?.name),
        ['old'],
      );
      assert.deepEqual(texts(updates), ['-']);
      assert.deepEqual(world.told, [
        {
          type: 'Warning',
          reason: 'TopologyAwareHintsDisabled',
          message: `${message}, addressType: IPv4`,
        },
      ]);
    });
  }

  it('names Services whose endpoints new nodes overload', () => {
    const world = new World('a:2,b:2');
    world.hint({ creates: [slice('ab')] });
    assert.deepEqual(world.hints.nodesChanged(), []);
    world.nodes.push(node('b:8'));
    assert.deepEqual(world.hints.nodesChanged(), ['default/web']);
    world.hints.gone('default/web');
    assert.deepEqual(world.hints.nodesChanged(), []);
  });

  it('says when they are not wanted any more', () => {
    const world = new World('a:2,b:2');
    const tell = (told: Told): void => void world.told.push(told);
    world.hints.remove('default/web', 'IPv4', tell);
    assert.deepEqual(world.told, []);
    world.hint({ creates: [slice('ab')] });
    world.hints.remove('default/web', 'IPv4', tell);
    assert.equal(
      world.messages.at(-1),
      'Topology Aware Hints has been disabled, addressType: IPv4',
    );
  });
});
