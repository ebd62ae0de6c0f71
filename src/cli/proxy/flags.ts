/** The flags of `cox proxy`: upstream's names and defaults. What changes nothing here is told of. */
import {
  bool,
  count,
  duration,
  type Flags as AnyFlags,
  list,
  type Program,
  text,
} from '../flags.ts';

/** Flags that say something that this proxy has not, or needs not: accepted, and told of. */
const WITHOUT_EFFECT = {
  'config-sync-period': duration('15m', 'no effect: changes come by watches'),
  'ipvs-exclude-cidrs': list('', 'no effect: of mode ipvs'),
  'ipvs-min-sync-period': duration('0s', 'no effect: of mode ipvs'),
  'ipvs-scheduler': text('', 'no effect: of mode ipvs'),
  'ipvs-strict-arp': bool('false', 'no effect: of mode ipvs'),
  'ipvs-sync-period': duration('30s', 'no effect: of mode ipvs'),
  'ipvs-tcp-timeout': duration('0s', 'no effect: of mode ipvs'),
  'ipvs-tcpfin-timeout': duration('0s', 'no effect: of mode ipvs'),
  'ipvs-udp-timeout': duration('0s', 'no effect: of mode ipvs'),
  'iptables-localhost-nodeports': bool('true', 'no effect: of mode iptables'),
  'iptables-masquerade-bit': count('14', 'no effect: of mode iptables'),
  'kube-api-burst': count('10', 'no effect: a proxy lists and watches'),
  'kube-api-content-type': text('application/vnd.kubernetes.protobuf', 'no effect: JSON is spoken'),
  'kube-api-qps': text('5', 'no effect: a proxy lists and watches'),
  'log-flush-frequency': duration('5s', 'no effect: each line is written at once'),
  'log-json-info-buffer-size': text('0', 'no effect'),
  'log-json-split-stream': bool('false', 'no effect'),
  'log-text-info-buffer-size': text('0', 'no effect'),
  'log-text-split-stream': bool('false', 'no effect'),
  'logging-format': text('text', 'no effect'),
  profiling: bool('false', 'no effect: there is no such page'),
  'show-hidden-metrics-for-version': text('', 'no effect: none is hidden'),
  vmodule: text('', 'no effect'),
};

const FLAGS = {
  config: text('', 'the file of the configuration (KubeProxyConfiguration)'),
  'write-config-to': text('', 'write the configuration to this file, and end'),
  cleanup: bool('false', 'remove all rules of the proxy, and end'),
  kubeconfig: text('', 'the kubeconfig of the cluster; with --config that of the file counts'),
  'hostname-override': text('', 'the name of the Node; that of the machine unless given'),
  'bind-address': text('0.0.0.0', 'of which family health and metrics are served'),
  'bind-address-hard-fail': bool('false', 'end when health or metrics cannot be served'),
  'healthz-bind-address': text('0.0.0.0:10256', 'where health is served'),
  'healthz-port': text('10256', 'the port of it where the address has none; 0: not served'),
  'metrics-bind-address': text('127.0.0.1:10249', 'where metrics are served'),
  'metrics-port': text('10249', 'the port of it where the address has none; 0: not served'),
  'proxy-mode': text('', 'nftables, or empty, which means the same'),
  'cluster-cidr': text('', 'CIDR of all pods: one, or one of each family between commas'),
  'detect-local-mode': text(
    '',
    'how pods are told from others: ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix',
  ),
  'pod-bridge-interface': text('', 'of mode BridgeInterface'),
  'pod-interface-name-prefix': text('', 'of mode InterfaceNamePrefix'),
  'masquerade-all': bool('false', 'hide the source of all that is sent to Services'),
  'nodeport-addresses': list('', 'CIDRs of addresses that serve node ports, or primary'),
  'iptables-min-sync-period': duration('1s', 'between one write of rules and the next'),
  'iptables-sync-period': duration('30s', 'how often it is looked whether the rules are there'),
  'conntrack-max-per-core': count('32768', 'connections tracked for each core; 0: as it is'),
  'conntrack-min': count('131072', 'connections tracked, at least'),
  'conntrack-tcp-be-liberal': bool('false', 'do not look at sequence numbers'),
  'conntrack-tcp-timeout-close-wait': duration('1h0m0s', 'of connections half closed; 0: as it is'),
  'conntrack-tcp-timeout-established': duration('24h0m0s', 'of idle connections; 0: as it is'),
  'conntrack-udp-timeout': duration('0s', 'of flows without an answer; 0: as it is'),
  'conntrack-udp-timeout-stream': duration('0s', 'of flows with answers; 0: as it is'),
  'oom-score-adj': text('-999', 'how late the kernel ends this process for want of memory'),
  'feature-gates': text('', 'A=true,B=false'),
  v: count('0', 'how much is logged: 4 and more logs everything'),
  ...WITHOUT_EFFECT,
};

type FlagName = keyof typeof FLAGS;
export type Flags = AnyFlags<FlagName>;

/** Those that were given and change nothing. */
export function flagsWithoutEffect(flags: Flags): string[] {
  return (Object.keys(WITHOUT_EFFECT) as FlagName[]).filter((name) => flags.isGiven(name));
}

/** Source: the kube-proxy reference for v1.36. */
export const PROXY: Program<FlagName> = {
  command: 'cox proxy',
  upstream: 'kube-proxy',
  about: 'Run the service proxy of a node alone, against the API server of a kubeconfig.',
  flags: FLAGS,
  missing: new Set(['init-only', 'master', 'version']),
};
