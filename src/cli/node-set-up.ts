/**
 * What a real node needs before its process starts: directories, a private containerd, its part of
 * the network.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type Environment, sleep } from '#base/env.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import type { Processes } from '#base/doors.ts';
import { realProcesses } from '#edge/processes.ts';
import { createCri } from '#kubelet/cri/cri.ts';
import { CNI_BIN_DIRECTORY } from '#kubelet/network/cni-config.ts';
import { containerdConfig, hasSysResource } from '#kubelet/runtime/containerd-config.ts';
import { writeFileDurably } from './files.ts';
import { importImages } from './images/import.ts';
import type { NodeNamespace } from './machine-network.ts';
import { killLeftovers, unmountBelow } from './machine-clean-up.ts';
import {
  addressesOf,
  fitsTogether,
  type NodeConfig,
  type NodeIdentity,
  readNode,
  writeNode,
} from './node-config.ts';
import { type NodeDirectory, prepareNodeDirectory } from './node-directory.ts';
import { memoryVariables } from './node-memory.ts';
import { NodeNetwork } from './node-network.ts';
import { type NodeLayout, nodeLayout, SANDBOX_IMAGE } from './node-layout.ts';
import { nameOwner } from './other-clusters.ts';
import { crunPath, runcPath } from './prerequisites.ts';
import type { Progress } from './progress.ts';
import { ForgottenShims } from './shims.ts';
import { removeManifests, replaceManifests } from './self-hosted/files.ts';
import type { ManifestName } from './self-hosted/manifests.ts';
import { stopControlPlane } from './self-hosted/pods.ts';
import { runningPid, startTicksOf, type Supervisor, ticksSinceBoot } from './supervisor.ts';
import { messageOf, UserError } from './user-error.ts';

export interface NodeSetUpOptions {
  readonly directory: NodeDirectory;
  readonly config: NodeConfig;
  /** Asked for whenever it is written. */
  readonly identity: () => NodeIdentity;
  /** Undefined: the node is the machine itself. */
  readonly namespace?: NodeNamespace;
  /** Undefined: it runs elsewhere. */
  readonly controlPlane?: HostedControlPlane;
  /** Archives of locally built images, which all nodes of a machine share. */
  readonly images: string;
  /** Folder of the user's for containerd, which all nodes of a machine share. */
  readonly registries: string;
  readonly supervisor: Supervisor;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

/** The control plane as pods of a node. */
export interface HostedControlPlane {
  /** Made anew each time: certificates are rotated while this process runs. Their files are there. */
  manifests(): ReadonlyMap<ManifestName, string>;
  /** They are where the kubelet finds them. */
  onWritten(): void;
}

/** Where the machine's own containerd has them. */
const MACHINE_REGISTRIES = '/etc/containerd/certs.d';
const CONTAINERD_TIMEOUT_MS = 30_000;
const LOOK_MS = 20;
const NODE_STOP_GRACE_MS = 15_000;
const SANDBOX_STOP_MS = 20_000;
const SHIM_LOOK_MS = 30_000;
/** A shim has its task within a fraction of a second. */
const SHIM_AGE_TICKS = 2_000;

export class RealNode {
  readonly #options: NodeSetUpOptions;
  readonly #layout: NodeLayout;
  readonly #processes = realProcesses();
  readonly #network: NodeNetwork;
  /** Examples whose images containerd was given. */
  readonly #imported = new Set<string>();
  readonly #shims: ForgottenShims;
  readonly #stopping = new AbortController();
  #restoring: Promise<void> | undefined;
  #hasContainerd = false;

