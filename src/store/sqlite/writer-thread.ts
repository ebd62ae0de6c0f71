/**
 * The thread that writes. All that waits when a commit is made goes into it: under load one fsync
 * serves many writes, and a single write never waits for company.
 */
import { closeSync } from 'node:fs';
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { StoreError } from '../store.ts';
import { logFile, LogSync } from './log-sync.ts';
import type { Answer, FromWriter, Request, WriterSettings } from './protocol.ts';
import { openForWriting, type WriterDatabase } from './schema.ts';
import { type Task, Writer } from './writer.ts';

/** One commit answers at most so many commands, so that their events fit into a turn. */
const GROUP_COMMANDS_MAX = 128;
/** And holds at most about so many bytes of values. */
const GROUP_BYTES_MAX = 16 * 1024 * 1024;

function serve(port: MessagePort, database: WriterDatabase, syncs: boolean): void {
  const { db, log } = database;
  const writer = new Writer(db);
  const waiting: Task[] = [];
  let trimming: NodeJS.Immediate | undefined;

  const take = (request: Request): void => {
    const { commands, bytes, nowMs } = request;
    for (const command of commands) waiting.push({ command, bytes, nowMs });
  };
  const trim = (): void => {
    trimming = writer.trim() ? setImmediate(trim) : undefined;
  };
  const close = (): void => {
    clearImmediate(trimming);
    closeSync(log);
    db.close();
    database.unlock();
  };
  const work = (): void => {
    while (waiting.length > 0 && sync.hasRoom()) {
      for (let more = receiveMessageOnPort(port); more; more = receiveMessageOnPort(port)) {
        take(more.message as Request);
      }
      const group = waiting.splice(0, groupSize(waiting));
      const answers = writer.runGroup(group);
      const isLast = group.some(({ command }) => command.type === 'close');
      sync.after(() => {
        if (isLast) close();
        send(port, { type: 'answers', answers, isSlow: sync.isSlow }, buffersOf(answers));
        if (isLast) port.close();
      });
      if (isLast) return;
      if (group.some((task) => task.command.type === 'retain')) trimming ??= setImmediate(trim);
    }
  };
  const sync = new LogSync({
    log: syncs ? logFile(log) : undefined,
    nowMs: () => performance.now(),
    wait: (ms, done) => setTimeout(done, ms),
    onRoom: work,
  });
  port.on('message', (request: Request) => {
    take(request);
    work();
  });
  send(port, { type: 'opened', revision: writer.revision, leases: writer.leases() });
  // What an earlier run has left.
  trimming = setImmediate(trim);
}

/** How many of the waiting tasks go into the next commit: at least one, and a close comes last. */
function groupSize(waiting: readonly Task[]): number {
  let bytes = 0;
  let size = 0;
  for (const { command } of waiting) {
    size++;
    if (command.type === 'close' || size === GROUP_COMMANDS_MAX) break;
    if (command.type === 'batch') for (const write of command.writes) bytes += write.length;
    if (bytes >= GROUP_BYTES_MAX) break;
  }
  return size;
}

function send(port: MessagePort, message: FromWriter, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function buffersOf(answers: readonly Answer[]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  const add = (value: Uint8Array | undefined): void => {
    if (value !== undefined && value.length > 0) buffers.push(value.buffer as ArrayBuffer);
  };
  for (const answer of answers) {
    if (answer.type === 'batch') for (const item of answer.found) add(item?.value);
    if (answer.type === 'revoke') for (const { item } of answer.deleted) add(item.value);
  }
  return buffers;
}

function start(port: MessagePort): void {
  const { directory, synchronous } = workerData as WriterSettings;
  let opened: WriterDatabase;
  try {
    opened = openForWriting(directory, synchronous);
  } catch (error) {
    const { message } = error as Error;
    send(port, {
      type: 'failed',
      message,
      ...(error instanceof StoreError ? { code: error.code } : {}),
    });
    port.close();
    return;
  }
  serve(port, opened, synchronous === 'FULL');
}

if (parentPort !== null) start(parentPort);
