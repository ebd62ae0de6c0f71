/** Our API server, store and scheduler as a subject: one process (`server-process.ts`). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { targetOf } from '../api/subject.ts';
import { connect, openCluster, untilReadyz } from '../cluster.ts';
import { startProcess } from '../processes.ts';
import type { Scope } from '../scope.ts';
import type { RunningScheduler, SchedulingSubject } from './subject.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('./server-process.ts'));

/** Its compiled code is kept in a directory of the bench's own. */
export function coxswainScheduler(scope: Scope): SchedulingSubject {
  let cache: string | undefined;
  return {
    name: 'Coxswain',
    start() {
      cache ??= scope.temporaryDirectory();
      return start(scope, cache);
    },
  };
}

async function start(scope: Scope, cache: string): Promise<RunningScheduler> {
  const cluster = await openCluster(scope.temporaryDirectory());
  const { path: directory, logs } = cluster.data;
  mkdirSync(logs, { recursive: true });
  const process = startProcess(scope, {
    name: 'API server and scheduler',
    command: globalThis.process.execPath,
    args: [PROGRAM, directory],
    environment: { NODE_COMPILE_CACHE: cache },
    logPath: join(logs, 'bench.log'),
  });
  const { http, client } = connect(cluster);
  const stop = async (): Promise<void> => {
    http.close();
    await process.stop();
  };
  try {
    await untilReadyz(http, process.failed);
  } catch (error) {
    await stop();
    throw error;
  }
  const { pid, failed } = process;
  return {
    directory,
    client,
    target: targetOf(cluster),
    pids: [pid],
    schedulerPid: undefined,
    failed,
    stop,
  };
}
