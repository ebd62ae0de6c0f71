/**
 * Which conditions a node has, and which thresholds have been met for long enough. Pure: one step
 * from what was known before to what is known now.
 *
 * Upstream: pkg/kubelet/eviction/eviction_manager.go (synchronize), helpers.go, v1.36.
 */
import { type Observation, type PressureCondition, type Signal, SIGNALS } from './signals.ts';
import { isMet, type Threshold } from './thresholds.ts';

type Signals = ReadonlyMap<Signal, Observation>;

export interface PressureState {
  /** Thresholds whose grace period is over and that are not resolved. */
  readonly met: readonly Threshold[];
  /** Since when each threshold is met without a break, milliseconds. */
  readonly firstMetMs: ReadonlyMap<Threshold, number>;
  /** When each condition was last observed, milliseconds. */
  readonly lastSeenMs: ReadonlyMap<PressureCondition, number>;
  /** Those that hold. */
  readonly conditions: ReadonlySet<PressureCondition>;
}

export const NO_PRESSURE: PressureState = {
  met: [],
  firstMetMs: new Map(),
  lastSeenMs: new Map(),
  conditions: new Set(),
};

/** Those that are met, whatever their grace period. What was not observed is not met. */
export function metThresholds(
  thresholds: readonly Threshold[],
  signals: Signals,
  withReclaim: boolean,
): Threshold[] {
  return thresholds.filter((threshold) => {
    const observed = signals.get(threshold.signal);
    return observed !== undefined && isMet(threshold, observed, withReclaim);
  });
}

/** `transitionMs`: how long a condition holds after it was last observed. */
export function nextPressure(
  before: PressureState,
  now: {
    readonly thresholds: readonly Threshold[];
    readonly signals: Signals;
    readonly nowMs: number;
  },
  transitionMs: number,
): PressureState {
  const { thresholds, signals, nowMs } = now;
  const met = new Set([
    ...metThresholds(thresholds, signals, false),
    ...metThresholds(before.met, signals, true),
  ]);
  const firstMetMs = new Map([...met].map((one) => [one, before.firstMetMs.get(one) ?? nowMs]));
  const lastSeenMs = new Map(before.lastSeenMs);
  for (const { signal } of met) lastSeenMs.set(SIGNALS[signal].condition, nowMs);
  const holding = [...lastSeenMs].filter(([, seenMs]) => nowMs - seenMs < transitionMs);
  return {
    met: [...met].filter((one) => nowMs - (firstMetMs.get(one) ?? nowMs) >= one.gracePeriodMs),
    firstMetMs,
    lastSeenMs,
    conditions: new Set(holding.map(([condition]) => condition)),
  };
}

/** The one to act on: memory before all else. */
export function mostUrgent(met: readonly Threshold[]): Threshold | undefined {
  return met.find(({ signal }) => SIGNALS[signal].resource === 'memory') ?? met[0];
}
