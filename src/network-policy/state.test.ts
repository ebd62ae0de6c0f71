/**
 * Worlds of policies, pods and namespaces, and what the tables then let pass: elements and chains
 * are looked up as the kernel would. What the kernel makes of them is in `kernel.test.ts`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NetworkPolicySpec } from '#api/gen/networking-v1.ts';
import { policyPodOf } from './pods.ts';
import { policyOf } from './policy.ts';
import { PolicyState } from './state.ts';

type Labels = Record<string, string>;
interface PodFacts {
  readonly labels?: Labels;
  readonly node?: string;
  readonly hostNetwork?: boolean;
  readonly phase?: 'Running' | 'Succeeded' | 'Failed';
  readonly ports?: { name: string; containerPort: number }[];
}

const NODE = 'here';

function podOf(key: string, address: string, facts: PodFacts = {}) {
  const { labels = {}, node = NODE, hostNetwork = false, phase = 'Running', ports = [] } = facts;
  return policyPodOf({
    metadata: { namespace: key.split('/')[0] ?? '', labels },
    spec: { nodeName: node, hostNetwork, containers: [{ name: 'c', ports }] },
    status: { phase, podIP: address },
  });
}

/** `shop` with a web and a db on this node, and `stage` with an api on another. */
function world(...specs: NetworkPolicySpec[]): PolicyState {
  const state = new PolicyState(NODE, [4]);
  const ports = [{ name: 'main', containerPort: 8080 }];
  state.setNamespace('shop', { team: 'a' });
  state.setNamespace('stage', { team: 'b' });
  state.setPod('shop/web', podOf('shop/web', '10.0.0.1', { labels: { app: 'web' }, ports }));
  state.setPod('shop/db', podOf('shop/db', '10.0.0.2', { labels: { app: 'db' }, ports }));
  state.setPod(
    'stage/api',
    podOf('stage/api', '10.0.1.1', { labels: { app: 'api' }, node: 'there', ports }),
  );
  for (const [index, spec] of specs.entries()) setPolicy(state, `p${index}`, spec);
  state.settle();
  return state;
}

function setPolicy(state: PolicyState, name: string, spec: NetworkPolicySpec | undefined): void {
  const policy = spec && policyOf({ metadata: { namespace: 'shop', name }, spec });
  state.setPolicy(`shop/${name}`, policy);
}

/** Everything that the kernel would be told. */
function dump(state: PolicyState) {
  const chains = state.chains();
  const sets = [...chains.values()].flatMap((chain) => chain.sets.map(({ name }) => name));
  const elements = [...MAPS, ...sets].map((set): [string, Map<string, string>] => [
    set,
    new Map(state.elements.entries(set)),
  ]);
  return { chains, elements: new Map(elements) };
}
const MAPS = ['ingress', 'egress', 'itself', 'known', 'starting-ingress', 'starting-egress'];

const isolated = (state: PolicyState, direction: string): string[] =>
  [...state.elements.entries(direction)].map(([address]) => address).toSorted();

/** The members of the only set of the only policy whose name ends so. */
function members(state: PolicyState, end: RegExp): string[] {
  const sets = [...state.chains().values()].flatMap((chain) => chain.sets);
  const names = sets.map(({ name }) => name).filter((name) => end.test(name));
  assert.equal(names.length, 1, names.join());
  return [...state.elements.entries(names[0] ?? '')].map(([key]) => key).toSorted();
}
const PEERS = /-\d+$/;
const PLACES = /-ports$/;

