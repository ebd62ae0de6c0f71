/** Our API server as a subject: a process of its own (`server-process.ts`). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBody } from '#base/http/message.ts';
import { connect, openCluster, untilReadyz } from '../cluster.ts';
import { startProcess } from '../processes.ts';
import type { Scope } from '../scope.ts';
import {
  type ApiStartOptions,
  type ApiSubject,
  delayedSyncs,
  makeNamespace,
  type RunningApi,
  targetOf,
} from './subject.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('./server-process.ts'));

/** Its compiled code is kept in a directory of the bench's own. */
export function coxswainServer(scope: Scope): ApiSubject {
  let cache: string | undefined;
  return {
    name: 'Coxswain',
    isOwn: true,
    start(options) {
      cache ??= scope.temporaryDirectory();
      return start(options, cache);
    },
  };
}

async function start(options: ApiStartOptions, cache: string): Promise<RunningApi> {
  const { scope, directory, syncDelayMs } = options;
  const cluster = await openCluster(directory);
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  const beganMs = performance.now();
  const process = startProcess(scope, {
    name: 'API server',
    ...delayedSyncs(globalThis.process.execPath, [PROGRAM, directory], syncDelayMs),
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
    const readyMs = performance.now() - beganMs;
    await makeNamespace(client);
    return {
      directory,
      client,
      target: targetOf(cluster),
      pids: [process.pid],
      readyMs,
      failed: process.failed,
      stop,
      async loopDelay() {
        const answer = await http.handler({ method: 'GET', url: '/bench/event-loop', headers: {} });
        return JSON.parse(Buffer.from(await readBody(answer.body)).toString()) as { maxMs: number };
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
