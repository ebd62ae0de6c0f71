/**
 * A real node for tests: a private containerd with its own root, socket and network, images made
 * of Debian packages, and a kubelet in this process that speaks to a fake API.
 *
 * Needs root, Linux, containerd, runc and the CNI plug-ins; `whyNot` says what is missing.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '#client/client.ts';
import { buildImage } from '#cli/images/build.ts';
import { imageCacheFolder } from '#cli/images/cache.ts';
import { PAUSE } from '#cli/images/recipes.ts';
import { killLeftovers, removeCgroups } from '#cli/machine-clean-up.ts';
import { SANDBOX_IMAGE } from '#cli/node-layout.ts';
import { runcPath } from '#cli/prerequisites.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { realGrpcSockets } from '#edge/grpc-sockets.ts';
import { realNetwork } from '#edge/network.ts';
import { realPrivateKeys } from '#edge/private-keys.ts';
import { realProcesses } from '#edge/processes.ts';
import { defaultKubeletConfiguration } from '#kubelet/config/defaults.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import type { KubeletEvent } from '#kubelet/events.ts';
import { Kubelet } from '#kubelet/kubelet.ts';
import { CNI_BIN_DIRECTORY, cniConfigList } from '#kubelet/network/cni-config.ts';
import { containerdConfig, hasSysResource } from '#kubelet/runtime/containerd-config.ts';
import { BUSYBOX_RECIPE } from '../busybox-image.ts';
import { FakeApi } from './fake-api.ts';

const POD_CIDR = '10.88.77.0/24';

/** Undefined when a real node can be made here. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const path of ['/usr/bin/containerd', runcPath(), `${CNI_BIN_DIRECTORY}/bridge`]) {
    if (!existsSync(path)) return `no ${path}`;
  }
  return undefined;
}

export interface RealKubeletOptions {
  readonly client?: Client;
  readonly configuration?: Partial<KubeletConfiguration>;
}

export class RealTestNode {
  readonly directory: string;
  readonly hash: string;
  readonly api = new FakeApi();
  readonly events: KubeletEvent[] = [];
  #containerd: ChildProcess | undefined;
  #kubelet: Kubelet | undefined;

  constructor() {
    // A socket's path has at most 108 bytes.
    this.directory = mkdtempSync('/run/cox-test-');
    this.hash = this.directory.slice(-6).toLowerCase();
  }

  get bridge(): string {
    return `cxt${this.hash}`;
  }

  get cgroup(): string {
    return `/coxswain-test-${this.hash}`;
  }

  get kubelet(): Kubelet {
    if (this.#kubelet === undefined) throw new Error('Cannot use kubelet: it was not started');
    return this.#kubelet;
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  async startContainerd(): Promise<void> {
    for (const name of ['root', 'state', 'cni', 'cni-state', 'images']) mkdirSync(this.path(name));
    writeFileSync(this.path('config.toml'), this.#config());
    writeFileSync(this.path('cni', '10-test.conflist'), this.#cni());
    await this.launchContainerd();
    await this.#importImages();
  }

  /** Also after it was killed. */
  async launchContainerd(): Promise<void> {
    this.#containerd = spawn('/usr/bin/containerd', ['--config', this.path('config.toml')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (let tries = 0; tries < 300; tries++) {
      try {
        this.ctr('version');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    throw new Error('Cannot start containerd: it does not answer');
  }

  async killContainerd(signal: NodeJS.Signals): Promise<void> {
    const child = this.#containerd;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  ctr(...args: string[]): string {
    const socket = this.path('containerd.sock');
    const all = ['--address', socket, '--namespace', 'k8s.io', ...args];
    return execFileSync('/usr/bin/ctr', all, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  }

  /** `over`: of its API and of its settings. */
  async startKubelet(over: RealKubeletOptions = {}): Promise<void> {
    const environment = realEnvironment({
      logLevel: process.env['COXSWAIN_TEST_LOG'] === undefined ? 'error' : 'debug',
    });
    this.#kubelet = new Kubelet({
      environment,
      fileSystem: realFileSystem(),
      processes: realProcesses(),
      network: realNetwork(),
      sockets: realGrpcSockets(),
      keys: realPrivateKeys(),
      client: over.client ?? this.api,
      events: { event: (event) => this.events.push(event) },
      runtime: openGrpcChannel(this.path('containerd.sock')),
      openGrpc: openGrpcChannel,
      node: {
        name: 'node-1',
        hostname: 'node-1',
        ips: ['192.0.2.1'],
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        labels: {},
      },
      configuration: defaultKubeletConfiguration({
        podLogsDir: this.path('logs'),
        cgroupRoot: this.cgroup,
        clusterDNS: ['10.96.0.10'],
        clusterDomain: 'cluster.local',
        failSwapOn: false,
        authorization: {
          mode: 'AlwaysAllow',
          webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
        },
        serializeImagePulls: false,
        ...over.configuration,
      }),
      rootDirectory: this.path('kubelet'),
      sandboxImage: SANDBOX_IMAGE,
      onPodCidrs: () => Promise.resolve(),
    });
    await this.#kubelet.start();
  }

  async stopKubelet(options: { stopPods: boolean }): Promise<void> {
    await this.#kubelet?.stop(options);
    this.#kubelet = undefined;
  }

  /** Takes everything away, whatever state it is in. */
  async cleanUp(): Promise<void> {
    await this.stopKubelet({ stopPods: true });
    for (const id of this.#lines('containers', 'ls', '-q')) {
      try {
        this.ctr('tasks', 'kill', '-s', 'SIGKILL', id);
      } catch {
        // It has ended.
      }
    }
    await this.killContainerd('SIGTERM');
    // Also a shim that containerd has forgotten, as one that ends while it starts a sandbox does.
    await killLeftovers({ socket: this.path('containerd.sock'), cgroup: this.cgroup });
    for (const mount of this.mountsBelow().toReversed()) execFileSync('umount', ['-l', mount]);
    try {
      execFileSync('ip', ['link', 'delete', this.bridge], { stdio: 'ignore' });
    } catch {
      // No pod ever had an address.
    }
    rmSync(this.directory, { recursive: true, force: true });
    removeCgroups(this.cgroup);
  }

  mountsBelow(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(`${this.directory}/`));
  }

  #lines(...args: string[]): string[] {
    try {
      return this.ctr(...args)
        .split('\n')
        .filter((line) => line !== '');
    } catch {
      return [];
    }
  }

  #config(): string {
    return containerdConfig({
      root: this.path('root'),
      state: this.path('state'),
      socketPath: this.path('containerd.sock'),
      sandboxImage: SANDBOX_IMAGE,
      cniBinDirectory: CNI_BIN_DIRECTORY,
      cniConfigDirectory: this.path('cni'),
      runcPath: runcPath(),
      restrictOomScoreAdj: !hasSysResource(readFileSync('/proc/self/status', 'utf8')),
    });
  }

  #cni(): string {
    return cniConfigList({
      podCidrs: [POD_CIDR],
      bridge: this.bridge,
      stateDirectory: this.path('cni-state'),
    });
  }

  /** busybox with its applets, and the process of a sandbox. */
  async #importImages(): Promise<void> {
    for (const recipe of [PAUSE, BUSYBOX_RECIPE]) {
      const { archivePath } = await buildImage(recipe, {
        processes: realProcesses(),
        folder: this.path('images'),
        cache: imageCacheFolder(process.env),
        repository: process.cwd(),
      });
      this.ctr('images', 'import', archivePath);
    }
  }
}
