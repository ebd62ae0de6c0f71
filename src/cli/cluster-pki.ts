/** The certificates of one cluster: the authority, the names and addresses that its own need. */
import { machineAddresses } from './own-addresses.ts';
import { type ClusterConfig, ownAddresses } from './cluster-config.ts';
import type { DataDirectory } from './data-directory.ts';
import { isEverywhere } from './listen-address.ts';
import { type ClusterPki, openPki, type PkiOptions } from './pki.ts';

/** The certificates of a cluster, made where they are missing. */
export function clusterPki(
  data: DataDirectory,
  config: ClusterConfig,
  nowMs: number,
  options: Pick<PkiOptions, 'renewsLeaves'> = {},
): ClusterPki {
  return openPki({
    ...options,
    folder: data.pki,
    nowMs,
    serverAddresses: ['127.0.0.1', ...ownAddresses(config), ...listenAddresses(config.listenHost)],
    serverNames: ['localhost', config.nodeName],
    kubernetesAddress: config.kubernetesAddress,
    clusterDomain: config.clusterDomain,
  });
}

/** What the API server is reached by: one that listens everywhere by all addresses of the machine. */
function listenAddresses(host: string): string[] {
  if (isEverywhere(host)) return machineAddresses();
  return isAddress(host) ? [host] : [];
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(':');
}
