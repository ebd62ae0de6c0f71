/** Names and paths of one real node, agreed between the supervisor and the node process. */
import { join } from 'node:path';
import type { DataDirectory } from './data-directory.ts';

export interface NodeLayout {
  readonly containerdConfig: string;
  readonly containerdRoot: string;
  readonly containerdState: string;
  readonly containerdSocket: string;
  readonly cniConfigDirectory: string;
  readonly cniDataDirectory: string;
  readonly kubeletRoot: string;
  readonly podLogs: string;
  /** Of our cgroups, in every hierarchy. */
  readonly cgroup: string;
  readonly nftTable: string;
  readonly networkPolicyTable: string;
}

export const SANDBOX_IMAGE = 'coxswain.local/pause:1';

export function nodeLayout(data: DataDirectory): NodeLayout {
  return {
    containerdConfig: join(data.containerd, 'config.toml'),
    containerdRoot: join(data.containerd, 'root'),
    containerdState: join(data.runtimePath, 'containerd'),
    containerdSocket: join(data.runtimePath, 'containerd.sock'),
    cniConfigDirectory: join(data.containerd, 'cni'),
    cniDataDirectory: join(data.runtimePath, 'cni'),
    kubeletRoot: data.kubelet,
    podLogs: join(data.logs, 'pods'),
    cgroup: `coxswain-${data.hash}`,
    nftTable: `coxswain-${data.hash}`,
    networkPolicyTable: `coxswain-${data.hash}-policies`,
  };
}
