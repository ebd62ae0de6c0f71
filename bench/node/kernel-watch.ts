/**
 * When the kernel has a change of its rules. nft itself ends later: where something was deleted, the kernel
 * lets its socket go only after every processor has forgotten it, some 10 to 20 ms after packets go the new way.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** What a change of 10,000 Services may say before the word that is waited for. */
const LINES_MAX = 1_000;
/** With pauses from one second, each twice the one before. */
const PROBES_MAX = 7;
const PROBE_PAUSE_MS = 1_000;

export interface KernelWatch {
  /**
   * Resolves with the time, in ms of `performance.now()`, when the kernel tells of a change whose text has
   * `words`. Rejects when it told of a thousand others, or `nft monitor` has ended. One wait at a time.
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
  let giveUp: (error: Error) => void = () => {};
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    hear(line);
  });
  void ended.then(() => {
    giveUp(new Error('nft monitor has ended'));
  });
  const stop = async (): Promise<void> => {
    monitor.kill();
    await ended;
  };
  let heard = false;
  const first = new Promise<void>((resolve) => {
    hear = () => {
      heard = true;
      resolve();
    };
  });
  for (let turn = 0; !heard; turn++) {
    if (turn === PROBES_MAX) {
      await stop();
      throw new Error(`nft monitor told of none of ${PROBES_MAX} changes`);
    }
    await probe(turn);
    // It reads all rules first, and begins again when they change: so it needs a rest from changes.
    await Promise.race([first, setTimeout(PROBE_PAUSE_MS * 2 ** turn)]);
  }
  return {
    stop,
    shows(words) {
      return new Promise((resolve, reject) => {
        let lines = 0;
        giveUp = reject;
        hear = (line) => {
          if (line.includes(words)) resolve(performance.now());
          else if (++lines === LINES_MAX) reject(new Error(`Nothing was said of "${words}"`));
        };
      });
    },
  };
}