describe('isolation', () => {
  const rows: [title: string, spec: NetworkPolicySpec, ingress: string[], egress: string[]][] = [
    ['ingress without types', { podSelector: {} }, ['10.0.0.1', '10.0.0.2'], []],
    [
      'both without types, by a rule of egress',
      { podSelector: {}, egress: [{}] },
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1', '10.0.0.2'],
    ],
    [
      'egress alone',
      { podSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Egress'] },
      [],
      ['10.0.0.2'],
    ],
    [
      'ingress alone, though there are rules of egress',
      { podSelector: {}, policyTypes: ['Ingress'], egress: [{}] },
      ['10.0.0.1', '10.0.0.2'],
      [],
    ],
    [
      'by expressions',
      { podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] } },
      ['10.0.0.1'],
      [],
    ],
  ];
  for (const [title, spec, ingress, egress] of rows) {
    it(`is of ${title}`, () => {
      const state = world(spec);
      assert.deepEqual(isolated(state, 'ingress'), ingress);
      assert.deepEqual(isolated(state, 'egress'), egress);
    });
  }

  it('is of no pod of another namespace, another node, the network of the node, or that is over', () => {
    const state = world({ podSelector: {} });
    state.setPod('shop/far', podOf('shop/far', '10.0.2.1', { node: 'there' }));
    state.setPod('shop/host', podOf('shop/host', '192.0.2.1', { hostNetwork: true }));
    state.setPod('shop/done', podOf('shop/done', '10.0.0.9', { phase: 'Succeeded' }));
    state.setPod('other/here', podOf('other/here', '10.0.0.8'));
    state.settle();
    assert.deepEqual(isolated(state, 'ingress'), ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(isolated(state, 'itself'), ['10.0.0.1 . 10.0.0.1', '10.0.0.2 . 10.0.0.2']);
  });

  it('has a chain that all pods with the same policies share, and that asks each of these', () => {
    const state = world({ podSelector: {} }, { podSelector: {}, ingress: [{}] });
    const verdicts = new Set([...state.elements.entries('ingress')].map(([, value]) => value));
    assert.equal(verdicts.size, 1);
    const [, name = ''] = /^goto (.*)$/.exec([...verdicts][0] ?? '') ?? [];
    const rules = state.chains().get(name)?.rules ?? [];
    assert.equal(rules.length, 3);
    assert.equal(rules.at(-1), 'drop');
    for (const rule of rules.slice(0, 2))
      assert.ok(state.chains().has(rule.replace('jump ', '')), rule);
  });

  it('costs nothing where a policy isolates no pod of this node', () => {
    const state = world({ podSelector: { matchLabels: { app: 'far' } }, ingress: [{}] });
    assert.equal(state.chains().size, 0);
    assert.deepEqual(
      state.elements.takeChanges().filter(({ map }) => map !== 'known'),
      [],
    );
  });
});

describe('a pod that has no address yet', () => {
  const gates = (state: PolicyState): string[] =>
    ['starting-ingress', 'starting-egress'].filter(
      (map) => state.elements.get(map, 'ipv4') === 'drop',
    );
  const starting = (key: string, facts: PodFacts) => podOf(key, '', facts);
  const spec: NetworkPolicySpec = { podSelector: { matchLabels: { app: 'new' } } };
  const labels = { app: 'new' };
  const types = [
    ['ingress', spec, ['starting-ingress']],
    ['egress', { ...spec, policyTypes: ['Egress'] }, ['starting-egress']],
    [
      'both',
      { ...spec, policyTypes: ['Ingress', 'Egress'] },
      ['starting-ingress', 'starting-egress'],
    ],
  ] satisfies [string, NetworkPolicySpec, string[]][];
  for (const [title, policy, expected] of types) {
    it(`shuts the gates of those unknown until it has one: ${title}`, () => {
      const state = world(policy);
      assert.deepEqual(gates(state), []);
      state.setPod('shop/new', starting('shop/new', { labels }));
      state.settle();
      assert.deepEqual(gates(state), expected);
      assert.equal(state.elements.get('known', '10.0.0.1'), '');
      state.setPod('shop/new', podOf('shop/new', '10.0.0.9', { labels }));
      state.settle();
      assert.deepEqual(gates(state), []);
      assert.equal(state.elements.get('known', '10.0.0.9'), '');
    });
  }

  it('keeps them shut for another, and opens them when it goes or its policy does', () => {
    const state = world(spec);
    for (const key of ['shop/new', 'shop/newer']) state.setPod(key, starting(key, { labels }));
    state.setPod('shop/new', undefined);
    state.settle();
    assert.deepEqual(gates(state), ['starting-ingress']);
    setPolicy(state, 'p0', undefined);
    state.settle();
    assert.deepEqual(gates(state), []);
  });

  it('lets them open when no policy isolates it, or it is not on this node', () => {
    const state = world(spec);
    state.setPod('shop/other', starting('shop/other', { labels: { app: 'other' } }));
    state.setPod('stage/new', starting('stage/new', { labels }));
    state.setPod('shop/far', starting('shop/far', { labels, node: 'there' }));
    state.setPod('shop/host', starting('shop/host', { labels, hostNetwork: true }));
    state.setPod('shop/done', starting('shop/done', { labels, phase: 'Failed' }));
    state.settle();
    assert.deepEqual(gates(state), []);
  });
});

