/** What the parts of the store's suite share: how a test gets its store, writes, and listens. */
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { ManualTime } from './manual-time.ts';
import type { Store, StoreError, StoreEvent, WatchHandlers, Write } from './store.ts';

/** Makes an empty store. `context.after` may be used to clean up behind it. */
export type MakeStore = (time: ManualTime, context: TestContext) => Promise<Store>;
/** What a test of the suite starts with. */
export interface Fixture {
  readonly store: Store;
  readonly time: ManualTime;
}
export type OpenStore = (context: TestContext) => Promise<Fixture>;

/** One claim of the contract. */
export function claim(name: string, check: (context: TestContext) => Promise<void>): void {
  void it(name, check);
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** A put, for short. */
export function put(
  key: string,
  value: string,
  options: { expected?: number; lease?: number } = {},
): Write {
  return { type: 'put', key, value: bytesOf(value), ...options };
}

/** Writes that must succeed; gives the revision. */
export async function written(store: Store, ...writes: Write[]): Promise<number> {
  const { ok, revision } = await store.batch(writes);
  assert.ok(ok, 'the batch should be written');
  return revision;
}

/** Notes what a watch is told, and lets a test wait for it. */
export class Recorder implements WatchHandlers {
  readonly calls: { revision: number; events: readonly StoreEvent[] }[] = [];
  ended: StoreError | undefined;
  #waiting: (() => void)[] = [];

  get events(): StoreEvent[] {
    return this.calls.flatMap((call) => call.events);
  }

  onEvents(events: readonly StoreEvent[], revision: number): void {
    this.calls.push({ events, revision });
    this.#wake();
  }

  onEnd(error: StoreError): void {
    this.ended = error;
    this.#wake();
  }

  /** Resolves when at least `count` events have come; rejects when the watch ends before. */
  async has(count: number): Promise<void> {
    while (this.events.length < count) {
      if (this.ended !== undefined) throw this.ended;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
