/**
 * The configuration of our private containerd, so that one of the user's is left alone.
 *
 * Pure. Source: containerd 1.6 documentation (man containerd-config.toml, docs/cri/config.md,
 * docs/hosts.md),
 * configuration version 2, which 1.7 and 2.x read too.
 */

export interface ContainerdOptions {
  /** State that survives a restart of the machine. */
  readonly root: string;
  /** State that does not; short, for it holds sockets. */
  readonly state: string;
  readonly socketPath: string;
  readonly sandboxImage: string;
  readonly cniBinDirectory: string;
  readonly cniConfigDirectory: string;
  /** Found by PATH unless given. */
  readonly runcPath?: string;
  /**
   * Folders that hold a folder for each registry with its `hosts.toml`; of two for the same registry
   * that of the first counts. Read at each pull; they need not be there. None unless given.
   */
  readonly registryDirectories?: readonly string[];
  /** A second handler, `crun`, where this is given. */
  readonly crunPath?: string;
  /**
   * CAP_SYS_RESOURCE is missing: oom_score_adj cannot be lowered below our own, and runc would
   * fail pods that ask for it.
   */
  readonly restrictOomScoreAdj: boolean;
  /** `overlayfs`, or `native` where it cannot be mounted. */
  readonly snapshotter?: string;
}

export function containerdConfig(options: ContainerdOptions): string {
  const { root, state, socketPath, snapshotter = 'overlayfs', runcPath = 'runc' } = options;
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const { crunPath, registryDirectories = [] } = options;
  const handlers: Handler[] = [
    { name: 'runc', path: runcPath },
    ...(crunPath === undefined ? [] : [{ name: 'crun', path: crunPath }]),
  ];
  return `version = 2
root = ${quoted(root)}
state = ${quoted(state)}
# Not killed before pods; above what an unprivileged range allows we may not go.
oom_score = ${options.restrictOomScoreAdj ? 0 : -999}
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]

[grpc]
  address = ${quoted(socketPath)}
  max_recv_message_size = 16777216
  max_send_message_size = 16777216

[ttrpc]
  address = ${quoted(`${socketPath}.ttrpc`)}

[debug]
  level = "warn"

[${cri}]
  sandbox_image = ${quoted(options.sandboxImage)}
  restrict_oom_score_adj = ${options.restrictOomScoreAdj}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  stream_idle_timeout = "4h0m0s"
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  # With our own state, where they are found and unmounted; not among the machine's (/run/netns).
  netns_mounts_under_state_dir = true

  [${cri}.containerd]
    snapshotter = ${quoted(snapshotter)}
    default_runtime_name = "runc"
    discard_unpacked_layers = false

${handlers.map((handler) => handlerText(cri, handler)).join('\n')}
  [${cri}.cni]
    bin_dir = ${quoted(options.cniBinDirectory)}
    conf_dir = ${quoted(options.cniConfigDirectory)}
    # The main address of a pod is of the first of its node's ranges.
    ip_pref = "cni"
    max_conf_num = 1

  [${cri}.registry]
    config_path = ${quoted(registryDirectories.join(':'))}

# containerd 2.1, which older ones pass over: by its transfer service it would take the two folders
# above for one (its issue 12808).
[plugins."io.containerd.cri.v1.images"]
  use_local_image_pull = true
`;
}

/** What a RuntimeClass may name as its handler. */
interface Handler {
  readonly name: string;
  readonly path: string;
}

function handlerText(cri: string, { name, path }: Handler): string {
  return `    [${cri}.containerd.runtimes.${name}]
      runtime_type = "io.containerd.runc.v2"

      [${cri}.containerd.runtimes.${name}.options]
        BinaryName = ${quoted(path)}
        SystemdCgroup = false
`;
}

/** A basic string of TOML. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Whether CAP_SYS_RESOURCE is among the effective capabilities in `/proc/self/status`. */
export function hasSysResource(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${hex}`) >> 24n) & 1n) === 1n;
}
