import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { parseFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { splitAddress } from './address.ts';
import { loadConfig, type LoadedConfig, readProxyConfig } from './config.ts';
import { conntrackSettings } from './conntrack-settings.ts';
import { PROXY } from './flags.ts';
import { isWaitingFor, proxyTables } from './tables.ts';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

function fromFlags(...args: string[]): LoadedConfig {
  return loadConfig(parseFlags(PROXY, args));
}

function fromFile(t: TestContext, text: string, ...args: string[]): LoadedConfig {
  const folder = mkdtempSync(join(tmpdir(), 'cox-proxy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'config.yaml');
  writeFileSync(path, HEAD + text);
  return fromFlags(`--config=${path}`, ...args);
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return 'accepted';
}

describe('the configuration of cox proxy', () => {
  it('has the same defaults by flags and by a file', (t) => {
    const { config, notices } = fromFlags();
    assert.deepEqual(config, fromFile(t, '').config);
    assert.deepEqual(notices, []);
    assert.equal(config.healthzBindAddress, '0.0.0.0:10256');
    assert.equal(config.metricsBindAddress, '127.0.0.1:10249');
    assert.equal(config.conntrack.tcpEstablishedTimeout, '24h0m0s');
  });

  it('serves on addresses of the family of bindAddress, and gives them their ports', (t) => {
    const addresses = ({ config }: LoadedConfig): string[] => [
      config.healthzBindAddress,
      config.metricsBindAddress,
    ];
    assert.deepEqual(addresses(fromFile(t, 'bindAddress: "::"')), ['[::]:10256', '[::1]:10249']);
    assert.deepEqual(
      addresses(fromFile(t, 'healthzBindAddress: 192.0.2.1\nmetricsBindAddress: "::1"')),
      ['192.0.2.1:10256', '[::1]:10249'],
    );
    assert.deepEqual(addresses(fromFlags('--bind-address=::')), ['[::]:10256', '[::1]:10249']);
    assert.deepEqual(
      addresses(
        fromFlags('--healthz-bind-address=192.0.2.1', '--healthz-port=1', '--metrics-port=0'),
      ),
      ['192.0.2.1:1', ''],
    );
    assert.deepEqual(
      addresses(
        fromFlags(
          '--healthz-bind-address=192.0.2.1:2',
          '--healthz-port=1',
          '--metrics-bind-address=',
        ),
      ),
      ['192.0.2.1:2', ''],
    );
  });

  it('takes zero of a file for nothing said', (t) => {
    const { config } = fromFile(
      t,
      'nftables: {syncPeriod: 0s, minSyncPeriod: 5s}\nclientConnection: {qps: 0, burst: 7}\nconntrack: {maxPerCore: 0, min: null}',
    );
    assert.equal(config.nftables.syncPeriod, '30s');
    assert.equal(config.nftables.minSyncPeriod, '5s');
    assert.deepEqual([config.clientConnection.qps, config.clientConnection.burst], [5, 7]);
    assert.deepEqual([config.conntrack.maxPerCore, config.conntrack.min], [0, 131_072]);
  });

  it('tells of fields that it does not know, and of flags that change nothing', (t) => {
    assert.deepEqual(
      fromFile(
        t,
        'clientConnection: {speed: 1}\nfoo: 2\nlogging: {verbosity: 3}',
        '--ipvs-scheduler=rr',
      ).notices,
      [
        '--ipvs-scheduler has no effect here',
        'unknown field "clientConnection.speed"',
        'unknown field "foo"',
      ],
    );
  });

  it('lets the flag of the name count beside a file, in small letters', (t) => {
    const { config } = fromFile(
      t,
      'hostnameOverride: a',
      '--hostname-override= Node-1 ',
      '--masquerade-all',
    );
    assert.equal(config.hostnameOverride, 'node-1');
    assert.equal(config.nftables.masqueradeAll, false);
    assert.equal(fromFlags('--masquerade-all').config.nftables.masqueradeAll, true);
  });

  const refused: [what: string, args: string[], words: RegExp][] = [
    [
      'another mode',
      ['--proxy-mode=ipvs'],
      /^KubeProxyConfiguration\.Mode: Invalid value: "ipvs": cox proxy has the mode nftables alone/,
    ],
    [
      'no address',
      ['--bind-address=x'],
      /BindAddress: Invalid value: "x": not a valid textual representation of an IP address/,
    ],
    [
      'an address without a number',
      ['--metrics-bind-address=a.b:1'],
      /MetricsBindAddress: Invalid value: "a.b": must be a valid IP/,
    ],
    [
      'a port of nobody',
      ['--metrics-bind-address=127.0.0.1:70000'],
      /MetricsBindAddress: Invalid value: 70000: must be a valid port/,
    ],
    [
      'two ranges of one family',
      ['--cluster-cidr=10.0.0.0/16,10.1.0.0/16'],
      /ClusterCIDR: Invalid value/,
    ],
    ['no range', ['--cluster-cidr=10.0.0.0'], /ClusterCIDR: Invalid value/],
    [
      'a mode of detection that nobody knows',
      ['--detect-local-mode=x'],
      /DetectLocalMode: Invalid value: "x"/,
    ],
    [
      'a bridge without a name',
      ['--detect-local-mode=BridgeInterface'],
      /DetectLocal\.BridgeInterface/,
    ],
    [
      'a prefix without a name',
      ['--detect-local-mode=InterfaceNamePrefix'],
      /DetectLocal\.InterfaceNamePrefix/,
    ],
    [
      'primary beside a range',
      ['--nodeport-addresses=primary,10.0.0.0/8'],
      /NodePortAddresses\[0\]: Invalid value: "primary"/,
    ],
    [
      'a score out of reach',
      ['--oom-score-adj=-1001'],
      /OOMScoreAdj: Invalid value: -1001: must be within the range \[-1000, 1000\]/,
    ],
    [
      'periods that do not fit',
      ['--iptables-min-sync-period=31s'],
      /SyncPeriod: Invalid value: "31s": must be greater than or equal to/,
    ],
    [
      'no period',
      ['--iptables-sync-period=0s', '--iptables-min-sync-period=0s'],
      /SyncPeriod: Invalid value: "0s": must be greater than 0/,
    ],
    ['an unknown flag', ['--foo'], /^unknown flag: --foo$/],
    ['a flag that is not there', ['--master=x'], /^Cannot use --master: kube-proxy has this flag/],
    ['a name of blanks', ['--hostname-override= '], /^empty hostname-override is invalid$/],
  ];
  for (const [what, args, words] of refused)
    it(`refuses ${what}`, () =>
      assert.match(
        refusal(() => fromFlags(...args)),
        words,
      ));

  const files: [what: string, text: string, words: RegExp][] = [
    [
      'another kind',
      'apiVersion: v1\nkind: Pod',
      /^failed to decode: no kind "Pod" is registered for version "v1"/,
    ],
    ['a list', '[]', /is no object/],
    [
      'a field of another type',
      `${HEAD}mode: 3`,
      /^failed to decode: mode: must be of type string, and is number$/,
    ],
    ['bad YAML', '{', /^failed to decode: /],
  ];
  for (const [what, text, words] of files)
    it(`refuses a file with ${what}`, () =>
      assert.match(
        refusal(() => readProxyConfig(text, [])),
        words,
      ));

  it('refuses a mark and times of a file that are not there', (t) => {
    assert.match(
      refusal(() =>
        fromFile(t, 'nftables: {masqueradeBit: 3}\nconntrack: {min: -1, udpTimeout: long}'),
      ),
      /masqueradeBit: Invalid value: 3: .*Min: Invalid value: -1: .*UDPTimeout: Invalid value: "long"/,
    );
  });
});

describe('splitAddress', () => {
  it('takes brackets off', () => {
    assert.deepEqual(splitAddress('[::1]:1'), { host: '::1', port: 1 });
    assert.deepEqual(splitAddress('127.0.0.1:2'), { host: '127.0.0.1', port: 2 });
    assert.equal(splitAddress('::1'), undefined);
    assert.equal(splitAddress('127.0.0.1'), undefined);
  });
});

describe('conntrackSettings', () => {
  const { conntrack } = fromFlags().config;
  const texts = (over: Partial<typeof conntrack>, cores = 2): string[] =>
    conntrackSettings({ ...conntrack, ...over }, cores).map(
      ({ name, value, atLeast }) =>
        `${name.replace('net.netfilter.nf_conntrack_', '')}=${value}${atLeast ? '+' : ''}`,
    );
  it('asks for what upstream asks for', () => {
    assert.deepEqual(texts({}), [
      'max=131072+',
      'tcp_timeout_established=86400',
      'tcp_timeout_close_wait=3600',
    ]);
    assert.equal(texts({}, 64)[0], 'max=2097152+');
  });
  it('leaves alone what is zero', () => {
    assert.deepEqual(
      texts({ maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' }),
      [],
    );
    assert.deepEqual(
      texts({
        maxPerCore: 0,
        tcpEstablishedTimeout: '0s',
        tcpCloseWaitTimeout: '0s',
        tcpBeLiberal: true,
        udpTimeout: '1m',
        udpStreamTimeout: '90s',
      }),
      ['tcp_be_liberal=1', 'udp_timeout=60', 'udp_timeout_stream=90'],
    );
  });
});

describe('proxyTables', () => {
  const node: Node = {
    spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] },
    status: {
      addresses: [
        { type: 'Hostname', address: 'n1' },
        { type: 'ExternalIP', address: '198.51.100.1' },
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'ExternalIP', address: '2001:db8::1' },
      ],
    },
  };
  const tables = (...args: string[]) =>
    proxyTables(fromFlags(...args).config, node, ['ip', 'ip6']).map(
      ({ family, local, nodePortAddresses, pods }) => [family, local, nodePortAddresses, pods],
    );
  const primary = [['192.0.2.1'], ['2001:db8::1']];

  const rows: [what: string, args: string[], locals: unknown[], ports?: string[][]][] = [
    ['nobody from the outside when nothing is said', [], [undefined, undefined]],
    [
      'pods by the range of the cluster',
      ['--cluster-cidr=10.0.0.0/8, fd00::/16'],
      [
        { kind: 'range', cidr: '10.0.0.0/8' },
        { kind: 'range', cidr: 'fd00::/16' },
      ],
    ],
    [
      'pods by the range of the node',
      ['--detect-local-mode=NodeCIDR', '--cluster-cidr=10.0.0.0/8'],
      [
        { kind: 'range', cidr: '10.1.0.0/24' },
        { kind: 'range', cidr: 'fd00:1::/64' },
      ],
    ],
    [
      'pods by their bridge',
      ['--detect-local-mode=BridgeInterface', '--pod-bridge-interface=br0'],
      Array(2).fill({ kind: 'interface', name: 'br0' }),
    ],
    [
      'pods by the names of their interfaces',
      ['--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=veth'],
      Array(2).fill({ kind: 'interfacePrefix', prefix: 'veth' }),
    ],
    [
      'node ports at the ranges that are named',
      ['--nodeport-addresses=192.0.2.7/24', '--nodeport-addresses=10.0.0.0/8'],
      [undefined, undefined],
      [['192.0.2.0/24', '10.0.0.0/8'], []],
    ],
    ['node ports at primary addresses', ['--nodeport-addresses=primary'], [undefined, undefined]],
  ];
  for (const [what, args, locals, ports = primary] of rows)
    it(`know ${what}`, () => {
      assert.deepEqual(tables(...args), [
        ['ip', locals[0], ports[0], undefined],
        ['ip6', locals[1], ports[1], undefined],
      ]);
    });

  it('wait for what the Node has not said yet', () => {
    const config = (...args: string[]) => fromFlags(...args).config;
    assert.equal(isWaitingFor(config(), {}), 'addresses');
    assert.equal(isWaitingFor(config('--nodeport-addresses=10.0.0.0/8'), {}), undefined);
    assert.equal(
      isWaitingFor(config('--detect-local-mode=NodeCIDR'), { ...node, spec: {} }),
      'podCIDR',
    );
    assert.equal(isWaitingFor(config('--detect-local-mode=NodeCIDR'), node), undefined);
  });
});
