/** What a KubeletConfiguration says: decoding, defaults, drop-ins. The facts are upstream's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '#api/component-config/error.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { defaultKubeletConfiguration, withDefaults } from './defaults.ts';
import { readKubeletConfig, withDropIns } from './read.ts';
import { FIELDS } from './schema.ts';
import type { KubeletConfiguration } from './types.ts';

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

const read = (text: string): KubeletConfiguration => readKubeletConfig(HEAD + text, '/etc/kubelet');

/** As upstream v1.36 writes a configuration that says nothing. */
const DEFAULTS = `
address: 0.0.0.0
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 2m0s, enabled: true}
  x509: {}
authorization:
  mode: Webhook
  webhook: {cacheAuthorizedTTL: 5m0s, cacheUnauthorizedTTL: 30s}
cgroupDriver: cgroupfs
cgroupsPerQOS: true
configMapAndSecretChangeDetectionStrategy: Watch
containerLogMaxFiles: 5
containerLogMaxSize: 10Mi
containerLogMaxWorkers: 1
containerLogMonitorInterval: 10s
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
contentType: application/vnd.kubernetes.protobuf
cpuCFSQuota: true
cpuCFSQuotaPeriod: 100ms
cpuManagerPolicy: none
cpuManagerReconcilePeriod: 10s
crashLoopBackOff: {maxContainerRestartPeriod: 5m0s}
enableControllerAttachDetach: true
enableDebugFlagsHandler: true
enableDebuggingHandlers: true
enableProfilingHandler: true
enableServer: true
enableSystemLogHandler: true
enableSystemLogQuery: false
enforceNodeAllocatable: [pods]
eventBurst: 100
eventRecordQPS: 50
evictionPressureTransitionPeriod: 5m0s
failCgroupV1: true
failSwapOn: true
fileCheckFrequency: 20s
hairpinMode: promiscuous-bridge
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 20s
imageGCHighThresholdPercent: 85
imageGCLowThresholdPercent: 80
imageMaximumGCAge: 0s
imageMinimumGCAge: 2m0s
imagePullCredentialsVerificationPolicy: NeverVerifyPreloadedImages
iptablesDropBit: 15
iptablesMasqueradeBit: 14
kind: KubeletConfiguration
kubeAPIBurst: 100
kubeAPIQPS: 50
localStorageCapacityIsolation: true
logging:
  flushFrequency: 5s
  format: text
  options:
    json: {infoBufferSize: "0"}
    text: {infoBufferSize: "0"}
  verbosity: 0
makeIPTablesUtilChains: true
maxOpenFiles: 1000000
maxPods: 110
memoryManagerPolicy: None
memoryReservationPolicy: None
memorySwap: {}
memoryThrottlingFactor: 0.9
mergeDefaultEvictionSettings: false
nodeLeaseDurationSeconds: 40
nodeStatusMaxImages: 50
nodeStatusReportFrequency: 5m0s
nodeStatusUpdateFrequency: 10s
oomScoreAdj: -999
podLogsDir: /var/log/pods
podPidsLimit: -1
port: 10250
registerNode: true
registryBurst: 10
registryPullQPS: 5
resolvConf: /etc/resolv.conf
runtimeRequestTimeout: 2m0s
seccompDefault: false
serializeImagePulls: true
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
streamingConnectionIdleTimeout: 4h0m0s
syncFrequency: 1m0s
topologyManagerPolicy: none
topologyManagerScope: container
volumePluginDir: /usr/libexec/kubernetes/kubelet-plugins/volume/exec/
volumeStatsAggPeriod: 1m0s
`;

