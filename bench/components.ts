/** Processes of one cluster that start one after the other and stop together. */
import { type Cluster, type Connection, connect } from './cluster.ts';
import type { OwnProcess } from './processes.ts';
import type { Running } from './subject.ts';

export interface Components extends Connection {
  /** It stops with the others, before those that came earlier: what it is a client of. */
  readonly add: (process: OwnProcess) => OwnProcess;
}

/**
 * What `start` says, and what runs since; `client` is the administrator's. Stops all that has been
 * added when `start` fails.
 */
export async function startComponents<T extends object>(
  cluster: Cluster,
  start: (components: Components) => Promise<T>,
): Promise<T & Running> {
  const processes: OwnProcess[] = [];
  const add = (process: OwnProcess): OwnProcess => {
    processes.push(process);
    return process;
  };
  const { http, client } = connect(cluster);
  const stop = async (): Promise<void> => {
    http.close();
    // Clients first: none shall complain that its server is gone.
    for (const process of processes.toReversed()) await process.stop();
  };
  try {
    const more = await start({ http, client, add });
    const failed = Promise.race(processes.map((process) => process.failed));
    failed.catch(() => {});
    const pids = processes.map(({ pid }) => pid);
    return { ...more, directory: cluster.data.path, client, pids, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
