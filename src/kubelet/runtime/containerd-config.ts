/**
 * The configuration of a private containerd, as text. Pure.
 *
 * Its own root, state and socket, so that a containerd of the user's is left alone. Version 2 of
 * the format is read by containerd 1.6 and by 2.x.
 * Source: containerd's docs/cri/config.md.
 */

export interface ContainerdConfigOptions {
  /** What outlives a reboot: images, snapshots. */
  readonly root: string;
  /** What does not: sockets, shims. */
  readonly state: string;
  readonly socket: string;
  readonly sandboxImage: string;
  readonly cniConfigDirectory: string;
  readonly cniBinDirectory: string;
  /** The host withholds CAP_SYS_RESOURCE: runc cannot lower oom_score_adj, and must not try. */
  readonly restrictOomScoreAdj: boolean;
  /** `hosts.toml` files for registries. */
  readonly registryConfigDirectory?: string;
}

export function containerdConfig(options: ContainerdConfigOptions): string {
  const registry =
    options.registryConfigDirectory === undefined
      ? []
      : ['  [plugins."io.containerd.grpc.v1.cri".registry]', `    config_path = ${quote(options.registryConfigDirectory)}`];
  return [
    'version = 2',
    `root = ${quote(options.root)}`,
    `state = ${quote(options.state)}`,
    'disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]',
    '',
    '[grpc]',
    `  address = ${quote(options.socket)}`,
    '',
    '[plugins."io.containerd.grpc.v1.cri"]',
    `  sandbox_image = ${quote(options.sandboxImage)}`,
    `  restrict_oom_score_adj = ${String(options.restrictOomScoreAdj)}`,
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "0"',
    '  enable_tls_streaming = false',
    '  max_container_log_line_size = 16384',
    '  [plugins."io.containerd.grpc.v1.cri".cni]',
    `    bin_dir = ${quote(options.cniBinDirectory)}`,
    `    conf_dir = ${quote(options.cniConfigDirectory)}`,
    '  [plugins."io.containerd.grpc.v1.cri".containerd]',
    '    snapshotter = "overlayfs"',
    '    default_runtime_name = "runc"',
    '    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
    '      runtime_type = "io.containerd.runc.v2"',
    '      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]',
    '        SystemdCgroup = false',
    ...registry,
    '',
  ].join('\n');
}

/** A TOML basic string. */
function quote(text: string): string {
  return JSON.stringify(text);
}

const CAP_SYS_RESOURCE = 24n;

/** Whether `/proc/self/status` shows that this process may raise resource limits. */
export function hasSysResource(procStatus: string): boolean {
  const match = /^CapEff:\s*([0-9a-f]+)/m.exec(procStatus);
  return match?.[1] !== undefined && ((BigInt(`0x${match[1]}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
