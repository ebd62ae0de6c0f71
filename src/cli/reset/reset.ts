/**
 * `cox node reset`: takes away what a node that joined left on its machine: processes, containers,
 * mounts, cgroups, interfaces, routes and nft tables of ours, and its state. Nothing that is not ours
 * is touched. The Node object stays, unless it is asked for.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NODE } from '#api/core/node.ts';
import { isNotFound } from '#api/meta/status.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realProcesses } from '#edge/processes.ts';
import { CLUSTER_DEFAULTS } from '../cluster-config.ts';
import { type DataDirectory, dataDirectoryAt } from '../data-directory.ts';
import { explainStatus } from '../explain-status.ts';
import { readJsonIfThere } from '../files.ts';
import { type ClusterFlags, connect } from '../kube-client.ts';
import { endLeftRunning } from '../left-running.ts';
import { lockDataDirectory } from '../lock.ts';
import type { NodeConfig } from '../node-config.ts';
import { ownSysfs } from '../own-sysfs.ts';
import { Progress } from '../progress.ts';
import { cleanUpJoinedNode } from '../real-nodes.ts';
import { Supervisor } from '../supervisor.ts';
import { UserError } from '../user-error.ts';

export interface ResetFlags extends ClusterFlags {
  readonly dataDir: string;
  readonly deleteNode?: boolean;
}

/** What a node keeps in its directory; a user may have other files there. */
const STATE = ['node', 'containerd', 'kubelet', 'images', 'logs', 'run'];

/** Resolves when nothing is left. Rejects with UserError. */
export async function resetNode(flags: ResetFlags): Promise<void> {
  const progress = new Progress((line) => process.stdout.write(line));
  const data = dataDirectoryAt(flags.dataDir);
  refuseOthers(data);
  const environment = realEnvironment({ logLevel: 'warn' });
  const lock = await lockDataDirectory(data, environment);
  try {
    const { name, podCidr = CLUSTER_DEFAULTS.podCidr, loadBalancerPools = [] } = knownOf(data);
    await endLeftRunning(data, new Supervisor({ environment, directory: data }));
    mkdirSync(data.runtimePath, { recursive: true, mode: 0o711 });
    const sysfs = await ownSysfs(data, realProcesses());
    await cleanUpJoinedNode(data, { podCidr, sysfs, loadBalancerPools });
    for (const folder of STATE) rmSync(join(data.path, folder), { recursive: true, force: true });
    progress.say(`Nothing of the node is left on this machine, nor in ${data.path}.`);
    if (name === undefined) return;
    if (flags.deleteNode === true) await deleteNode(name, flags, progress);
    else progress.say(`The Node ${name} stays in its cluster: kubectl delete node ${name}`);
  } finally {
    lock.release();
  }
}

function refuseOthers(data: DataDirectory): void {
  if (!existsSync(data.path))
    throw new UserError(
      `Cannot reset ${data.path}: there is no such directory. Name it with --data-dir.`,
    );
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new UserError(
      'Cannot reset a node: what it left can be taken away by root on Linux alone.',
    );
  if (existsSync(data.store))
    throw new UserError(
      `Cannot reset ${data.path}: that is a cluster of cox up, which begins anew with "cox up --reset".`,
    );
}

/** Also of a node that has lost its certificate. */
function knownOf(
  data: DataDirectory,
): Partial<Pick<NodeConfig, 'name' | 'podCidr' | 'loadBalancerPools'>> {
  const config = readJsonIfThere(join(data.node, 'config.json'));
  return typeof config === 'object' && config !== null ? config : {};
}

async function deleteNode(name: string, flags: ClusterFlags, progress: Progress): Promise<void> {
  const cluster = connect(flags);
  try {
    await explainStatus(cluster.client.delete(NODE, { name }));
    progress.say(`node ${JSON.stringify(name)} deleted`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  } finally {
    cluster.close();
  }
}
