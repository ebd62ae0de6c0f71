/**
 * How results of a probe become its verdict: so many in a row, as the thresholds say.
 *
 * Pure. Source: API reference v1.36, Probe. Upstream: pkg/kubelet/prober/worker.go (doProbe).
 */
import type { Probe } from '#api/gen/core-v1.ts';

export type ProbeType = 'startup' | 'liveness' | 'readiness';

export interface ProbeState {
  /** Undefined before the first threshold was reached. */
  readonly verdict?: boolean;
  /** The last result, and how often it came in a row. */
  readonly last?: boolean;
  readonly run: number;
  /** No more probes of this container: it will be restarted, or has started. */
  readonly onHold: boolean;
}

export const FIRST_STATE: ProbeState = { run: 0, onHold: false };

export function nextState(
  state: ProbeState,
  result: boolean,
  spec: Probe,
  type: ProbeType,
): ProbeState {
  const run = state.last === result ? state.run + 1 : 1;
  const threshold = result ? (spec.successThreshold ?? 1) : (spec.failureThreshold ?? 3);
  if (run < threshold) return { ...state, last: result, run };
  const onHold = type === 'startup' || (type === 'liveness' && !result);
  return { verdict: result, last: result, run: onHold ? 0 : run, onHold };
}
