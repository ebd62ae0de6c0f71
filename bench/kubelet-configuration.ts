/**
 * The settings of upstream's kubelet: kubeadm's where they matter to the time that a pod takes, and
 * every path within the cluster's own directory.
 *
 * Source: Kubernetes documentation, "Kubelet Configuration (v1beta1)".
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeLayout } from '#cli/node-layout.ts';
import type { Cluster } from './cluster.ts';

/** `folder`: where the kubelet's own files are. */
export function kubeletFlags({ data, config }: Cluster, folder: string): string[] {
  return [
    `--config=${join(folder, 'config.json')}`,
    `--kubeconfig=${join(folder, 'kubeconfig')}`,
    `--cert-dir=${folder}`,
    `--root-dir=${nodeLayout(data).kubeletRoot}`,
    `--hostname-override=${config.nodeName}`,
    `--node-ip=${config.nodeAddress}`,
  ];
}

export function writeKubeletConfiguration(cluster: Cluster, folder: string): void {
  const { data, config } = cluster;
  const layout = nodeLayout(data);
  makeCgroups(layout.cgroup);
  const configuration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    address: config.nodeAddress,
    port: config.kubeletPort,
    healthzPort: 0,
    tlsCertFile: join(folder, 'server.crt'),
    tlsPrivateKeyFile: join(folder, 'server.key'),
    rotateCertificates: false,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(data.pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    clusterDNS: [config.dnsAddress],
    clusterDomain: config.clusterDomain,
    resolvConf: '/etc/resolv.conf',
    podLogsDir: layout.podLogs,
    volumePluginDir: join(folder, 'volume-plugins'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${layout.cgroup}`,
    // Machines with the first version of cgroups are still around, and we run on them too.
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    // A disk that is nearly full would keep pods away from the node.
    evictionHard: { 'memory.available': '50Mi' },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration, undefined, 2));
}

const CGROUPS = '/sys/fs/cgroup';

/** The kubelet demands that the root of its cgroups is there, in every hierarchy. */
function makeCgroups(name: string): void {
  const isUnified = existsSync(join(CGROUPS, 'cgroup.controllers'));
  const hierarchies = isUnified
    ? [CGROUPS]
    : readdirSync(CGROUPS, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(CGROUPS, entry.name));
  for (const hierarchy of hierarchies) mkdirSync(join(hierarchy, name), { recursive: true });
}
