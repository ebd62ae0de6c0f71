/**
 * The directory of a node: everything of it that outlives its processes, and where it lies. The
 * first node of a cluster shares the cluster's data directory; each other one on the same machine
 * has a folder below `nodes/`.
 *
 *   node/              what it was told of its cluster: `config.json`, certificates
 *   containerd/        images and containers of the private containerd
 *   kubelet/           volumes and state of pods
 *   logs/              what the processes print
 *   run/               pid files
 *
 * Sockets and what must not survive a reboot lie under `/run/coxswain/<hash>`, because the path of
 * a unix socket has at most 108 bytes.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Hex digits: short enough for the names of network interfaces (15 bytes). */
const HASH_LENGTH = 6;

export interface NodeDirectory {
  readonly path: string;
  /** Tells nodes on one machine apart: in names of interfaces, tables, cgroups, sockets. */
  readonly hash: string;
  /** `/run/coxswain/<hash>`. */
  readonly runtimePath: string;
  readonly node: string;
  readonly containerd: string;
  readonly kubelet: string;
  readonly logs: string;
  readonly run: string;
}

/** Where everything lies; touches nothing. */
export function nodeDirectoryAt(path: string): NodeDirectory {
  const absolute = resolve(path);
  const hash = createHash('sha256').update(absolute).digest('hex').slice(0, HASH_LENGTH);
  return {
    path: absolute,
    hash,
    runtimePath: `/run/coxswain/${hash}`,
    node: join(absolute, 'node'),
    containerd: join(absolute, 'containerd'),
    kubelet: join(absolute, 'kubelet'),
    logs: join(absolute, 'logs'),
    run: join(absolute, 'run'),
  };
}

/** Makes what is missing. */
export function prepareNodeDirectory(directory: NodeDirectory): void {
  const { path, node, kubelet, logs, run } = directory;
  for (const each of [path, node, kubelet, logs, run])
    mkdirSync(each, { recursive: true, mode: 0o700 });
}
