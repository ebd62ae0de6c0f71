import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { FakeApi } from '#kit/kubelet/fake-api.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import type { Cri } from '../cri/cri.ts';
import type { KubeletEvent } from '../events.ts';
import { cniConfigList } from '../network/cni-config.ts';
import { LEASE, NODE } from '../resources.ts';
import { containerdConfig, hasSysResource } from '../runtime/containerd-config.ts';
import { keepLease } from './lease.ts';
import { NodeAgent } from './node-agent.ts';
import { type NodeFacts, nodeStatus } from './node-object.ts';
import { RuntimeState } from '../runtime/runtime-state.ts';
import { nodeAllocatable } from './reservations.ts';

const GIB = 2 ** 30;
const FACTS: NodeFacts = {
  name: 'n1',
  ips: ['192.0.2.1'],
  hostname: 'n1',
  architecture: 'amd64',
  labels: { zone: 'a' },
  machine: {
    cpus: 2,
    memoryBytes: 4 * GIB,
    cores: 2,
    sockets: 1,
    machineId: 'm',
    systemUuid: 's',
    bootId: 'b',
    kernelVersion: '6',
    osImage: 'os',
  },
  diskCapacityBytes: 100 * GIB,
  runtimeVersion: 'containerd://1.6.20',
  configuration: defaultKubeletConfiguration(),
};

describe('nodeStatus', () => {
  const reasons = (pressure: readonly string[], notReady: string[] = []) =>
    nodeStatus(FACTS, { pressure: new Set(pressure), notReady }, [], 'now').conditions?.map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    );

  it('says that all is well', () => {
    assert.deepEqual(reasons([]), [
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ]);
  });
  it('says what is short', () => {
    assert.deepEqual(reasons(['MemoryPressure', 'DiskPressure', 'PIDPressure'], ['a', 'b']), [
      'MemoryPressure=True KubeletHasInsufficientMemory',
      'DiskPressure=True KubeletHasDiskPressure',
      'PIDPressure=True KubeletHasInsufficientPID',
      'Ready=False KubeletNotReady',
    ]);
  });
  it('keeps back what the node itself needs', () => {
    assert.deepEqual(nodeAllocatable(FACTS), {
      cpu: '2',
      'ephemeral-storage': '96636764000',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '0',
      memory: '4091904Ki',
      pods: '110',
    });
  });
  it('keeps the time of a condition that stayed', () => {
    const before = [{ type: 'Ready', status: 'True', lastTransitionTime: 'then' }];
    const status = nodeStatus(FACTS, { pressure: new Set<string>(), notReady: [] }, before, 'now');
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([ready?.lastTransitionTime, ready?.lastHeartbeatTime], ['then', 'now']);
  });
});

describe('NodeAgent', () => {
  const make = (facts: NodeFacts = FACTS) => {
    const environment = new VirtualEnvironment();
    const api = new FakeApi();
    const events: KubeletEvent[] = [];
    const state = { networkReady: false, runtimeDown: false };
    const cidrs: string[][] = [];
    const cri: Cri = {
      call: (name) => {
        if (state.runtimeDown) return Promise.reject(new GrpcError(GRPC_CODE.unavailable, 'gone'));
        const conditions = [
          { type: 'RuntimeReady', status: true },
          {
            type: 'NetworkReady',
            status: state.networkReady,
            reason: 'NetworkPluginNotReady',
            message: 'cni plugin not initialized',
          },
        ];
        // Only status and listImages are called here.
        return Promise.resolve((name === 'status' ? { status: { conditions } } : {}) as never);
      },
      watchEvents: () => Promise.resolve(),
    };
    const stop = new AbortController();
    const agent = new NodeAgent({
      environment,
      client: api,
      cri,
      runtime: new RuntimeState(cri),
      facts,
      devices: { room: () => ({ capacity: {}, allocatable: {} }), isNew: false },
      isShuttingDown: () => false,
      pressure: () => new Set(),
      events: { event: (event) => events.push(event) },
      onPodCidrs: (found) => {
        cidrs.push([...found]);
        return Promise.resolve();
      },
    });
    const run = agent.run(stop.signal);
    const node = (): Node | undefined => api.find(NODE, 'n1');
    const ready = () => node()?.status?.conditions?.find(({ type }) => type === 'Ready');
    return {
      environment,
      api,
      agent,
      events,
      state,
      cidrs,
      node,
      ready,
      stop: () => (stop.abort(), run),
    };
  };

  it('registers the node, and says when it is ready', async () => {
    const t = make();
    await t.environment.advance(0);
    assert.equal(t.node()?.metadata?.labels?.['kubernetes.io/hostname'], 'n1');
    const text =
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized';
    assert.deepEqual([t.ready()?.status, t.ready()?.message], ['False', text]);
    t.state.networkReady = true;
    await t.environment.advance(2000);
    assert.deepEqual(
      [t.ready()?.status, t.ready()?.message],
      ['True', 'kubelet is posting ready status'],
    );
    assert.ok(t.events.some(({ message }) => message === 'Node n1 status is now: NodeReady'));
    t.state.runtimeDown = true;
    await t.environment.advance(10_000);
    assert.deepEqual(
      [t.ready()?.status, t.ready()?.message],
      ['False', 'container runtime is down'],
    );
    await t.stop();
  });

  it('writes only what changed, and every five minutes', async () => {
    const t = make();
    t.state.networkReady = true;
    await t.environment.advance(1000);
    const first = t.node()?.metadata?.resourceVersion;
    await t.environment.advance(200_000);
    assert.equal(t.node()?.metadata?.resourceVersion, first);
    await t.environment.advance(110_000);
    assert.notEqual(t.node()?.metadata?.resourceVersion, first);
    await t.stop();
  });

  it('has both of two addresses of one type, whatever is written after them', async () => {
    const t = make({ ...FACTS, ips: ['192.0.2.1', '2001:db8::1'] });
    await t.environment.advance(0);
    t.state.networkReady = true;
    await t.environment.advance(2000);
    assert.equal(t.ready()?.status, 'True');
    assert.deepEqual(t.node()?.status?.addresses, [
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'InternalIP', address: '2001:db8::1' },
      { type: 'Hostname', address: 'n1' },
    ]);
    await t.stop();
  });

  it('tells the ranges of pod addresses when they are known', async () => {
    const t = make();
    await t.environment.advance(0);
    const node = t.node()!;
    t.agent.update({ ...node, spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] } });
    await t.environment.advance(0);
    assert.deepEqual(t.cidrs, [['10.244.0.0/24']]);
    await t.stop();
  });

  it('takes a node that is there, and adds its labels', async () => {
    const t = make();
    await t.api.create(NODE, { metadata: { name: 'n1', labels: { theirs: 'x' } } });
    await t.environment.advance(0);
    assert.deepEqual(
      [t.node()?.metadata?.labels?.['theirs'], t.node()?.metadata?.labels?.['zone']],
      ['x', 'a'],
    );
    await t.stop();
  });
});

