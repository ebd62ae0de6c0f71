/**
 * Every shape that a NetworkPolicy can have, as changes of the world of nine pods. With each stands
 * how many of the 81 pairs of pods still reach each other by TCP and IPv4 on port 80: counted by hand.
 */
import type {
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '#api/gen/networking-v1.ts';
import type { LabelSelector } from '#api/meta/object.ts';
import { addressesOf, namespaceIs, podIs, policyIs, type WorldChange } from './world.ts';

/** Two addresses that are no pods', of each family. */
export const OUTSIDE = ['192.0.2.9', '192.0.2.10', '2001:db8::9', '2001:db8::a'] as const;
/** Where every pod runs whose labels a shape changes. */
export const FIRST_NODE = 'n1';

export interface Shape {
  readonly title: string;
  /** Pairs of 81 that are let pass by TCP and IPv4, port 80, after the last step. */
  readonly pairs: number;
  readonly steps: readonly (readonly WorldChange[])[];
}

const all: LabelSelector = {};
const labelled = (key: string, value: string): LabelSelector => ({ matchLabels: { [key]: value } });
const where = (key: string, operator: string, ...values: string[]): LabelSelector => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }],
});
const A = labelled('pod', 'a');
const B = labelled('pod', 'b');
const Y = labelled('ns', 'y');
const Z = labelled('ns', 'z');

type Rest = Omit<NetworkPolicySpec, 'podSelector'>;
/** Policies of namespace x. */
const on = (podSelector: LabelSelector, rest: Rest): NetworkPolicySpec => ({
  podSelector,
  ...rest,
});
const into = (podSelector: LabelSelector, ...ingress: NonNullable<Rest['ingress']>) =>
  on(podSelector, { policyTypes: ['Ingress'], ingress });
const outOf = (podSelector: LabelSelector, ...egress: NonNullable<Rest['egress']>) =>
  on(podSelector, { policyTypes: ['Egress'], egress });
const from = (...peers: NetworkPolicyPeer[]) => into(all, { from: peers });
const to = (...peers: NetworkPolicyPeer[]) => outOf(all, { to: peers });
const ports = (...list: NetworkPolicyPort[]) => into(all, { ports: list });
const block = (cidr: string, ...except: string[]): NetworkPolicyPeer => ({
  ipBlock: { cidr, ...(except.length > 0 ? { except } : {}) },
});
const only = (spec: NetworkPolicySpec): WorldChange[][] => [[policyIs(spec)]];

type Row = readonly [title: string, pairs: number, steps: readonly (readonly WorldChange[])[]];

const WHOLE: readonly Row[] = [
  ['no policy', 81, [[]]],
  ['default deny ingress', 57, only(on(all, { policyTypes: ['Ingress'] }))],
  ['default deny egress', 57, only(on(all, { policyTypes: ['Egress'] }))],
  ['default deny both', 39, only(on(all, { policyTypes: ['Ingress', 'Egress'] }))],
  [
    'default deny both in every namespace',
    9,
    [
      ['x', 'y', 'z'].map((name) =>
        policyIs(on(all, { policyTypes: ['Ingress', 'Egress'] }), 'p', name),
      ),
    ],
  ],
  ['allow all ingress', 81, only(into(all, {}))],
  ['allow all egress', 81, only(outOf(all, {}))],
  ['empty lists of peers and ports', 81, only(into(all, { from: [], ports: [] }))],
  ['types inferred without rules: ingress', 57, only(on(all, {}))],
  ['types inferred with rules of ingress', 57, only(on(all, { ingress: [] }))],
  [
    'types inferred with rules of egress: both',
    39,
    only(on(all, { egress: [{ to: [{ podSelector: all }] }] })),
  ],
  [
    'egress alone, with rules of ingress that do not count',
    57,
    only(on(all, { policyTypes: ['Egress'], ingress: [{}] })),
  ],
  [
    'ingress alone, with rules of egress that do not count',
    57,
    only(on(all, { policyTypes: ['Ingress'], egress: [{}] })),
  ],
  ['of no pod', 81, only(on(labelled('pod', 'none'), { policyTypes: ['Ingress', 'Egress'] }))],
];

