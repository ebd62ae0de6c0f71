/**
 * One cluster with a real node on a machine: a second one would take the addresses and routes of
 * the first. Clusters with simulated nodes do not meet.
 *
 * A cluster is on the machine as long as its bridge is, also when all its processes were killed:
 * its containers may well run.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeDirectory } from './node-directory.ts';
import { readTextIfThere } from './files.ts';
import { bridgeName } from './node-network.ts';
import { ownInterfaces } from './own-sysfs.ts';
import { UserError } from './user-error.ts';

const BRIDGE = /^cox([0-9a-f]{6})b$/;
/** In the runtime directory: whose it is. */
const OWNER_FILE = 'data-directory';

/** Throws a UserError when another cluster has a real node here. */
export function refuseSecondCluster(
  data: Pick<NodeDirectory, 'hash' | 'runtimePath'>,
  interfaces: readonly string[] = ownInterfaces(),
): void {
  const other = interfaces.find((name) => BRIDGE.test(name) && name !== bridgeName(data.hash));
  if (other === undefined) return;
  const hash = BRIDGE.exec(other)?.[1] ?? '';
  const folder = join(dirname(data.runtimePath), hash);
  const owner = readTextIfThere(join(folder, OWNER_FILE))?.trim();
  throw new UserError(
    `Cannot run real containers: another cluster does on this machine (interface ${other}), ` +
      `${owner === undefined ? 'of an unknown data directory' : `that of ${owner}`}. ` +
      `Stop it with Ctrl-C where it runs; if it was killed, start and stop it once more` +
      `${owner === undefined ? '' : ` ("npm start -- --data-dir ${owner}")`}; ` +
      'or use --simulated-nodes.',
  );
}

/** Leaves a note for the starts of other clusters. The runtime directory is there. */
export function nameOwner(data: NodeDirectory): void {
  writeFileSync(join(data.runtimePath, OWNER_FILE), `${data.path}\n`, { mode: 0o600 });
}
