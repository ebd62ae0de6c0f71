/** Names and paths of one real node, agreed between the supervisor and the node process. */
import { join } from 'node:path';
import type { NodeDirectory } from './node-directory.ts';

export interface NodeLayout {
  readonly containerdConfig: string;
  readonly containerdRoot: string;
  readonly containerdState: string;
  readonly containerdSocket: string;
  readonly cniConfigDirectory: string;
  readonly cniDataDirectory: string;
  readonly kubeletRoot: string;
  readonly podLogs: string;
  /** Manifests of static pods. */
  readonly staticPods: string;
  /** Of our cgroups, in every hierarchy. */
  readonly cgroup: string;
  readonly nftTable: string;
  readonly networkPolicyTable: string;
}

export const SANDBOX_IMAGE = 'coxswain.local/pause:1';

export function nodeLayout(directory: NodeDirectory): NodeLayout {
  return {
    containerdConfig: join(directory.containerd, 'config.toml'),
    containerdRoot: join(directory.containerd, 'root'),
    containerdState: join(directory.runtimePath, 'containerd'),
    containerdSocket: join(directory.runtimePath, 'containerd.sock'),
    cniConfigDirectory: join(directory.containerd, 'cni'),
    cniDataDirectory: join(directory.runtimePath, 'cni'),
    kubeletRoot: directory.kubelet,
    podLogs: join(directory.logs, 'pods'),
    staticPods: join(directory.node, 'manifests'),
    cgroup: `coxswain-${directory.hash}`,
    nftTable: `coxswain-${directory.hash}`,
    networkPolicyTable: `coxswain-${directory.hash}-policies`,
  };
}
