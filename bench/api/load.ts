/**
 * The load of the API bench, in a process of its own: what it is asked to do, what it answers, and
 * how it is started.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Scope } from '../scope.ts';
import type { Target } from './connection.ts';
import type { Encoding } from './pod.ts';

export type RequestKind = 'create' | 'get' | 'status patch' | 'merge patch';

export type Job =
  | {
      readonly kind: 'requests';
      readonly target: Target;
      readonly request: RequestKind;
      readonly encoding: Encoding;
      /** Numbers of the pods: each request takes the next one, in turns. */
      readonly from: number;
      readonly pods: number;
      readonly count: number;
      /** Each has one request under way. */
      readonly connections: number;
    }
  | {
      readonly kind: 'list';
      readonly target: Target;
      readonly path: string;
      readonly accept: string;
    }
  | {
      readonly kind: 'watch';
      readonly target: Target;
      readonly path: string;
      readonly encoding: Encoding;
      readonly watchers: number;
      /** Events that each watcher is to get. */
      readonly events: number;
    };

export interface LoadResult {
  readonly seconds: number;
  /** Of one request; for a watch, zero. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of all bodies. */
  readonly bytes: number;
  /** Processor time of the load itself. */
  readonly cpuSeconds: number;
}

export type FromLoad =
  /** All watchers watch: what happens now they will see. */
  | { readonly type: 'watching' }
  | { readonly type: 'done'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly message: string };

const PROGRAM = fileURLToPath(import.meta.resolve('./load-process.ts'));

export interface Load {
  /** Does one job. `onWatching` is called when all watchers of a watch are there. */
  run(job: Job, onWatching?: () => void): Promise<LoadResult>;
  stop(): Promise<void>;
}

export function startLoad(scope: Scope): Load {
  scope.throwIfClosing();
  const child = fork(PROGRAM, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    run(job, onWatching = () => {}) {
      return new Promise((resolve, reject) => {
        const onExit = (): void => reject(new Error('The load process ended'));
        const onMessage = (message: FromLoad): void => {
          if (message.type === 'watching') return onWatching();
          child.off('message', onMessage);
          child.off('exit', onExit);
          if (message.type === 'done') resolve(message.result);
          else reject(new Error(message.message));
        };
        child.on('message', onMessage);
        child.on('exit', onExit);
        child.send(job);
      });
    },
    stop: scope.defer(async () => {
      child.kill('SIGKILL');
      await ended;
    }),
  };
}
