/** The flags of `cox dns`. They are ours: CoreDNS is configured by a Corefile. */
import { HEALTH_PORT, METRICS_PORT, READY_PORT } from '#dns/pages.ts';
import { CLUSTER_DEFAULTS } from '../cluster-config.ts';
import { count, type Flags as AnyFlags, list, type Program, text } from '../flags.ts';

const FLAGS = {
  kubeconfig: text('', 'the kubeconfig of the cluster; without it, the service account of the pod'),
  'bind-address': list('0.0.0.0', 'the addresses to listen on'),
  'dns-port': count('53', 'the port to listen on, UDP and TCP'),
  'cluster-domain': text(CLUSTER_DEFAULTS.clusterDomain, 'the domain of the cluster'),
  'cluster-dns': list(
    '',
    'the addresses of the Service kube-dns, which are those of ns.dns in the cluster’s domain; where it listens unless given',
  ),
  'own-ranges': list(
    `${CLUSTER_DEFAULTS.podCidr},${CLUSTER_DEFAULTS.serviceClusterIpRange}`,
    'ranges of pods and Services, whose reverse names nobody else is asked for',
  ),
  'resolv-conf': text('/etc/resolv.conf', 'the resolvers for all names outside the cluster'),
  'metrics-port': count(String(METRICS_PORT), 'the port of /metrics; 0: none'),
  'health-port': count(String(HEALTH_PORT), 'the port of /health; 0: none'),
  'ready-port': count(String(READY_PORT), 'the port of /ready; 0: none'),
  v: count('0', 'how much is logged: 4 and more logs everything'),
};

type FlagName = keyof typeof FLAGS;
export type Flags = AnyFlags<FlagName>;

export const DNS: Program<FlagName> = {
  command: 'cox dns',
  upstream: 'coredns',
  about: 'Run the DNS of a cluster alone, on a machine or in a pod.',
  flags: FLAGS,
  missing: new Set(['conf', 'pidfile', 'plugins', 'quiet', 'version']),
  whyMissing: () => 'settings are in the ConfigMap kube-system/cluster-dns',
};