const SELECTORS: readonly Row[] = [
  ['of one pod, from another', 74, only(into(A, { from: [{ podSelector: B }] }))],
  [
    'pods in a list, from pods in a list',
    68,
    only(
      into(where('pod', 'In', 'a', 'b'), { from: [{ podSelector: where('pod', 'In', 'b', 'c') }] }),
    ),
  ],
  [
    'pods not in a list, from pods with one label and without another',
    69,
    only(
      into(where('pod', 'NotIn', 'a'), {
        from: [
          {
            podSelector: {
              matchExpressions: [
                { key: 'pod', operator: 'Exists' },
                { key: 'gone', operator: 'DoesNotExist' },
              ],
            },
          },
        ],
      }),
    ),
  ],
  [
    'labels and expressions of one selector',
    74,
    only(into(A, { from: [{ podSelector: { ...B, ...where('pod', 'Exists') } }] })),
  ],
  ['all pods of the own namespace', 63, only(from({ podSelector: all }))],
  ['a namespace by label', 66, only(from({ namespaceSelector: Y }))],
  ['namespaces in a list', 75, only(from({ namespaceSelector: where('ns', 'In', 'y', 'z') }))],
  [
    'namespaces not in a list',
    66,
    only(from({ namespaceSelector: where('ns', 'NotIn', 'x', 'z') })),
  ],
  [
    'a namespace by name',
    66,
    only(from({ namespaceSelector: labelled('kubernetes.io/metadata.name', 'y') })),
  ],
  [
    'the own namespace by name',
    63,
    only(from({ namespaceSelector: labelled('kubernetes.io/metadata.name', 'x') })),
  ],
  ['all namespaces', 81, only(from({ namespaceSelector: all }))],
  ['pods and namespaces in one peer', 60, only(from({ namespaceSelector: Y, podSelector: A }))],
  [
    'pods and namespaces in two peers',
    68,
    only(from({ namespaceSelector: Y }, { podSelector: A })),
  ],
  ['a pod of all namespaces', 65, only(from({ namespaceSelector: all, podSelector: A }))],
  ['nobody', 57, only(from({ namespaceSelector: labelled('ns', 'none') }))],
];

const BLOCKS: readonly Row[] = [
  ['ingress from a block outside', 57, only(from(block('192.0.2.0/24')))],
  [
    'ingress from a block outside with an exception',
    57,
    only(from(block('192.0.2.0/24', '192.0.2.10/32'))),
  ],
  [
    'ingress from a block outside, by IPv6',
    57,
    only(from(block('2001:db8::/64', '2001:db8::9/128'))),
  ],
  ['ingress from everything of one family', 81, only(from(block('0.0.0.0/0')))],
  ['ingress from everything of both families', 81, only(from(block('0.0.0.0/0'), block('::/0')))],
  [
    'ingress from the block of a pod, and by IPv6 of another',
    60,
    only(from(block(`${addressesOf('y/a')[0]}/32`), block(`${addressesOf('y/b')[1]}/128`))),
  ],
  [
    'ingress from a block and from pods',
    65,
    only(from(block(`${addressesOf('y/b')[0]}/31`), { podSelector: A })),
  ],
  ['egress to a block outside', 57, only(to(block('192.0.2.0/24'), block('2001:db8::/126')))],
  [
    'egress to a block outside with exceptions',
    57,
    only(to(block('192.0.2.0/24', '192.0.2.9/32'), block('2001:db8::/64', '2001:db8::a/128'))),
  ],
  [
    'egress to everything but a pod, by either family',
    78,
    only(
      to(
        block('0.0.0.0/0', `${addressesOf('y/a')[0]}/32`),
        block('::/0', `${addressesOf('y/b')[1]}/128`),
      ),
    ),
  ],
  [
    'egress to a block with a port',
    57,
    only(outOf(all, { to: [block('10.244.0.0/16')], ports: [{ port: 81 }] })),
  ],
  [
    'egress to a block with the name of a port',
    81,
    only(outOf(all, { to: [block('10.244.0.0/16')], ports: [{ port: 'serve-80-tcp' }] })),
  ],
];

const NUMBERS: readonly Row[] = [
  ['a port by number', 81, only(ports({ port: 80 }))],
  ['another port by number', 57, only(ports({ port: 81 }))],
  ['a port by name', 81, only(ports({ port: 'serve-80-tcp' }))],
  ['another port by name', 57, only(ports({ port: 'serve-81-tcp' }))],
  ['a port of UDP by name', 57, only(ports({ protocol: 'UDP', port: 'serve-81-udp' }))],
  ['a port of SCTP by name', 57, only(ports({ protocol: 'SCTP', port: 'serve-80-sctp' }))],
  ['a name of another protocol', 57, only(ports({ protocol: 'UDP', port: 'serve-80-tcp' }))],
  ['a name and a number', 81, only(ports({ port: 'serve-80-tcp' }, { protocol: 'UDP', port: 81 }))],
  ['a range that ends there', 81, only(ports({ port: 79, endPort: 80 }))],
  ['a range that begins behind', 57, only(ports({ port: 81, endPort: 90 }))],
  [
    'ranges that overlap, of several protocols',
    81,
    only(
      ports(
        { port: 1, endPort: 80 },
        { port: 80, endPort: 81 },
        { protocol: 'SCTP', port: 81, endPort: 65_535 },
      ),
    ),
  ],
  [
    'several ports',
    81,
    only(ports({ port: 80 }, { protocol: 'UDP', port: 81 }, { protocol: 'SCTP', port: 80 })),
  ],
  ['all ports of TCP', 81, only(ports({}))],
  ['all ports of UDP', 57, only(ports({ protocol: 'UDP' }))],
  ['all ports of SCTP', 57, only(ports({ protocol: 'SCTP' }))],
  [
    'a port for a namespace',
    66,
    only(into(all, { from: [{ namespaceSelector: Y }], ports: [{ port: 80 }] })),
  ],
  [
    'a name for pods of a namespace',
    60,
    only(
      into(all, {
        from: [{ namespaceSelector: Y, podSelector: A }],
        ports: [{ port: 'serve-80-tcp' }],
      }),
    ),
  ],
  [
    'two rules: each with its own peers and ports',
    66,
    only(
      into(
        all,
        { from: [{ namespaceSelector: Y }], ports: [{ port: 80 }] },
        { from: [{ podSelector: A }], ports: [{ port: 81 }] },
      ),
    ),
  ],
];

