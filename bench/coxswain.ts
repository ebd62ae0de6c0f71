/** Coxswain as a subject: its control-plane process, or `cox up` for a node with real containers. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirectoryAt } from '#cli/data-directory.ts';
import { runningPid } from '#cli/supervisor.ts';
import {
  type Cluster,
  connect,
  openCluster,
  readCluster,
  untilDefaultAccount,
  untilNodes,
  untilReadyz,
} from './cluster.ts';
import { type OwnProcess, startProcess } from './processes.ts';
import type { Scope } from './scope.ts';
import type { Running, Started, StartOptions, Subject } from './subject.ts';
import { untilTrue } from './wait.ts';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'cox.ts');
/** The first start builds an image, and may have to install packages. */
const UP_TIMEOUT_MS = 300_000;
/** Pods are ended one by one. */
const DOWN_GRACE_MS = 120_000;
const LOOK_MS = 50;

/** Its compiled code is kept in a directory of the bench's own. */
export function coxswain(scope: Scope): Subject {
  let cache: string | undefined;
  const cacheOf = ({ isCodeCold }: StartOptions): Record<string, string> => {
    if (isCodeCold === true) return { NODE_COMPILE_CACHE: scope.temporaryDirectory() };
    cache ??= scope.temporaryDirectory();
    return { NODE_COMPILE_CACHE: cache };
  };
  return {
    name: 'Coxswain',
    start: (options) => startControlPlane(options, cacheOf(options)),
    startWithNode: (options) => startUp(options, cacheOf(options)),
  };
}

async function startControlPlane(
  { scope, directory, simulatedNodes }: StartOptions,
  environment: Record<string, string>,
): Promise<Started> {
  const cluster = await openCluster(directory, simulatedNodes);
  const beganMs = performance.now();
  const process = startCox(scope, cluster.data.path, {
    environment,
    args: ['control-plane', '--data-dir', cluster.data.path],
  });
  const running = runningOf(cluster, process, [process.pid]);
  try {
    await untilReadyz(running.http, process.failed);
    await untilDefaultAccount(running.client, process.failed);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { ...running, readyMs: performance.now() - beganMs };
}

async function startUp(
  { scope, directory }: StartOptions,
  environment: Record<string, string>,
): Promise<Running> {
  const process = startCox(scope, directory, {
    environment,
    args: ['up', '--data-dir', directory, '--listen', '127.0.0.1:0', '--example', 'none'],
    stopSignal: 'SIGINT',
    stopGraceMs: DOWN_GRACE_MS,
  });
  try {
    const pid = await untilControlPlane(directory, process.failed);
    const running = runningOf(readCluster(directory), process, [pid]);
    await untilReadyz(running.http, process.failed);
    await untilDefaultAccount(running.client, process.failed);
    await untilNodes(running.client, 1, process.failed);
    return running;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

interface CoxOptions {
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopGraceMs?: number;
}

function startCox(scope: Scope, directory: string, options: CoxOptions): OwnProcess {
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  return startProcess(scope, {
    ...options,
    name: `cox ${options.args[0] ?? ''}`,
    command: process.execPath,
    args: [PROGRAM, ...options.args],
    logPath: join(logs, 'bench.log'),
  });
}

/** The control plane that `cox up` started: it says so in a file, once its settings are written. */
async function untilControlPlane(directory: string, failed: Promise<never>): Promise<number> {
  let pid: number | undefined;
  await untilTrue(
    async () => {
      // What an earlier start wrote names no process that runs.
      pid = runningPid(dataDirectoryAt(directory).run, 'control-plane');
      return pid !== undefined;
    },
    {
      timeoutMs: UP_TIMEOUT_MS,
      everyMs: LOOK_MS,
      what: 'cox up to start the control plane',
      failed,
    },
  );
  return pid ?? 0;
}

function runningOf(cluster: Cluster, process: OwnProcess, pids: readonly number[]) {
  const { http, client } = connect(cluster);
  return {
    directory: cluster.data.path,
    http,
    client,
    pids,
    failed: process.failed,
    async stop() {
      http.close();
      await process.stop();
    },
  };
}
