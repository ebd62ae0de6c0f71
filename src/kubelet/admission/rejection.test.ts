/** What a node refuses, and in which words. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { PodAdmission } from './pod-admission.ts';
import { rejectionOf } from './rejection.ts';
import { SysctlAllowlist } from './sysctls.ts';

const CONTAINERS = [{ name: 'main', image: 'i' }];
const NODE: Node = {
  metadata: { name: 'n1', labels: { disk: 'ssd' } },
  status: {
    allocatable: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi', pods: '3', 'x.y/gpu': '1' },
  },
};

function pod(spec: Partial<PodSpec> = {}, labels: Readonly<Record<string, string>> = {}): Pod {
  return { metadata: { name: 'p', labels }, spec: { containers: CONTAINERS, ...spec } };
}

function asking(requests: Readonly<Record<string, string>>): Pod {
  return pod({ containers: [{ name: 'main', image: 'i', resources: { requests } }] });
}

function withPort(
  hostPort: number,
  more: { readonly hostIP?: string; protocol?: 'UDP' } = {},
): Pod {
  const ports = [{ containerPort: 80, hostPort, ...more }];
  return pod({ containers: [{ name: 'main', image: 'i', ports }] });
}

interface Case {
  readonly name: string;
  readonly pod: Pod;
  readonly others?: readonly Pod[];
  readonly node?: Node;
  /** Reason and message; undefined: the node takes it. */
  readonly refused?: readonly [string, string];
}

const PORTS_TAKEN = [
  'NodePorts',
  "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
] as const;

const TAINTED: Node = { ...NODE, spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } };

const CASES: readonly Case[] = [
  { name: 'a pod that asks for nothing', pod: pod() },
  {
    name: 'a label of another system',
    pod: pod({}, { 'kubernetes.io/os': 'windows' }),
    refused: [
      'PodOSSelectorNodeLabelDoesNotMatch',
      "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    ],
  },
  {
    name: 'another system',
    pod: pod({ os: { name: 'windows' } }),
    refused: ['PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS"],
  },
  {
    name: 'strict supplemental groups on a node that has them not',
    pod: pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    refused: [
      'SupplementalGroupsPolicyNotSupported',
      'SupplementalGroupsPolicy=Strict is not supported in this node',
    ],
  },
  {
    name: 'strict supplemental groups on a node that has them',
    pod: pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    node: { ...NODE, status: { ...NODE.status, features: { supplementalGroupsPolicy: true } } },
  },
  {
    name: 'one pod too many',
    pod: pod(),
    others: [pod(), pod(), pod()],
    refused: [
      'OutOfpods',
      "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
    ],
  },
  { name: 'all that is left', pod: asking({ cpu: '500m' }), others: [asking({ cpu: '1500m' })] },
  {
    name: 'more processor than is left',
    pod: asking({ cpu: '501m', memory: '2Gi' }),
    others: [asking({ cpu: '1500m' })],
    refused: [
      'OutOfcpu',
      "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
    ],
  },
  {
    name: 'more memory than there is',
    pod: asking({ memory: '2Gi' }),
    refused: [
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
  },
  {
    name: 'a device that another has',
    pod: asking({ 'x.y/gpu': '1' }),
    others: [asking({ 'x.y/gpu': '1' })],
    refused: [
      'OutOfx.y/gpu',
      "Node didn't have enough resource: x.y/gpu, requested: 1, used: 1, capacity: 1",
    ],
  },
  { name: 'an extended resource of the cluster', pod: asking({ 'x.y/licence': '1' }) },
  {
    name: 'huge pages of which the node has none',
    pod: asking({ 'hugepages-2Mi': '2Mi' }),
    refused: [
      'OutOfhugepages-2Mi',
      "Node didn't have enough resource: hugepages-2Mi, requested: 2097152, used: 0, capacity: 0",
    ],
  },
  {
    name: 'a label that the node has not',
    pod: pod({ nodeSelector: { disk: 'hdd' } }),
    refused: [
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
  },
  {
    name: 'another node',
    pod: pod({ nodeName: 'n2' }),
    refused: [
      'NodeName',
      "Predicate NodeName failed: node(s) didn't match the requested node name",
    ],
  },
  { name: 'a port in use', pod: withPort(80), others: [withPort(80)], refused: PORTS_TAKEN },
  {
    name: 'a port in use on one address',
    pod: withPort(80),
    others: [withPort(80, { hostIP: '127.0.0.1' })],
    refused: PORTS_TAKEN,
  },
  {
    name: 'a port on another address',
    pod: withPort(80, { hostIP: '127.0.0.2' }),
    others: [withPort(80, { hostIP: '127.0.0.1' })],
  },
  { name: 'another protocol', pod: withPort(80), others: [withPort(80, { protocol: 'UDP' })] },
  {
    name: 'a taint that ends pods',
    pod: pod(),
    node: TAINTED,
    refused: [
      'TaintToleration',
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
  },
  {
    name: 'a taint that is tolerated',
    pod: pod({ tolerations: [{ operator: 'Exists' }] }),
    node: TAINTED,
  },
  {
    name: 'a taint that only keeps the scheduler away',
    pod: pod(),
    node: { ...NODE, spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
  },
];

describe('rejectionOf', () => {
  for (const { name, pod: asked, others = [], node = NODE, refused } of CASES) {
    it(`${refused === undefined ? 'takes' : 'refuses'} ${name}`, () => {
      const rejection = rejectionOf(asked, { node, others });
      const [reason, message] = refused ?? [];
      assert.deepEqual(rejection, refused === undefined ? undefined : { reason, message });
    });
  }
});

const SYSCTLS = new SysctlAllowlist([], '6.1.0');

describe('PodAdmission', () => {
  it('reads the node anew before it refuses a pod for its labels', async () => {
    const labelled = { ...NODE, metadata: { ...NODE.metadata, labels: { disk: 'hdd' } } };
    const client = { get: () => Promise.resolve(labelled) } as never;
    const options = {
      client,
      hasAppArmor: false,
      sysctls: SYSCTLS,
      nodeName: 'n1',
      node: () => NODE,
      taken: () => [],
    };
    const admission = new PodAdmission(options);
    assert.equal(await admission.rejectionOf(pod({ nodeSelector: { disk: 'hdd' } })), undefined);
  });

  it('refuses a new pod that asks for AppArmor where there is none', async () => {
    const one: Pod = {
      ...pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      metadata: { name: 'p', uid: '1' },
    };
    const taken: Pod[] = [];
    const options = { sysctls: SYSCTLS, nodeName: 'n1', node: () => NODE, taken: () => taken };
    const reasonOn = async (hasAppArmor: boolean): Promise<string | undefined> => {
      const admission = new PodAdmission({ ...options, hasAppArmor, client: {} as never });
      return (await admission.rejectionOf(one))?.reason;
    };
    assert.equal(await reasonOn(false), 'AppArmor');
    assert.equal(await reasonOn(true), undefined);
    taken.push(one);
    assert.equal(await reasonOn(false), undefined);
  });

  it('does not count a pod against itself', async () => {
    const one: Pod = { ...withPort(80), metadata: { name: 'p', uid: '1' } };
    const options = {
      client: {} as never,
      hasAppArmor: false,
      sysctls: SYSCTLS,
      nodeName: 'n1',
      node: () => NODE,
      taken: () => [one],
    };
    assert.equal(await new PodAdmission(options).rejectionOf(one), undefined);
  });
});
