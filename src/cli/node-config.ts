/**
 * What a node is told of its cluster: addresses, names, and the certificates by which it and its
 * cluster know each other. Written by who sets the node up, read by the node process, which needs
 * nothing else of the cluster but its API.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { currentPath } from '#kubelet/bootstrap/certificate-store.ts';
import { isPair, joinPair, splitPair } from '#kubelet/bootstrap/key-pair.ts';
import type { PodNetworkMode } from '#pod-network/routes.ts';
import { readJsonIfThere, readTextIfThere, writeFileDurably } from './files.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { KeyPair } from './pki.ts';

export interface NodeConfig {
  readonly name: string;
  /** Of pods on the network of the node, and in its Node object. */
  readonly hostname: string;
  /** Where the node is reached: its first InternalIP. */
  readonly address: string;
  /** Its InternalIP of the other family, where the cluster has both. */
  readonly secondAddress?: string;
  readonly kubeletPort: number;
  readonly apiServer: { readonly host: string; readonly port: number };
  /** Pod addresses of the whole cluster: a CIDR, or one of each family between commas. */
  readonly podCidr: string;
  /** Of Services, likewise. */
  readonly serviceClusterIpRange: string;
  /** The cluster DNS answers here: on every node, unless pods do. */
  readonly dnsAddress: string;
  /** Pods answer there, and this node does not. */
  readonly dnsInPods?: boolean;
  readonly clusterDomain: string;
  /** Of the cluster's components, as `A=true,B=false`. */
  readonly featureGates?: string;
  readonly podNetwork: PodNetworkMode;
  /** Pools of addresses of load balancers, as text; none unless given. */
  readonly loadBalancerPools?: readonly string[];
  /** Of the cluster's kubelets, as its ConfigMap has it (YAML); undefined: the node's own defaults. */
  readonly kubeletConfiguration?: string;
  /** A folder of drop-ins over it, absolute. */
  readonly kubeletConfigDirectory?: string;
  /**
   * The node asked for its certificates itself, when it joined, and goes on to do so. It has one as
   * a client, which all parts of its process show.
   */
  readonly rotatesCertificates?: boolean;
  /** Where the kernel shows the interfaces of the node's network namespace: `/sys`, or its like. */
  readonly sysfs: string;
}

export interface NodeIdentity {
  /** PEM, the cluster's authority. */
  readonly authority: string;
  /** The kubelet as a client of the API server, and as a server. */
  readonly kubeletClient: KeyPair;
  readonly kubeletServer: KeyPair;
  readonly proxy: KeyPair;
  readonly dns: KeyPair;
}

/** The node's own: one, or one of each family. */
export function addressesOf({
  address,
  secondAddress,
}: Pick<NodeConfig, 'address' | 'secondAddress'>): string[] {
  return secondAddress === undefined ? [address] : [address, secondAddress];
}

type Pairs = Omit<NodeIdentity, 'authority'>;

/** File names of certificates and keys, without their endings. */
export const NODE_FILES = [
  ['kubeletClient', 'kubelet-client'],
  ['kubeletServer', 'kubelet-server'],
  ['proxy', 'proxy'],
  ['dns', 'dns'],
] as const;

/** The directory is there. */
export function writeNode(
  directory: NodeDirectory,
  { config, identity }: { readonly config: NodeConfig; readonly identity: NodeIdentity },
): void {
  const write = (name: string, text: string): void =>
    writeFileDurably(join(directory.node, name), text, 0o600);
  write('ca.crt', identity.authority);
  if (config.rotatesCertificates === true) writeFirst(directory, identity.kubeletClient);
  else
    for (const [name, file] of NODE_FILES) {
      write(`${file}.key`, identity[name].key);
      write(`${file}.crt`, identity[name].certificate);
    }
  // The last: where it is, all is.
  write('config.json', `${JSON.stringify(config, null, 2)}\n`);
}

/** Where certificates that rotate lie. */
export function certificateFolder(directory: NodeDirectory): string {
  return join(directory.node, 'pki');
}

/** The first certificate of a node that joined; a later one is left alone. */
function writeFirst(directory: NodeDirectory, pair: KeyPair): void {
  const folder = certificateFolder(directory);
  const path = currentPath(folder, 'kubelet-client');
  if (pairAt(path) !== undefined) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileDurably(path, joinPair(pair), 0o600);
}

function pairAt(path: string): KeyPair | undefined {
  const text = readTextIfThere(path);
  return text === undefined ? undefined : splitPair(text);
}

/**
 * Until its server has a certificate of its own it shows that of the client, which no API server
 * believes. Undefined where there is none.
 */
function rotatedPairs(directory: NodeDirectory): Pairs | undefined {
  const folder = certificateFolder(directory);
  const client = pairAt(currentPath(folder, 'kubelet-client'));
  if (client === undefined) return undefined;
  const server = pairAt(currentPath(folder, 'kubelet-server')) ?? client;
  return { kubeletClient: client, kubeletServer: server, proxy: client, dns: client };
}

/** Undefined where no node was set up, or one that joined has lost its certificate. */
export function readNode(
  directory: NodeDirectory,
): { readonly config: NodeConfig; readonly identity: NodeIdentity } | undefined {
  const config = readJsonIfThere(join(directory.node, 'config.json'));
  if (typeof config !== 'object' || config === null) return undefined;
  const text = (name: string): string => readTextIfThere(join(directory.node, name)) ?? '';
  if ((config as NodeConfig).rotatesCertificates === true) {
    const rotated = rotatedPairs(directory);
    if (rotated === undefined) return undefined;
    return {
      config: config as NodeConfig,
      identity: { authority: text('ca.crt'), ...rotated },
    };
  }
  const pairs = NODE_FILES.map(([name, file]): [string, KeyPair] => [
    name,
    { certificate: text(`${file}.crt`), key: text(`${file}.key`) },
  ]);
  return {
    // Written by `writeNode` alone.
    config: config as NodeConfig,
    identity: { authority: text('ca.crt'), ...(Object.fromEntries(pairs) as Pairs) },
  };
}

/** Whether each certificate is for its key. Of those that the node asks for itself, none else is read. */
export function fitsTogether({ identity }: { readonly identity: NodeIdentity }): boolean {
  return NODE_FILES.every(([name]) => isPair(identity[name]));
}

/** Takes an authority over that the cluster has told a node of. */
export function writeNodeAuthority(directory: NodeDirectory, authority: string): void {
  writeFileDurably(join(directory.node, 'ca.crt'), authority, 0o600);
}
