/**
 * What cgroups and processes use, and how fast: two looks make a rate.
 *
 * It looks when it is asked, never by itself: a node that nobody watches costs nothing, and one
 * that is scraped every 15 seconds is read every 15 seconds. (cAdvisor, in upstream's kubelet,
 * reads everything every ten seconds or so.) The rate is therefore that of the time between two
 * questions, and there is none where the one before was too long ago to say anything of now.
 */
import type { Clock } from '#base/env.ts';
import type { CgroupUsage } from './cgroup-usage.ts';

/** As long as cAdvisor remembers in upstream's kubelet. */
const WINDOW_MAX_MS = 120_000;
/** Read at a time, so that other work on files gets its turn. */
const READS_MAX = 16;
const MS_PER_SECOND = 1000;

export interface UsageSource {
  /** The same thing has the same key the next time; another thing never has. */
  readonly key: string;
  /** Undefined: it is not there. */
  readonly read: () => Promise<CgroupUsage | undefined>;
}

export interface UsageSample {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly usage: CgroupUsage;
  /** Nanoseconds on processors in a second; undefined where there was no look before. */
  readonly nanoCores?: number;
}

interface Look extends UsageSample {
  readonly monotonicMs: number;
}

export class UsageSampler {
  readonly #clock: Clock;
  /** Of the last question alone: what is not asked for any more is forgotten. */
  #last: ReadonlyMap<string, Look> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is not there is not in the answer. */
  async sample(sources: readonly UsageSource[]): Promise<ReadonlyMap<string, UsageSample>> {
    const looks = new Map<string, Look>();
    const rest = sources.values();
    const readSome = async (): Promise<void> => {
      for (const { key, read } of rest) {
        const usage = await read();
        if (usage !== undefined) looks.set(key, this.#look(usage, this.#last.get(key)));
      }
    };
    await Promise.all(Array.from({ length: READS_MAX }, readSome));
    this.#last = looks;
    return looks;
  }

  #look(usage: CgroupUsage, before: Look | undefined): Look {
    const timeMs = this.#clock.now();
    const monotonicMs = this.#clock.monotonicMs();
    const look: Look = { timeMs, monotonicMs, usage };
    const windowMs = monotonicMs - (before?.monotonicMs ?? monotonicMs);
    const used = (usage.cpuNanoseconds ?? 0) - (before?.usage.cpuNanoseconds ?? 0);
    // Where less was used than before, it is another thing of the same name.
    const isWindow = windowMs > 0 && windowMs <= WINDOW_MAX_MS && used >= 0;
    const isKnown =
      usage.cpuNanoseconds !== undefined && before?.usage.cpuNanoseconds !== undefined;
    if (!isWindow || !isKnown) return look;
    return { ...look, nanoCores: Math.trunc((used / windowMs) * MS_PER_SECOND) };
  }
}
