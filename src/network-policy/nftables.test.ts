/** The texts that nft is given. What they do is in `kernel.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkPolicySpec } from '#api/gen/networking-v1.ts';
import { bridgeScript } from './bridge.ts';
import { policyChain } from './chains.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { policyPodOf } from './pods.ts';
import { policyOf } from './policy.ts';
import { PolicyState } from './state.ts';

const OPTIONS: TableOptions = {
  table: 't',
  podRanges: ['10.0.0.0/8'],
  bridge: { name: 'br0', address: '02:00:00:00:00:01' },
};

function rulesOf(spec: Omit<NetworkPolicySpec, 'podSelector'>): string[] {
  const policy = policyOf({
    metadata: { namespace: 'd', name: 'p' },
    spec: { podSelector: {}, ...spec },
  });
  const [chain] = policy.chains;
  assert.ok(chain !== undefined);
  return policyChain(chain, [4]).rules.map((rule) => rule.replaceAll(chain.name, 'C'));
}

describe('the rules of a policy', () => {
  const out = { policyTypes: ['Egress' as const] };
  const block = { ipBlock: { cidr: '10.0.0.0/24', except: ['10.0.0.0/32'] } };
  const place = 'ip daddr . meta l4proto . th dport';
  const rows: [title: string, spec: Omit<NetworkPolicySpec, 'podSelector'>, rules: string[]][] = [
    ['none: nothing', { ingress: [] }, []],
    ['an empty one: all', { ingress: [{}] }, ['accept']],
    ['empty lists: all', { ingress: [{ from: [], ports: [] }] }, ['accept']],
    ['all the way out, and on to the way in', { ...out, egress: [{}] }, ['goto after_egress']],
    [
      'peers of both sorts',
      { ingress: [{ from: [{ podSelector: {} }, block] }] },
      ['ip saddr @C-0 accept', 'ip saddr { 10.0.0.1-10.0.0.255 } accept'],
    ],
    [
      'peers and ports',
      { ingress: [{}, { from: [{ podSelector: {} }], ports: [{ port: 80 }, { port: 'x' }] }] },
      [
        'accept',
        'ip saddr @C-1 meta l4proto . th dport { tcp . 80 } accept',
        `ip saddr @C-1 ${place} @C-1-ports accept`,
      ],
    ],
    [
      'names of ports on the way out: the peers are in the set',
      { ...out, egress: [{ to: [{ podSelector: {} }, block], ports: [{ port: 'x' }] }] },
      [`${place} @C-0-ports goto after_egress`],
    ],
    [
      'SCTP',
      { ...out, egress: [{ ports: [{ protocol: 'SCTP', port: 1, endPort: 9 }] }] },
      ['meta l4proto . th dport { sctp . 1-9 } goto after_egress'],
    ],
    [
      'blocks of another family: nobody',
      { ingress: [{ from: [{ ipBlock: { cidr: 'fd00::/8' } }] }] },
      [],
    ],
  ];
  for (const [title, spec, rules] of rows) {
    it(title, () => {
      assert.deepEqual(rulesOf(spec), rules);
    });
  }

  it('have another name when they change, and the same in another object of the same content', () => {
    const names = [[{}], [{}], [{ ports: [{ port: 80 }] }]].map(
      (ingress) =>
        policyOf({ metadata: { namespace: 'd', name: 'p' }, spec: { podSelector: {}, ingress } })
          .chains[0]?.name,
    );
    assert.equal(names[0], names[1]);
    assert.notEqual(names[0], names[2]);
  });
});

describe('scripts', () => {
  const state = new PolicyState('n', [4]);
  const set = (ingress: NetworkPolicySpec['ingress']) => {
    const spec = ingress && { podSelector: {}, ingress };
    const policy = spec && policyOf({ metadata: { namespace: 'd', name: 'p' }, spec });
    state.setPolicy('d/p', policy);
    state.settle();
    return { chains: state.chains(), changes: state.elements.takeChanges() };
  };
  const pod = policyPodOf({
    metadata: { namespace: 'd' },
    spec: { nodeName: 'n', containers: [] },
    status: { podIP: '10.0.0.1' },
  });
  state.setNamespace('d', {});
  state.setPod('d/a', pod);

  it('replace a policy in one transaction: what is new, then who uses it, then what was old', () => {
    const before = set([{ from: [{ podSelector: {} }] }]);
    const after = set([{ from: [{ namespaceSelector: {} }] }]);
    const names = new Map<string, string>();
    for (const [label, { chains }] of [
      ['old', before],
      ['new', after],
    ] as const) {
      for (const name of chains.keys())
        names.set(name, `${name.startsWith('isolated') ? 'isolated' : 'policy'}-${label}`);
    }
    let script = deltaScript(OPTIONS, before.chains, after.chains, after.changes);
    for (const [name, label] of names) script = script.replaceAll(name, label);
    assert.deepEqual(script.trim().split('\n'), [
      'add set inet t policy-new-0 { type ipv4_addr; }',
      'add chain inet t policy-new',
      'add rule inet t policy-new ip saddr @policy-new-0 accept',
      'add chain inet t isolated-new',
      'add rule inet t isolated-new jump policy-new',
      'add rule inet t isolated-new drop',
      'delete element inet t ingress { 10.0.0.1 }',
      'add element inet t ingress { 10.0.0.1 : goto isolated-new }',
      'add element inet t policy-new-0 { 10.0.0.1 }',
      'flush chain inet t policy-old',
      'flush chain inet t isolated-old',
      'delete chain inet t policy-old',
      'delete chain inet t isolated-old',
      'delete set inet t policy-old-0',
    ]);
    assert.equal(deltaScript(OPTIONS, after.chains, after.chains, []), '');
  });

  it('write the table whole, with its elements', () => {
    const { chains } = set([{ from: [{ podSelector: {} }] }]);
    const script = fullScript(OPTIONS, chains, state.elements);
    assert.match(script, /^table inet t\ndelete table inet t\ntable inet t \{\n/);
    assert.match(script, /\nadd element inet t ingress \{ 10\.0\.0\.1 : goto isolated-ingress-/);
    assert.match(script, /\nadd element inet t itself \{ 10\.0\.0\.1 \. 10\.0\.0\.1 \}\n/);
    assert.match(script, /\nadd element inet t ingress-[0-9a-f]{16}-0 \{ 10\.0\.0\.1 \}\n/);
  });

  it('lead frames for pods to the bridge itself, and know its ports', () => {
    const script = bridgeScript(OPTIONS, ['veth1', 'veth2']);
    assert.match(
      script,
      /ether type ip iifname @ports ip daddr 10\.0\.0\.0\/8 ether daddr set 02:00:00:00:00:01 meta pkttype set host/,
    );
    assert.match(script, /\nadd element bridge t ports \{ "veth1", "veth2" \}\n$/);
    assert.match(bridgeScript(OPTIONS, []), /\n\}\n$/);
  });

  it('lead frames of both families to the bridge, and let neighbours find each other', () => {
    const dual = { ...OPTIONS, podRanges: ['10.0.0.0/8', 'fd00::/64'] };
    const discovery = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255';
    const rules = bridgeScript(dual, [])
      .split('\n')
      .filter((line) => /^ {4}(ether|iifname @|icmpv6)/.test(line))
      .map((line) => line.trim());
    assert.deepEqual(rules, [
      'ether type arp arp saddr ip 10.0.0.0/8 update @ports { iifname }',
      'ether type ip ip saddr 10.0.0.0/8 iifname != @ports update @ports { iifname }',
      'ether type ip iifname @ports ip daddr 10.0.0.0/8 ether daddr set 02:00:00:00:00:01 meta pkttype set host',
      `${discovery} ip6 saddr fd00::/64 update @ports { iifname }`,
      `${discovery} accept`,
      'ether type ip6 ip6 saddr fd00::/64 iifname != @ports update @ports { iifname }',
      'ether type ip6 iifname @ports ip6 daddr fd00::/64 ether daddr set 02:00:00:00:00:01 meta pkttype set host',
      `iifname @ports ${discovery} accept`,
      'ether type ip iifname @ports ip daddr != 10.0.0.0/8 drop',
      'ether type ip oifname @ports ip saddr != 10.0.0.0/8 drop',
      'ether type ip6 iifname @ports ip6 daddr != fd00::/64 drop',
      'ether type ip6 oifname @ports ip6 saddr != fd00::/64 drop',
    ]);
    for (const end of ['iif', 'oif'])
      assert.ok(bridgeScript(OPTIONS, []).includes(`ether type ip6 ${end}name @ports drop`));
    assert.doesNotMatch(bridgeScript(OPTIONS, []), /icmpv6/);
  });

  it('let neighbours find each other and tell of no shorter way, in each family there is', () => {
    const chains = new Map();
    const both = fullScript(
      { ...OPTIONS, podRanges: ['10.0.0.0/8', 'fd00::/64'] },
      chains,
      state.elements,
    );
    assert.match(
      both,
      /related accept\n {4}icmpv6 type \{ nd-neighbor-solicit, nd-neighbor-advert \} ip6 hoplimit 255 accept\n/,
    );
    assert.match(both, /oifname "br0" icmp type redirect drop\n/);
    assert.match(both, /oifname "br0" icmpv6 type nd-redirect drop\n/);
    assert.doesNotMatch(fullScript(OPTIONS, chains, state.elements), /ip6|icmpv6/);
    const six = fullScript({ ...OPTIONS, podRanges: ['fd00::/64'] }, chains, state.elements);
    assert.doesNotMatch(six, /ip saddr|ipv4_addr/);
  });
});
