/** The configuration of `cox kubelet`: flags before drop-ins before the file before defaults. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { parseFlags, showsHelp } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { kubeletProcess } from './command.ts';
import { KUBELET } from './flags.ts';
import { loadConfig } from './load.ts';
import { nodeAddresses, nodeLabels, nodeName } from './node-identity.ts';
import { tlsLimits } from './tls.ts';

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

function load(...args: string[]): KubeletConfiguration {
  return loadConfig(parseFlags(KUBELET, args), 2);
}

/** Files by their names; the texts without their head. Answers the folder. */
function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cox-kubelet-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), HEAD + text);
  }
  return folder;
}

describe('loadConfig', () => {
  it('takes flags before drop-ins before the file before defaults', (t) => {
    const folder = folderOf(t, {
      'config.yaml': 'maxPods: 1\nport: 1001\nclusterDomain: a\npodsPerCore: 1',
      'd/20.conf': 'maxPods: 3\nport: 1003',
      'd/10.conf': 'maxPods: 2\nclusterDomain: b',
      'd/30.yaml': 'maxPods: 4',
      'd/z/40.conf': 'registryBurst: 5',
    });
    const files = [`--config=${folder}/config.yaml`, `--config-dir=${folder}/d`];
    const { maxPods, port, clusterDomain, podsPerCore, registryBurst, kubeAPIQPS } = load(
      ...files,
      '--port=1004',
    );
    assert.deepEqual(
      [maxPods, port, clusterDomain, podsPerCore, registryBurst, kubeAPIQPS],
      [3, 1004, 'b', 1, 5, 50],
    );
  });

  it('is as open as it was before there were files where there is none', (t) => {
    const bare = load();
    assert.deepEqual(
      [bare.authorization.mode, bare.authentication.anonymous.enabled, bare.readOnlyPort],
      ['AlwaysAllow', true, 10255],
    );
    const folder = folderOf(t, { 'c.yaml': '' });
    const filed = load(`--config=${folder}/c.yaml`);
    assert.deepEqual(
      [filed.authorization.mode, filed.authentication.anonymous.enabled, filed.readOnlyPort],
      ['Webhook', false, undefined],
    );
  });

  it('reads each kind of flag', () => {
    const config = load(
      '--cluster-dns=10.0.0.1',
      '--cluster-dns=10.0.0.2',
      '--eviction-hard=memory.available<1Gi,nodefs.available<5%',
      '--system-reserved=cpu=100m,memory=1Gi',
      '--register-with-taints=a=b:NoSchedule,c:NoExecute',
      '--pod-max-pids=-1',
      '--oom-score-adj=-5',
      '--fail-swap-on=false',
      '--sync-frequency=90s',
      '--authentication-token-webhook',
      '--feature-gates=KubeletCrashLoopBackOffMax=true',
    );
    assert.deepEqual(
      {
        dns: config.clusterDNS,
        hard: config.evictionHard,
        reserved: config.systemReserved,
        taints: config.registerWithTaints,
        pids: config.podPidsLimit,
        oom: config.oomScoreAdj,
        swap: config.failSwapOn,
        sync: config.syncFrequency,
        webhook: config.authentication.webhook,
        gates: config.featureGates,
      },
      {
        dns: ['10.0.0.1', '10.0.0.2'],
        hard: { 'memory.available': '1Gi', 'nodefs.available': '5%' },
        reserved: { cpu: '100m', memory: '1Gi' },
        taints: [
          { key: 'a', value: 'b', effect: 'NoSchedule' },
          { key: 'c', effect: 'NoExecute' },
        ],
        pids: -1,
        oom: -5,
        swap: false,
        sync: '1m30s',
        webhook: { enabled: true, cacheTTL: '2m0s' },
        gates: { KubeletCrashLoopBackOffMax: true },
      },
    );
  });

  it('adds gates of flags to those of the file, and replaces other maps', (t) => {
    const folder = folderOf(t, {
      'c.yaml': 'featureGates: {GracefulNodeShutdown: true}\nkubeReserved: {cpu: "1", memory: 1Gi}',
    });
    const config = load(
      `--config=${folder}/c.yaml`,
      '--feature-gates=NodeSwap=true',
      '--kube-reserved=cpu=2',
    );
    assert.deepEqual(config.featureGates, { GracefulNodeShutdown: true, NodeSwap: true });
    assert.deepEqual(config.kubeReserved, { cpu: '2' });
  });

  const refused: readonly (readonly [flag: string, message: RegExp])[] = [
    ['--max-pods=many', /^invalid argument "many" for "--max-pods" flag: it is no whole number$/],
    [
      '--max-pods=-1',
      /^failed to validate kubelet configuration, error: invalid configuration: maxPods \(--max-pods\) -1 must not be a negative number$/,
    ],
    ['--eviction-hard=memory', /malformed pair, expect string<string$/],
    ['--register-with-taints=a', /invalid taint spec: a$/],
    ['--feature-gates=Nothing=true', /unrecognized feature gate: Nothing$/],
    ['--config=/nothing/there', /^Cannot read \/nothing\/there: /],
    ['--config-dir=/nothing/there', /^Cannot read \/nothing\/there: /],
    ['--lock-file=a', /^Cannot use --lock-file: kubelet has this flag, cox kubelet does not/],
    ['--nothing', /^unknown flag: --nothing$/],
  ];
  for (const [flag, message] of refused)
    it(`refuses ${flag}`, () => {
      assert.throws(() => load(flag), { name: UserError.name, message });
    });

  it('names the drop-in that is wrong', (t) => {
    const folder = folderOf(t, { 'a.conf': 'foo: 1' });
    assert.throws(() => load(`--config-dir=${folder}`), {
      message: `failed to merge kubelet configs: failed to load kubelet dropin file, path: ${folder}/a.conf, error: strict decoding error: unknown field "foo"`,
    });
  });
});

