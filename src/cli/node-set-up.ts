/**
 * What a real node needs on this machine before its process starts, and what is taken away when
 * the cluster stops: packages, a private containerd, the bridge and routes.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { realProcesses } from '#edge/processes.ts';
import { createCri } from '#kubelet/cri/cri.ts';
import { CNI_BIN_DIRECTORY } from '#kubelet/network/cni-config.ts';
import { containerdConfig, hasSysResource } from '#kubelet/runtime/containerd-config.ts';
import { removeNetworkPolicyTables } from '#network-policy/enforcer.ts';
import { removeProxyTable } from '#proxy/proxy.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from './cluster-config.ts';
import type { DataDirectory } from './data-directory.ts';
import { writeFileDurably } from './files.ts';
import { importImages } from './images/import.ts';
import {
  killLeftovers,
  removeCgroups,
  removeShimFolders,
  unmountBelow,
} from './machine-clean-up.ts';
import { NodeNetwork, tearDownNetwork } from './node-network.ts';
import { type NodeLayout, nodeLayout, SANDBOX_IMAGE } from './node-layout.ts';
import { nameOwner } from './other-clusters.ts';
import type { ClusterPki } from './pki.ts';
import { installPrerequisites, runcPath } from './prerequisites.ts';
import type { Progress } from './progress.ts';
import type { Supervisor } from './supervisor.ts';
import { codeOf, messageOf, UserError } from './user-error.ts';

export interface NodeSetUpOptions {
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly pki: ClusterPki;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

const CONTAINERD_TIMEOUT_MS = 30_000;
const LOOK_MS = 20;
const NODE_STOP_GRACE_MS = 15_000;
const SANDBOX_STOP_MS = 20_000;
/** A shell's exit code for a command that is not there. */
const EXIT_NOT_FOUND = 127;

export class RealNode {
  readonly #options: NodeSetUpOptions;
  readonly #layout: NodeLayout;
  readonly #processes = realProcesses();
  readonly #network: NodeNetwork;