describe('peers', () => {
  type From = NonNullable<NonNullable<NetworkPolicySpec['ingress']>[0]['from']>;
  const rows: [title: string, from: From, addresses: string[]][] = [
    ['pods of the own namespace', [{ podSelector: {} }], ['10.0.0.1', '10.0.0.2']],
    ['namespaces', [{ namespaceSelector: { matchLabels: { team: 'b' } } }], ['10.0.1.1']],
    ['all namespaces', [{ namespaceSelector: {} }], ['10.0.0.1', '10.0.0.2', '10.0.1.1']],
    [
      'both in one',
      [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'web' } } }],
      ['10.0.0.1'],
    ],
    [
      'either of two',
      [
        { namespaceSelector: { matchLabels: { team: 'b' } } },
        { podSelector: { matchLabels: { app: 'web' } } },
      ],
      ['10.0.0.1', '10.0.1.1'],
    ],
  ];
  for (const [title, from, addresses] of rows) {
    it(`are ${title}`, () => {
      assert.deepEqual(members(world({ podSelector: {}, ingress: [{ from }] }), PEERS), addresses);
    });
  }

  it('are no pods on the network of their node, none that are over, none of an unknown namespace', () => {
    const state = world({ podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] });
    state.setPod('shop/host', podOf('shop/host', '192.0.2.1', { hostNetwork: true }));
    state.setPod('shop/web', podOf('shop/web', '10.0.0.1', { phase: 'Failed' }));
    state.setPod('dark/one', podOf('dark/one', '10.0.3.1'));
    state.settle();
    assert.deepEqual(members(state, PEERS), ['10.0.0.2', '10.0.1.1']);
  });

  it('follow the labels of their namespace', () => {
    const from = [{ namespaceSelector: { matchLabels: { team: 'b' } } }];
    const state = world({ podSelector: {}, ingress: [{ from }] });
    state.setNamespace('shop', { team: 'b' });
    state.setNamespace('stage', {});
    state.settle();
    assert.deepEqual(members(state, PEERS), ['10.0.0.1', '10.0.0.2']);
  });
});

describe('names of ports', () => {
  const DB = { matchLabels: { app: 'db' } };
  const ports = [{ port: 'main' }];
  const rows: [title: string, spec: NetworkPolicySpec, places: string[]][] = [
    ['isolated pods', { podSelector: DB, ingress: [{ ports }] }, ['10.0.0.2 . tcp . 8080']],
    [
      'all pods, on the way out to all',
      { podSelector: DB, policyTypes: ['Egress'], egress: [{ ports }] },
      ['10.0.0.1 . tcp . 8080', '10.0.0.2 . tcp . 8080', '10.0.1.1 . tcp . 8080'],
    ],
    [
      'peers, on the way out to them',
      {
        podSelector: DB,
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports }],
      },
      ['10.0.0.1 . tcp . 8080'],
    ],
    [
      'pods in a block, on the way out to it',
      {
        podSelector: DB,
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '10.0.1.0/24' } }], ports }],
      },
      ['10.0.1.1 . tcp . 8080'],
    ],
  ];
  for (const [title, spec, places] of rows) {
    it(`are those of ${title}`, () => {
      assert.deepEqual(members(world(spec), PLACES), places);
    });
  }
});

