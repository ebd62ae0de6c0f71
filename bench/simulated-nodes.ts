/** Starts simulated nodes as clients over HTTPS, in a process of their own (simulated-nodes-process.ts). */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OwnProcess, startProcess } from './processes.ts';
import type { Scope } from './scope.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('./simulated-nodes-process.ts'));

/** `directory`: the data directory of the cluster that they join. */
export function startSimulatedNodes(scope: Scope, directory: string, count: number): OwnProcess {
  return startProcess(scope, {
    name: 'simulated nodes',
    command: process.execPath,
    args: [PROGRAM, directory, String(count)],
    logPath: join(directory, 'logs', 'simulated-nodes.log'),
  });
}