const EGRESS: readonly Row[] = [
  ['egress to a namespace', 66, only(to({ namespaceSelector: Y }))],
  ['egress of one pod to a namespace', 76, only(outOf(A, { to: [{ namespaceSelector: Y }] }))],
  ['egress to the own namespace', 63, only(to({ podSelector: all }))],
  ['egress to a port', 57, only(outOf(all, { ports: [{ port: 81 }] }))],
  ['egress to a name', 81, only(outOf(all, { ports: [{ port: 'serve-80-tcp' }] }))],
  [
    'egress to a name in a namespace',
    66,
    only(outOf(all, { to: [{ namespaceSelector: Y }], ports: [{ port: 'serve-80-tcp' }] })),
  ],
  [
    'egress to a range of SCTP',
    57,
    only(outOf(all, { ports: [{ protocol: 'SCTP', port: 80, endPort: 81 }] })),
  ],
  [
    'both directions in one policy',
    57,
    only(
      on(all, {
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ namespaceSelector: Y }] }],
        egress: [{ to: [{ namespaceSelector: Z }] }],
      }),
    ),
  ],
  [
    'egress on one side, ingress on the other',
    51,
    [
      [
        policyIs(to({ namespaceSelector: Y })),
        policyIs(
          into(all, { from: [{ namespaceSelector: labelled('ns', 'x') }], ports: [{ port: 80 }] }),
          'p',
          'y',
        ),
      ],
    ],
  ],
  [
    'egress on one side, denied on the other',
    42,
    [
      [
        policyIs(to({ namespaceSelector: Y })),
        policyIs(on(all, { policyTypes: ['Ingress'] }), 'p', 'y'),
      ],
    ],
  ],
];

const CHANGES: readonly Row[] = [
  [
    'two policies that add up',
    68,
    [[policyIs(from({ namespaceSelector: Y })), policyIs(from({ podSelector: A }), 'q')]],
  ],
  [
    'a denial and an allowance add up',
    81,
    [[policyIs(on(all, {}))], [policyIs(into(all, {}), 'q')]],
  ],
  [
    'an update',
    66,
    [[policyIs(from({ namespaceSelector: Y }))], [policyIs(from({ namespaceSelector: Z }))]],
  ],
  [
    'an update of whom it is of',
    74,
    [
      [policyIs(into(all, { from: [{ podSelector: B }] }))],
      [policyIs(into(A, { from: [{ podSelector: B }] }))],
    ],
  ],
  [
    'a deletion',
    81,
    [[policyIs(on(all, { policyTypes: ['Ingress', 'Egress'] }))], [policyIs(undefined)]],
  ],
  [
    'the deletion of one of two',
    66,
    [
      [policyIs(from({ namespaceSelector: Y })), policyIs(from({ podSelector: A }), 'q')],
      [policyIs(undefined, 'q')],
    ],
  ],
  [
    'a peer that is relabelled',
    59,
    [
      [policyIs(from({ podSelector: labelled('role', 'reader') }))],
      [podIs('x/b', FIRST_NODE, { pod: 'b', role: 'reader' })],
    ],
  ],
  [
    'an isolated pod that is relabelled',
    81,
    [[policyIs(on(A, {}))], [podIs('x/a', FIRST_NODE, { pod: 'other' })]],
  ],
  [
    'a namespace that is relabelled, and then no more',
    57,
    [
      [policyIs(from({ namespaceSelector: labelled('team', 'red') }))],
      [namespaceIs('z', { ns: 'z', team: 'red' })],
      [namespaceIs('z')],
    ],
  ],
  [
    'a namespace that is relabelled',
    66,
    [
      [policyIs(from({ namespaceSelector: labelled('team', 'red') }))],
      [namespaceIs('z', { ns: 'z', team: 'red' })],
    ],
  ],
];

export const SHAPES: readonly Shape[] = [
  ...WHOLE,
  ...SELECTORS,
  ...BLOCKS,
  ...NUMBERS,
  ...EGRESS,
  ...CHANGES,
].map(([title, pairs, steps]) => ({ title, pairs, steps }));