  constructor(options: NodeSetUpOptions) {
    const { directory, config, namespace } = options;
    this.#options = options;
    this.#layout = nodeLayout(directory);
    this.#network = new NodeNetwork({
      hash: directory.hash,
      processes: namespace?.processes ?? this.#processes,
      clusterPodCidr: config.podCidr,
      serviceCidr: config.serviceClusterIpRange,
      dnsAddress: config.dnsAddress,
      dnsInPods: config.dnsInPods === true,
      nodeAddresses: addressesOf(config),
      sysfs: config.sysfs,
    });
    this.#shims = new ForgottenShims({
      socket: this.#layout.containerdSocket,
      state: this.#layout.containerdState,
      processes: this.#insideProcesses,
    });
  }

  /** Directories, what the node is told, containerd's configuration, the network. Safe to do again. */
  async prepare(): Promise<void> {
    const { namespace } = this.#options;
    this.#writeFiles();
    const { controlPlane } = this.#options;
    const wasHosted = controlPlane === undefined && removeManifests(this.#layout.staticPods);
    try {
      await namespace?.setUp();
      await this.#network.setUp();
    } catch (error) {
      throw new UserError(
        `Cannot set up the network of a real node: ${messageOf(error)}. In a container, give it the ` +
          'right to (privileged), or use --simulated-nodes.',
      );
    }
    if (wasHosted) await this.#endHosted();
  }

  /** What is left of a control plane in pods has the store open, and the address of the next one. */
  async #endHosted(): Promise<void> {
    this.#startContainerd();
    await this.#untilAnswers();
    await this.#onChannel(stopControlPlane);
  }

  #writeFiles(): void {
    const { directory, config, identity, registries } = this.#options;
    const layout = this.#layout;
    prepareNodeDirectory(directory);
    for (const path of [
      directory.runtimePath,
      layout.containerdRoot,
      layout.cniConfigDirectory,
      layout.cniDataDirectory,
      layout.podLogs,
      layout.staticPods,
    ]) {
      mkdirSync(path, { recursive: true, mode: 0o711 });
    }
    const crun = crunPath();
    const text = containerdConfig({
      root: layout.containerdRoot,
      state: layout.containerdState,
      socketPath: layout.containerdSocket,
      sandboxImage: SANDBOX_IMAGE,
      cniConfigDirectory: layout.cniConfigDirectory,
      cniBinDirectory: CNI_BIN_DIRECTORY,
      runcPath: runcPath(),
      registryDirectories: [registries, MACHINE_REGISTRIES],
      ...(crun === undefined ? {} : { crunPath: crun }),
      restrictOomScoreAdj: !hasSysResource(readFileSync('/proc/self/status', 'utf8')),
    });
    writeFileDurably(layout.containerdConfig, text, 0o600);
    nameOwner(directory);
    // The last: where it is, nothing is missing.
    writeNode(directory, { config, identity: identity() });
  }

  /** containerd, the images that every pod needs, and the node process. */
  async start(): Promise<void> {
    const { progress, self, directory, config, supervisor } = this.#options;
    this.#startContainerd();
    await progress.step(`Starting containerd of ${config.name}`, () => this.#untilAnswers());
    await this.#removeShimsOfBefore();
    this.#keepRemovingShims().catch(() => {});
    await this.importImages('none');
    await this.#writeManifests();
    supervisor.start({
      name: 'node',
      ...this.#inside(self.command, [...self.args, 'node', '--data-dir', directory.path]),
      environment: memoryVariables(process.env),
      beforeRestart: async () => {
        await this.#restoreState();
        await this.#untilAnswers();
        for (const example of this.#imported) await this.importImages(example);
        await this.#writeManifests();
      },
    });
  }

  #startContainerd(): void {
    if (this.#hasContainerd) return;
    this.#hasContainerd = true;
    this.#options.supervisor.start({
      name: 'containerd',
      ...this.#inside('/usr/bin/containerd', ['--config', this.#layout.containerdConfig]),
      beforeRestart: async () => {
        await this.#restoreState();
        this.#removeShimsOfBefore().catch(() => {});
      },
    });
  }

  /** Once the image of their pods is there: a kubelet that runs starts them at once. */
  async #writeManifests(): Promise<void> {
    const { controlPlane, directory } = this.#options;
    if (controlPlane === undefined) return;
    await replaceManifests(this.#layout.staticPods, controlPlane.manifests(), {
      kubeletRuns: runningPid(directory.run, 'node') !== undefined,
      endPods: () => this.#onChannel(stopControlPlane),
    });
    controlPlane.onWritten();
  }

  /** Once containerd answers, what it has not taken over of the one before it is taken away. */
  async #removeShimsOfBefore(): Promise<void> {
    const { directory } = this.#options;
    await this.#removeShims(async () => {
      await this.#untilAnswers();
      this.#shims.distrust();
      return Number(startTicksOf(runningPid(directory.run, 'containerd') ?? 0));
    });
  }

  /** Nothing tells of a shim that was left while containerd went on: they are looked for. */
  async #keepRemovingShims(): Promise<void> {
    const { environment } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(environment, SHIM_LOOK_MS, signal);
      if (signal.aborted) return;
      await this.#removeShims(() => Promise.resolve(ticksSinceBoot() - SHIM_AGE_TICKS));
    }
  }

  async #removeShims(startedBefore: () => Promise<number>): Promise<void> {
    const { log } = this.#options.environment;
    try {
      const count = await this.#shims.removeStartedBefore(await startedBefore());
      if (count > 0) log.info('shims that were left were ended', { count });
    } catch (error) {
      log.warn('cannot look for shims that were left', { error: messageOf(error) });
    }
  }

  /** A node whose directory was wiped is set up anew, once, whichever of its processes ends first. */
  async #restoreState(): Promise<void> {
    const { directory, config, identity } = this.#options;
    const known = readNode(directory);
    if (known !== undefined) {
      // A kill between a key and its certificate left half of each.
      if (!fitsTogether(known)) writeNode(directory, { config, identity: identity() });
      return;
    }
    this.#restoring ??= this.#setUpAnew().finally(() => {
      this.#restoring = undefined;
    });
    await this.#restoring;
  }

  /** What it ran is ended first. */
  async #setUpAnew(): Promise<void> {
    const { directory, supervisor, config, environment } = this.#options;
    environment.log.warn('the state of a node is gone: it is set up anew', { node: config.name });
    const { containerdState, containerdSocket, cniDataDirectory, cgroup } = this.#layout;
    // Both hold what is gone in memory; the one that has ended already is not hit.
    supervisor.kill('containerd');
    supervisor.kill('node');
    await killLeftovers({ socket: containerdSocket, cgroup });
    await unmountBelow(this.#processes, [containerdState, directory.containerd, directory.kubelet]);
    for (const path of [containerdState, cniDataDirectory])
      rmSync(path, { recursive: true, force: true });
    this.#writeFiles();
  }

  get #insideProcesses(): Processes {
    return {
      run: (command, args, options) => {
        const inside = this.#inside(command, args);
        return this.#processes.run(inside.command, inside.args, options);
      },
    };
  }

  #inside(command: string, args: readonly string[]) {
    return this.#options.namespace?.inside({ command, args }) ?? { command, args };
  }

  /** Builds what is missing of an example's images and gives them to containerd. */
  importImages(example: string): Promise<void> {
    const { images, progress, controlPlane, config } = this.#options;
    this.#imported.add(example);
    return importImages({
      example,
      program: controlPlane !== undefined || config.dnsInPods === true,
      folder: images,
      socket: this.#layout.containerdSocket,
      processes: this.#processes,
      progress,
    });
  }

  /** Ends the node process, every container, and containerd. */
  async stop(): Promise<void> {
    const { supervisor } = this.#options;
    this.#stopping.abort();
    await supervisor.stop('node', { graceMs: NODE_STOP_GRACE_MS });
    await this.#removeSandboxes();
    await supervisor.stop('containerd', { graceMs: NODE_STOP_GRACE_MS });
  }

  async #untilAnswers(): Promise<void> {
    const { environment, directory } = this.#options;
    const until = environment.clock.monotonicMs() + CONTAINERD_TIMEOUT_MS;
    const channel = openGrpcChannel({ socketPath: this.#layout.containerdSocket });
    try {
      for (;;) {
        try {
          await createCri(channel).call('version', { version: 'v1' }, { timeoutMs: 1_000 });
          return;
        } catch (error) {
          if (environment.clock.monotonicMs() > until) {
            throw new UserError(
              `Cannot start containerd: ${messageOf(error)}. See ${directory.logs}/containerd.log.`,
            );
          }
        }
        await sleep(environment, LOOK_MS);
      }
    } finally {
      channel.close();
    }
  }

  async #removeSandboxes(): Promise<void> {
    if (!existsSync(this.#layout.containerdSocket)) return;
    if (this.#options.controlPlane !== undefined) await this.#onChannel(stopControlPlane);
    await this.#onChannel(removeSandboxes);
  }

  /** What does not work is logged. */
  async #onChannel(work: (channel: GrpcChannel) => Promise<void>): Promise<void> {
    const channel = openGrpcChannel({ socketPath: this.#layout.containerdSocket });
    try {
      await work(channel);
    } catch (error) {
      this.#options.environment.log.warn('cannot remove all pods', { error: messageOf(error) });
    } finally {
      channel.close();
    }
  }
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
