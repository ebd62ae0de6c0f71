/**
 * When the kernel has a change of its rules. nft itself ends later: where something was deleted, the kernel
 * lets its socket go only after every processor has forgotten it, some 10 to 20 ms after packets go the new way.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** With pauses from one second, each twice the one before. */
const PROBES_MAX = 7;
const PROBE_PAUSE_MS = 1_000;
const SILENCE = Symbol('nothing heard');

export interface KernelWatch {
  /**
   * Resolves with the time, in ms of `performance.now()`, when the kernel tells of a change whose text has
   * `words`. Rejects when `nft monitor` has ended. One wait at a time.
   */
  shows(words: string): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Listens in the network namespace of this process. `probe(n)` makes any change: it is called
 * until one is heard of, for `nft monitor` does not say when it listens.
 */
export async function watchKernel(probe: (turn: number) => Promise<void>): Promise<KernelWatch> {
  const monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(monitor, 'close');
  let hear: (line: string) => void = () => {};
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    hear(line);
  });
  const stop = async (): Promise<void> => {
    monitor.kill();
    await ended;
  };
  /** Resolves with the first line that `wanted` takes; rejects when `nft monitor` ends before. */
  const next = (wanted: (line: string) => boolean): Promise<unknown> => {
    const heard = new Promise((resolve) => {
      hear = (line) => {
        if (wanted(line)) resolve(line);
      };
    });
    const over = ended.then(() => {
      throw new Error('nft monitor has ended');
    });
    return Promise.race([heard, over]);
  };
  try {
    await listening(
      next(() => true),
      probe,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async shows(words) {
      await next((line) => line.includes(words));
      return performance.now();
    },
  };
}

/** Makes changes until `first` is heard. */
async function listening(
  first: Promise<unknown>,
  probe: (turn: number) => Promise<void>,
): Promise<void> {
  for (let turn = 0; turn < PROBES_MAX; turn++) {
    await probe(turn);
    // It reads all rules first, and begins again when they change: so it needs a rest from changes.
    const rest = setTimeout(PROBE_PAUSE_MS * 2 ** turn, SILENCE, { ref: false });
    if ((await Promise.race([first, rest])) !== SILENCE) return;
  }
  throw new Error(`nft monitor told of none of ${PROBES_MAX} changes`);
}