  constructor(options: NodeSetUpOptions) {
    const { data, config } = options;
    this.#options = options;
    this.#layout = nodeLayout(data);
    this.#network = new NodeNetwork({
      hash: data.hash,
      processes: this.#processes,
      clusterPodCidr: config.podCidr,
      serviceCidr: config.serviceClusterIpRange,
      dnsAddress: config.dnsAddress,
      nodeAddress: config.nodeAddress,
    });
  }

  /** Debian's packages, before anything else: to take a node away needs them too. */
  install(): Promise<void> {
    return installPrerequisites({
      processes: this.#processes,
      progress: this.#options.progress,
    });
  }

  /** Directories, containerd's configuration, the network. Safe to do again. */
  async prepare(): Promise<void> {
    const { data } = this.#options;
    const layout = this.#layout;
    for (const path of [
      data.runtimePath,
      layout.containerdRoot,
      layout.cniConfigDirectory,
      layout.cniDataDirectory,
      layout.podLogs,
    ]) {
      mkdirSync(path, { recursive: true, mode: 0o711 });
    }
    const text = containerdConfig({
      root: layout.containerdRoot,
      state: layout.containerdState,
      socketPath: layout.containerdSocket,
      sandboxImage: SANDBOX_IMAGE,
      cniConfigDirectory: layout.cniConfigDirectory,
      cniBinDirectory: CNI_BIN_DIRECTORY,
      runcPath: runcPath(),
      restrictOomScoreAdj: !hasSysResource(readFileSync('/proc/self/status', 'utf8')),
    });
    writeFileDurably(layout.containerdConfig, text, 0o600);
    nameOwner(data);
    try {
      await this.#network.setUp();
    } catch (error) {
      throw new UserError(
        `Cannot set up the network of a real node: ${messageOf(error)}. In a container, give it the ` +
          'right to (privileged), or use --simulated-nodes.',
      );
    }
  }

  /** containerd, the images that every pod needs, and the node process. */
  async start(supervisor: Supervisor): Promise<void> {
    const { environment, progress, self, data } = this.#options;
    supervisor.start({
      name: 'containerd',
      command: '/usr/bin/containerd',
      args: ['--config', this.#layout.containerdConfig],
    });
    await progress.step('Starting containerd', () =>
      untilAnswers(environment, this.#layout.containerdSocket, data),
    );
    await this.importImages('none');
    supervisor.start({
      name: 'node',
      command: self.command,
      args: [...self.args, 'node', '--data-dir', data.path],
    });
  }

  /** Builds what is missing of an example's images and gives them to containerd. */
  importImages(example: string): Promise<void> {
    const { data, progress } = this.#options;
    return importImages({
      example,
      folder: data.images,
      socket: this.#layout.containerdSocket,
      processes: this.#processes,
      progress,
    });
  }

  /** Ends the node process, every container, and containerd. */
  async stop(supervisor: Supervisor): Promise<void> {
    await supervisor.stop('node', { graceMs: NODE_STOP_GRACE_MS });
    await this.#removeSandboxes();
    await supervisor.stop('containerd', { graceMs: NODE_STOP_GRACE_MS });
  }

  /** Leaves nothing of ours on the machine but the data directory. */
  cleanUp(): Promise<void> {
    return cleanUpMachine(this.#options.data);
  }

  async #removeSandboxes(): Promise<void> {
    if (!existsSync(this.#layout.containerdSocket)) return;
    const channel = openGrpcChannel({ socketPath: this.#layout.containerdSocket });
    try {
      await removeSandboxes(channel);
    } catch (error) {
      this.#options.environment.log.warn('cannot remove all pods', { error: messageOf(error) });
    } finally {
      channel.close();
    }
  }
}

/** Takes away whatever a real node of this cluster left: also after a crash, when nobody knows. */
export async function cleanUpMachine(data: DataDirectory): Promise<void> {
  const processes = forgiving(realProcesses());
  const layout = nodeLayout(data);
  await killLeftovers({ socket: layout.containerdSocket, cgroup: layout.cgroup });
  await unmountBelow(processes, [data.runtimePath, data.containerd, data.kubelet]);
  await removeProxyTable(processes, layout.nftTable);
  await removeNetworkPolicyTables(processes, layout.networkPolicyTable);
  await tearDownNetwork({ hash: data.hash, clusterPodCidr: CLUSTER_DEFAULTS.podCidr, processes });
  removeCgroups(layout.cgroup);
  removeShimFolders();
  rmSync(data.runtimePath, { recursive: true, force: true });
  await processes.run('rmdir', ['--ignore-fail-on-non-empty', dirname(data.runtimePath)]);
}

/** Where a tool is missing, there can be nothing that it would take away. */
function forgiving(processes: Processes): Processes {
  const none = new Uint8Array();
  return {
    async run(...call) {
      try {
        return await processes.run(...call);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        return { exitCode: EXIT_NOT_FOUND, stdout: none, stderr: none };
      }
    },
  };
}

export function realNodeProcesses(options: NodeSetUpOptions): RealNode {
  return new RealNode(options);
}

async function removeSandboxes(channel: GrpcChannel): Promise<void> {
  const cri = createCri(channel);
  const { items } = await cri.call('listPodSandbox', {});
  const ids = (items ?? []).flatMap(({ id }) => id ?? []);
  await Promise.allSettled(
    ids.map(async (id) => {
      await cri.call('stopPodSandbox', { podSandboxId: id }, { timeoutMs: SANDBOX_STOP_MS });
      await cri.call('removePodSandbox', { podSandboxId: id }, { timeoutMs: SANDBOX_STOP_MS });
    }),
  );
}

async function untilAnswers(
  environment: Environment,
  socket: string,
  data: DataDirectory,
): Promise<void> {
  const until = environment.clock.monotonicMs() + CONTAINERD_TIMEOUT_MS;
  const channel = openGrpcChannel({ socketPath: socket });
  try {
    for (;;) {
      try {
        await createCri(channel).call('version', { version: 'v1' }, { timeoutMs: 1_000 });
        return;
      } catch (error) {
        if (environment.clock.monotonicMs() > until) {
          throw new UserError(
            `Cannot start containerd: ${messageOf(error)}. See ${data.logs}/containerd.log.`,
          );
        }
      }
      await new Promise<void>((resolve) => environment.timers.after(LOOK_MS, resolve));
    }
  } finally {
    channel.close();
  }
}
