/**
 * Many writes of one kind, few at first: batches of 1, 2, 4, …, ending after the first batch with a
 * failure. A ReplicaSet of 1,000 that hits a quota then costs a handful of refused requests.
 *
 * Upstream: slowStartBatch in pkg/controller/replicaset/replica_set.go, v1.36.
 */

export interface SlowStartOutcome {
  readonly succeeded: number;
  readonly failed: number;
  /** The first failure; undefined when all went well. */
  readonly failure?: Error;
}

/** Runs `task` `count` times, with the numbers 0 to `count - 1`. Never rejects. */
export async function slowStart(
  count: number,
  task: (nth: number) => Promise<unknown>,
): Promise<SlowStartOutcome> {
  let succeeded = 0;
  for (let done = 0, size = 1; done < count; done += size, size *= 2) {
    size = Math.min(size, count - done);
    const first = done;
    const outcomes = await Promise.allSettled(
      Array.from({ length: size }, (_, offset) => task(first + offset)),
    );
    succeeded += outcomes.filter(({ status }) => status === 'fulfilled').length;
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      const tried = done + size;
      return { succeeded, failed: tried - succeeded, failure: asError(failed.reason) };
    }
  }
  return { succeeded, failed: 0 };
}

/** What was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
