/** What DynamicResources finds out before nodes are looked at, what it gives back, and what helps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.ts';
import type { DeviceClass, ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { allocationOf } from '#kit/allocator-world.ts';
import { aClaim, aClass, anyOf, aSlice, DRIVER } from '#kit/devices.ts';
import { aNode, aPod, decide, place, snapshotOf, type World } from '#kit/scheduler-world.ts';
import type { ClusterEvent, EventAction, EventResource } from '../cluster-events.ts';
import { podInfo } from '../pod-info.ts';
import type { Snapshot } from '../snapshot.ts';
import { dynamicResources } from './dynamic-resources.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';

interface Devices {
  readonly claims?: readonly ResourceClaim[];
  readonly classes?: readonly DeviceClass[];
  readonly slices?: readonly ResourceSlice[];
}

const GPU = aSlice('s', { nodeName: 'a', devices: ['gpu-0'] });

function world({ claims = [], classes = [aClass('gpu')], slices = [GPU] }: Devices): World {
  const textOf = ({ metadata }: ResourceClaim) => `${metadata?.namespace}/${metadata?.name}`;
  return {
    nodes: [aNode('a'), aNode('b')],
    objects: {
      resourceClaims: () => claims,
      resourceClaim: (key) => claims.find((claim) => textOf(claim) === key),
      resourceClaimsOf: (uid) =>
        claims.filter(({ metadata }) => metadata?.ownerReferences?.[0]?.uid === uid),
      resourceSlices: () => slices,
      deviceClass: (name) => classes.find(({ metadata }) => metadata?.name === name),
      deviceClasses: () => classes,
    },
  };
}

const USER: PodResourceClaim = { name: 'c', resourceClaimName: 'one' };
const OF_TEMPLATE: PodResourceClaim = { name: 'c', resourceClaimTemplateName: 't' };

function user(resourceClaims: PodResourceClaim[] = [USER], made?: string): Pod {
  const resourceClaimStatuses = [
    { name: 'c', ...(made === undefined ? {} : { resourceClaimName: made }) },
  ];
  const status = made === undefined ? {} : { status: { resourceClaimStatuses } };
  return aPod('p', { resourceClaims, ...status });
}

const owned = (by: string): ResourceClaim => {
  const { metadata, ...rest } = aClaim('one');
  const owner = { apiVersion: 'v1', kind: 'Pod', name: by, uid: by, controller: true };
  return { ...rest, metadata: { ...metadata, ownerReferences: [owner] } };
};

const withStatus = (status: ResourceClaim['status'], spec = {}): ResourceClaim => ({
  ...aClaim('one', spec),
  ...(status === undefined ? {} : { status }),
});

const onlyOn = (name: string) => ({
  nodeSelectorTerms: [
    { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [name] }] },
  ],
});

describe('a pod with claims', () => {
  type Row = [claim: string, pod: Pod, devices: Devices, expected: string | undefined];
  const deleting = { ...aClaim('one').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const rows: Row[] = [
    ['may be tried when they are there', user(), { claims: [aClaim('one')] }, undefined],
    ['waits for one', user(), {}, 'could not find ResourceClaim "default/one"'],
    [
      'waits for one that is made',
      user([OF_TEMPLATE]),
      {},
      'pod "default/p": ResourceClaim not created yet',
    ],
    [
      'may be tried when that is made',
      user([OF_TEMPLATE], 'one'),
      { claims: [owned('p')] },
      undefined,
    ],
    [
      'does not take one that was made for another',
      user([OF_TEMPLATE], 'one'),
      { claims: [owned('q')] },
      'ResourceClaim default/one was not created for Pod default/p (Pod is not owner)',
    ],
    [
      'does not take one that goes',
      user(),
      { claims: [{ ...aClaim('one'), metadata: deleting }] },
      'resourceclaim "one" is being deleted',
    ],
    [
      'has no use for one that names nothing',
      user([{ name: 'c' }]),
      {},
      'pod "default/p", spec.resourceClaim "c": none of the supported fields are set',
    ],
  ];
  for (const [claim, pod, devices, expected] of rows)
    it(claim, () => {
      const cluster = snapshotOf(world(devices));
      const gate = dynamicResources.preEnqueue?.(podInfo(pod), cluster);
      assert.equal(gate?.reasons.join(), expected);
    });

  it('needs none that it was decided not to make', () => {
    const pod = aPod('p', {
      resourceClaims: [OF_TEMPLATE],
      status: { resourceClaimStatuses: [{ name: 'c' }] },
    });
    assert.equal(dynamicResources.preFilter?.(podInfo(pod), snapshotOf(world({}))), undefined);
  });
});

describe('the place of a pod with claims', () => {
  const NONE = '0/2 nodes are available: ';
  type Row = [claim: string, devices: Devices, expected: string];
  const rows: Row[] = [
    ['is where its device is', { claims: [aClaim('one')] }, 'a'],
    [
      'is where the device is that it has',
      {
        claims: [withStatus({ allocation: { ...allocationOf('x/y'), nodeSelector: onlyOn('b') } })],
      },
      'b',
    ],
    [
      'is nowhere when that is out of reach',
      {
        claims: [withStatus({ allocation: { ...allocationOf('x/y'), nodeSelector: onlyOn('c') } })],
      },
      `${NONE}2 resourceclaim not available on the node.`,
    ],
    [
      'is nowhere without a class that an alternative names',
      {
        claims: [
          aClaim('one', {
            requests: [anyOf('r', { name: 'x' }, { name: 'y', deviceClassName: 'none' })],
          }),
        ],
      },
      `${NONE}request r/y: device class none does not exist.`,
    ],
    [
      'is nowhere where no devices are left',
      {
        claims: [
          aClaim('one'),
          { ...aClaim('two'), status: { allocation: allocationOf('a/gpu-0') } },
        ],
      },
      `${NONE}2 cannot allocate all claims.`,
    ],
    [
      'is nowhere when devices that it has have failed',
      {
        claims: [
          withStatus({
            allocation: {
              devices: {
                results: [
                  {
                    request: 'r',
                    driver: DRIVER,
                    pool: 'a',
                    device: 'gpu-0',
                    bindingConditions: ['Ready'],
                    bindingFailureConditions: ['Broken'],
                  },
                ],
              },
            },
            devices: [
              {
                driver: DRIVER,
                pool: 'a',
                device: 'gpu-0',
                conditions: [
                  {
                    type: 'Broken',
                    status: 'True',
                    reason: 'X',
                    message: '',
                    lastTransitionTime: '2026-01-01T00:00:00Z',
                  },
                ],
              },
            ],
          }),
        ],
      },
      `${NONE}2 resourceclaim not available on the node.`,
    ],
  ];
  for (const [claim, devices, expected] of rows)
    it(claim, () => assert.equal(place(world(devices), user()), expected));

  it('is where the better alternative is', () => {
    const slices = [
      aSlice('x', { nodeName: 'a', devices: ['one'] }),
      aSlice('y', { nodeName: 'b', devices: ['one', 'two'] }),
    ];
    const requests = [
      anyOf('r', { name: 'x', count: 3 }, { name: 'y', count: 2 }, { name: 'z', count: 1 }),
    ];
    // Nothing else tells the nodes apart.
    const plugins = [dynamicResources];
    const all = world({ slices, claims: [aClaim('one', { requests })] });
    assert.equal(place(all, user(), plugins), 'b');
  });

  it('is not looked for while another pod is about to give its claim devices', () => {
    const one = aClaim('one');
    const cluster = snapshotOf(world({ claims: [one] }));
    cluster.devices.begin(one, allocationOf('a/gpu-0'));
    const result = decide(cluster, user());
    assert.equal(
      'message' in result && result.message,
      `${NONE}resource claim default/one is in the process of being allocated.`,
    );
  });

  it('is not given while the search takes too long', () => {
    const cluster = snapshotOf(world({ claims: [aClaim('one')] }));
    const { clock } = cluster.devices.moment;
    let nowMs = clock.monotonicMs();
    Object.assign(clock, { monotonicMs: () => (nowMs += 10_001) });
    assert.throws(() => decide(cluster, user()), {
      message:
        /^running "DynamicResources" filter plugin: node [ab]: timed out trying to allocate devices$/,
    });
  });
});

describe('what is given back for a pod that fits nowhere', () => {
  function given(claims: ResourceClaim[], pod = user()): string {
    const result = decide(snapshotOf(world({ claims })), pod);
    const run = 'diagnosis' in result ? result.run : undefined;
    return run?.filters.find((filter) => filter.giveBack !== undefined)?.giveBack?.().message ?? '';
  }
  const away = { ...allocationOf('x/y'), nodeSelector: onlyOn('c') };
  const pods = (...uids: string[]) => uids.map((uid) => ({ resource: 'pods', name: uid, uid }));
  const rows: [claim: string, status: ResourceClaim['status'], expected: string][] = [
    ['is a claim that nobody has', { allocation: away }, 'deallocation of ResourceClaim completed'],
    [
      'is a claim of its own',
      { allocation: away, reservedFor: pods('p') },
      'deallocation of ResourceClaim completed',
    ],
    [
      'is no claim that another pod has',
      { allocation: away, reservedFor: pods('q') },
      'still not schedulable',
    ],
    [
      'is no claim that it shares',
      { allocation: away, reservedFor: pods('p', 'q') },
      'still not schedulable',
    ],
  ];
  for (const [claim, status, expected] of rows)
    it(claim, () => assert.equal(given([withStatus(status)]), expected));

  it('is the claim of its extended resources that an earlier attempt has left', () => {
    const { metadata, ...rest } = owned('p');
    const annotations = { 'resource.kubernetes.io/extended-resource-claim': 'true' };
    const left = { ...rest, metadata: { ...metadata, annotations } };
    const resources = { requests: { 'deviceclass.resource.kubernetes.io/gpu': '1' } };
    const pod = aPod('p', { containers: [{ name: 'main', resources }] });
    assert.equal(given([left], pod), 'deletion of ResourceClaim completed');
    assert.equal(place(world({}), pod), 'a');
  });
});

describe('a pod that was refused for its claims', () => {
  const allocated = withStatus({ allocation: allocationOf('a/gpu-0') });
  const { metadata } = aClaim('one');
  const marked = { ...aClaim('one'), metadata: { ...metadata, labels: { a: 'b' } } };
  const other = { ...aClaim('two'), status: { allocation: allocationOf('a/gpu-0') } };
  type Row = [
    claim: string,
    resource: Exclude<EventResource, '*'>,
    action: Exclude<EventAction, '*'>,
    change: readonly [KubeObject | undefined, KubeObject],
    expected: boolean,
  ];
  const rows: Row[] = [
    ['is helped by its claim', 'ResourceClaim', 'Add', [undefined, aClaim('one')], true],
    ['is not helped by another one', 'ResourceClaim', 'Add', [undefined, aClaim('two')], false],
    [
      'is helped by devices that another claim gives back',
      'ResourceClaim',
      'Update',
      [other, aClaim('two')],
      true,
    ],
    [
      'is helped by its claim when that gets devices',
      'ResourceClaim',
      'Update',
      [aClaim('one'), allocated],
      true,
    ],
    [
      'is not helped by labels of its claim',
      'ResourceClaim',
      'Update',
      [aClaim('one'), marked],
      false,
    ],
    [
      'is not helped by another claim that gets devices',
      'ResourceClaim',
      'Update',
      [aClaim('two'), other],
      false,
    ],
    [
      'is helped by the name of its claim',
      'Pod',
      'UpdatePodGeneratedResourceClaim',
      [user([OF_TEMPLATE]), user()],
      true,
    ],
    [
      'is not helped by that of another',
      'Pod',
      'UpdatePodGeneratedResourceClaim',
      [aPod('q'), aPod('q')],
      false,
    ],
  ];
  const helps = (cluster: Snapshot, event: ClusterEvent): boolean =>
    (dynamicResources.hints ?? [])
      .filter(
        ({ resource, actions }) =>
          resource === event.resource && event.action !== '*' && actions.includes(event.action),
      )
      .some((hint) => hint.helps?.(podInfo(user()), event, cluster) ?? true);
  for (const [claim, resource, action, [before, after], expected] of rows)
    it(claim, () => {
      const cluster = snapshotOf(world({ claims: [aClaim('one')] }));
      const event = { resource, action, after, ...(before === undefined ? {} : { before }) };
      assert.equal(helps(cluster, event), expected);
    });

  it('is helped by slices, classes and nodes, and by nothing while its claim is not there', () => {
    const cluster = snapshotOf(world({}));
    const added = (resource: Exclude<EventResource, '*'>): ClusterEvent => ({
      resource,
      action: 'Add',
      after: aClaim('one'),
    });
    const resources = ['ResourceSlice', 'DeviceClass', 'Node', 'ResourceClaim'] as const;
    assert.deepEqual(
      resources.map((resource) => helps(cluster, added(resource))),
      [true, true, true, false],
    );
  });
});

describe('an extended resource', () => {
  const asking = (resource: string): Pod =>
    aPod('p', { containers: [{ name: 'main', resources: { requests: { [resource]: '1' } } }] });
  const named = { ...aClass('gpu'), spec: { extendedResourceName: 'example.com/gpu' } };

  it('is devices on one node, and the node has it itself on another', () => {
    const nodes = [aNode('a'), aNode('b')];
    const own = { ...nodes[1], status: { allocatable: { pods: '9', 'example.com/gpu': '1' } } };
    const all = world({ classes: [named] });
    const devicesOnly = { ...all, nodes: [aNode('a')] };
    const ownOnly = { ...all, nodes: [own] };
    assert.equal(place(devicesOnly, asking('example.com/gpu')), 'a');
    assert.equal(place(ownOnly, asking('example.com/gpu')), 'b');
    const neither = { ...all, nodes: [aNode('c')] };
    assert.equal(
      place(neither, asking('example.com/gpu')),
      '0/1 nodes are available: 1 cannot allocate all claims.',
    );
  });

  it('makes a pod wait for its class, by either name', () => {
    const helps = (resource: string, before: DeviceClass | undefined, after: DeviceClass) =>
      nodeResourcesFit.hints
        ?.find((hint) => hint.resource === 'DeviceClass')
        ?.helps?.(
          podInfo(asking(resource)),
          {
            resource: 'DeviceClass',
            action: 'Update',
            ...(before === undefined ? {} : { before }),
            after,
          },
          snapshotOf(world({})),
        );
    const implicit = 'deviceclass.resource.kubernetes.io/gpu';
    assert.equal(helps(implicit, undefined, aClass('gpu')), true);
    assert.equal(helps(implicit, aClass('gpu'), named), false);
    assert.equal(helps('example.com/gpu', undefined, named), true);
    assert.equal(helps('example.com/gpu', aClass('gpu'), named), true);
    assert.equal(helps('example.com/gpu', named, named), false);
    assert.equal(helps('example.com/gpu', undefined, aClass('gpu')), false);
  });

  it('that no class stands for must be the node’s', () => {
    const pod = aPod('p', {
      containers: [
        {
          name: 'main',
          resources: { requests: { 'example.com/gpu': '1', 'example.com/other': '1' } },
        },
      ],
    });
    const result = dynamicResources.preFilter?.(
      podInfo(pod),
      snapshotOf(world({ classes: [named] })),
    );
    assert.ok(result && 'filter' in result);
    const node = snapshotOf(world({})).node('a');
    assert.ok(node);
    assert.deepEqual(result.filter.check(node)?.reasons, ['cannot fit resource']);
  });
});
