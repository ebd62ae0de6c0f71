/**
 * How upstream's binaries are started: etcd, and the three of the control plane with the flags that
 * kubeadm gives them, on loopback.
 *
 * Source: Kubernetes documentation, "kubeadm implementation details" and the reference of each
 * component's flags.
 */
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';

export interface Ports {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
}

/** Requests a second of one client, and in a burst; undefined: what the binary has by default. */
export interface ClientLimits {
  readonly qps: number;
  readonly burst: number;
}

const HOST = '127.0.0.1';

export function etcdFlags({ data }: Cluster, ports: Ports): string[] {
  const client = `http://${HOST}:${ports.etcd}`;
  const peer = `http://${HOST}:${ports.etcdPeer}`;
  return [
    `--data-dir=${join(data.path, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ];
}

export function apiServerFlags({ data, config }: Cluster, ports: Ports): string[] {
  const file = (name: string): string => join(data.pki, name);
  return [
    `--etcd-servers=http://${HOST}:${ports.etcd}`,
    `--bind-address=${config.listenHost}`,
    `--secure-port=${config.listenPort}`,
    `--advertise-address=${config.nodeAddress}`,
    '--allow-privileged=true',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    `--proxy-client-cert-file=${file('front-proxy-client.crt')}`,
    `--proxy-client-key-file=${file('front-proxy-client.key')}`,
    `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--service-account-issuer=https://kubernetes.default.svc.${config.clusterDomain}`,
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--service-cluster-ip-range=${config.serviceClusterIpRange}`,
  ];
}

export function controllerManagerFlags(
  { data, config }: Cluster,
  ports: Ports,
  limits: ClientLimits | undefined,
): string[] {
  const file = (name: string): string => join(data.pki, name);
  return [
    ...componentFlags(data.path, 'controller-manager', ports.controllerManager),
    ...limitFlags(limits),
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${config.podCidr}`,
    `--service-cluster-ip-range=${config.serviceClusterIpRange}`,
    '--use-service-account-credentials=true',
    // By default it makes a directory outside of ours.
    `--flex-volume-plugin-dir=${join(data.path, 'volume-plugins')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
    `--root-ca-file=${file('ca.crt')}`,
    `--service-account-private-key-file=${file('sa.key')}`,
  ];
}

export function schedulerFlags(
  { data }: Cluster,
  ports: Ports,
  limits: ClientLimits | undefined,
): string[] {
  return [...componentFlags(data.path, 'scheduler', ports.scheduler), ...limitFlags(limits)];
}

/** Where a component finds the API server, by the name of its certificate. */
export function kubeconfigPath(directory: string, name: string): string {
  return join(directory, `${name}.kubeconfig`);
}

function componentFlags(directory: string, name: string, port: number): string[] {
  const kubeconfig = kubeconfigPath(directory, name);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--bind-address=${HOST}`,
    `--secure-port=${port}`,
    // There is one of each: an election would only take time.
    '--leader-elect=false',
  ];
}

function limitFlags(limits: ClientLimits | undefined): string[] {
  if (limits === undefined) return [];
  return [`--kube-api-qps=${limits.qps}`, `--kube-api-burst=${limits.burst}`];
}
