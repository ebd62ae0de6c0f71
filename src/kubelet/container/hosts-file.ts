/**
 * The /etc/hosts of a pod.
 *
 * Source: Kubernetes documentation "Adding entries to Pod /etc/hosts with HostAliases" v1.36.
 * Upstream: pkg/kubelet/kubelet_pods.go (managedHostsFileContent, nodeHostsFileContent).
 */
import type { HostAlias } from '#api/gen/core-v1.ts';

export interface HostsFileInput {
  readonly ips: readonly string[];
  readonly hostname: string;
  /** `<subdomain>.<namespace>.svc.<cluster domain>`, or empty. */
  readonly domain: string;
  readonly aliases: readonly HostAlias[];
  /** The node's own file, for pods on the host network. */
  readonly nodeFile?: string;
}

const LOCAL_ENTRIES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

export function hostsFile({ ips, hostname, domain, aliases, nodeFile }: HostsFileInput): string {
  const aliasLines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`);
  const extra =
    aliasLines.length === 0 ? '' : `\n# Entries added by HostAliases.\n${aliasLines.join('')}`;
  if (nodeFile !== undefined) {
    return `# Kubernetes-managed hosts file (host network).\n${nodeFile}${extra}`;
  }
  const names = domain === '' ? hostname : `${hostname}.${domain}\t${hostname}`;
  const own = ips.map((ip) => `${ip}\t${names}`);
  return `# Kubernetes-managed hosts file.\n${[...LOCAL_ENTRIES, ...own].join('\n')}\n${extra}`;
}