describe('changes', () => {
  it('of one pod are elements alone', () => {
    const from = [{ podSelector: { matchLabels: { role: 'reader' } } }];
    const state = world({ podSelector: { matchLabels: { app: 'db' } }, ingress: [{ from }] });
    const chains = [...state.chains().keys()];
    state.elements.takeChanges();
    const labels = { app: 'web', role: 'reader' };
    assert.equal(state.setPod('shop/web', podOf('shop/web', '10.0.0.1', { labels })), true);
    state.settle();
    assert.deepEqual(
      state.elements.takeChanges().map(({ key, after }) => [key, after]),
      [['10.0.0.1', '']],
    );
    assert.deepEqual([...state.chains().keys()], chains);
  });

  it('that policies do not see are none', () => {
    const state = world({ podSelector: {} });
    const facts = { labels: { app: 'db' }, ports: [{ name: 'main', containerPort: 8080 }] };
    assert.equal(state.setPod('shop/db', podOf('shop/db', '10.0.0.2', facts)), false);
    assert.equal(state.setNamespace('shop', { team: 'a' }), false);
    assert.equal(state.setPod('gone/pod', undefined), false);
    assert.equal(state.setPolicy('gone/policy', undefined), false);
  });

  it('of a policy that goes leave nothing, also when it comes back', () => {
    const from = [{ podSelector: { matchLabels: { app: 'web' } } }];
    const spec = { podSelector: { matchLabels: { app: 'db' } }, ingress: [{ from }] };
    const state = world(spec);
    assert.deepEqual(members(state, PEERS), ['10.0.0.1']);
    setPolicy(state, 'p0', undefined);
    state.settle();
    assert.deepEqual(isolated(state, 'ingress'), []);
    assert.deepEqual([...state.elements.owners], ['isolation shop/web', 'isolation shop/db']);
    state.setPod('shop/web', podOf('shop/web', '10.0.0.1'));
    setPolicy(state, 'p0', spec);
    state.settle();
    assert.deepEqual(members(state, PEERS), []);
  });

  it('in any order lead where a fresh start leads', () => {
    const selector = fc.constantFrom(
      {},
      { matchLabels: { app: 'web' } },
      { matchLabels: { app: 'db' } },
    );
    const rule = fc.record({
      from: fc.array(
        fc.oneof(
          fc.record({ podSelector: selector }),
          fc.record({ namespaceSelector: selector, podSelector: selector }),
        ),
        { maxLength: 2 },
      ),
      ports: fc.constantFrom([], [{ port: 'main' }], [{ port: 80 }]),
    });
    const spec = fc.record({ podSelector: selector, ingress: fc.array(rule, { maxLength: 2 }) });
    const egress = spec.map(({ podSelector, ingress }) => ({
      podSelector,
      policyTypes: ['Egress'],
      egress: ingress.map(({ from, ports }) => ({ to: from, ports })),
    }));
    const pod = fc.record({
      labels: fc.constantFrom({}, { app: 'web' }, { app: 'db' }),
      node: fc.constantFrom(NODE, 'there'),
      phase: fc.constantFrom('Running', 'Failed'),
      ports: fc.constantFrom([], [{ name: 'main', containerPort: 8080 }]),
    });
    const step = fc.oneof(
      fc.tuple(
        fc.constant('policy'),
        fc.constantFrom('a', 'b'),
        fc.option(fc.oneof(spec, egress), { nil: undefined }),
      ),
      fc.tuple(
        fc.constant('pod'),
        fc.constantFrom('shop/x', 'shop/y', 'stage/z'),
        fc.option(pod, { nil: undefined }),
      ),
      fc.tuple(
        fc.constant('namespace'),
        fc.constantFrom('shop', 'stage'),
        fc.option(fc.constantFrom({}, { app: 'web' }), { nil: undefined }),
      ),
      fc.tuple(fc.constant('settle'), fc.constant(''), fc.constant(undefined)),
    );
    const addresses: Labels = { 'shop/x': '10.0.0.1', 'shop/y': '10.0.0.2', 'stage/z': '10.0.0.3' };
    const apply = (
      state: PolicyState,
      [kind, key, value]: readonly [string, string, unknown],
    ): void => {
      if (kind === 'policy') setPolicy(state, key, value as NetworkPolicySpec | undefined);
      if (kind === 'pod')
        state.setPod(
          key,
          value === undefined ? undefined : podOf(key, addresses[key] ?? '', value as PodFacts),
        );
      if (kind === 'namespace') state.setNamespace(key, value as Labels | undefined);
      if (kind === 'settle') state.settle();
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const grown = new PolicyState(NODE, [4]);
        for (const each of steps) apply(grown, each);
        grown.settle();
        const fresh = new PolicyState(NODE, [4]);
        const last = new Map(steps.map((each) => [`${each[0]} ${each[1]}`, each]));
        for (const each of last.values()) apply(fresh, each);
        fresh.settle();
        assert.deepEqual(dump(grown), dump(fresh));
        const known = new Set([
          ...MAPS,
          ...[...grown.chains().values()].flatMap(({ sets }) => sets.map(({ name }) => name)),
        ]);
        for (const { map, after } of grown.elements.takeChanges()) {
          if (after !== undefined) assert.ok(known.has(map), map);
        }
      }),
    );
  });
});