describe('cox kubelet', () => {
  it('explains its flags', (t) => {
    let help = '';
    t.mock.method(process.stdout, 'write', (text: string) => {
      help += text;
      return true;
    });
    assert.equal(showsHelp(KUBELET, ['--help']), true);
    t.mock.restoreAll();
    for (const flag of ['config-dir', 'hostname-override', 'max-pods', 'pod-manifest-path'])
      assert.match(help, new RegExp(`^ {2}--${flag} `, 'm'));
    assert.match(help, /--max-pods +sets maxPods of the configuration \(default 110\)/);
  });

  it('wants an API server, and no cloud', async () => {
    const run = (...args: string[]): Promise<void> =>
      kubeletProcess(
        parseFlags(KUBELET, ['--fail-cgroupv1=false', ...args]),
        new AbortController().signal,
      );
    await assert.rejects(run(), /^UserError: --kubeconfig is a required flag/);
    await assert.rejects(
      run('--cloud-provider=external'),
      /^UserError: Cannot use --cloud-provider=external: /,
    );
  });
});

describe('who the node is', () => {
  it('has its name in small letters', () => {
    assert.deepEqual(nodeName(' Node-1 '), { name: 'node-1', hostname: 'node-1' });
    assert.throws(() => nodeName('  '), /empty hostname is invalid/);
  });

  it('has the addresses that are given', () => {
    assert.deepEqual(nodeAddresses('192.0.2.1', 'n'), ['192.0.2.1']);
    assert.deepEqual(nodeAddresses('192.0.2.1,2001:db8::1', 'n'), ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(nodeAddresses('', '192.0.2.9'), ['192.0.2.9']);
    assert.throws(() => nodeAddresses('here', 'n'), /bad --node-ip "here"/);
    assert.throws(() => nodeAddresses('192.0.2.1,192.0.2.2', 'n'), /one of each family/);
  });

  it('gives itself labels, of Kubernetes’ own only some', () => {
    assert.deepEqual(
      nodeLabels(['a=b', 'node.kubernetes.io/x=y', 'topology.kubernetes.io/zone=z', 'c=']),
      { a: 'b', 'node.kubernetes.io/x': 'y', 'topology.kubernetes.io/zone': 'z', c: '' },
    );
    assert.throws(
      () => nodeLabels(['node-role.kubernetes.io/master=']),
      /specified with --node-labels: \[node-role\.kubernetes\.io\/master\]/,
    );
    assert.throws(() => nodeLabels(['a=b c']), /^UserError: invalid node labels: 'b c' - /);
  });
});

describe('tlsLimits', () => {
  it('has Node’s names for Go’s', () => {
    assert.deepEqual(tlsLimits({}), {});
    assert.deepEqual(
      tlsLimits({
        tlsMinVersion: 'VersionTLS13',
        tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'],
      }),
      {
        minVersion: 'TLSv1.3',
        ciphers:
          'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
      },
    );
    assert.throws(() => tlsLimits({ tlsMinVersion: 'VersionTLS9' }), /unknown tls version/);
    assert.throws(() => tlsLimits({ tlsCipherSuites: ['X'] }), /Cipher suite X not supported/);
  });
});
