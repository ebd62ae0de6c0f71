/** The shortest sequence that still goes wrong in the same way, as far as trying finds it. */
import type { FuzzRequest } from './request.ts';
import { type Failure, runWorld, type WorldOptions } from './world.ts';

/** Worlds that are tried at most. */
const TRIES_MAX = 200;
/** What tells one problem from another: its beginning, without numbers. */
const KIND_CHARACTERS = 60;

/** `requests[failure.index]` is the one that failed. */
export async function shrink(
  requests: readonly FuzzRequest[],
  failure: Failure,
  options: WorldOptions,
): Promise<{ requests: readonly FuzzRequest[]; failure: Failure }> {
  let best = { requests: requests.slice(0, failure.index + 1), failure };
  let tries = 0;
  const attempt = async (candidate: readonly FuzzRequest[]): Promise<boolean> => {
    tries++;
    const { failure: found } = await runWorld(candidate, options);
    if (found === undefined || kindOf(found) !== kindOf(failure)) return false;
    best = { requests: candidate.slice(0, found.index + 1), failure: found };
    return true;
  };
  // The last one alone is the usual case.
  const last = best.requests.slice(-1);
  if (best.requests.length > 1 && (await attempt(last))) return best;
  for (let size = best.requests.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size < best.requests.length && tries < TRIES_MAX; ) {
      const without = [...best.requests.slice(0, at), ...best.requests.slice(at + size)];
      if (!(await attempt(without))) at += size;
    }
  }
  return best;
}

function kindOf({ problem }: Failure): string {
  return problem.replace(/\d+/g, '').slice(0, KIND_CHARACTERS);
}
