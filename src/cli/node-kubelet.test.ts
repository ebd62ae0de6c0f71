import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { toYaml } from '#api/codec/yaml.ts';
import type { Json } from '#api/meta/object.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { EVICTION_HARD } from './eviction-defaults.ts';
import { publishedSettings } from './kubelet-settings.ts';
import type { NodeConfig } from './node-config.ts';
import { nodeDirectoryAt } from './node-directory.ts';
import { nodeKubeletConfiguration } from './node-kubelet.ts';
import { nodeLayout } from './node-layout.ts';
import { resolverFile } from './resolver-file.ts';
import { UserError } from './user-error.ts';

const FACTS = { dnsAddress: '10.96.0.10', clusterDomain: 'cluster.local' };
const DIRECTORY = nodeDirectoryAt('/nowhere/data');
const LAYOUT = nodeLayout(DIRECTORY);
const NODE: NodeConfig = {
  ...FACTS,
  name: 'second',
  hostname: 'second',
  address: '192.0.2.11',
  kubeletPort: 10_251,
  apiServer: { host: '192.0.2.10', port: 6443 },
  podCidr: '10.244.0.0/16',
  serviceClusterIpRange: '10.96.0.0/16',
  podNetwork: 'direct',
  rotatesCertificates: true,
  sysfs: '/sys',
};
const HEAD = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };

/** The machine that tests run on may have either version. */
const ANYWHERE = { failCgroupV1: false };

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, pattern);
  return true;
};

