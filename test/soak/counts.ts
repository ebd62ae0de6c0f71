/** What a cluster's nodes and processes hold, in numbers: what may not grow while pods come and go. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { usageOf } from '../../bench/measure.ts';
import { type DataDirectory, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import type { NodeDirectory } from '../../src/cli/node-directory.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { runningPid } from '../../src/cli/supervisor.ts';
import { run } from '../e2e/product.ts';
import { readNodeState, sizesOf } from '../kill/node-state.ts';

/** By what it is and where: `node 1: mounts`. */
export type Counts = ReadonlyMap<string, number>;

/** Counts of memory are in MB, and never the same twice. */
export function isMemory(name: string): boolean {
  return name.endsWith(' MB');
}

export async function readCounts(data: DataDirectory): Promise<Counts> {
  const counts = new Map<string, number>();
  counts.set('mounts of the machine', linesOf(readFileSync('/proc/self/mountinfo', 'utf8')));
  countProcess(counts, 'control plane', pidOf(data, 'control-plane'));
  const nodes = [data, ...otherNodeDirectories(data)];
  for (const [i, node] of nodes.entries()) await countNode(counts, `node ${i + 1}`, node);
  return counts;
}

async function countNode(
  counts: Map<string, number>,
  name: string,
  directory: NodeDirectory,
): Promise<void> {
  const pid = pidOf(directory, 'node');
  countProcess(counts, `${name}: process`, pid);
  countProcess(counts, `${name}: containerd`, pidOf(directory, 'containerd'));
  const sizes = sizesOf(await readNodeState(directory));
  for (const [what, size] of Object.entries(sizes)) counts.set(`${name}: ${what}`, size);
  const commands = {
    interfaces: ['ip', '-o', 'link'],
    routes: ['ip', 'route', 'show', 'table', 'all'],
    rules: ['nft', 'list', 'ruleset'],
  };
  for (const [what, command] of Object.entries(commands))
    counts.set(`${name}: ${what}`, linesOf(await inNetworkOf(pid, command)));
  const { containerdState, containerdRoot, cniDataDirectory, kubeletRoot, podLogs } =
    nodeLayout(directory);
  const folders = { containerdState, cniDataDirectory, kubeletRoot, podLogs };
  for (const [what, path] of Object.entries(folders))
    counts.set(`${name}: files in ${what}`, filesIn(path));
  const snapshots = `${containerdRoot}/io.containerd.snapshotter.v1.overlayfs/snapshots`;
  counts.set(`${name}: snapshots`, existsSync(snapshots) ? readdirSync(snapshots).length : 0);
}

function countProcess(counts: Map<string, number>, name: string, pid: number): void {
  counts.set(`${name}, descriptors`, readdirSync(`/proc/${pid}/fd`).length);
  counts.set(`${name}, threads`, readdirSync(`/proc/${pid}/task`).length);
  counts.set(`${name}, MB`, usageOf([pid]).megabytes);
}

function pidOf(directory: NodeDirectory, name: string): number {
  const pid = runningPid(directory.run, name);
  if (pid === undefined) throw new Error(`${name} of ${directory.path} does not run`);
  return pid;
}

async function inNetworkOf(pid: number, command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('nsenter', ['-t', String(pid), '-n', ...command]);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}

function filesIn(path: string): number {
  // Below a pod's root there are other file systems; nothing of pods is left when this is asked.
  return existsSync(path) ? readdirSync(path, { recursive: true }).length : 0;
}

function linesOf(text: string): number {
  return text.split('\n').filter((line) => line !== '').length;
}