/** What is said of the text. */
function refusal(make: () => unknown): string {
  try {
    make();
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

describe('decoding', () => {
  const refused: readonly (readonly [text: string, message: string])[] = [
    [
      'foo: 1\nauthentication: {x509: {bar: 2}}\nlogging: {vmodule: [{a: b}]}',
      'strict decoding error: unknown field "foo", unknown field "authentication.x509.bar", unknown field "logging.vmodule[0].a"',
    ],
    [
      'port: 1\nport: 2',
      'strict decoding error: yaml: unmarshal errors:\n  line 4: key "port" already set in map',
    ],
    [
      'port: many',
      'json: cannot unmarshal string into Go struct field KubeletConfiguration.port of type int32',
    ],
    [
      'clusterDNS: 10.0.0.1',
      'json: cannot unmarshal string into Go struct field KubeletConfiguration.clusterDNS of type []string',
    ],
    ['syncFrequency: soon', 'time: invalid duration "soon"'],
  ];
  for (const [text, message] of refused)
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(
        refusal(() => read(text)),
        message,
      );
    });

  it('refuses what comes twice in JSON', () => {
    const text =
      '{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","authentication":{"x509":{},"x509":{}}}';
    const message = 'strict decoding error: duplicate field "authentication.x509"';
    assert.equal(
      refusal(() => readKubeletConfig(text, '/')),
      message,
    );
  });

  it('refuses other kinds, and texts without one', () => {
    assert.equal(
      refusal(() => readKubeletConfig('port: 1', '/')),
      "Object 'Kind' is missing in 'port: 1'",
    );
    assert.match(
      refusal(() => readKubeletConfig('apiVersion: v1\nkind: Pod', '/')),
      /^no kind "Pod" is registered for version "v1" in scheme /,
    );
  });

  it('takes JSON and YAML alike, with durations and quantities in their plain form', () => {
    const given = { syncFrequency: '90s', maxPods: 7, reservedMemory: [] };
    const head = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
    const json = readKubeletConfig(JSON.stringify({ ...head, ...given }), '/etc/kubelet');
    assert.deepEqual(json, read('syncFrequency: 90s\nmaxPods: 7\nreservedMemory: []'));
    assert.equal(json.syncFrequency, '1m30s');
  });

  it('knows every field of the type', () => {
    // As many as the struct has, less the two of TypeMeta.
    assert.equal(FIELDS.length, 125);
    assert.equal(new Set(FIELDS).size, FIELDS.length);
    const known = new Set(FIELDS);
    const unknown = Object.keys(defaultKubeletConfiguration()).filter((name) => !known.has(name));
    assert.deepEqual(unknown, ['apiVersion', 'kind']);
  });

  it('finds the paths of the file from where it lies', () => {
    const { staticPodPath, tlsCertFile, authentication, resolvConf } = read(
      'staticPodPath: manifests\ntlsCertFile: /abs\nauthentication: {x509: {clientCAFile: ../ca}}\nresolvConf: ""',
    );
    assert.deepEqual(
      [staticPodPath, tlsCertFile, authentication.x509.clientCAFile, resolvConf],
      ['/etc/kubelet/manifests', '/abs', '/etc/ca', ''],
    );
  });
});

describe('defaults', () => {
  it('are upstream’s', () => {
    assert.deepEqual(withDefaults({}), fromYaml(DEFAULTS));
  });

  it('do not change when they are given as they are', () => {
    assert.deepEqual(withDefaults({ ...withDefaults({}) }), withDefaults({}));
  });

  it('are there for zero where zero says nothing', () => {
    const { maxPods, port, syncFrequency, registryPullQPS, healthzPort, podPidsLimit } = read(
      'maxPods: 0\nport: 0\nsyncFrequency: 0s\nregistryPullQPS: 0\nhealthzPort: 0\npodPidsLimit: -7',
    );
    assert.deepEqual(
      [maxPods, port, syncFrequency, registryPullQPS, healthzPort, podPidsLimit],
      [110, 10250, '1m0s', 0, 0, -1],
    );
  });

  const dependent: readonly (readonly [text: string, expected: Partial<KubeletConfiguration>])[] = [
    ['nodeStatusUpdateFrequency: 7s', { nodeStatusReportFrequency: '7s' }],
    [
      'nodeStatusUpdateFrequency: 7s\nnodeStatusReportFrequency: 1m',
      { nodeStatusReportFrequency: '1m0s' },
    ],
    ['maxParallelImagePulls: 2', { serializeImagePulls: false }],
    ['maxParallelImagePulls: 1', { serializeImagePulls: true }],
    ['maxParallelImagePulls: 2\nserializeImagePulls: true', { serializeImagePulls: true }],
    ['featureGates: {KubeletCrashLoopBackOffMax: false}', { crashLoopBackOff: {} }],
    [
      'featureGates: {KubeletEnsureSecretPulledImages: false}',
      { imagePullCredentialsVerificationPolicy: undefined as never },
    ],
    [
      'authentication: {webhook: {enabled: false}}',
      {
        authentication: {
          x509: {},
          webhook: { enabled: false, cacheTTL: '2m0s' },
          anonymous: { enabled: false },
        },
      },
    ],
    [
      '',
      {
        evictionHard: {
          'memory.available': '100Mi',
          'nodefs.available': '10%',
          'nodefs.inodesFree': '5%',
          'imagefs.available': '15%',
          'imagefs.inodesFree': '5%',
        },
      },
    ],
    ['evictionHard: {}', { evictionHard: {} }],
    ['evictionHard: {memory.available: 1Gi}', { evictionHard: { 'memory.available': '1Gi' } }],
    [
      'evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true',
      {
        evictionHard: {
          'memory.available': '1Gi',
          'nodefs.available': '10%',
          'nodefs.inodesFree': '5%',
          'imagefs.available': '15%',
          'imagefs.inodesFree': '5%',
        },
      },
    ],
  ];
  for (const [text, expected] of dependent)
    it(`after ${JSON.stringify(text)}`, () => {
      const config = read(text);
      for (const [name, value] of Object.entries(expected))
        assert.deepEqual(config[name as keyof KubeletConfiguration], value);
    });
});

