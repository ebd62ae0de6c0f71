/** A machine joins a control plane in process: what it learns, and what keeps it away. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fromYaml, toYaml } from '#api/codec/yaml.ts';
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { certificateKeyPins } from '#kubelet/bootstrap/key-pins.ts';
import { createTestKey } from '#kit/certificates.ts';
import { JOIN_TOKEN, JoinWorld } from '#kit/join-world.ts';
import { UserError } from '../user-error.ts';
import { bootstrapNode, type Joined, type JoinDoors } from './bootstrap.ts';
import { joinPlan } from './options.ts';
import { clusterSettings } from './settings.ts';

/** What a node knows of itself. */
const OWN = {
  name: 'second',
  hostname: 'second',
  address: '192.0.2.11',
  kubeletPort: 10_250,
  sysfs: '/sys',
};

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, pattern);
  return true;
};

describe('a machine that joins', () => {
  let world: JoinWorld;
  before(async () => {
    world = await JoinWorld.start();
  });
  after(() => world.stop());

  const doors = (over: Partial<JoinDoors> = {}): JoinDoors => ({
    environment: world.environment,
    createKey: createTestKey,
    connect: () => ({ handler: world.socket, close() {} }),
    readFile: () => assert.fail('there is no file'),
    configure: (server, settings) => Promise.resolve({ ...OWN, apiServer: server, ...settings }),
    step: (_, work) => work(),
    onRetry: () => {},
    ...over,
  });
  const join = (name: string, over: Partial<JoinDoors> = {}): Promise<Joined> => {
    const plan = joinPlan('192.0.2.10:6443', {
      dataDir: '/d',
      token: JOIN_TOKEN,
      discoveryTokenCaCertHash: certificateKeyPins(world.authority.certificate),
    });
    assert.ok(plan !== undefined);
    return world.run(bootstrapNode(plan, name, doors(over)));
  };
  const SETTINGS = {
    podCidr: '10.244.0.0/16',
    serviceClusterIpRange: '10.96.0.0/16',
    dnsAddress: '10.96.0.10',
    dnsInPods: false,
    clusterDomain: 'cluster.local',
    podNetwork: 'direct',
    loadBalancerPools: [],
  };

  it('gets a certificate, and all that a node has to know', async () => {
    const { authority, config, pair } = await join('second');
    const apiServer = { host: '192.0.2.10', port: 6443, authority };
    assert.equal(authority, world.authority.certificate);
    const { kubeletConfiguration = '', ...known } = config;
    assert.deepEqual(known, { ...OWN, apiServer, ...SETTINGS });
    assert.match(kubeletConfiguration, /^kind: KubeletConfiguration$/m);
    assert.match(new X509Certificate(pair.certificate).subject, /CN=system:node:second$/);
  });

  it('never shows its token to a server that it has not verified', async () => {
    const shown: boolean[] = [];
    await join('third', {
      connect: (_, tls) => ({
        handler: (request) => {
          if (request.headers['authorization'] !== undefined) shown.push(tls.ca !== undefined);
          return world.socket(request);
        },
        close() {},
      }),
    });
    assert.ok(shown.length > 0);
    assert.ok(shown.every(Boolean));
  });

  it('finds the cluster by a file, with the token of the file or of a flag', async () => {
    const address = { host: '192.0.2.10', port: 6443, authority: world.authority.certificate };
    const token = { id: 'abcdef', secret: '0123456789abcdef' };
    const plan = { kind: 'file', path: '/f', bootstrapToken: undefined } as const;
    const byFile = bootstrapNode(plan, 'f1', doors({ readFile: () => ({ address, token }) }));
    const { kubeletConfiguration: _, ...known } = (await world.run(byFile)).config;
    assert.deepEqual(known, { ...OWN, apiServer: address, ...SETTINGS });
    const readFile = () => ({ address, token: undefined });
    const byFlag = bootstrapNode({ ...plan, bootstrapToken: token }, 'f2', doors({ readFile }));
    assert.equal((await world.run(byFlag)).config.apiServer.port, 6443);
    const neither = bootstrapNode(plan, 'f3', doors({ readFile }));
    await assert.rejects(neither, refusal(/\/f has no bootstrap token/));
  });

  it('does not take the name of a node that is ready, but that of one that is not', async () => {
    const node = await world.run(world.admin.create(NODE, { metadata: { name: 'twin' } }));
    const ready = (status: string) => ({
      ...node,
      metadata: { name: 'twin' },
      status: { conditions: [{ type: 'Ready', status }] },
    });
    await world.run(world.admin.update(NODE, ready('True'), 'status'));
    await assert.rejects(join('twin'), refusal(/a Node with name "twin" and status "Ready"/));
    await world.run(world.admin.update(NODE, ready('Unknown'), 'status'));
    assert.ok((await join('twin')).pair.key);
  });

  it('asks for no certificate where this machine cannot be a node of the cluster', async () => {
    const requests = () => world.run(world.admin.list(CERTIFICATE_SIGNING_REQUEST));
    const before = (await requests()).items.length;
    const configure = () => Promise.reject(new UserError('Cannot join: no address'));
    await assert.rejects(join('without', { configure }), refusal(/no address/));
    assert.equal((await requests()).items.length, before);
  });

  const settingsWith = async (change: {
    cluster?: object;
    kubelet?: object;
    annotation?: readonly [name: string, value: string];
  }) => {
    const map = (name: string): Promise<ConfigMap> =>
      world.run(world.admin.get(CONFIG_MAP, name, 'kube-system'));
    const changed = (from: ConfigMap, key: string, by: object = {}): ConfigMap => ({
      ...from,
      data: { [key]: toYaml({ ...(fromYaml(from.data?.[key] ?? '') as JsonObject), ...by }) },
    });
    const cluster = changed(await map('kubeadm-config'), 'ClusterConfiguration', change.cluster);
    const kubelet = changed(await map('kubelet-config'), 'kubelet', change.kubelet);
    const annotations =
      change.annotation === undefined
        ? cluster.metadata?.annotations
        : { [change.annotation[0]]: change.annotation[1] };
    const { annotations: _, ...metadata } = cluster.metadata ?? {};
    const withNotes = annotations === undefined ? metadata : { ...metadata, annotations };
    return () => clusterSettings({ cluster: { ...cluster, metadata: withNotes }, kubelet });
  };

  it('learns how pods of other nodes are reached', async () => {
    const by = (mode: string) => settingsWith({ annotation: ['coxswain.dev/pod-network', mode] });
    assert.equal((await by('vxlan'))().podNetwork, 'vxlan');
    assert.throws(await by('pigeons'), refusal(/by "pigeons"/));
  });

  it('learns where names are answered', async () => {
    const by = (place: string) => settingsWith({ annotation: ['coxswain.dev/dns', place] });
    assert.equal((await by('pods'))().dnsInPods, true);
    assert.equal((await by('node'))().dnsInPods, false);
    assert.throws(await by('stars'), refusal(/by "stars"/));
  });

  it('learns the addresses of load balancers', async () => {
    const of = (pools: string) =>
      settingsWith({ annotation: ['coxswain.dev/load-balancer-pools', pools] });
    assert.deepEqual((await of('192.0.2.0/28 big=192.0.2.32-192.0.2.40'))().loadBalancerPools, [
      '192.0.2.0/28',
      'big=192.0.2.32-192.0.2.40',
    ]);
    assert.deepEqual((await of(''))().loadBalancerPools, []);
    assert.throws(await of('x'), refusal(/--load-balancer-pool/));
  });

  it('learns ranges of both families, either first', async () => {
    const both = { podSubnet: '10.244.0.0/16,fd00:10:244::/48' };
    const settings = await settingsWith({
      cluster: networking({ ...both, serviceSubnet: '10.96.0.0/16,fd00:10:96::/112' }),
    });
    const { podCidr, serviceClusterIpRange, dnsAddress } = settings();
    assert.equal(podCidr, both.podSubnet);
    assert.equal(serviceClusterIpRange, '10.96.0.0/16,fd00:10:96::/112');
    assert.equal(dnsAddress, '10.96.0.10');
    const other = await settingsWith({
      cluster: networking({
        podSubnet: 'fd00:10:244::/48,10.244.0.0/16',
        serviceSubnet: 'fd00:10:96::/112,10.96.0.0/16',
      }),
      kubelet: { clusterDNS: ['fd00:10:96::a'] },
    });
    assert.equal(other().dnsAddress, 'fd00:10:96::a');
  });

  it('learns the settings of kubelets, all of them', async () => {
    const settings = await settingsWith({ kubelet: { maxPods: 20 } });
    const { kubeletConfiguration } = settings();
    assert.match(kubeletConfiguration ?? '', /^maxPods: 20$/m);
  });

  const BOTH = '10.244.0.0/16,fd00:10:244::/48';
  const networking = (over: object) => ({
    networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/16', ...over },
  });
  const bad = [
    ['a pod range', { cluster: networking({ podSubnet: undefined }) }, /podSubnet .* not there/],
    ['an IPv4 pod range', { cluster: networking({ podSubnet: 'fd00::/64' }) }, /fd00/],
    ['any range', { cluster: { networking: undefined } }, /podSubnet/],
    [
      'two ranges of different families',
      { cluster: networking({ podSubnet: '10.244.0.0/16,10.245.0.0/16' }) },
      /podSubnet .* "10.244.0.0\/16,10.245.0.0\/16"/,
    ],
    [
      'Services of the families that pods have',
      { cluster: networking({ podSubnet: BOTH }) },
      /serviceSubnet .* "10.96.0.0\/16"/,
    ],
    [
      'Services of these families in the same order',
      { cluster: networking({ podSubnet: BOTH, serviceSubnet: 'fd00:10:96::/112,10.96.0.0/16' }) },
      /serviceSubnet .* "fd00:10:96::\/112,10.96.0.0\/16"/,
    ],
    ['a DNS of its families', { kubelet: { clusterDNS: ['fd00::a'] } }, /clusterDNS .* "fd00::a"/],
    ['a service range', { cluster: networking({ serviceSubnet: 'x' }) }, /serviceSubnet .* "x"/],
    ['a DNS', { kubelet: { clusterDNS: [] } }, /clusterDNS of the cluster is not there/],
    ['a DNS by address', { kubelet: { clusterDNS: ['dns'] } }, /clusterDNS .* "dns"/],
    ['a domain', { kubelet: { clusterDomain: '' } }, /clusterDomain/],
  ] as const;
  for (const [claim, change, pattern] of bad) {
    it(`refuses a cluster without ${claim}`, async () => {
      assert.throws(await settingsWith(change), refusal(pattern));
    });
  }

  it('refuses ConfigMaps that say nothing, or nothing that can be read', () => {
    const map = (data?: Record<string, string>) => ({
      metadata: { name: 'm' },
      ...(data && { data }),
    });
    assert.throws(
      () => clusterSettings({ cluster: map(), kubelet: map() }),
      refusal(/ConfigMap m of kube-system has no ClusterConfiguration/),
    );
    assert.throws(
      () => clusterSettings({ cluster: map({ ClusterConfiguration: '{' }), kubelet: map() }),
      refusal(/ConfigMap m cannot be read/),
    );
  });
});
