/** What is on a node, asked of the runtime and of the machine, not of the kubelet. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, PodSandbox } from '../../src/api/gen/cri-v1.ts';
import type { NodeDirectory } from '../../src/cli/node-directory.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { bridgeName, bridgePorts } from '../../src/cli/node-network.ts';
import { shimsOf } from '../../src/cli/shims.ts';
import { codeOf } from '../../src/cli/user-error.ts';
import { openGrpcChannel } from '../../src/edge/grpc.ts';
import { CONTAINER_STATE, SANDBOX_STATE } from '../../src/kubelet/cri/enums.ts';
import { createCri } from '../../src/kubelet/cri/cri.ts';
import { POD_UID_LABEL } from '../../src/kubelet/cri/labels.ts';

export interface NodeState {
  /** Pods' uids, one for each sandbox that is ready. */
  readonly sandboxes: readonly string[];
  /** Pod's uid by the id of each container that runs. */
  readonly running: ReadonlyMap<string, string>;
  /** Sandboxes and containers in any state. */
  readonly all: number;
  /** Addresses that the plug-in of addresses has given out. */
  readonly addresses: readonly string[];
  /** Ends of pods' cables on the node's bridge. */
  readonly cables: number;
  /** Mounts below the kubelet's directories of pods. */
  readonly mounts: readonly string[];
  /** The kubelet's directories of pods. */
  readonly directories: readonly string[];
  /** Cgroups of pods, in the first hierarchy that has ours. */
  readonly cgroups: readonly string[];
  /** Processes that keep sandboxes. */
  readonly shims: readonly number[];
}

const CGROUPS = '/sys/fs/cgroup';

/** How many there are of each. */
export function sizesOf({ running, ...state }: NodeState): Readonly<Record<string, number>> {
  const sizes = Object.entries(state).map(([what, value]) => [
    what,
    typeof value === 'number' ? value : value.length,
  ]);
  return { running: running.size, ...Object.fromEntries(sizes) };
}

export async function readNodeState(data: NodeDirectory): Promise<NodeState> {
  const layout = nodeLayout(data);
  const { sandboxes, containers } = await runtimeState(layout.containerdSocket);
  const pods = join(layout.kubeletRoot, 'pods');
  return {
    sandboxes: sandboxes
      .filter(({ state = SANDBOX_STATE.ready }) => state === SANDBOX_STATE.ready)
      .map(({ labels }) => labels?.[POD_UID_LABEL] ?? ''),
    running: new Map(
      containers
        .filter(({ state }) => state === CONTAINER_STATE.running)
        .map(({ id = '', labels }) => [id, labels?.[POD_UID_LABEL] ?? '']),
    ),
    all: sandboxes.length + containers.length,
    addresses: listDirectory(layout.cniDataDirectory)
      .flatMap((network) => listDirectory(join(layout.cniDataDirectory, network)))
      .filter((name) => /^[0-9a-f.:]+$/.test(name)),
    cables: bridgePorts(bridgeName(data.hash), sysfsOf(data)).length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
      .filter((mount) => mount.startsWith(`${pods}/`)),
    directories: listDirectory(pods),
    cgroups: podCgroups(layout.cgroup),
    shims: shimsOf(layout.containerdSocket).map(({ pid }) => pid),
  };
}

async function runtimeState(
  socket: string,
): Promise<{ sandboxes: readonly PodSandbox[]; containers: readonly Container[] }> {
  const channel = openGrpcChannel(socket);
  try {
    const cri = createCri(channel);
    const { items = [] } = await cri.call('listPodSandbox', {});
    const { containers = [] } = await cri.call('listContainers', {});
    return { sandboxes: items, containers };
  } finally {
    channel.close();
  }
}

/** Of its network namespace, where it has one of its own. */
function sysfsOf(data: NodeDirectory): string | undefined {
  const own = join(data.runtimePath, 'sys');
  return existsSync(own) ? own : undefined;
}

function podCgroups(name: string): string[] {
  const root = [CGROUPS, join(CGROUPS, 'pids')].map((path) => join(path, name)).find(existsSync);
  return root === undefined ? [] : cgroupsBelow(root).filter((path) => /\/pod[^/]+$/.test(path));
}

/** They come and go while one looks. */
function cgroupsBelow(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name))
      .flatMap((below) => [below, ...cgroupsBelow(below)]);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function listDirectory(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
