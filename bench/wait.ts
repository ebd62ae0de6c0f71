/** Waiting, always with an end: for a promise, for something that can only be asked for, for a watch. */
import type { Client, ListOptions, ResourceType, WatchEvent } from '#client/client.ts';
import type { KubeObject } from '#api/meta/object.ts';

export interface Patience {
  readonly timeoutMs: number;
  /** Ends the sentence "Waited 60 s for …". */
  readonly what: string;
  /** Rejects when waiting has become pointless. */
  readonly failed?: Promise<never>;
}

export function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** The promise's outcome, or an error after the time. */
export function within<T>(promise: Promise<T>, patience: Patience): Promise<T> {
  return withEnd(patience, () => promise);
}

/** Asks again and again; a check that fails counts as "not yet". */
export function untilTrue(
  check: () => Promise<boolean>,
  { everyMs, ...patience }: Patience & { readonly everyMs: number },
): Promise<void> {
  return withEnd(patience, async (signal) => {
    while (!signal.aborted) {
      try {
        if (await check()) return;
      } catch {
        // Nobody answers yet.
      }
      await sleep(everyMs);
    }
  });
}

const WATCH_AGAIN_MS = 20;

/**
 * Watches a collection, from its present state on, until `isSeen` is true of an event. Resolves with
 * the moment of that event, in milliseconds of `performance.now()`.
 */
export function untilSeen<T extends KubeObject>(
  client: Client,
  { type, ...selection }: ListOptions & { readonly type: ResourceType<T> },
  patience: Patience,
  isSeen: (event: WatchEvent<T>) => boolean,
): Promise<number> {
  return withEnd(patience, async (ending) => {
    let seenMs: number | undefined;
    const seen = new AbortController();
    const signal = AbortSignal.any([ending, seen.signal]);
    // Version 0: whatever state the server has at hand, without a proof that it is the newest.
    const options = { resourceVersion: '0', ...selection, signal };
    // A server may end or refuse a watch at any time, a young one most of all: then it is asked again.
    while (!signal.aborted) {
      const ended = client.watch(type, options, (event) => {
        if (seenMs !== undefined || !isSeen(event)) return;
        seenMs = performance.now();
        seen.abort();
      });
      await ended.catch(() => {});
      if (seenMs === undefined) await sleep(WATCH_AGAIN_MS);
    }
    return seenMs ?? Number.NaN;
  });
}

/** Runs `work` until it is done, time is up, or all is lost; its signal then tells it to end. */
async function withEnd<T>(
  { timeoutMs, what, failed }: Patience,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`Waited ${timeoutMs / 1000} s for ${what}`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    const others = failed === undefined ? [late] : [late, failed];
    return await Promise.race([work(ending.signal), ...others]);
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
}