describe('drop-ins', () => {
  const merged = (text: string, ...dropIns: string[]): KubeletConfiguration =>
    withDropIns(
      read(text),
      dropIns.map((each, i) => ({ path: `/d/${i}.conf`, text: HEAD + each })),
    );

  const cases: readonly (readonly [string, string, readonly string[], object])[] = [
    [
      'replace values, the last one wins',
      'maxPods: 1',
      ['maxPods: 2', 'maxPods: 3'],
      { maxPods: 3 },
    ],
    [
      'replace lists',
      'clusterDNS: [10.0.0.1, 10.0.0.2]',
      ['clusterDNS: [10.0.0.3]'],
      { clusterDNS: ['10.0.0.3'] },
    ],
    [
      'merge maps',
      'systemReserved: {cpu: "1", memory: 1Gi}',
      ['systemReserved: {cpu: "2", pid: "5"}'],
      { systemReserved: { cpu: '2', memory: '1Gi', pid: '5' } },
    ],
    [
      'merge structs',
      'authorization: {mode: AlwaysAllow}',
      ['authorization: {webhook: {cacheAuthorizedTTL: 1m}}'],
      {
        authorization: {
          mode: 'AlwaysAllow',
          webhook: { cacheAuthorizedTTL: '1m0s', cacheUnauthorizedTTL: '30s' },
        },
      },
    ],
    [
      'merge thresholds with the default ones of a file that names none',
      '',
      ['evictionHard: {memory.available: 1Gi}'],
      {
        evictionHard: {
          'memory.available': '1Gi',
          'nodefs.available': '10%',
          'nodefs.inodesFree': '5%',
          'imagefs.available': '15%',
          'imagefs.inodesFree': '5%',
        },
      },
    ],
    ['take away with null', 'maxPods: 1\nclusterDomain: a', ['maxPods: null'], { maxPods: 110 }],
    ['leave what they do not name', 'clusterDomain: a', ['maxPods: 2'], { clusterDomain: 'a' }],
  ];
  for (const [name, text, dropIns, expected] of cases)
    it(name, () => {
      const config = merged(text, ...dropIns);
      for (const [field, value] of Object.entries(expected))
        assert.deepEqual(config[field as keyof KubeletConfiguration], value);
    });

  it('are read as strictly as the file, and named', () => {
    assert.equal(
      refusal(() => merged('', 'maxPods: 1', 'authentication: {foo: 1}')),
      'failed to load kubelet dropin file, path: /d/1.conf, error: strict decoding error: unknown field "authentication.foo"',
    );
    assert.match(
      refusal(() => withDropIns(read(''), [{ path: '/d/a.conf', text: 'maxPods: 1' }])),
      /^failed to load kubelet dropin file, path: \/d\/a\.conf, error: Object 'Kind' is missing/,
    );
  });
});
