/** Runs what lives in virtual time until it rests. */
import type { VirtualEnvironment } from './environment.ts';

export interface SettleOptions {
  readonly environment: VirtualEnvironment;
  /** Counts what happens; at rest it stays the same. */
  readonly activity: () => number;
  /** Whether nothing waits to be done, soon or now. */
  readonly isIdle: () => boolean;
  /** It rests when so much time has passed without activity, and it is idle. */
  readonly quietMs: number;
  /** Virtual time after which it is no longer waited for. */
  readonly limitMs: number;
  /** Activity after which it is no longer waited for; without end unless given. */
  readonly activityMax?: number;
}

/** Whether it has come to rest within the limit. Time has moved past the last activity then. */
export async function settle(options: SettleOptions): Promise<boolean> {
  const { environment, activity, isIdle, quietMs, limitMs, activityMax = Infinity } = options;
  const endMs = environment.elapsedMs + limitMs;
  const endActivity = activity() + activityMax;
  for (;;) {
    const before = activity();
    await environment.advance(quietMs);
    if (activity() === before && isIdle()) return true;
    if (environment.elapsedMs >= endMs || activity() >= endActivity) return false;
  }
}
