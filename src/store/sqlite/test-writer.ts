/**
 * A program for the tests of durability: writes to a store for ever and prints a line for all that
 * it was told is written, `answer <revision> <key> <value>` or `event <revision> <key> <value>`.
 * The value of a deleted key is `-`. Started as `node test-writer.ts DIRECTORY FULL|OFF ROUNDS`.
 */
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import type { Store, StoreEvent, Write } from '../store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { realTime, silentLog } from './test-kit.ts';

/** Writes that are under way together. */
const WRITERS = 8;
const KEYS = 40;

/** Prints at once, and waits while the reader is slow: what is printed was told, nothing else. */
function print(...words: (string | number)[]): void {
  for (;;) {
    try {
      writeSync(1, `${words.join(' ')}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
const textOf = (write: Write): string =>
  write.type === 'delete' ? '-' : new TextDecoder().decode(write.value);

async function round(store: Store, number: number): Promise<void> {
  const writes = Array.from({ length: WRITERS }, (_, index): Write => {
    const key = `/k/${(number * WRITERS + index) % KEYS}`;
    if (number % 7 === 3) return { type: 'delete', key };
    return { type: 'put', key, value: new TextEncoder().encode(`${process.pid}.${number}`) };
  });
  if (number % 5 === 4) {
    const { ok, revision } = await store.batch(writes);
    if (ok) for (const write of writes) print('answer', revision, write.key, textOf(write));
    return;
  }
  const answered = writes.map(async (write) => {
    const result = await store.write(write);
    if (result.ok) print('answer', result.revision, write.key, textOf(write));
  });
  await Promise.all(answered);
}

async function main(): Promise<void> {
  const [, , directory = '', synchronous = 'FULL', rounds = 'Infinity'] = argv;
  const store = await openSqliteStore({
    directory,
    environment: { ...realTime, log: silentLog },
    synchronous: synchronous === 'OFF' ? 'OFF' : 'FULL',
  });
  const onEvents = (events: readonly StoreEvent[], revision: number): void => {
    for (const event of events) {
      const value = event.type === 'delete' ? '-' : new TextDecoder().decode(event.value);
      print('event', revision, event.key, value);
    }
  };
  await store.watch('/', await store.revision(), { onEvents, onEnd: () => {} });
  print('open', await store.revision());
  for (let number = 1; number <= Number(rounds); number++) await round(store, number);
  await store.close();
}

await main();