const folder = mkdtempSync(join(tmpdir(), 'cox-node-kubelet-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Of a node of a cluster that publishes these settings. */
const configured = (settings: object, over: Partial<NodeConfig> = {}): KubeletConfiguration =>
  nodeKubeletConfiguration(
    {
      ...NODE,
      kubeletConfiguration: toYaml({ ...HEAD, ...ANYWHERE, ...settings } as Json),
      ...over,
    },
    DIRECTORY,
  );

describe('what a cluster publishes for its kubelets', () => {
  it('is what its own nodes have', () => {
    const text = toYaml(publishedSettings(FACTS, undefined));
    const joined = nodeKubeletConfiguration({ ...NODE, kubeletConfiguration: text }, DIRECTORY);
    const own = nodeKubeletConfiguration(NODE, DIRECTORY);
    assert.deepEqual(joined, own);
    assert.deepEqual(joined.evictionHard, EVICTION_HARD);
    assert.deepEqual(
      [joined.failSwapOn, joined.failCgroupV1, joined.oomScoreAdj, joined.healthzPort],
      [false, false, 0, 0],
    );
    assert.deepEqual(
      [joined.registryPullQPS, joined.serializeImagePulls, joined.kubeAPIQPS, joined.kubeAPIBurst],
      [0, false, 1000, 2000],
    );
  });

  it('has the gates of the cluster', () => {
    const gates = { featureGates: 'ClusterTrustBundle=true,ClusterTrustBundleProjection=true' };
    const text = toYaml(publishedSettings({ ...FACTS, ...gates }, undefined));
    const node = { ...NODE, ...gates };
    for (const config of [node, { ...node, kubeletConfiguration: text }])
      assert.deepEqual(nodeKubeletConfiguration(config, DIRECTORY).featureGates, {
        ClusterTrustBundle: true,
        ClusterTrustBundleProjection: true,
      });
  });

  it('says that who joins asks for certificates, and no port that a machine has once', () => {
    const settings = publishedSettings(FACTS, undefined) as unknown as KubeletConfiguration;
    assert.deepEqual([settings.rotateCertificates, settings.serverTLSBootstrap], [true, true]);
    assert.equal('healthzPort' in settings, false);
    assert.deepEqual(
      [settings.clusterDNS, settings.clusterDomain],
      [['10.96.0.10'], 'cluster.local'],
    );
  });

  it('keeps what somebody changed, and adds what is not there', () => {
    const changed = { ...HEAD, maxPods: 20, failSwapOn: true };
    const settings = publishedSettings(FACTS, toYaml(changed)) as unknown as KubeletConfiguration;
    assert.deepEqual([settings.maxPods, settings.failSwapOn], [20, true]);
    assert.deepEqual([settings.oomScoreAdj, settings.clusterDomain], [0, 'cluster.local']);
  });

  it('stays as it was written where nothing is missing', () => {
    const text = `# ours\n${toYaml(publishedSettings(FACTS, undefined))}maxPods: 20 # few\n`;
    assert.equal(publishedSettings(FACTS, text), text);
  });

  it('stays as it is where nobody can read it', () => {
    for (const text of ['{', '- a\n', 'a: b: c'])
      assert.equal(publishedSettings(FACTS, text), text);
    assert.deepEqual(publishedSettings(FACTS, ''), publishedSettings(FACTS, undefined));
  });
});

describe('the kubelet of a node', () => {
  it('does as the cluster says', () => {
    const settings = {
      maxPods: 20,
      evictionHard: { 'memory.available': '200Mi' },
      containerLogMaxSize: '1Mi',
      containerLogMaxFiles: 2,
      resolvConf: '/etc/other.conf',
      healthzPort: 10_248,
      clusterDNS: ['10.96.0.10', '192.0.2.53'],
      registerWithTaints: [{ key: 'k', effect: 'NoSchedule' }],
      authentication: { anonymous: { enabled: true } },
      logging: { verbosity: 5 },
    };
    const config = configured(settings);
    const { authentication, logging, ...rest } = settings;
    for (const [name, value] of Object.entries(rest))
      assert.deepEqual(config[name as keyof KubeletConfiguration], value, name);
    assert.deepEqual(config.authentication.anonymous, authentication.anonymous);
    assert.equal(config.logging.verbosity, logging.verbosity);
    // Of what nobody says anything, upstream's default holds.
    assert.equal(config.kubeAPIQPS, 50);
  });

  it('has resolvers and no health port of its own where the cluster says nothing', () => {
    const { resolvConf, healthzPort, evictionHard } = configured({});
    assert.deepEqual([resolvConf, healthzPort], [resolverFile(), 0]);
    assert.equal(evictionHard?.['nodefs.available'], '10%');
  });

  it('has its own paths, addresses and certificates whatever the cluster says', () => {
    const config = configured({
      address: '0.0.0.0',
      port: 10_250,
      enableServer: false,
      registerNode: false,
      staticPodPath: '/etc/kubernetes/manifests',
      podLogsDir: '/var/log/pods',
      cgroupRoot: '/other',
      cgroupDriver: 'systemd',
      containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
      imageServiceEndpoint: 'unix:///run/other.sock',
      authentication: { x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' } },
      tlsCertFile: '/server.crt',
      tlsPrivateKeyFile: '/server.key',
      rotateCertificates: false,
      serverTLSBootstrap: false,
    });
    const wanted: Partial<KubeletConfiguration> = {
      address: '192.0.2.11',
      port: 10_251,
      enableServer: true,
      registerNode: true,
      staticPodPath: LAYOUT.staticPods,
      podLogsDir: LAYOUT.podLogs,
      cgroupRoot: `/${LAYOUT.cgroup}`,
      cgroupDriver: 'cgroupfs',
      containerRuntimeEndpoint: `unix://${LAYOUT.containerdSocket}`,
      imageServiceEndpoint: '',
      tlsCertFile: '',
      tlsPrivateKeyFile: '',
      rotateCertificates: true,
      serverTLSBootstrap: true,
    };
    for (const [name, value] of Object.entries(wanted))
      assert.deepEqual(config[name as keyof KubeletConfiguration], value, name);
    assert.deepEqual(config.authentication.x509, {});
    assert.equal(config.authentication.webhook.enabled, true);
  });

  it('asks for no certificates in a cluster that makes them', () => {
    const { rotatesCertificates: _, ...own } = NODE;
    const config = nodeKubeletConfiguration(own, DIRECTORY);
    assert.deepEqual([config.rotateCertificates, config.serverTLSBootstrap], [false, false]);
  });

  it('takes drop-ins of its machine before what the cluster says', () => {
    writeFileSync(join(folder, '10-a.conf'), toYaml({ ...HEAD, maxPods: 5, oomScoreAdj: -1 }));
    writeFileSync(join(folder, '20-b.conf'), toYaml({ ...HEAD, maxPods: 6, port: 1 }));
    const config = configured(
      { maxPods: 20, containerLogMaxFiles: 2 },
      { kubeletConfigDirectory: folder },
    );
    assert.deepEqual(
      [config.maxPods, config.oomScoreAdj, config.containerLogMaxFiles, config.port],
      [6, -1, 2, 10_251],
    );
    const own = nodeKubeletConfiguration({ ...NODE, kubeletConfigDirectory: folder }, DIRECTORY);
    assert.deepEqual([own.maxPods, own.kubeAPIQPS], [6, 1000]);
  });

  it('adds upstream’s thresholds of eviction to those of the cluster where its machine wants them', () => {
    const own = mkdtempSync(join(folder, 'eviction-'));
    writeFileSync(join(own, 'a.conf'), toYaml({ ...HEAD, mergeDefaultEvictionSettings: true }));
    const { evictionHard } = configured(
      { evictionHard: { 'memory.available': '200Mi' } },
      { kubeletConfigDirectory: own },
    );
    assert.equal(evictionHard?.['memory.available'], '200Mi');
    assert.equal(evictionHard?.['nodefs.available'], '10%');
  });

  const bad: [claim: string, settings: object, why: RegExp][] = [
    ['a field that nobody knows', { maxPodz: 1 }, /KubeletConfiguration of the cluster: .*maxPodz/],
    [
      'a value of another type',
      { maxPods: 'many' },
      /KubeletConfiguration of the cluster: .*maxPods/,
    ],
    ['a value that is too small', { maxPods: -1 }, /failed to validate .*maxPods/],
    [
      'a machine that the cluster does not want',
      {
        failCgroupV1: true,
        evictionHard: { 'memory.available': 'x' },
        imageGCLowThresholdPercent: 101,
      },
      /failed to validate .*imageGCLowThresholdPercent/i,
    ],
    ['another kind', { kind: 'Other' }, /KubeletConfiguration of the cluster: .*Other/],
    ['a gate that nobody knows', { featureGates: { Nothing: true } }, /feature gates: .*Nothing/],
  ];
  for (const [claim, settings, why] of bad)
    it(`refuses ${claim}`, () => {
      assert.throws(() => configured(settings), refusal(why));
    });

  it('refuses drop-ins that cannot be read', () => {
    const at = (kubeletConfigDirectory: string) => configured({}, { kubeletConfigDirectory });
    assert.throws(() => at('/nothing/there'), refusal(/Cannot read \/nothing\/there/));
    writeFileSync(join(folder, '30-c.conf'), 'x');
    assert.throws(() => at(folder), refusal(/30-c\.conf/));
  });

  it('is configured by a text that a person wrote', () => {
    const head = `# ours\napiVersion: ${HEAD.apiVersion}\nkind: ${HEAD.kind}\n`;
    const text = `${head}failCgroupV1: false # as it is\nmaxPods: 7\n`;
    const config = nodeKubeletConfiguration({ ...NODE, kubeletConfiguration: text }, DIRECTORY);
    assert.equal(config.maxPods, 7);
  });
});