describe('keepLease', () => {
  it('renews every ten seconds, and belongs to the node', async () => {
    const environment = new VirtualEnvironment();
    const api = new FakeApi();
    const stop = new AbortController();
    const run = keepLease(
      { environment, client: api, nodeName: 'n1', nodeUid: () => 'uid' },
      stop.signal,
    );
    const lease = () => api.find(LEASE, 'n1', 'kube-node-lease');
    await environment.advance(0);
    const first = lease()?.spec?.renewTime;
    assert.deepEqual(
      [lease()?.spec?.holderIdentity, lease()?.spec?.leaseDurationSeconds],
      ['n1', 40],
    );
    assert.equal(lease()?.metadata?.ownerReferences?.[0]?.uid, 'uid');
    await environment.advance(9000);
    assert.equal(lease()?.spec?.renewTime, first);
    await environment.advance(2000);
    assert.notEqual(lease()?.spec?.renewTime, first);
    stop.abort();
    await run;
  });

  it('renews four times in the time that it lasts', async () => {
    const environment = new VirtualEnvironment();
    const api = new FakeApi();
    const stop = new AbortController();
    const named = { nodeName: 'n1', nodeUid: () => 'uid', nodeLeaseDurationSeconds: 80 };
    const run = keepLease({ environment, client: api, ...named }, stop.signal);
    const spec = () => api.find(LEASE, 'n1', 'kube-node-lease')?.spec;
    await environment.advance(0);
    const first = spec()?.renewTime;
    assert.equal(spec()?.leaseDurationSeconds, 80);
    await environment.advance(19_000);
    assert.equal(spec()?.renewTime, first);
    await environment.advance(2000);
    assert.notEqual(spec()?.renewTime, first);
    stop.abort();
    await run;
  });
});

describe('cniConfigList', () => {
  it('gives each range of addresses a set, and a way out', () => {
    const text = cniConfigList({
      podCidrs: ['10.244.0.0/24', 'fd00::/64'],
      bridge: 'b0',
      stateDirectory: '/s',
    });
    const [bridge] = JSON.parse(text).plugins;
    assert.deepEqual(bridge.ipam.ranges, [
      [{ subnet: '10.244.0.0/24' }],
      [{ subnet: 'fd00::/64' }],
    ]);
    assert.deepEqual(bridge.ipam.routes, [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]);
    assert.equal(bridge.bridge, 'b0');
  });
});

describe('containerdConfig', () => {
  it('says where everything is', () => {
    const text = containerdConfig({
      root: '/r',
      state: '/s',
      socketPath: '/s/c.sock',
      sandboxImage: 'pause:1',
      cniBinDirectory: '/bin',
      cniConfigDirectory: '/conf',
      registryDirectories: ['/own', '/etc/of the machine'],
      restrictOomScoreAdj: true,
    });
    for (const expected of [
      'root = "/r"',
      'address = "/s/c.sock"',
      'sandbox_image = "pause:1"',
      'restrict_oom_score_adj = true',
      'conf_dir = "/conf"',
      'config_path = "/own:/etc/of the machine"',
      'use_local_image_pull = true',
    ]) {
      assert.ok(text.includes(expected), expected);
    }
  });
  it('knows whether scores may be lowered', () => {
    assert.equal(hasSysResource('CapEff:\t000001ffffffffff\n'), true);
    assert.equal(hasSysResource('CapEff:\t000001fffeffffff\n'), false);
  });
});
